#!/usr/bin/env bash
# The PyTorch peer: its oracle, its modes' checks and how they fail, its reports; beside the engine
# where there are binaries. 77 says that no Python here has torch.
set -- "${1:-.}"
. "$(dirname "$0")/common.sh"

root=$(cd "$OLDPWD" && cd "$(dirname "$0")/../.." && pwd)
data=$root/tests/data
for python in "${PYTHON:-}" /usr/bin/python3 python3; do
    [ -n "$python" ] && "$python" -c 'import torch' 2>/dev/null && break
    python=""
done
[ -n "$python" ] || {
    echo "skipped: no Python with torch; name one in PYTHON"
    exit 77
}
peer() {
    "$python" "$root/benchmarks/peers/torch_stargan.py" --threads 1 "$@"
}
# json FILE EXPRESSION: of the report r and its modes by name m
json() {
    "$python" -c 'import json, sys
r = json.load(open(sys.argv[1])); m = {e["mode"]: e for e in r.get("modes", [])}
sys.exit(0 if eval(f"({sys.argv[2]})") else f"{sys.argv[2]} does not hold: {r}")' "$@" || fail "$1"
}
small=(--image-size 32 --batch-size 2 --g-conv-dim 4 --d-conv-dim 4 --g-repeat-num 1
    --d-repeat-num 3 --n-critic 2 --warmup 1 --repeats 1)
one=$data/multilabel.safetensors

peer --parity "$data"/*.safetensors | grep -c ': ok' | grep -qx 5 || fail "f64"
peer --mode ours --parity "$data"/*.safetensors | grep -c ': ok' | grep -qx 5 || fail "ours in f64"
peer "${small[@]}" --mode eager-f32,amp-bf16 --mode amp-channels-last,ours,ours-graph \
    --rounds 2 --json modes.json >log 2>&1 || fail "modes: $(cat log)"
json modes.json 'r["format"] == "stargan-peers-1" and r["threads"] == 1 and
    all(m[n]["status"] == "measured" and len(m[n]["rounds"]) == 2 and m[n]["peak_rss_mb"] > 0 and
        m[n]["iteration_min_ms"] <= m[n]["iteration_ms"] <= m[n]["iteration_max_ms"] and
        m[n]["d_step_ms"] < m[n]["iteration_ms"] and
        all(q["fastest_ms"] <= q["iteration_ms"] for q in m[n]["rounds"]) and
        m[n]["ratio"]["to"] == "eager-f32" and
        m[n]["check"]["status"] == "ok" and len(m[n]["check"]["files"]) == 5 and
        "gradient.G" in m[n]["check"]["worst"]
        for n in ("eager-f32", "amp-bf16", "amp-channels-last", "ours")) and
    m["ours-graph"]["status"] == "skipped" and "needs a GPU" in m["ours-graph"]["reason"]'
peer "${small[@]}" --mode ours-f32 --rounds 1 --json f32.json >log 2>&1 ||
    fail "ours-f32: $(cat log)"
json f32.json 'm["ours-f32"]["precision"] == "f32" and m["ours-f32"]["status"] == "measured" and
    m["ours-f32"]["check"]["files"][-1]["not_applicable"] == ["it0.x_hat_grad", "it1.x_hat_grad"]'
peer "${small[@]}" --mode ours,amp-bf16 --check "$one" --rounds 1000 --seconds 0.01 \
    --json budget.json >log 2>&1 || fail "budget: $(cat log)"
json budget.json '[len(e["rounds"]) for e in r["modes"]] == [1, 1]'

# Other weights of the losses, and one changed byte, must be noticed in every precision.
sed 's/\\"lambda_gp\\": 10.0/\\"lambda_gp\\": 5.00/' "$one" >gp.safetensors
sed 's/\\"lambda_rec\\": 10.0/\\"lambda_rec\\": 5.00/' "$one" >rec.safetensors
cp "$one" changed.safetensors
size=$(stat -c %s changed.safetensors)
printf '\x7f' | dd of=changed.safetensors bs=1 seek=$((size - 5)) conv=notrunc 2>/dev/null
for file in gp rec changed; do
    cmp -s "$one" $file.safetensors && fail "$file is not changed"
    expect_failure 1 "wrong     not timed" -- peer "${small[@]}" --rounds 1 --json wrong.json \
        --mode eager-f32,amp-bf16,amp-channels-last,ours,ours-f32 --check $file.safetensors
    json wrong.json 'all(e["status"] == "wrong" and e["rounds"] == [] for e in r["modes"])'
done
expect_failure 1 "FAILED" -- peer --parity gp.safetensors
head -c 5000 "$one" >cut.safetensors
expect_failure 2 "cut.safetensors" -- peer --mode ours --check cut.safetensors
expect_failure 2 "No such file" -- peer --mode ours --check missing.safetensors
expect_failure 2 "'abacus' is unknown" -- peer --mode abacus
expect_failure 2 "choose with --mode or --parity" -- peer "${small[@]}"
expect_failure 3 "needs a GPU" -- peer "${small[@]}" --mode eager-tf32
expect_failure 3 "needs a GPU" -- peer "${small[@]}" --mode cuda-graph,ours-graph
# Beside the engine, where it is built.
if [ -x "$BIN/sg_bench" ]; then
    "$root/scripts/compare_peers.sh" --bench "$BIN/sg_bench" --peer "$python" --rounds 1 --warmup 1 \
        --repeats 1 --threads 1 --modes ours,ours-f32 --out "$PWD/compare.json" -- \
        --image-size 32 --batch-size 2 --g-conv-dim 4 --d-conv-dim 4 --g-repeat-num 1 \
        --d-repeat-num 3 >log 2>&1 || fail "compare_peers.sh: $(cat log)"
    json compare.json '[(e["name"][:5], e["mode"], e["precision"]) for e in r["entries"]] == [
        ("sg", None, "bf16"), ("sg", None, "f32"), ("torch", "ours", "bf16"),
        ("torch", "ours-f32", "f32")] and all(e["ratio"]["iteration_ms"] > 0 and
        e["iteration_ratio_range"][0] <= e["iteration_ratio_range"][1] for e in r["entries"])'
    expect_failure 1 "needs a GPU" -- "$root/scripts/compare_peers.sh" --bench "$BIN/sg_bench" \
        --peer "$python" --rounds 1 --warmup 1 --repeats 1 --modes eager-tf32 --out "$PWD/no.json"
fi
"$python" "$root/benchmarks/peers/test_peers.py" >log 2>&1 || fail "test_peers.py: $(cat log)"
echo ok
