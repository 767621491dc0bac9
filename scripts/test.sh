#!/usr/bin/env bash
# Sets up, builds and runs all tests; the last lines are the summary of ctest.
#   scripts/test.sh [--no-setup] [release|debug|asan]      default: release
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    sed -n '2,3s/^# *//p' "scripts/test.sh"
}

preset=release setup=true
while (($# > 0)); do
    case "$1" in
        --no-setup) setup=false ;;
        release | debug | asan) preset=$1 ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            echo "test.sh: unknown argument '$1'" >&2
            usage >&2
            exit 2
            ;;
    esac
    shift
done

# One job per processor, but no more than memory allows: a file takes up to 1.5 GB to compile.
job_count() {
    local job_kb=1500000 free_kb limit count most
    free_kb=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
    limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
    if [[ "$limit" != max ]] && ((limit / 1024 < free_kb)); then
        free_kb=$((limit / 1024))
    fi
    count=$(nproc)
    most=$((free_kb / job_kb))
    ((most >= count)) || count=$most
    echo $((count > 0 ? count : 1))
}

if $setup; then
    scripts/setup.sh
fi
jobs=$(job_count)
echo "== build: $preset, $jobs jobs"
cmake --preset "$preset"
cmake --build --preset "$preset" --parallel "$jobs"

echo "== test: $preset"
# Tests run side by side, each with threads of its own; spinning ones would starve the others.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
ctest --preset "$preset" --parallel "$jobs" --no-tests=error
