#!/usr/bin/env bash
# From a fresh clone to faces that change: installs what is missing, builds, trains a small network
# on the built-in faces and shows what it learned. No GPU, no data set. At most eight minutes on two
# cores: it measures this machine and trains for as many iterations as fit.
#
#   scripts/demo.sh [--no-setup] [any sg_train option]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = --no-setup ]; then
    shift
else
    scripts/setup.sh
fi

# This version trains on the processor: kernels for GPUs would only take time to build.
cmake --preset release -DSG_TESTS=OFF -DSG_CUDA=OFF >/dev/null
cmake --build --preset release --target sg_train_bin sg_info_bin sg_bench_bin sg_translate_bin
bin=build/release/bin

# bf16 is about twice as fast where the processor multiplies matrices of it, else slower.
precision=f32
if "$bin/sg_info" | grep -q 'bf16 convolution by AMX'; then
    precision=bf16
fi

# One iteration of scripts/demo.toml, in milliseconds: a D step and a G step.
iteration_ms=$("$bin/sg_bench" step --precision $precision --image-size 64 --batch-size 4 \
    --labels 5 --g-conv-dim 16 --d-conv-dim 16 --g-repeat-num 3 --d-repeat-num 4 --n-critic 1 \
    --warmup 5 --repeats 30 | awk '$1 == "iteration" { print $2 }')
# Eight minutes, less what set-up and build took and a reserve for a machine that slows down.
training_seconds=$((420 - SECONDS))
training_seconds=$((training_seconds < 60 ? 60 : training_seconds > 300 ? 300 : training_seconds))
iterations=$(awk -v seconds=$training_seconds -v ms="$iteration_ms" 'BEGIN {
    n = int(seconds * 10 / ms) * 100
    print (n < 300 ? 300 : n)
}')
echo "set up and built in $SECONDS s; $iteration_ms ms an iteration, training $iterations of them"

run=runs/demo-$(date +%Y%m%d-%H%M%S)
"$bin/sg_train" --config scripts/demo.toml --precision $precision \
    --num-iters "$iterations" --out "$run" "$@"
echo
echo "Look at the sample grid. First column: faces that training never saw. Then: black, blond,"
echo "brown hair; glasses on or off; skin pale or not. All in $SECONDS s."
