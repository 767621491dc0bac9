#!/usr/bin/env bash
# sg_bench step and scale time training steps, whole and by stages, and write what they print.
. "$(dirname "$0")/common.sh"

network=(--image-size 16 --batch-size 2 --labels 3 --g-conv-dim 4 --d-conv-dim 4 --g-repeat-num 1
    --d-repeat-num 2 --threads 1 --warmup 0 --repeats 3)
"$BIN/sg_bench" step "${network[@]}" --n-critic 3 --step fused,reference --stages --json step.json >table
for text in "fused, ms" "reference, ms" "= (3 D + G) / 3" "D step fakes" "G step G wgrad" \
    "D step gradients" "an iteration of reference takes"; do
    grep -qF "$text" table || fail "'$text' is missing: $(cat table)"
done
"$BIN/sg_bench" scale "${network[@]}" --axis batch,labels --json scale.json >table
for text in "time grows as batch^" "time grows as labels^" "GFLOP"; do
    grep -qF "$text" table || fail "'$text' is missing: $(cat table)"
done
"$BIN/sg_bench" scale "${network[@]}" --axis image --values 32,16 --json values.json >/dev/null
python3 - <<'PYTHON' || fail "the reports: $(cat step.json scale.json values.json)"
import json, math, statistics
step, scale, values = (json.load(open(f"{n}.json")) for n in ("step", "scale", "values"))
assert (step["format"], step["command"]) == ("stargan-bench-1", "step")
fused, reference = step["cases"]
assert (fused["step"], reference["step"]) == ("fused", "reference")
samples = {m["name"]: m["samples"] for m in step["measurements"]}
for case in step["cases"]:
    name = f"{case['step']} f32 16x16 batch 2 labels 3 G 4/1 D 4/2 n_critic 3:"
    for part in "DG":
        of_part = samples[f"{name} {part} step"]
        assert len(of_part) == 3
        assert statistics.median(of_part) == case[f"{part.lower()}_step_ms"]
        stages = [s for s in case["stages"] if s["in"] == f"{part} step"]
        assert abs(sum(s["share"] for s in stages) - 1) < 1e-9
        for s in stages:
            of_stage = samples[f"{name} {part} step, {s['name']}"]
            assert statistics.median(of_stage) == s["ms"]
    d, g = case["d_step_ms"], case["g_step_ms"]
    assert abs(case["iteration_ms"] - (3 * d + g) / 3) < 1e-9 * d
    assert case["config"]["n_critic"] == 3
batch, labels = scale["cases"]
assert [p["x"] for p in batch["points"]] == [1, 2, 4] and batch["axis"] == "batch"
assert abs(batch["model_exponent"] - 1) < 1e-9
x = [math.log(p["x"]) for p in batch["points"]]
y = [math.log(p["iteration_ms"]) for p in batch["points"]]
slope = (sum((a - sum(x) / 3) * (b - sum(y) / 3) for a, b in zip(x, y)) /
         sum((a - sum(x) / 3) ** 2 for a in x))
assert abs(batch["exponent"] - slope) < 1e-9
model = [math.log(p["model_ms"]) for p in batch["points"]]
assert abs(sum(model) - sum(y)) < 1e-9  # as high as the measurements
assert [p["x"] for p in values["cases"][0]["points"]] == [16, 32]
assert len(scale["measurements"]) == 2 * (3 + 4)
PYTHON
"$BIN/sg_bench" --compare step.json step.json >/dev/null || fail "a report differs from itself"
expect_failure 1 "there is no axis colours; there are image, batch" -- \
    "$BIN/sg_bench" scale --axis colours
expect_failure 2 "--values are those of one axis" -- "$BIN/sg_bench" scale --values 1,2
expect_failure 1 "'quick' is unknown, expected reference or fused" -- \
    "$BIN/sg_bench" step --step fused,quick
expect_failure 1 "it must be a multiple of 64" -- \
    "$BIN/sg_bench" step --image-size 8 --d-repeat-num 6
echo ok
