#!/usr/bin/env bash
# gpu_check.sh and what becomes of its results, on a machine without a GPU.
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/common.sh"
python=/usr/bin/python3
[ -x $python ] || python=python3

# A package's folder around this build's programs.
share=$WORK/package/share
mkdir -p "$share/tests/data" "$share/peers"
cp "$SOURCE/tests/data/vanilla.safetensors" "$share/tests/data/"
echo "commit $(git -C "$SOURCE" rev-parse HEAD 2>/dev/null || echo unknown)" >"$share/build.txt"
printf 'philox\nlabels\n' >"$share/tests/names.txt"
cp "$SOURCE/scripts/gpu_check.sh" "$WORK/package/"
ln -s "$BIN" "$WORK/package/bin"
check=$WORK/package/gpu_check.sh

valid() {
    $python - "$1" "$SOURCE/benchmarks/gpu_check.schema.json" <<'PYTHON' || fail "$1 is not as its schema says"
import json, sys
import jsonschema
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))
PYTHON
}
# status FILE STAGE: what the report says of it.
status() {
    $python -c 'import json, sys
print(next(s["status"] for s in json.load(open(sys.argv[1]))["stages"] if s["name"] == sys.argv[2]))' "$1" "$2"
}

# Without a GPU: every stage that needs one says so, and so does the exit status.
if ! "$BIN/sg_info" | grep -q "^ *cuda ("; then
    expect_failure 3 "no GPU" "written:" -- "$check" none
    valid none/check.json
    [ "$(status none/check.json system)" = passed ] || fail "system did not pass: $(cat none/log.txt)"
    for stage in ceilings tests parity step kernels training peers sanitizer; do
        [ "$(status none/check.json $stage)" = "no GPU" ] || fail "$stage needs no GPU?"
    done
    [ "$(grep -c '| no GPU |' none/table.md)" = 8 ] || fail "the table does not say 'no GPU'"
fi

# On the processor every stage runs and measures.
"$check" --device cpu --limit 500 --stage system --stage tests --stage parity --stage step --stage kernels \
    --stage training --stage ceilings cpu >said || fail "on cpu: $(cat said cpu/log.txt)"
valid cpu/check.json
for text in "## Ceilings" "matrix product bf16" "## Training steps" "## Kernels" "instance_norm_backward" \
    "## Training: reconstruction loss" "2 passed, 0 failed, 0 skipped in part, 0 without a result"; do
    grep -qF "$text" cpu/table.md || fail "'$text' is missing from the table: $(cat cpu/table.md)"
done
[ -s cpu/samples.png ] || fail "the training left no samples"
[ "$(grep -o "<svg" cpu/training.html | wc -l)" -ge 5 ] || fail "the training left no curves"

# A stage that fails is reported with what failed, and the rest goes on; so is one that hangs.
rm "$WORK/package/bin"
mkdir "$WORK/package/bin"
for tool in "$BIN"/sg_*; do ln -s "$tool" "$WORK/package/bin/"; done
stand_in() {
    rm "$WORK/package/bin/$1"
    printf '#!/bin/sh\n%s\n' "$2" >"$WORK/package/bin/$1"
    chmod +x "$WORK/package/bin/$1"
}
stand_in sg_parity 'echo "a miss"; exit 1'
stand_in sg_tests 'case "$*" in *philox*) echo "assertion"; exit 42 ;; esac; exit 0'
expect_failure 1 "failed" -- "$check" --device cpu --limit 500 --stage parity \
    --stage tests --stage step failing
valid failing/check.json
for stage in parity tests; do
    [ "$(status failing/check.json $stage)" = failed ] || fail "$stage did not fail"
done
[ "$(status failing/check.json step)" = passed ] || fail "what came after did not run"
grep -qF -- "- philox: failed" failing/table.md || fail "the failed test is not named"
grep -q "assertion" failing/log.txt || fail "what the test said is not in the log"
stand_in sg_tests 'sleep 60'
expect_failure 1 "timed out" -- "$check" --device cpu --stage tests --limit 2 hanging
valid hanging/check.json
[ "$(status hanging/check.json tests)" = "timed out" ] || fail "a stage without end"

# A tool that is stopped in the middle leaves half a file; the report has all the rest.
stand_in sg_parity 'printf "two\nlines\n"; exit 0'
cat >"$WORK/half.sh" <<'SH'
#!/bin/sh
for argument; do [ "$last" != --json ] || file=$argument; last=$argument; done
case $1 in report) exec "$REAL_BENCH" "$@" ;; esac
echo "{\"half" >"$file" && echo >"$file.tmp" && sleep 60
SH
rm "$WORK/package/bin/sg_bench" && cp "$WORK/half.sh" "$WORK/package/bin/sg_bench"
chmod +x "$WORK/package/bin/sg_bench"
export REAL_BENCH=$BIN/sg_bench
expect_failure 1 "timed out" -- "$check" --device cpu --stage ceilings --stage parity --limit 2 half
valid half/check.json
[ "$(status half/check.json parity)" = passed ] || fail "what came after half a file is lost"
grep -qF "ceilings.all.json is not JSON" half/table.md || fail "half a file is not told"

