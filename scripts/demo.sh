#!/usr/bin/env bash
# From a fresh clone to faces that change: installs what is missing, builds, trains a small network
# on the built-in faces and shows what it learned. No GPU, no data set; about six minutes on two
# cores.
#
#   scripts/demo.sh [--no-setup] [any sg_train option]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = --no-setup ]; then
    shift
else
    scripts/setup.sh
fi

started=$SECONDS
cmake --preset release -DSG_TESTS=OFF >/dev/null
cmake --build --preset release --target sg_train_bin sg_info_bin sg_translate_bin
echo "built in $((SECONDS - started)) s"

# bf16 halves the time where the processor multiplies it in hardware.
precision=f32
iterations=2400
if build/release/bin/sg_info | grep -q 'bf16 convolution in hardware'; then
    precision=bf16
    iterations=5000
fi

run=runs/demo-$(date +%Y%m%d-%H%M%S)
build/release/bin/sg_train --config scripts/demo.toml --precision $precision \
    --num-iters $iterations --num-iters-decay $((iterations / 2)) --out "$run" "$@"
echo
echo "Look at it: the newest picture in $run/samples"
echo "(first column: held-out faces; then black, blond, brown hair, glasses on/off, skin pale/not)"
