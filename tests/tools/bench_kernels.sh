#!/usr/bin/env bash
# sg_bench kernels runs every version of a ladder on every device there is, and says clearly what it
# cannot run.
. "$(dirname "$0")/common.sh"

# rows COUNT ARGUMENT...: so many versions ran, each with a number of its own. $shape: NxHxWxC
shape=1x5x7x9
rows() {
    local count=$1 output
    shift
    output=$("$BIN/sg_bench" kernels "$@" --shape $shape --repeats 1)
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
    rows 5 --kernel $kernel --device cpu --filters 3 --pad 0
done
for device in cpu sim; do
    shape=1x5x7x9 rows 1 --kernel gradient_penalty --device $device
    for precision in f32 bf16; do  # 3 channels and 5 labels; 2 leave a channel of padding
        for shape in 2x8x9x3 1x7x7x2; do
            rows 3 --kernel label_concat --device $device --precision $precision
        done
    done
    shape=1x7x7x3 rows 1 --kernel label_concat --device $device --version 3
done
expect_failure 1 "runs in f32 alone" -- \
    "$BIN/sg_bench" kernels --kernel gradient_penalty --precision bf16
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
echo ok