expect_failure 2 "no stage 'nothing'" -- "$check" --stage nothing
expect_failure 2 "expected cuda or cpu" -- "$check" --device abacus
expect_failure 2 "unknown option --fast" -- "$check" --fast
echo "glibc 99.1" >>"$share/build.txt"
expect_failure 2 "need glibc 99.1 or newer, this system has" -- "$check" out

# The tables of a recorded run (its figures are invented).
example=$SOURCE/tests/tools/gpu_check_example.json
valid "$example"
"$BIN/sg_bench" report "$example" --markdown table.md
grep -qF '| instance_norm_forward | 16x128x128x64 | bf16 | cluster | 0.0250 | 2684 | 5.4 | 67 % | cudnn 0.0500, 2.00x |' \
    table.md || fail "a kernel's row: $(grep instance table.md)"
grep -qF '| conv_forward | res | bf16 | wgmma | 0.0400 | 450 | 500.0 | 62 % | cudnn 0.0300, 0.75x |' table.md ||
    fail "a convolution's row: $(grep conv_ table.md)"
grep -qF '| conv_wgrad | res | bf16 | failed: a \| b | | | | | |' table.md || fail "a failed case"
grep -qF '| cuda-graph | measured  | 3.500 | 3.400 | 3.600 | 5000 |' table.md || fail "a peer's row"
echo '{"format": "other"}' >other.json
expect_failure 1 "expected stargan-gpu-check-1" -- "$BIN/sg_bench" report other.json
expect_failure 1 "cannot be read" -- "$BIN/sg_bench" report nowhere.json
mkdir torn && printf 'tests\tpassed\n' >torn/stages.tsv
expect_failure 1 "stages.tsv, line 1: 2 fields, expected 5" -- "$BIN/sg_bench" report torn

# Recording: in a repository of its own.
git init -q tree
mkdir -p tree/benchmarks tree/docs tree/kernels/adam tree/kernels/loss
git -C tree config user.email t@example.com && git -C tree config user.name t
cat >tree/benchmarks/gpu_features.json <<'JSON'
{"features": [
 {"kind": "kernel", "name": "adam", "what": "its kernel", "paths": ["kernels/adam"], "tests": ["adam"]},
 {"kind": "kernel", "name": "loss", "what": "its kernels", "paths": ["kernels/loss"], "tests": ["losses"]},
 {"kind": "engine", "name": "parity", "what": "runs", "paths": ["kernels"], "stage": "parity"},
 {"kind": "engine", "name": "by hand", "what": "runs", "paths": ["kernels"], "command": "do it"}]}
JSON
echo one >tree/kernels/adam/adam.cu && echo one >tree/kernels/loss/loss.cu
git -C tree add . && git -C tree commit -qm one
commit=$(git -C tree rev-parse HEAD)
mkdir run
record() { SG_ROOT=$WORK/tree "$SOURCE/scripts/record_results.sh" "$@"; }
expect_failure 2 "record_results.sh OUT" -- record
expect_failure 1 "is not what gpu_check.sh wrote" -- record run
sed "s/COMMIT/$commit/" "$example" >run/check.json
cp table.md run/
record run
folder=tree/benchmarks/results/nvidia-example/${commit:0:12}
[ -s "$folder/check.json" ] && [ -s "$folder/table.md" ] || fail "nothing was filed"
says() { grep -F "| **$1:**" tree/docs/gpu_status.md; }
says adam | grep -q "passed (NVIDIA Example, \[${commit:0:12}\]" || fail "adam: $(says adam)"
says loss | grep -qF "**failed** (NVIDIA Example" || fail "loss: $(says loss)"
says parity | grep -q "passed" || fail "parity: $(says parity)"
says "by hand" | grep -q "| never |" || fail "by hand: $(says "by hand")"
! grep -q stale tree/docs/gpu_status.md || fail "stale too early"
grep -qF "| 2.100 | 3.000 | 9.000 | cuda-graph 3.500 | 2 of 5 passed |" tree/docs/gpu_status.md ||
    fail "the headline: $(grep bf16 tree/docs/gpu_status.md)"
status_page() { $python "$SOURCE/scripts/gpu_status.py" --root tree "$@"; }
status_page --check
echo two >tree/kernels/adam/adam.cu
expect_failure 1 "run scripts/gpu_status.py" -- status_page --check
status_page
says adam | grep -qF '**stale**: `kernels/adam` changed since' || fail "adam is not stale"
! says loss | grep -q stale || fail "loss is stale"
sed "s/COMMIT/$commit and changes/" "$example" >run/check.json
expect_failure 1 "which no commit has" -- record run
sed "s/COMMIT/0123456789/" "$example" >run/check.json
expect_failure 1 "is not in this repository" -- record run
cp cpu/check.json run/
expect_failure 1 "of a run without a GPU" -- record run
echo ok
