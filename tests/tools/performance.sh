#!/usr/bin/env bash
# scripts/performance.py on a source tree of its own: what the page and the plots say of records, which
# records count, and how it refuses what it cannot read. Needs no binaries; every figure is invented.
set -- "${1:-.}"
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/common.sh"
python=/usr/bin/python3
[ -x $python ] || python=python3
export PYTHONDONTWRITEBYTECODE=1

results=tree/benchmarks/results page=tree/docs/performance.md pictures=tree/docs/images/performance
performance() { $python "$SOURCE/scripts/performance.py" --root tree "$@"; }
# record FILE [CHANGE]: an example; CHANGE is Python, of the record r.
record() {
    mkdir -p "$(dirname "$results/$1")"
    $python "$SOURCE/tests/tools/performance_records.py" "$results/$1" "${2-}"
}
has() { # has TEXT...: lines of the page
    for text in "$@"; do
        grep -qxF -- "$text" $page || fail "the page lacks '$text': $(cat $page)"
    done
}
# svg FILE EXPRESSION: of n(CLASS), how many elements have it, and texts, all that is written.
svg() {
    $python - "$pictures/$1" "$2" <<'PYTHON' || fail "$1: $2 does not hold"
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
n = lambda c: sum(c in e.get("class", "").split() for e in root.iter())
texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
ends = lambda c: [[tuple(map(float, p.split(","))) for p in e.get("points").split()]
                  for e in root.iter() if c in e.get("class", "").split() and e.get("points")]
wide = [float(e.get("width")) for e in root.iter() if "bar" in e.get("class", "").split()]
sys.exit(not eval(f"({sys.argv[2]})"))
PYTHON
}

mkdir -p $results tree/docs
cat >tree/benchmarks/performance.md.in <<'TEMPLATE'
# Words that stay

{{ceilings cpu}}
{{ceilings cuda}}
{{kernels demo cpu}}
{{kernels paper cuda}}
{{kernels conv_forward sim}}
{{ladder conv_forward cpu}}
{{ladder conv_forward sim}}
{{step demo cpu}}
{{step paper cpu}}
{{scale cpu}}
{{loader cpu}}
{{peers demo cpu}}
{{peers paper cuda}}
{{peers joint cpu}}
the end
TEMPLATE

# Without records every table names its command, and there are no plots.
performance
paper="--image-size 128 --g-conv-dim 64 --d-conv-dim 64 --g-repeat-num 6 --d-repeat-num 6"
joint="--image-size 256 --batch-size 8 ${paper#--image-size 128 }"
[ "$(grep -c '^Not yet run: ' $page)" = 14 ] || fail "not 14 empty tables: $(cat $page)"
has "# Words that stay" "the end" \
    "Not yet run: \`sg_bench kernels --device cpu --suite demo --json benchmarks/results/kernels_demo_cpu.json\`" \
    "Not yet run: \`sg_bench step --device cpu $paper --json benchmarks/results/step_paper_cpu.json\`" \
    "Not yet run: \`sg_bench kernels --device cpu --kernel conv_forward --layer res --json benchmarks/results/conv_forward_cpu.json\`" \
    "Not yet run: \`scripts/compare_peers.sh\`" \
    "Not yet run: \`scripts/compare_peers.sh -- --device cuda $paper\`"
[ ! -e $pictures ] || fail "plots of nothing"

# With records: their figures, on what they were measured, and how.
for name in suite sim ceilings step scale loader peers gpu/abc/check gpu/abc/sources; do
    record $name.json
done
performance 2>said
[ ! -s said ] || fail "$(cat said)"
[ "$(grep '^Not yet run: ' $page)" = "Not yet run: \`scripts/compare_peers.sh -- $joint\`" ] ||
    fail "a record is not on the page, or one is in the wrong place: $(grep Not $page)"
