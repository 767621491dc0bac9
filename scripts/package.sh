#!/usr/bin/env bash
# Builds dist/stargan.cu-VERSION-linux-x86_64/: everything that a machine with a GPU needs to train,
# test and measure, without this project's build dependencies.
#   scripts/package.sh [--arch LIST] [--jobs N]
# LIST: GPU architectures, e.g. 90a or "80 90a"; default: all, see cmake/SgCuda.cmake. Without a CUDA
# toolkit the package is for processors alone. At run time it needs glibc and a processor with AVX2,
# for a GPU its driver, and uses cuDNN and cuBLAS where it finds them (docs/gpu.md).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
    printf 'package: %s\n' "$@" >&2
    exit 2
}

architectures=release jobs=$(nproc)
while (($# > 0)); do
    case $1 in
        --arch) architectures=${2:?--arch needs a list, e.g. 90a} && shift ;;
        --jobs) jobs=${2:?--jobs needs a number} && shift ;;
        -h | --help)
            sed -n '2,7s/^# *//p' scripts/package.sh
            exit 0
            ;;
        *) die "unknown argument '$1' (--help tells)" ;;
    esac
    shift
done
if [[ $architectures != release ]]; then
    list=""
    for a in $architectures; do
        [[ $a =~ ^[0-9]+[af]?$ ]] || die "--arch $a: expected a compute capability like 80 or 90a"
        list+="${list:+;}$a-real"
    done
    architectures=$list
fi

build=build/package
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DSG_STANDALONE=ON -DSG_ONEDNN=OFF \
    -DSG_NATIVE=OFF -DCMAKE_CXX_FLAGS=-march=x86-64-v3 \
    -DCMAKE_EXE_LINKER_FLAGS="-Wl,-z,x86-64-v3 -s" -DSG_CUDA_LINEINFO=OFF \
    -DSG_CUDA_ARCHITECTURES="$architectures"
cmake --build $build --parallel "$jobs"

version=$(sed -n 's/^project(stargan VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=stargan.cu-$version-linux-x86_64
package=dist/$name
rm -rf "$package"
mkdir -p "$package"/{bin,licenses,share/tests/tools}
cp -P $build/bin/stargan $build/bin/sg_* "$package/bin/"
cp -r tests/data "$package/share/tests/"
cp tests/tools/*.sh "$package/share/tests/tools/"
cp $build/tests/names.txt "$package/share/tests/"
if [[ -e $build/tests/libsg_stub_driver.so ]]; then
    cp $build/tests/libsg_stub_driver.so "$package/share/tests/"
fi
mkdir "$package/share/peers"
cp benchmarks/peers/*.py "$package/share/peers/"
cp scripts/demo.toml "$package/share/"
cp benchmarks/gpu_check.schema.json "$package/share/"
cp scripts/gpu_check.sh "$package/"

# compiler LANGUAGE FACT: what CMake found.
compiler() {
    sed -n "s/^set(CMAKE_$1_COMPILER_$2 \"\(.*\)\")/\1/p" $build/CMakeFiles/*/"CMake$1Compiler.cmake"
}

# Facts of the build: a name and its value per line.
{
    echo "version $version"
    echo "commit $(git rev-parse HEAD 2>/dev/null || echo unknown)$(git diff --quiet HEAD 2>/dev/null || echo " and changes")"
    echo "glibc $(objdump -T "$package/bin/stargan" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -n 1)"
    echo "instructions x86-64-v3"
    echo "compiler $(compiler CXX ID) $(compiler CXX VERSION)"
    if [[ $("$package/bin/sg_info") == *"CUDA       kernels for"* ]]; then
        echo "CUDA $(compiler CUDA VERSION)"
        echo "architectures $architectures"
    fi
} >"$package/share/build.txt"

# What is linked in, and under which licence.
license() {
    local file
    for file in "/usr/share/doc/$2/copyright" "/usr/share/doc/$3/copyright"; do
        if [[ -e $file ]]; then
            cp "$file" "$package/licenses/$1.txt"
            return
        fi
    done
    echo "package: warning: no licence text of $1 found under /usr/share/doc/{$2,$3}" >&2
}
license fmt libfmt-dev libfmt9
license cli11 libcli11-dev libcli11
license tomlplusplus libtomlplusplus-dev libtomlplusplus3
license nlohmann-json nlohmann-json3-dev nlohmann-json
license stb libstb-dev libstb0
license eigen libeigen3-dev libeigen3
license boost-context libboost-context-dev "libboost-context$(dpkg-query -W -f='${Version}' libboost-context-dev 2>/dev/null | cut -d. -f1,2)-dev"
license catch2 catch2 catch2
license gcc-runtime "libstdc++-$(gcc -dumpversion)-dev" gcc-12-base
cat >"$package/licenses/README.txt" <<TEXT
bin/stargan contains, linked in: fmt, CLI11, toml++, nlohmann-json, stb_image, Eigen, Boost.Context,
Catch2, GCC's runtime libraries (libstdc++, libgcc and libgomp, under the GCC Runtime Library
Exception), and NVIDIA's CUDA runtime (libcudart_static, redistributable under attachment A of the
CUDA EULA, https://docs.nvidia.com/cuda/eula/). Their licences are in the files beside this one.
cuDNN and cuBLAS are not contained: they are opened at run time where the machine has them.
TEXT
cat >"$package/README.md" <<TEXT
# stargan.cu $version for Linux on x86-64

\`\`\`sh
bin/sg_info                   # what this is, and what it found on this machine
bin/sg_train --help           # trains; --device auto takes a GPU if there is one
./gpu_check.sh                # checks and measures everything on this machine's GPU
\`\`\`

Needs $(sed -n 's/^glibc /glibc /p' "$package/share/build.txt") or newer and a processor with AVX2
(x86-64-v3). A GPU needs its driver. cuDNN 9 and cuBLAS are used if they are found: in
LD_LIBRARY_PATH, in the CUDA toolkit, or in Python's site-packages (nvidia/*/lib).
\`share/build.txt\` says from which commit and for which GPUs this was built, \`licenses/\` what is
linked in. On a processor this package convolves by its own loops, which are slower than the oneDNN
of a build from source.
TEXT

bytes=$(du -sb "$package" | cut -f1)
echo "package: $package, $(awk -v b="$bytes" 'BEGIN {printf "%.1f", b / 1048576}') MiB, needs glibc $(sed -n 's/^glibc //p' "$package/share/build.txt")"
limit=$((45 * 1048576))
((bytes <= limit)) || die "that is more than 45 MiB; --arch builds for fewer GPUs"
