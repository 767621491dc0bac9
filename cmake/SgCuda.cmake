# The CUDA toolkit, if wanted and there: sets SG_CUDA_ENABLED. No GPU is needed to build.

option(SG_CUDA_LINEINFO "Tell profilers which source line an instruction comes from" ON)
set(SG_CUDA_ARCHITECTURES "" CACHE STRING
    "Architectures, e.g. 80;86. Empty: this machine's GPU, or 90a without one. release: all")

set(SG_CUDA_ENABLED OFF)
if(NOT SG_CUDA STREQUAL "OFF")
    find_program(SG_NVCC nvcc HINTS ENV CUDACXX ENV CUDA_PATH PATHS /usr/local/cuda
                 PATH_SUFFIXES bin)
    if(SG_NVCC)
        set(SG_CUDA_ENABLED ON)
    elseif(SG_CUDA STREQUAL "ON")
        message(FATAL_ERROR "SG_CUDA=ON, but nvcc was not found.\n"
            "   Install the CUDA Toolkit (12.8 or newer), or point to it:\n"
            "   cmake --preset release -DCMAKE_CUDA_COMPILER=/path/to/nvcc")
    endif()
endif()

if(SG_CUDA_ENABLED)
    if(NOT CMAKE_CUDA_COMPILER)
        set(CMAKE_CUDA_COMPILER ${SG_NVCC})
    endif()
    set(architectures ${SG_CUDA_ARCHITECTURES})
    if(architectures STREQUAL "release")
        # Ampere, Ada, Hopper (with its own instructions), both Blackwells, and PTX for later ones.
        set(architectures 80-real 86-real 89-real 90a-real 100-real 120)
    elseif(NOT architectures AND EXISTS /proc/driver/nvidia/version)
        set(architectures native)
    elseif(NOT architectures)
        set(architectures 90a-real)
    endif()
    set(CMAKE_CUDA_ARCHITECTURES ${architectures})
    enable_language(CUDA)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.8)
        message(FATAL_ERROR "CUDA ${CMAKE_CUDA_COMPILER_VERSION} is too old: 12.8 or newer is needed "
            "(C++20 and sm_120). Without a GPU: -DSG_CUDA=OFF")
    endif()
    find_package(CUDAToolkit REQUIRED)
    # A kernel that spills registers does not build.
    set(SG_PTXAS_FLAGS -Xptxas=-warn-spills,-Werror)
    add_library(sg_cuda_options INTERFACE)
    target_compile_options(sg_cuda_options INTERFACE
        $<$<COMPILE_LANGUAGE:CUDA>:
            -std=c++20                   # CMake 3.25 does not know that nvcc can
            --expt-relaxed-constexpr
            -DFMT_USE_CONSTEXPR=1        # fmt 9 gives up its constexpr under nvcc, but not its consteval
            ${SG_PTXAS_FLAGS}
            # Small; and fmt's sources, which are headers there, have a long double for the host.
            $<$<BOOL:${SG_STANDALONE}>:--compress-mode=size;-diag-suppress=20208>
            -Xcompiler=-fopenmp,-Wall,-Wextra
            $<$<BOOL:${SG_CUDA_LINEINFO}>:-lineinfo>>)
    message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}")
else()
    message(STATUS "CUDA: not built (SG_CUDA=${SG_CUDA})")
endif()

# cuDNN's headers, if there: sets SG_CUDNN_ENABLED. The library itself is looked for when a program
# runs (kernels/cuda/shared_library.h).
set(SG_CUDNN_ENABLED OFF)
if(SG_CUDA_ENABLED)
    set(oldest 9.11)  # kernels/cudnn/library.h
    find_path(SG_CUDNN_INCLUDE cudnn_graph.h HINTS ${CUDAToolkit_INCLUDE_DIRS}
              DOC "Folder of cudnn_graph.h, e.g. .../site-packages/nvidia/cudnn/include")
    set(version "")
    if(EXISTS "${SG_CUDNN_INCLUDE}/cudnn_graph.h" AND EXISTS "${SG_CUDNN_INCLUDE}/cudnn_version.h")
        foreach(part MAJOR MINOR PATCHLEVEL)
            file(STRINGS "${SG_CUDNN_INCLUDE}/cudnn_version.h" line
                 REGEX "#define CUDNN_${part} +[0-9]")
            string(REGEX REPLACE ".*CUDNN_${part} +([0-9]+).*" "\\1" ${part} "${line}")
        endforeach()
        set(version ${MAJOR}.${MINOR}.${PATCHLEVEL})
    endif()
    if(version VERSION_GREATER_EQUAL oldest)
        set(SG_CUDNN_ENABLED ON)
        message(STATUS "cuDNN ${version} (headers)")
    else()
        if(NOT version)
            set(version "no headers found")
        endif()
        message(STATUS "cuDNN: not built (${version}; ${oldest} or newer is needed). For it:\n"
            "   apt install libcudnn9-dev-cuda-13     or\n"
            "   pip install nvidia-cudnn-cu13 and\n"
            "   cmake ... -DSG_CUDNN_INCLUDE=.../site-packages/nvidia/cudnn/include")
    endif()
endif()
