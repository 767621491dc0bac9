#!/usr/bin/env bash
# Every wrong input gets one clear error: what, where, what was expected.
. "$(dirname "$0")/common.sh"


tiny() { expect_failure 1 "${@:1:$#-2}" -- "$BIN/sg_train" "${TINY[@]}" --num-iters 10 --out never "${@: -2}"; }
tiny "multiple of 8" "32 or 40 would work" --image-size 36
tiny "neither N nor HEIGHTxWIDTH" --image-size 32y32
tiny "batch-size is 1" "2 or more" --batch-size 1
expect_failure 2 "dataset 'mnist' is unknown" "celeba" -- "$BIN/sg_train" --dataset mnist
tiny "'lsgan' is unknown" "wgan-gp" --gan lsgan
tiny "precision 'f16' is unknown" "bf16" --precision f16
tiny "'abacus' is unknown, expected auto, cpu, cuda, cuda:NUMBER or sim" --device abacus
tiny "'torch' is unknown" "auto, own or cudnn" --conv torch
if "$BIN/sg_info" | grep -q 'no GPU: '; then
    tiny "cuda: no GPU can be used: " --device cuda
    tiny "cuda: no GPU can be used: " --device cuda:1
    "$BIN/sg_train" "${TINY[@]}" --num-iters 10 --device auto --out auto >auto.txt
    grep -q '^device: cpu .*; no GPU is used: ' auto.txt || fail "auto does not say why"
fi
"$BIN/sg_train" "${TINY[@]}" --num-iters 10 --precision tf32 --out tf32 >tf32.txt
grep -qx 'precision: tf32' tf32.txt || fail "tf32 is not named"
tiny "beta1 is 1" --beta1 1
tiny "num-iters-decay is 11" --num-iters-decay 11
tiny "do not fill a batch of 4" "hold out fewer" --synth-count 4
expect_failure 2 "--bogus" -- "$BIN/sg_train" --bogus 3
expect_failure 2 "needs --data" -- "$BIN/sg_train" --dataset celeba
expect_failure 2 "given twice" -- "$BIN/sg_train" --dataset folders --data a --data b
printed() { # expected line, official flags
    "$BIN/sg_train" "${@:2}" --print-config | grep -xF "data = [$1]" >/dev/null ||
        fail "${*:2}: $("$BIN/sg_train" "${@:2}" --print-config | grep '^data =')"
}
printed '"folders:r,crop=256"' --dataset RaFD --rafd_image_dir r
printed '"folders:r,crop=100"' --dataset RaFD --rafd_image_dir r --rafd_crop_size 100
printed '"folders:r"' --dataset RaFD --rafd_image_dir r --crop-size 90
printed '"celeba:c,crop=170", "folders:r,crop=256"' --dataset Both --celeba_image_dir=c \
    --celeba_crop_size=170 --rafd_image_dir=r
expect_failure 1 "not-there" -- "$BIN/sg_train" --dataset folders --data not-there
expect_failure 1 "no readable checkpoint" -- bash -c \
    "mkdir -p empty && '$BIN/sg_train' --print-config > empty/config.toml && \
     '$BIN/sg_train' --resume empty"
[ ! -e never ] || fail "a refused run left a folder"

# Configuration: file < flags; what is printed can be read back; official spellings.
echo 'g_lr = 3e-4
image_size = 64' >file.toml
"$BIN/sg_train" --config file.toml --print-config --g_conv_dim=32 --d_lr 2e-4 >printed.toml
for line in 'g_lr = 0.0003' 'd_lr = 0.0002' 'g_conv_dim = 32' 'image_size = "64"' 'n_critic = 5'; do
    grep -qxF "$line" printed.toml || fail "'$line' is missing from --print-config"
done
"$BIN/sg_train" --config printed.toml --print-config | cmp - printed.toml ||
    fail "--print-config does not read back"
echo 'learning_rate = 1' >bad.toml
expect_failure 1 "bad.toml:1" "unknown setting 'learning_rate'" -- "$BIN/sg_train" --config bad.toml
echo 'batch_size = "many"' >bad.toml
expect_failure 1 "batch_size must be an integer" -- "$BIN/sg_train" --config bad.toml
echo 'batch_size = [' >bad.toml
expect_failure 1 "bad.toml" -- "$BIN/sg_train" --config bad.toml

# A run folder is never overwritten; a checkpoint that does not fit says what differs.
"$BIN/sg_train" "${TINY[@]}" --num-iters 10 --stop-after 1 --out run >/dev/null
expect_failure 1 "already holds a run" -- "$BIN/sg_train" "${TINY[@]}" --num-iters 10 --out run
# That is told before the data are looked at, which can take minutes.
expect_failure 1 "already holds a run" -- "$BIN/sg_train" --data folders:not-there --out run
expect_failure 1 "g_conv_dim is 8 in the checkpoint, 16 wanted" -- \
    "$BIN/sg_train" --resume run --g-conv-dim 16
expect_failure 1 "label_groups" "happy" -- "$BIN/sg_train" --resume run --dataset synth-expressions

# The simulated device trains as well, and is said to be slow.
"$BIN/sg_train" "${TINY[@]}" --image-size 16 --batch-size 2 --d-repeat-num 2 --test-count 2 \
    --samples 1 --n-critic 1 --num-iters 10 --stop-after 1 --device sim --threads 2 --out sim >log
grep -q '^device: sim .*for tests, slow' log || fail "sim is not announced"
"$BIN/sg_info" sim | grep -q '^iteration  1 ' || fail "the simulated run left no checkpoint"
"$BIN/sg_info" | grep -q ' sim (' || fail "sg_info does not list the simulated device"

# Exploding numbers stop the run with iteration, tensor and the last good checkpoint.
expect_failure 1 "iteration" "last good checkpoint: run/checkpoints/iteration-00000001" -- \
    "$BIN/sg_train" --resume run --lambda-gp 1e300
"$BIN/sg_info" run | grep -q '^iteration  1 ' || fail "a bad checkpoint was written"
echo ok
