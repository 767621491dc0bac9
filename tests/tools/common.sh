# Sourced by the end-to-end tests. $1 is the folder with the binaries.
set -euo pipefail

BIN=$(cd "$1" && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"
export XDG_CACHE_HOME="$WORK/.cache"  # the user's own stays as it is

# A network and images small enough for a few milliseconds an iteration.
TINY=(--image-size 32 --batch-size 4 --g-conv-dim 8 --d-conv-dim 8 --g-repeat-num 1
    --d-repeat-num 3 --synth-count 64 --test-count 8 --samples 2 --log-step 1 --sample-step 1000000
    --model-save-step 1000000 --num-iters-decay 10)

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# expect_failure CODE TEXT... -- COMMAND...: the command exits with CODE and says every TEXT.
expect_failure() {
    local code=$1 texts=() status=0 output text
    shift
    while [ "$1" != -- ]; do
        texts+=("$1")
        shift
    done
    shift
    output=$("$@" 2>&1) || status=$?
    [ "$status" = "$code" ] || fail "exit code $status instead of $code: $* : $output"
    for text in "${texts[@]}"; do
        grep -qF -- "$text" <<<"$output" || fail "'$text' is missing from the output of $*: $output"
    done
}

# latest RUN: the latest checkpoint file of a run folder.
latest() {
    find "$1/checkpoints" -name 'iteration-*.safetensors' | sort | tail -n 1
}
