#!/usr/bin/env bash
# sg_bench kernels runs every version of a ladder on every device there is, and says clearly what it
# cannot run.
. "$(dirname "$0")/common.sh"

# rows COUNT ARGUMENT...: so many versions ran, each with a number of its own.
rows() {
    local count=$1 output
    shift
    output=$("$BIN/sg_bench" kernels "$@" --shape 1x5x7x9 --repeats 1)
    [ "$(grep -cE '^ +[0-9]+ [a-z ]+ +[0-9]+\.[0-9]+ ' <<<"$output")" = "$count" ] ||
        fail "not $count versions: $*: $output"
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

# Ampere has no clusters: told in the table, an error if asked for.
"$BIN/sg_bench" kernels --device sim --architecture 80 --shape 1x4x4x8 |
    grep -q "not run: architecture 80 has no clusters" || fail "version 6 on Ampere"
expect_failure 1 "has no clusters" -- \
    "$BIN/sg_bench" kernels --device sim --architecture 80 --version 6 --shape 1x4x4x8
expect_failure 1 "no version 8 on sim, only 1 to 7" -- "$BIN/sg_bench" kernels --version 8
expect_failure 1 "no version 4 on cpu, only 1 to 3" -- \
    "$BIN/sg_bench" kernels --device cpu --version 4
expect_failure 1 "no kernel nothing" -- "$BIN/sg_bench" kernels --kernel nothing
expect_failure 1 "no device abacus" -- "$BIN/sg_bench" kernels --device abacus --shape 1x4x4x8
expect_failure 2 "NxHxWxC" -- "$BIN/sg_bench" kernels --shape 16x128x128
expect_failure 2 "f32 or bf16" -- "$BIN/sg_bench" kernels --precision f16
echo ok
