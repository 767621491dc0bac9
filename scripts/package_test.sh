#!/usr/bin/env bash
# Tries a package on a bare system: a debootstrap folder with the C library and a shell, no compiler,
# no Python, none of the build dependencies, outside the source tree.
#   scripts/package_test.sh [--suite NAME] [PACKAGE]
# NAME: a release of Debian, default bookworm. PACKAGE: default the one in dist/. As root; needs
# debootstrap and a network, takes some minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=bookworm package=""
while (($# > 0)); do
    case $1 in
        --suite) suite=${2:?--suite needs the name of a release} && shift ;;
        -h | --help)
            sed -n '2,6s/^# *//p' scripts/package_test.sh
            exit 0
            ;;
        *) package=$1 ;;
    esac
    shift
done
if [[ -z $package ]]; then
    packages=(dist/stargan.cu-*)
    [[ -d ${packages[0]} && ${#packages[@]} == 1 ]] ||
        { echo "package_test: not one package in dist/; name it" >&2 && exit 2; }
    package=${packages[0]}
fi
[[ $EUID == 0 ]] && command -v debootstrap >/dev/null ||
    { echo "package_test: needs root and debootstrap" >&2 && exit 2; }

system=$(mktemp -d)
trap 'umount "$system/proc" 2>/dev/null; rm -rf "$system"' EXIT
echo "== a bare $suite in $system"
debootstrap --variant=minbase "$suite" "$system" >"$system.log" 2>&1 ||
    { tail "$system.log" >&2 && exit 1; }
rm -f "$system.log"
mount -t proc proc "$system/proc"
for tool in python3 gcc cmake nvcc; do
    ! chroot "$system" sh -c "command -v $tool" || { echo "package_test: it has $tool" >&2 && exit 1; }
done
cp -a "$package" "$system/opt/stargan"

inside() { chroot "$system" /bin/bash -c "cd /tmp && PATH=/opt/stargan/bin:\$PATH; $1"; }
echo "== what it needs"
inside 'ldd /opt/stargan/bin/stargan'
echo "== every program starts"
for program in "$package"/bin/sg_*; do
    inside "$(basename "$program") --help >/dev/null" || { echo "package_test: $program" >&2 && exit 1; }
done
inside sg_info
echo "== training and translating, on the processor and on the simulated device"
small="--image-size 32 --batch-size 4 --g-conv-dim 8 --d-conv-dim 8 --g-repeat-num 1 --d-repeat-num 3 \
    --synth-count 64 --test-count 8 --samples 2"
inside "sg_train $small --device cpu --num-iters 20 --out run --quiet &&
    sg_translate --checkpoint run --device cpu --input run/samples --out out --all >/dev/null && ls out | head -n 3 &&
    sg_train $small --device sim --num-iters 2 --n-critic 1 --out sim --quiet"
echo "== the tests of its tools"
for test in "$package"/share/tests/tools/*.sh; do
    name=$(basename "$test" .sh)
    [[ $name != common ]] && ! grep -qE 'python|SOURCE' "$test" || continue  # the system has neither
    inside "bash /opt/stargan/share/tests/tools/$name.sh /opt/stargan/bin" >"$system/tmp/said" 2>&1 ||
        { echo "package_test: $name failed" >&2 && tail "$system/tmp/said" >&2 && exit 1; }
    echo "$name: ok"
done
echo "== gpu_check.sh without a GPU says so"
status=0
inside "/opt/stargan/gpu_check.sh none" || status=$?
[[ $status == 3 ]] || { echo "package_test: exit status $status instead of 3" >&2 && exit 1; }
echo "== gpu_check.sh on the processor: all tests too"
inside "/opt/stargan/gpu_check.sh --device cpu --limit 1800 cpu" ||
    { tail -n 100 "$system/tmp/cpu/log.txt" >&2 && exit 1; }
echo "package_test: ok"
