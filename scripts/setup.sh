#!/usr/bin/env bash
# Installs the distribution's packages that the build, the tests and the format check need.
# Says so and stops if all are there, without root and without network.
#   scripts/setup.sh
set -euo pipefail

# The same names in Debian 12, Ubuntu 22.04 and Ubuntu 24.04 (there some are in "universe").
packages=(
    cmake ninja-build g++
    libdnnl-dev            # oneDNN: convolutions on the processor
    libfmt-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev
    libstb-dev             # stb_image: reads and writes pictures
    libeigen3-dev          # eigenvalues, for the statistics of sg_eval
    libboost-context-dev   # fibers of the simulated device
    catch2 clang-format
    python3                # checks the reports of sg_eval; runs scripts/*.py
    python3-jsonschema     # checks the report of gpu_check.sh
)

installed() {
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# Not grep -q: it would leave early, and apt-cache would fail for the closed pipe.
available() {
    LC_ALL=C apt-cache policy "$1" | grep '^ *Candidate: [^(]' >/dev/null
}

die() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

system=unknown name="this system"
if [[ -r /etc/os-release ]]; then
    # shellcheck source=/dev/null
    system=$(. /etc/os-release && echo "${ID:-unknown} ${VERSION_ID:-}")
    # shellcheck source=/dev/null
    name=$(. /etc/os-release && echo "${PRETTY_NAME:-this system}")
fi
case "$system" in
    "debian 12" | "ubuntu 22.04" | "ubuntu 24.04") ;;
    *) echo "setup: warning: $name is untested; using the package names of Debian 12" >&2 ;;
esac
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    die "no dpkg and apt-get here; install what corresponds to: ${packages[*]}"
fi

missing=()
for package in "${packages[@]}"; do
    installed "$package" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    echo "setup: all ${#packages[@]} packages are installed"
    exit 0
fi

install=(apt-get install --yes --no-install-recommends)
as_root=(env DEBIAN_FRONTEND=noninteractive)
if ((EUID != 0)); then
    # sudo may ask for a password only where somebody can answer.
    if ! command -v sudo >/dev/null || { [[ ! -t 0 ]] && ! sudo -n true 2>/dev/null; }; then
        die "packages are missing and this is not root. Run as root:" \
            "  apt-get update && ${install[*]} ${missing[*]}"
    fi
    as_root=(sudo "${as_root[@]}")
fi

echo "setup: installing ${missing[*]}"
updated=true
"${as_root[@]}" apt-get update || updated=false

known=() unknown=()
for package in "${missing[@]}"; do
    if available "$package"; then known+=("$package"); else unknown+=("$package"); fi
done
if ((${#unknown[@]} > 0)); then
    $updated || die "apt-get update failed (see above) and apt does not know: ${unknown[*]}"
    by_hand="build it from source, then: cmake --preset release -DCMAKE_PREFIX_PATH=<where>"
    [[ $system != ubuntu* ]] || by_hand="add-apt-repository universe; if that has none, $by_hand"
    die "$name offers no package: ${unknown[*]}" \
        "  what apt knows: apt-cache policy ${unknown[*]}" \
        "  by hand:        $by_hand" \
        "  the others:     ${install[*]} ${known[*]:-(there are none)}"
fi
"${as_root[@]}" "${install[@]}" "${missing[@]}"
echo "setup: done"
