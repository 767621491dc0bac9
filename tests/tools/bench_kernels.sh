#!/usr/bin/env bash
# sg_bench kernels runs every version of a ladder on every device there is, and says clearly what it
# cannot run.
. "$(dirname "$0")/common.sh"

# rows COUNT ARGUMENT...: so many versions ran, each with a number of its own. $shape: NxHxWxC
shape=1x5x7x9
rows() {
    local count=$1 output
    shift
    output=$("$BIN/sg_bench" kernels "$@" --shape $shape --repeats 1 --attempts 1 --ceilings off)
    [ "$(grep -cE '^ +[0-9]+ [A-Za-z ]+ +[0-9]+\.[0-9]+ ' <<<"$output")" = "$count" ] ||
        fail "not $count versions: $*: $output"
    ! grep -qi "cudnn\|cublas" <<<"$output" || fail "a GPU's libraries without a GPU: $*: $output"
}
for precision in f32 bf16; do
    rows 7 --kernel instance_norm_forward --device sim --precision $precision
    rows 3 --kernel instance_norm_backward --device sim --precision $precision
    rows 3 --kernel instance_norm_forward --device cpu --precision $precision
    rows 3 --kernel instance_norm_backward --device cpu --precision $precision
done
for version in 1 2 3 4 5 6 7; do
    rows 1 --kernel instance_norm_forward --device sim --version $version
done
rows 1 --kernel instance_norm_forward --device cpu --version 3

# versions KERNEL DEVICE: how many --list names.
versions() {
    "$BIN/sg_bench" kernels --list --device "$2" |
        awk -v title="$1 on $2" '/ on /{inside = ($0 == title)} inside && /^ /{++n} END{print n + 0}'
}
[ "$(versions conv_forward sim)" = 7 ] || fail "--list names other versions of conv_forward"
rows 5 --kernel conv_forward --device sim  # 5 is for bf16, 7 needs a GPU
rows 6 --kernel conv_forward --device sim --precision bf16 --filters 5 --window 3x2 --pad 1
for kernel in conv_dgrad conv_wgrad; do  # and so does dgrad's third
    rows 2 --kernel $kernel --device sim --window 4x4 --stride 2
    rows 2 --kernel $kernel --device sim --precision bf16
done
expect_failure 1 "the wgmma version needs bf16, a GPU" -- \
    "$BIN/sg_bench" kernels --kernel conv_forward --version 7 --precision bf16 --shape 1x4x4x64
for kernel in conv_forward conv_dgrad conv_wgrad; do
    rows 4 --kernel $kernel --device cpu --filters 3 --pad 0
done
for device in cpu sim; do
    shape=1x5x7x9 rows 1 --kernel gradient_penalty --device $device
    shape=1x5x7x9 rows 2 --kernel adam --device $device
    for precision in f32 bf16; do  # 3 channels and 5 labels; 2 leave a channel of padding
        for shape in 2x8x9x3 1x7x7x2; do
            rows 3 --kernel label_concat --device $device --precision $precision
        done
    done
    shape=1x7x7x3 rows 1 --kernel label_concat --device $device --version 3
done
for device in cpu sim; do
    for kernel in l1_forward mean_forward bce_with_logits_forward cross_entropy_forward; do
        shape=3x2x3x5 rows 1 --kernel $kernel --device $device
    done
    for kernel in leaky_relu leaky_relu_backward tanh add cast transpose sum_rows sum_channels \
        find_non_finite upsample_forward upsample_backward image_to_tensor; do
        for precision in f32 bf16; do
            shape=3x5x7x9 rows 1 --kernel $kernel --device $device --precision $precision
        done
    done
done
# What is compared with: a library's primitive, or what a framework composes.
reference() {
    "$BIN/sg_bench" kernels --kernel "$1" --device cpu --shape 2x8x6x16 --repeats 1 --attempts 1 \
        --ceilings off | grep -q "^ *$2 .*[0-9]" || fail "$1 is not compared with $2"
}
if "$BIN/sg_info" | grep -q "convolves by oneDNN"; then
    for kernel in leaky_relu leaky_relu_backward tanh add cast transpose sum_rows sum_channels \
        upsample_forward upsample_backward; do
        reference $kernel oneDNN
    done
fi
for kernel in l1_forward mean_forward bce_with_logits_forward cross_entropy_forward \
    image_to_tensor; do
    reference $kernel composed
done
expect_failure 1 "runs in f32 alone" -- \
    "$BIN/sg_bench" kernels --kernel l1_forward --precision bf16
