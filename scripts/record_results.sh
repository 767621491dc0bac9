#!/usr/bin/env bash
# Files a run of gpu_check.sh under benchmarks/results/GPU/COMMIT/ and writes docs/gpu_status.md anew.
#   scripts/record_results.sh OUT
# OUT is the folder that gpu_check.sh wrote. COMMIT, from which its package was built, must be in
# this repository, because it says from then on whether a result is still about the same sources.
set -euo pipefail
root=${SG_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() {
    printf 'record_results: %s\n' "$@" >&2
    exit 1
}
[[ $# == 1 && $1 != -h && $1 != --help ]] || {
    sed -n '2,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}
out=$1
[[ -s $out/check.json ]] || die "$out/check.json is not there; $out is not what gpu_check.sh wrote"

fact() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["facts"].get(sys.argv[2], ""))' \
        "$out/check.json" "$1"
}
gpu=$(fact "nvidia-smi name")
[[ -n $gpu ]] || gpu=$(fact GPU | sed -n 's/^cuda (\([^,]*\),.*/\1/p')
commit=$(fact "build commit")
[[ -n $gpu ]] || die "$out/check.json is of a run without a GPU: there is nothing to record"
[[ $commit != *" and changes" ]] ||
    die "the package was built from $commit, which no commit has: commit, build and check again"
full=$(git -C "$root" rev-parse --verify --quiet "$commit^{commit}") ||
    die "commit '$commit', from which the package was built, is not in this repository"

name=$(tr '[:upper:] ' '[:lower:]-' <<<"$gpu" | tr -cd 'a-z0-9-')
folder=$root/benchmarks/results/$name/${full:0:12}
mkdir -p "$folder"
limit=$((2 * 1024 * 1024))
for file in check.json table.md samples.png training.html log.txt; do
    [[ -e $out/$file ]] || continue
    if (($(stat -c %s "$out/$file") <= limit)); then
        cp "$out/$file" "$folder/"
    else
        echo "record_results: $out/$file is larger than 2 MB and stays out" >&2
    fi
done
python3 "$tools/gpu_status.py" --root "$root" --record "$full" "$folder"
python3 "$tools/gpu_status.py" --root "$root"
if [[ -e $root/benchmarks/performance.md.in ]]; then
    python3 "$tools/performance.py" --root "$root"
fi
echo "recorded: $folder; docs/gpu_status.md is written anew"
