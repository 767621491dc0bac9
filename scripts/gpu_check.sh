#!/usr/bin/env bash
# Checks and measures everything on this machine's GPU, in under eight minutes: does every kernel
# work, how fast is it against the memory, against NVIDIA's libraries, against PyTorch.
#   ./gpu_check.sh [--stage NAME]... [--device cuda|cpu] [--limit SECONDS] [OUT]
# Writes OUT/check.json, OUT/table.md, OUT/log.txt, and of the training samples.png and the losses'
# curves, training.html.
# OUT is ./gpu_check_out by default. The stages, in this order:
#   system      versions, clocks
#   ceilings    copies, matrix products
#   tests       all of them
#   parity      training runs against frozen results
#   step        D's and G's step in bf16, tf32, f32
#   kernels     every kernel on the paper's shapes against cuDNN and cuBLAS
#   training    500 iterations of the paper's configuration
#   peers       PyTorch, checked to compute the same first
#   sanitizer   compute-sanitizer over the kernels' tests
# Exit status: 0 all passed, 1 a stage failed, 2 wrong usage, 3 no GPU: nothing of it was checked.
# --device cpu runs what can be run without one, to try the package itself: small networks.
# Each stage has its own time limit; --limit gives all of them the same.
set -uo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BIN=${SG_BIN:-$HERE/bin}
SHARE=${SG_SHARE:-$HERE/share}
ALL="system ceilings tests parity step kernels training peers sanitizer"

usage() { sed -n '2,21s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
die() {
    echo "gpu_check: $1" >&2
    exit 2
}

device=cuda out=gpu_check_out wanted="" all_limits=""
while (($# > 0)); do
    case $1 in
        --stage)
            [[ " $ALL " == *" ${2-} "* ]] || die "no stage '${2-}'; there are $ALL"
            wanted+=" $2"
            shift
            ;;
        --device)
            [[ ${2-} == cuda || ${2-} == cpu ]] || die "--device ${2-}: expected cuda or cpu"
            device=$2
            shift
            ;;
        --limit)
            [[ ${2-} =~ ^[1-9][0-9]*$ ]] || die "--limit ${2-}: expected a number of seconds"
            all_limits=$2
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        -*) die "unknown option $1 (--help tells)" ;;
        *) out=$1 ;;
    esac
    shift
done

# The programs need this much of the machine; the loader's own messages are less clear.
needs() { sed -n "s/^$1 //p" "$SHARE/build.txt" 2>/dev/null; }
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/glibc //')
least=$(needs glibc)
if [[ -n $least && -n $glibc && $(printf '%s\n' "$least" "$glibc" | sort -V | head -n 1) != "$least" ]]; then
    die "these programs need glibc $least or newer, this system has $glibc: build them on it from the sources"
fi
[[ $(uname -m) == x86_64 ]] || die "these programs are for x86_64, this machine is $(uname -m)"
if [[ -n $(needs instructions) ]] && ! grep -qw avx2 /proc/cpuinfo; then
    die "these programs need a processor with AVX2 and FMA ($(needs instructions))"
fi
[[ -x $BIN/sg_info ]] || die "$BIN/sg_info is not there"

mkdir -p "$out" && out=$(cd "$out" && pwd) || die "$out cannot be made"
work=$(mktemp -d) || die "no place for temporary files"
mkdir "$work/data"
log=$out/log.txt
: >"$log" || die "$log cannot be written"
export XDG_CACHE_HOME=$work/cache # choices of convolutions are made anew, and leave no trace

one_line() { tr '\t\n' '  ' <<<"$1" | sed 's/ *$//'; }
fact() { printf '%s\t%s\n' "$1" "$(one_line "$2")" >>"$work/facts.tsv"; }
case_result() { printf '%s\t%s\t%s\t%s\n' "$stage" "$(one_line "$1")" "$2" "$3" >>"$work/cases.tsv"; }
report() {
    "$BIN/sg_bench" report "$work" --json "$out/check.json" --markdown "$out/table.md" \
        --charts "$out/training.html"
}
seconds_since() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN {printf "%.2f", b - a}'; }
# A command's time that is left of the stage's.
left() { awk -v a="$stage_start" -v l="$limit" -v b="$(date +%s)" 'BEGIN {r = int(l - (b - a)); print (r > 1 ? r : 1)}'; }
# In the background, so that an interrupt need not wait for it.
run() {
    echo "\$ $*"
    timeout -k 5 "$(left)" "$@" &
    child=$!
    wait $child
}
trap 'rm -rf "$work"' EXIT