expect_failure 1 "runs in f32 alone" -- \
    "$BIN/sg_bench" kernels --kernel gradient_penalty --precision bf16
expect_failure 1 "updates f32 parameters" -- "$BIN/sg_bench" kernels --kernel adam --precision bf16
expect_failure 1 "an image at least as large as it" -- \
    "$BIN/sg_bench" kernels --kernel label_concat --shape 1x6x8x3
"$BIN/sg_bench" kernels --kernel conv_forward --device sim --layer head --image 6 --version 3 |
    grep -qF "x [1,6,6,64] (NHWC), w [3,7,7,64] (KRSC), stride 1, pad 3" || fail "the layer's shape"

# moved ARGUMENT...: MB that version 6 of conv_forward moves. Plans for 132 processors split the sums
# of a small layer, which costs bytes; for one they do not.
moved() {
    "$BIN/sg_bench" kernels --kernel conv_forward --version 6 "$@" |
        awk '$2 == "pipelined" && !n++ {print $3}'
}
awk -v one="$(moved --processors 1)" -v many="$(moved)" 'BEGIN{exit !(0 < one && one < many)}' ||
    fail "--processors changes no plan"
expect_failure 2 "--processors" -- "$BIN/sg_bench" kernels --processors 0

"$BIN/sg_bench" kernels --kernel conv_forward --shape 1x4x4x4 | grep -q "A model, not a measurement" ||
    fail "the model is not called one"
expect_failure 1 "version 5 multiplies bf16" -- \
    "$BIN/sg_bench" kernels --kernel conv_forward --version 5 --shape 1x4x4x8
expect_failure 1 "no layer nose; there are stem, down1" -- \
    "$BIN/sg_bench" kernels --kernel conv_dgrad --layer nose
expect_failure 1 "kernel is larger than the padded image" -- \
    "$BIN/sg_bench" kernels --kernel conv_wgrad --shape 1x2x2x4 --window 5x5 --pad 0
expect_failure 2 "--window 3: expected RxS" -- \
    "$BIN/sg_bench" kernels --kernel conv_forward --window 3
expect_failure 2 "--pad does not apply to instance_norm_forward" -- "$BIN/sg_bench" kernels --pad 1
expect_failure 2 "--layer" -- \
    "$BIN/sg_bench" kernels --kernel conv_forward --layer res --shape 1x4x4x4

# Ampere has no clusters: told in the table, an error if asked for.
"$BIN/sg_bench" kernels --device sim --architecture 80 --shape 1x4x4x8 |
    grep -q "not run: architecture 80 has no clusters" || fail "version 6 on Ampere"
expect_failure 1 "has no clusters" -- \
    "$BIN/sg_bench" kernels --device sim --architecture 80 --version 6 --shape 1x4x4x8
expect_failure 1 "no version 8 on sim, only 1 to 7" -- "$BIN/sg_bench" kernels --version 8
expect_failure 1 "no version 4 on cpu, only 1 to 3" -- \
    "$BIN/sg_bench" kernels --device cpu --version 4
expect_failure 1 "there is no kernel nothing; there are instance_norm_forward" -- "$BIN/sg_bench" kernels --kernel nothing
expect_failure 1 "no device abacus" -- "$BIN/sg_bench" kernels --device abacus --shape 1x4x4x8
expect_failure 2 "NxHxWxC" -- "$BIN/sg_bench" kernels --shape 16x128x128
expect_failure 2 "f32 or bf16" -- "$BIN/sg_bench" kernels --precision f16

# A measurement says how far it spreads and how near the roof it is; the report has every sample.
"$BIN/sg_bench" ceilings --repeats 2 --json ceilings.json >/dev/null
"$BIN/sg_bench" kernels --device cpu --kernel conv_wgrad --shape 2x6x6x8 --repeats 4 --attempts 2 \
    --ceilings ceilings.json --json one.json >table
for text in "%ceiling" "100 %ceiling: 0." "4 runs, by turns on "; do
    grep -qF "$text" table || fail "'$text' is missing: $(cat table)"
done
"$BIN/sg_bench" kernels --device cpu --suite tiny --filter 'res|penalty' --precision f32 \
    --repeats 3 --attempts 1 --ceilings off --json suite.json >table