has '**A Processor**, 2 threads, avx2; version 0.9, commit abc1234 and changes, 2026-01-02; compiler' \
    '12.2.0, oneDNN 2.6.3 ([record](../benchmarks/results/suite.json)):' \
    '| copy | 0.0120 TB/s | 256 MiB |' '| matrix product bf16 | not measured | no bf16 |' \
    'sg_bench kernels --device cpu --suite demo' 'sg_bench kernels --device cuda --suite paper' \
    '| conv_forward | res: 1x8x8x64 3x3 | f32 | winograd | 2.50 | 3 % (1) | 2.25 | 0.800 | 0.160 | 71 % | 62 % | oneDNN 5.00 | 2.00x |' \
    '| conv_forward | res: 1x8x8x64 3x3 | bf16 | winograd | 1.60 | 3 % | - | 1.25 | 0.250 | - | - | oneDNN 2.40 | 1.50x |' \
    '| instance_norm_forward | 16x4x4x8 | f32 | two passes | 0.500 | 3 % | - | 2.00 | 0.00600 | - | - | - | - |' \
    '| conv_forward | up1: 1x8x8x64 3x3 | bf16 | not run: no \| bf16 | - | - | - | - | - | - | - | - | - |' \
    '| label_concat | | f32 | failed: a \| b | - | - | - | - | - | - | - | - | - |' \
    '2 more cases were not started for lack of time.' \
    '`conv_forward`, f32, res: 1x8x8x64 3x3:' \
    '| 2 | tiled | 4.00 | 3 % | 0.500 | 0.100 | - | an idea \| of it |' \
    '| 3 | absent | not run: needs AMX | - | - | - | - | - |' \
    '| | slow &amp; &lt;er> | 9.00 | 3 % | 0.222 | 0.0444 | - | an idea \| of it |' \
    '| conv_forward | 1x4x4x64 | bf16 | 2 | v2 | 1.60 | 14 | 3 |' '| 1 | v1 | 3.20 | 7 | 3 | |' \
    '| f32 | fused | 28.0 | 95.0 | 47.1 | 2 % | 61.0 | 101 |' \
    '| tf32 | fused | 28.0 | 95.0 | 2094 | 2 % | 61.0 | 101 |' \
    '| D step | D forward | 3.10 (12 %) | 3.10 (12 %) |' '| G step | G forward | 20.5 (50 %) | - |' \
    '| 16 | 1.00 | 5.00 | 128 | 48.0 |' '- from 32 to 64: 1.5 instead of 1.0' \
    'f32: the time grows with the power 1.50 of image; the model expects 1.00.' \
    '| faces | next batch, ms | 2.34 | 2.20 | 2.56 |' \
    'scripts/compare_peers.sh --rounds 4 --warmup 2 --repeats 6 --threads 2 --modes ours' \
    '| this engine, f32 | 10.0 | 30.0 | 16.0 | 800 | 15.0 | | |' \
    '| PyTorch 2.11, ours | 25.0 | 75.0 | 40.0 | 800 | 37.5 | 2.50 (1.50 to 3.50) | 2.60 |' \
    "python3 benchmarks/peers/torch_stargan.py --mode eager-f32,ours --warmup 1 --repeats 2 --threads 4 --device cuda $paper" \
    '| eager-f32 | measured | 20.0 | - | - | - | - |' '| ours | skipped: needs \| more | - | - | - | - | - |'
grep -qF '**A GPU**, 2 threads, avx2, 1980 MHz, memory 3201 MHz; version 0.9' $page || fail "no clocks"
[ "$(grep -c '^| tf32 ' $page)" = 1 ] || fail "a step of another network is shown twice"

# The plots: every measured case is a point, every version a bar, and they lie where they should.
[ "$(ls $pictures | tr '\n' ' ')" = "ladder_a-processor_conv-forward_bf16_sim.svg \
ladder_a-processor_conv-forward_f32_cpu.svg roofline_a-gpu_paper_bf16.svg roofline_a-gpu_paper_f32.svg \
roofline_a-processor_demo_bf16.svg roofline_a-processor_demo_f32.svg scale_a-processor_image_f32.svg " ] ||
    fail "the plots: $(ls $pictures)"
for picture in $pictures/*.svg; do
    grep -qF "(images/performance/${picture##*/})" $page || fail "$picture is not on the page"
    svg "${picture##*/}" 'n("paper") == 1 and root.find("{*}title").text'
    [ "$(stat -c %s "$picture")" -lt 60000 ] || fail "$picture is large"