# A driver may hang: nothing waits for it without end.
info=$(timeout -k 5 30 "$BIN/sg_info" 2>&1)
gpu=""
if [[ $device == cuda ]]; then
    gpu=$(sed -n 's/^ *\(cuda (.*\)/\1/p' <<<"$info")
fi
child=""
interrupted() {
    [[ -z $child ]] || kill $child
    [[ -z ${stage-} ]] || end_stage failed "$(seconds_since "$stage_start")" interrupted
    report 2>/dev/null
    exit 130
}
trap interrupted INT TERM
# end_stage STATUS SECONDS DETAIL
end_stage() {
    printf '%s\t%s\t%s\t%s\t%s\n' "$stage" "$1" "$2" "$limit" "$(one_line "$3")" >>"$work/stages.tsv"
}

# What every report begins with, whichever stages it has.
machine_facts() {
    local name value line
    fact date "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    fact device "$device"
    while read -r name value; do fact "build $name" "$value"; done < <(cat "$SHARE/build.txt" 2>/dev/null)
    fact system "$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-}"), Linux $(uname -r), glibc $glibc"
    fact processor "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors"
    while read -r line; do
        case $line in
            cuDNN*) fact cuDNN "${line#cuDNN }" ;;
            cuBLAS*) fact cuBLAS "${line#cuBLAS }" ;;
            "cuda ("*) fact GPU "$line" ;;
        esac
    done < <(sed 's/^ *//' <<<"$info")
    nvidia_facts name driver_version clocks.max.sm clocks.max.mem power.limit ecc.mode.current \
        mig.mode.current
}
# nvidia_facts NAME...: what nvidia-smi says of the first GPU, if it is there.
nvidia_facts() {
    local values i=0 name query
    [[ -n $gpu ]] && command -v nvidia-smi >/dev/null || return 0
    query=$(tr ' ' ',' <<<"$*")
    IFS=, read -r -a values < <(timeout 20 nvidia-smi "--query-gpu=$query" --format=csv,noheader |
        head -n 1 | sed 's/, */,/g')
    for name in "$@"; do fact "nvidia-smi $name" "${values[i++]:-}"; done
}

# Each stage: returns 0 if all is well; prints to the log; $detail is for the report.
stage_system() {
    run "$BIN/sg_info" || return 1
    [[ -z $gpu ]] || ! command -v nvidia-smi >/dev/null || timeout 20 nvidia-smi
    detail=$gpu
}

stage_ceilings() {
    run "$BIN/sg_bench" ceilings --device $device --json "$work/data/ceilings.all.json" || return 1
    nvidia_facts clocks.sm clocks.mem temperature.gpu # just after it has worked
}

# One test file after another on every second processor, because each has threads of its own.
stage_tests() {
    local jobs=$((($(nproc) + 1) / 2)) names
    ((jobs < 8)) || jobs=8
    names=$(cat "$SHARE/tests/names.txt")
    # Those that take longest must not begin last.
    names=$(grep -xE 'joint|device_training' <<<"$names"; grep -vxE 'joint|device_training' <<<"$names")
    export -f one_test
    export BIN work gpu cudnn
    cudnn=$(grep '^cuDNN' <<<"$info" | grep -v 'not used\|not in')
    # At once and for all: a test that hangs may not heed anything else.
    timeout -s KILL "$(left)" xargs -P "$jobs" -I{} bash -c 'one_test {}' <<<"$names" &
    child=$!
    wait $child
    collect_cases $names
}
one_test() {
    local start status=passed
    start=$(date +%s.%N)
    export OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2
    [[ -z $gpu ]] || export SG_REQUIRE_GPU=1
    [[ -z $gpu || -z $cudnn ]] || export SG_REQUIRE_CUDNN=1
    "$BIN/sg_tests" --filenames-as-tags --warn NoTests "[#test_$1]" >"$work/test_$1.log" 2>&1 || status=failed
    # On a GPU that is not the one it is for, a test says so.
    [[ -z $gpu || $status == failed ]] || ! grep -q 'not run' "$work/test_$1.log" || status=skipped
    awk -v n="$1" -v s=$status -v a="$start" -v b="$(date +%s.%N)" \
        'BEGIN {printf "%s\t%s\t%.2f\n", n, s, b - a}' >"$work/test_$1.result"
}
# What the named tests' files say; one without a result ran out of time.
collect_cases() {
    local name passed=0 failed=0 missing=0 skipped=0 result status seconds
    for name in "$@"; do
        if ! result=$(cat "$work/test_$name.result" 2>/dev/null); then
            case_result "$name" "timed out" 0
            missing=$((missing + 1))
            continue
        fi
        IFS=$'\t' read -r _ status seconds <<<"$result"
        case_result "$name" "$status" "$seconds"
        if [[ $status == passed ]]; then
            passed=$((passed + 1))
        elif [[ $status == skipped ]]; then
            skipped=$((skipped + 1))
        else
            failed=$((failed + 1))
            echo "== $name" && tail -n 60 "$work/test_$name.log"
        fi
    done
    detail="$passed passed, $failed failed, $skipped skipped in part, $missing without a result"
    ((failed + missing == 0))
}

