#!/usr/bin/env bash
# sg_parity says 0 for files that hold, 1 for a miss or a file of another kind, 2 for nonsense;
# sg_bench writes the JSON it promises.
. "$(dirname "$0")/common.sh"

data=$(cd "$OLDPWD" && cd "$(dirname "$0")/../data" && pwd)
for precision in f32 f64; do
    "$BIN/sg_parity" --precision $precision "$data"/multilabel.safetensors \
        "$data"/vanilla.safetensors | grep -c 'within tolerance' | grep -qx 2 || fail "two reports"
done
"$BIN/sg_parity" --device sim --threads 2 "$data"/multilabel.safetensors |
    grep -q '82 of 82 quantities within tolerance' || fail "the simulated device differs"
expect_failure 1 "f64 runs on the cpu" -- \
    "$BIN/sg_parity" --device sim --precision f64 "$data/multilabel.safetensors"
expect_failure 1 "'abacus' is unknown" "cuda:NUMBER" -- "$BIN/sg_parity" --device abacus some.file
expect_failure 1 "'cuda:one' names no GPU" -- "$BIN/sg_parity" --device cuda:one some.file
expect_failure 1 "'torch' is unknown" "auto, own or cudnn" -- "$BIN/sg_parity" --conv torch some.file
expect_failure 1 "tf32" -- "$BIN/sg_parity" --precision tf32 "$data/multilabel.safetensors"
if "$BIN/sg_info" | grep -q 'no GPU: '; then
    expect_failure 1 "no GPU can be used" -- "$BIN/sg_parity" --device cuda some.file
fi
# One changed byte in the exponent of some number must be noticed.
cp "$data/multilabel.safetensors" changed.safetensors
size=$(stat -c %s changed.safetensors)
printf '\x7f' | dd of=changed.safetensors bs=1 seek=$((size - 5)) conv=notrunc 2>/dev/null
expect_failure 1 "MISS" -- "$BIN/sg_parity" changed.safetensors
head -c 5000 "$data/multilabel.safetensors" >cut.safetensors
expect_failure 1 "cut.safetensors" -- "$BIN/sg_parity" cut.safetensors
expect_failure 1 "No such file" -- "$BIN/sg_parity" missing.safetensors
expect_failure 1 "bf16" -- "$BIN/sg_parity" --precision bf16 "$data/multilabel.safetensors"
expect_failure 2 "files" -- "$BIN/sg_parity"

"$BIN/sg_bench" step --image-size 32 --batch-size 2 --labels 5 --g-conv-dim 4 --d-conv-dim 4 \
    --g-repeat-num 1 --d-repeat-num 3 --warmup 1 --repeats 2 --json bench.json >/dev/null
for key in d_step_ms g_step_ms iteration_ms peak_rss_mb; do
    grep -q "\"$key\"" bench.json || fail "$key is missing from the JSON"
done
"$BIN/sg_bench" step --device sim --image-size 16 --batch-size 2 --labels 5 --g-conv-dim 4 \
    --d-conv-dim 4 --g-repeat-num 1 --d-repeat-num 2 --warmup 0 --repeats 1 --threads 2 \
    --json sim.json >log
grep -q '^device sim .*slow' log || fail "sg_bench step does not say where it ran"
grep -q '"device": "sim"' sim.json || fail "the JSON does not name the device"
grep -q '"format": "stargan-bench-1"' sim.json || fail "the JSON has no format"
echo ok