done
svg roofline_a-processor_demo_f32.svg 'n("point") == 3 and n("reference") == 1 and n("roof") == 2 and
    {"FLOP per byte", "TFLOP/s", "res", "stem", "16x4x4x8", "copy 0.012 TB/s"} <= set(texts)'
svg roofline_a-processor_demo_bf16.svg 'n("point") == 1 and n("reference") == 1 and n("roof") == 1'
svg roofline_a-gpu_paper_f32.svg 'n("roof") == 2'  # of the ceilings of another stage
svg ladder_a-processor_conv-forward_f32_cpu.svg 'n("bar") == 5 and n("c1") == 3 and  # a key too
    abs(wide[0] / wide[2] - 3.2) < .01 and {"ms", "2 tiled", "2.5 (3.2x)", "slow & <er>"} <= set(texts)'
svg ladder_a-processor_conv-forward_bf16_sim.svg 'n("bar") == 2 and n("c1") == 0 and
    {"MB moved", "1.6 (2x)"} <= set(texts)'
svg scale_a-processor_image_f32.svg 'n("point") == 3 and {"ms", "fitted power 1.5"} <= set(texts)'
# What was measured is a power of 1.5: the fitted line, which has two ends, goes through the points'.
svg scale_a-processor_image_f32.svg 'next(line for line in ends("line") if len(line) == 2) ==
    [(float(e.get("cx")), float(e.get("cy"))) for e in root.iter() if "point" in e.get("class", "")][::2]'

# The same again is the same to the byte; any difference is found, and nothing is then written.
cp -r tree before
for seed in 1 2; do
    PYTHONHASHSEED=$seed performance
    diff -r before tree || fail "not the same twice"
done
performance --check
noticed() {
    rm -r before && cp -r tree before
    expect_failure 1 "is not what the recorded results say: run scripts/performance.py" -- performance --check
    [ "$(performance --check 2>&1 | wc -l)" = 1 ] || fail "more than a line: $(performance --check 2>&1)"
    diff -r before tree || fail "--check has written"
    performance 2>/dev/null
    performance --check
}
record step.json 'r["cases"][0]["iteration_ms"] = 47.6' && noticed && has '| f32 | fused | 28.0 | 95.0 | 47.6 | 2 % | 61.0 | 101 |'
record suite.json 'r["cases"][3]["rows"][0]["median_ms"] = 1.602' && noticed  # the table rounds it, the plot does not
record suite.json && performance
sed -i 's/28\.0/27.0/' $page && noticed
sed -i 's/the end/ the end/' tree/benchmarks/performance.md.in && noticed
echo '<svg/>' >$pictures/ladder_old.svg && noticed
[ ! -e $pictures/ladder_old.svg ] || fail "an old plot stays"
rm $pictures/scale_a-processor_image_f32.svg && noticed
printf '\377' >>$page && noticed

# Of records of one command the newest counts; other arguments are another record.
older='r["cases"][0]["rows"][3]["median_ms"] = 1.25; r["environment"]["date"] = "2025-12-31"'
record suite-older.json "$older" && performance --check
record suite-newer.json "${older/2025-12-31/2026-01-03}; r['arguments'] = r['arguments'].replace('/tmp', '/there')" && noticed
grep -q '| winograd | 1.25 |' $page || fail "the newer record does not count"
[ "$(grep -c '| f32 | winograd | 2.50 |' $page)" = 1 ] || fail "not the GPU's row alone: the older one counts"
record suite-zz.json "${older/2025-12-31/2026-01-03}; r['cases'][0]['rows'][3]['median_ms'] = 1.26" && noticed
grep -q '| winograd | 1.26 |' $page || fail "of one day the last file counts"
rm $results/suite-*.json
record suite-other.json 'r["arguments"] += " --threads 1"' && noticed
[ "$(grep -c '| f32 | winograd | 2.50 |' $page)" = 3 ] || fail "another command replaced one"
[ -e $pictures/roofline_a-processor_demo_f32_2.svg ] || fail "its plot replaced one"
rm $results/suite-other.json
record suite-hidden.json 'r["arguments"] = "kernels --suite joint"'
performance 2>said && grep -qF "shows nothing of benchmarks/results/suite-hidden.json, kernels" said ||
    fail "a record that is nowhere is not told: $(cat said)"