stage_parity() {
    local file conv start status failed=0 convs="auto"
    [[ -z $gpu ]] || convs="own cudnn"
    for conv in $convs; do
        for file in "$SHARE"/tests/data/*.safetensors; do
            start=$(date +%s.%N) status=passed
            run "$BIN/sg_parity" --quiet --device $device --conv "$conv" "$file" || status=failed
            [[ $status == passed ]] || failed=$((failed + 1))
            case_result "$(basename "$file" .safetensors) conv=$conv" "$status" "$(seconds_since "$start")"
        done
    done
    detail="$failed failed"
    ((failed == 0))
}

# The paper's networks on a GPU; small ones where there is none.
if [[ $device == cuda ]]; then
    network=(--image-size 128 --g-conv-dim 64 --d-conv-dim 64 --g-repeat-num 6 --d-repeat-num 6)
    precisions="bf16 tf32 f32" suite=paper iterations=500 repeats=20
    peers=eager-f32,amp-channels-last,cuda-graph,ours-graph,eager-tf32
else
    network=(--image-size 32 --g-conv-dim 8 --d-conv-dim 8 --g-repeat-num 1 --d-repeat-num 3)
    precisions="bf16 f32" suite=tiny iterations=20 repeats=3 peers=eager-f32,amp-bf16,ours
fi

stage_step() {
    local precision failed=0 all=0 policies="own auto" conv
    [[ -n $gpu ]] || policies=auto
    # time_step NAME OPTION...
    time_step() {
        all=$((all + 1))
        run "$BIN/sg_bench" step --device $device "${network[@]}" --batch-size 16 \
            --repeats $repeats "${@:2}" --json "$work/data/step.$1.json" || failed=$((failed + 1))
    }
    # By our own convolutions first: choosing the fastest may take longer than there is.
    for conv in $policies; do
        for precision in $precisions; do
            time_step "$precision-$conv" --conv $conv --precision "$precision"
        done
    done
    if [[ -n $gpu ]]; then
        time_step bf16-auto-side-stream --conv auto --precision bf16 --side-stream
        time_step bf16-auto-no-graph --conv auto --precision bf16 --no-graph
    fi
    detail="$failed of $all failed"
    ((failed == 0))
}

stage_kernels() {
    local share=$((limit / 3 > 6 ? limit / 3 - 5 : 1)) precision failed=0 ceilings=measure
    [[ ! -s $work/data/ceilings.all.json ]] || ceilings=$work/data/ceilings.all.json
    for precision in $precisions; do
        run "$BIN/sg_bench" kernels --device $device --suite $suite --precision "$precision" \
            --repeats $repeats --attempts 1 --cold-only --seconds $share --ceilings "$ceilings" \
            --json "$work/data/kernels.$precision.json" ||
            failed=$((failed + 1))
    done
    detail="$failed of $(wc -w <<<"$precisions") precisions with failures"
    ((failed == 0))
}

stage_training() {
    local folder=$work/run precision=bf16 conv=own
    [[ $device == cuda ]] || precision=f32
    [[ ! -s $work/data/step.bf16-auto.json ]] || conv=auto # chosen already
    run "$BIN/sg_train" --device $device --conv $conv --precision $precision "${network[@]}" --batch-size 16 \
        --num-iters $iterations --log-step $((iterations / 20)) --sample-step $iterations \
        --model-save-step $iterations --out "$folder" --quiet
    local status=$?
    [[ ! -s $folder/metrics.jsonl ]] || cp "$folder/metrics.jsonl" "$work/data/training.losses.jsonl"
    cp "$folder"/samples/*"$iterations".png "$out/samples.png" 2>/dev/null
    cp "$folder/metrics.jsonl" "$out/metrics.jsonl" 2>/dev/null
    detail="$iterations iterations, $precision, convolutions $conv, $(seconds_since "$stage_start") s in all"
    return $status
}

stage_peers() {
    local python=""
    for candidate in python3 python; do
        command -v $candidate >/dev/null && timeout 30 $candidate -c 'import torch, numpy' 2>/dev/null && python=$candidate && break
    done
    if [[ -z $python ]]; then
        status=skipped detail="no Python with torch"
        return 0
    fi
    fact PyTorch "$($python -c 'import torch; print(torch.__version__)')"
    # What was measured is in the file after every round, also if the time is up.
    run "$python" "$SHARE/peers/torch_stargan.py" --device $device "${network[@]}" --batch-size 16 \
        --mode $peers --check "$SHARE/tests/data/multilabel.safetensors" --rounds 5 \
        --seconds $((limit / 2)) --json "$work/data/peers.torch.json"
}

# The kernels' tests, the most intricate first.
stage_sanitizer() {
    local tool name start result failed=0 passed=0 planned=0 sanitizer
    sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
    if [[ -z $sanitizer ]]; then
        status=skipped detail="no compute-sanitizer"
        return 0
    fi
    for tool in memcheck racecheck synccheck; do
        for name in conv_wgmma instance_norm narrow_conv gradient_penalty reductions losses adam \
            split_master; do
            planned=$((planned + 1))
            (($(left) > 5)) || continue
            start=$(date +%s.%N) result=passed
            SG_REQUIRE_GPU=1 run "$sanitizer" --tool $tool --error-exitcode 1 \
                "$BIN/sg_tests" --filenames-as-tags "[#test_$name]" || result=failed
            (($(left) > 1)) || [[ $result == passed ]] || result="timed out"
            [[ $result != failed ]] || failed=$((failed + 1))
            [[ $result != passed ]] || passed=$((passed + 1))
            case_result "$name $tool" "$result" "$(seconds_since "$start")"
        done
    done
    detail="$passed of $planned runs passed, $failed failed, the others had no time"
    [[ $failed != 0 || $passed == "$planned" ]] || status="timed out"
    ((passed == planned))
}

declare -A limits=([system]=15 [ceilings]=25 [tests]=110 [parity]=25 [step]=55 [kernels]=75
    [training]=35 [peers]=55 [sanitizer]=35)
needs_gpu="ceilings tests parity step kernels training peers sanitizer"
failures=0
machine_facts >>"$log" 2>&1
for stage in ${wanted:-$ALL}; do
    limit=${all_limits:-${limits[$stage]}} detail="" status=""
    stage_start=$(date +%s.%N)
    printf '%-10s ' "$stage"
    echo "=== $stage" >>"$log"
    if [[ $device == cuda && -z $gpu && " $needs_gpu " == *" $stage "* ]]; then
        status="no GPU" detail=$(sed -n 's/^ *no GPU: //p' <<<"$info")
    elif [[ $device == cpu && $stage == sanitizer ]]; then
        status=skipped detail="for a GPU's kernels"
    else
        if "stage_$stage" >>"$log" 2>&1; then
            status=${status:-passed}
        else
            (($(left) > 1)) || status="timed out"
            status=${status:-failed}
            failures=$((failures + 1))
        fi
    fi
    seconds=$(seconds_since "$stage_start")
    end_stage "$status" "$seconds" "$detail"
    printf '%-10s %6.1f s  %s\n' "$status" "$seconds" "$detail"
    report 2>>"$log" || echo "gpu_check: the report could not be written; see $log" >&2
done
echo "written: $out/check.json, $out/table.md, $log"
((failures == 0)) || exit 1
[[ $device == cpu || -n $gpu ]] || exit 3
