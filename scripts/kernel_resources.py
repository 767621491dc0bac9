#!/usr/bin/env python3
"""What the assembler gives each kernel of a .cu file: registers, spills, static shared memory.

usage: scripts/kernel_resources.py [--arch 90a] FILE.cu...

For the matrix products in kernels/conv, whose template arguments say everything, also threads,
dynamic shared memory and how many blocks an H200's processor holds (65536 registers, 227 KB).
Needs nvcc and c++filt; no GPU.
"""
import argparse
import os
import re
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FLAGS = ["-std=c++20", "--expt-relaxed-constexpr", "-DFMT_USE_CONSTEXPR=1", "-Xptxas=-v"]
REGISTERS, SHARED = 65536, 227 * 1024


def assemble(nvcc, arch, source):
    """ptxas' report on `source`, as [(kernel, registers, spilled bytes, static shared bytes)]."""
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, *FLAGS, f"-gencode=arch=compute_{arch},code=sm_{arch}", f"-I{ROOT}",
                   "--cubin", source, "-o", os.path.join(folder, "out.cubin")]
        report = subprocess.run(command, check=True, stderr=subprocess.STDOUT,
                                stdout=subprocess.PIPE, text=True).stdout
    pattern = (r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores, (\d+) bytes spill "
               r"loads.*?Used (\d+) registers([^\n]*)")
    for name, stores, loads, registers, rest in re.findall(pattern, report, re.S):
        shared = re.search(r"(\d+) bytes smem", rest)
        plain = subprocess.run(["c++filt", name], capture_output=True, text=True).stdout
        yield (plain, int(registers), int(stores) + int(loads), int(shared[1]) if shared else 0)


def short_name(kernel):
    name = re.sub(r"\(anonymous namespace\)::|sg::|\(int\)", "", kernel.strip())
    name = re.sub(r"\(Contiguous\)(\d)", lambda m: ["depth", "side"][int(m[1])], name)
    name = re.sub(r"^void ", "", re.sub(r"\)?\(.*$", "", name))
    return name.replace("GemmConfig<", "").replace(" >", ">")


def wgmma_facts(columns):
    """(version, threads, dynamic shared bytes) of a WgmmaConfig's kernel."""
    m, k, stages, alignment, barriers = 128, 64, 4, 1024, 2 * 8
    shared = alignment + stages * ((m + columns) * k * 2 + barriers)
    return f"bf16 {m}x{columns}x{k}", 128 + 256, shared


def product_facts(kernel):
    """(version, threads, dynamic shared bytes) of a matrix product's kernel, or None."""
    kernel = re.sub(r"\(int\)|sg::", "", kernel)
    if wgmma := re.search(r"WgmmaConfig<(\d+),", kernel):
        return wgmma_facts(int(wgmma[1]))
    found = re.search(r"GemmConfig<(\w+)Math<([^>]*)>, (\d+), (\d+),", kernel)
    if not found:
        return None
    kind, arguments, stages, vector = found[1], found[2].split(", "), int(found[3]), int(found[4])
    if kind == "Simt":
        m, n, k, rows, columns = map(int, arguments)
        side = found.string[found.end():].split(",")[2].strip().startswith("(Contiguous)1")
        wanted = 16 if side else columns  # SimtMath::pitch
        name, element, threads, pitch = "f32", 4, rows * columns, n + (wanted + 32 - n % 32) % 32
    else:
        m, n, k, rows, columns = map(int, arguments[1:])
        element = 2 if arguments[0] == "bf16" else 4
        name, threads, pitch = "bf16" if element == 2 else "tf32", 32 * rows * columns, n + 8
    shared = max(stages * (m + n) * k * element, m * pitch * 4)
    version = f"{name} {m}x{n}x{k}" + (" by element" if vector == 1 else "")
    return version, threads, shared


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--arch", default="90a")
    parser.add_argument("--nvcc", default=os.environ.get("CUDACXX", "/usr/local/cuda/bin/nvcc"))
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    print("| kernel | version | threads | registers | spilled | shared KB | blocks |")
    print("|---|---|---|---|---|---|---|")
    for source in options.files:
        for kernel, registers, spilled, static in assemble(options.nvcc, options.arch, source):
            facts = product_facts(kernel)
            if not facts:
                print(f"| {short_name(kernel)} | | | {registers} | {spilled} | "
                      f"{static / 1024:.1f} | |")
                continue
            version, threads, shared = facts
            rounded = -(-registers // 8) * 8  # registers are given out by eights
            blocks = min(REGISTERS // (rounded * threads), SHARED // (shared + 1024))
            print(f"| {short_name(kernel).split('<')[0]} | {version} | {threads} | {registers} | "
                  f"{spilled} | {(shared + static) / 1024:.0f} | {blocks} |")


if __name__ == "__main__":
    main()