grep -q "^4 cases of the tiny network on cpu" table || fail "the suite's start: $(head -1 table)"
grep -q "^4 cases, 0 failed, 0 not started" table || fail "the suite's end: $(tail -1 table)"
"$BIN/sg_bench" kernels --device cpu --suite tiny --filter 'res|penalty' --precision f32 --list >list
[ "$(grep -c "^conv_[a-z]* res x \[1,8,8,32\]" list)" = 3 ] && [ "$(wc -l <list)" = 4 ] ||
    fail "the list of cases: $(cat list)"
"$BIN/sg_bench" kernels --suite tiny --device sim --filter 'penalty' --json sim.json >/dev/null
python3 - <<'PYTHON' || fail "the reports: $(cat one.json suite.json sim.json)"
import json, statistics
one, suite, sim = (json.load(open(f"{n}.json")) for n in ("one", "suite", "sim"))
for report in (one, suite, sim):
    assert (report["format"], report["command"]) == ("stargan-bench-1", "kernels")
    assert {"date", "version", "device_name", "compiler", "libraries"} <= report["environment"].keys()
assert one["arguments"].startswith("kernels --device cpu --kernel conv_wgrad --shape 2x6x6x8")
assert {c["name"] for c in one["ceilings"]} >= {"copy", "matrix product f32"}
(case,) = one["cases"]
samples = {m["name"]: m["samples"] for m in one["measurements"]}
rows = {row["name"]: row for row in case["rows"] if "skipped" not in row}
for name, row in rows.items():
    (of_row,) = [v for k, v in samples.items() if k.endswith(f" f32 {name}")]
    assert len(of_row) == 4, name
    assert abs(statistics.median(of_row) / row["median_ms"] - 1) < 1e-12, name
    assert 0 < row["of_ceiling"] and 0 < row["warm_ms"] and row["attempts"] in (1, 2)
    assert abs(row["gbps"] - case["bytes"] / 1e6 / row["median_ms"]) < 1e-6 * row["gbps"]
if "oneDNN" in rows:
    want = rows["oneDNN"]["median_ms"] / rows["engine"]["median_ms"]
    assert abs(rows["engine"]["ratio"] - want) < 1e-9 and rows["oneDNN"]["version"] == 0
assert suite["left"] == 0 and {c.get("layer") for c in suite["cases"]} == {"res", None}
assert sim["cases"][0]["rows"][0]["sectors"] > 0 and not sim["measurements"]
PYTHON
expect_failure 1 "'(' is no regular expression" -- "$BIN/sg_bench" kernels --suite tiny --filter '('
expect_failure 1 "has a name that 'nothing' is found in" -- \
    "$BIN/sg_bench" kernels --suite tiny --device cpu --filter nothing
expect_failure 1 "one.txt cannot be read" -- \
    "$BIN/sg_bench" kernels --device cpu --shape 1x4x4x8 --ceilings one.txt

# Two reports are compared by their samples.
python3 - <<'PYTHON'
import copy, json
old = json.load(open("one.json"))
old["measurements"] = [
    {"name": "a", "unit": "ms", "samples": [1 + 0.01 * i for i in range(10)]},
    {"name": "b", "unit": "ms", "samples": [2 + 0.01 * i for i in range(10)]},
    {"name": "rate", "unit": "images/s", "samples": [100 + i for i in range(10)]},
    {"name": "gone", "unit": "ms", "samples": [1]}]
new = copy.deepcopy(old)
new["measurements"][0]["samples"] = [1.2 * s for s in old["measurements"][0]["samples"]]
new["measurements"][2]["samples"] = [1.5 * s for s in old["measurements"][2]["samples"]]
new["measurements"][3]["name"] = "come"
new["environment"]["threads"] = 77
json.dump(old, open("old.json", "w")), json.dump(new, open("new.json", "w"))
PYTHON
compare() { "$BIN/sg_bench" --compare "$@"; }
compare old.json old.json >table || fail "a report is slower than itself: $(cat table)"
expect_failure 1 "3 compared: 1 slower, 1 faster" "1.200" "only in the old one: gone" \
    "only in the new one: come" "threads: " -- compare old.json new.json
compare old.json new.json --threshold 25 >table || fail "20 % count as 25: $(cat table)"
compare old.json new.json --filter '^b$' >table || fail "--filter: $(cat table)"
expect_failure 1 "3 compared: 1 slower, 1 faster" -- compare new.json old.json  # the rate
expect_failure 1 "no measurement in common" -- compare old.json new.json --filter gone
expect_failure 1 "list is no report" -- compare old.json list
expect_failure 2 "--compare" -- "$BIN/sg_bench" --threshold 3
expect_failure 2 "A subcommand or --compare OLD NEW is required" -- "$BIN/sg_bench"
echo ok
