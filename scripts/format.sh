#!/usr/bin/env bash
# Formats the sources in place; with --check only shows what would change, and fails if anything.
#   scripts/format.sh [--check]      CLANG_FORMAT=clang-format-14 chooses the program
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=${CLANG_FORMAT:-clang-format}
check=false
case "${1:-}" in
    "") ;;
    --check) check=true ;;
    *)
        sed -n '2,3s/^# *//p' scripts/format.sh >&2
        exit 2
        ;;
esac
command -v "$program" >/dev/null || {
    echo "format: $program was not found; scripts/setup.sh installs it" >&2
    exit 1
}

folders=()
for folder in kernels engine model train tools tests benchmarks; do
    [[ ! -d $folder ]] || folders+=("$folder")
done
mapfile -d '' files < <(find "${folders[@]}" -type f \
    \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -print0 | sort -z)

if ! $check; then
    "$program" -i --style=file "${files[@]}"
    echo "format: ${#files[@]} files"
    exit 0
fi

bad=()
for file in "${files[@]}"; do
    "$program" --style=file "$file" |
        diff -u --label "$file" --label "$file, formatted" "$file" - || bad+=("$file")
done
if ((${#bad[@]} > 0)); then
    printf 'format: %s\n' "${bad[@]}" \
        "${#bad[@]} of ${#files[@]} files are not formatted; run scripts/format.sh" \
        "($("$program" --version))" >&2
    exit 1
fi
echo "format: ${#files[@]} files are formatted"