rm $results/suite-hidden.json && performance && performance --check

# What is damaged or foreign is named, in one line, and the page stays as it was.
cp $page page.before
refused() { # refused FILE TEXT
    expect_failure 1 "performance: benchmarks/results/$1" "$2" -- performance
    [ "$(performance --check 2>&1 | wc -l)" = 1 ] || fail "more than a line: $(performance 2>&1)"
    cmp -s $page page.before || fail "$1 changed the page"
    rm "$results/$1"
}
wrong() { # wrong KIND CHANGE TEXT
    record "$1-wrong.json" "$2" && refused "$1-wrong.json" "$3"
}
head -c 300 $results/step.json >$results/half.json && refused half.json "not JSON"
: >$results/empty.json && refused empty.json "not JSON"
printf '{"a": "\377"}' >$results/bytes.json && refused bytes.json "not JSON"
echo '[1]' >$results/list.json && refused list.json "the whole is not an object"
echo '{"a": 1}' >$results/foreign.json && refused foreign.json "not a record of sg_bench"
record sources.json && refused sources.json "not a record of sg_bench"  # without a check.json
wrong step 'r["format"] = "stargan-bench-2"' "not a record of sg_bench"
wrong step 'r["command"] = "dance"' 'the command is "dance", expected ceilings, kernels, step'
wrong step 'del r["environment"]["device_name"]' "environment has no 'device_name'"
wrong step 'r["cases"][1]["iteration_ms"] = "47"' 'cases[1].iteration_ms is "47", expected a number'
wrong step 'r["cases"][1]["iteration_ms"] = None' "cases[1] has no 'iteration_ms'"
wrong step 'r["cases"][0]["stages"][1]["ms"] = True' 'cases[0].stages[1].ms is true, expected a number'
wrong suite 'r["cases"][0]["rows"][0]["median_ms"] = float("nan")' "NaN is no number"
wrong suite 'r["cases"][0]["rows"][0]["median_ms"] = 0' "cases[0].rows[0].median_ms is 0, expected a number above 0"
wrong suite 'del r["cases"][0]["rows"][1]["median_ms"]' "cases[0].rows[1] has neither 'median_ms' nor 'skipped'"
wrong suite 'del r["cases"][0]["flops"]' "cases[0] has neither an error nor 'flops'"
wrong sim 'del r["cases"][0]["rows"][1]["sectors"]' "cases[0].rows[1] has neither 'sectors'"
wrong suite 'r["cases"] = {}' "cases is not a list"
wrong suite 'r["cases"][0]["kernel"] = "\ud800"' "cases[0].kernel is"
wrong check 'r["stages"][0]["data"]["bf16"]["cases"][0]["shape"] = 1' "stage kernels, bf16: cases[0].shape is 1, expected a text"
wrong peers 'r["entries"][1]["iteration_ratio_range"] = [1]' "entries[1].iteration_ratio_range has not two numbers"
performance --check

# The template's own mistakes.
for line in '{{kernel demo cpu}}' '{{kernels demo}}' '{{step dmo cpu}}' '{{scale abacus}}' 'see {{scale cpu}}'; do
    echo "$line" >>tree/benchmarks/performance.md.in
    expect_failure 1 "performance.md.in, line 18: '$line' is no placeholder" -- performance
    sed -i '$d' tree/benchmarks/performance.md.in
done
rm tree/benchmarks/performance.md.in
expect_failure 1 "performance.md.in" -- performance

# A suite of the largest size still makes a small plot.
printf '{{kernels demo cpu}}\n' >tree/benchmarks/performance.md.in
record suite.json 'r["cases"] = [{**r["cases"][0], "layer": f"d{i}", "kernel": f"kernel_{i % 8}", "flops": 1e8 * (i + 1)} for i in range(80)]'
performance 2>/dev/null
svg roofline_a-processor_demo_f32.svg 'n("point") == n("reference") == 80'
[ "$(stat -c %s $pictures/roofline_a-processor_demo_f32.svg)" -lt 60000 ] || fail "a large plot"
echo ok
