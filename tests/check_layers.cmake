# Checks the direction of #includes:  cmake [-DSG_ROOT=dir] -P tests/check_layers.cmake
#   1. A file includes only from its own layer and those before it:
#        kernels <- engine <- model <- train <- tools, benchmarks <- tests
#      (tools and benchmarks may use each other; design: "tests and benchmarks see all").
#   2. Above kernels only .cu and .cuh files include CUDA headers.
cmake_minimum_required(VERSION 3.22)

if(NOT SG_ROOT)
    get_filename_component(SG_ROOT ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
endif()

set(layers kernels engine model train tools benchmarks tests)
set(rank_kernels 0)
set(rank_engine 1)
set(rank_model 2)
set(rank_train 3)
set(rank_tools 4)
set(rank_benchmarks 4)
set(rank_tests 5)
set(cuda_headers "^(cuda|cudnn|cublas|curand|cusolver|cusparse|cufft|nvrtc|nvml|nccl|cub/|thrust/\
|cutlass/|cute/|nvtx3/|nvToolsExt|cooperative_groups|mma\\.h|device_launch_parameters|driver_types\
|vector_types|vector_functions|texture_types|surface_types)")

set(violations "")
set(include_count 0)

# Layer of the file that `#include "name"` in `file` means; "" if it is none of ours.
function(layer_of_include file name result)
    if(name MATCHES "^\\.")
        get_filename_component(folder ${SG_ROOT}/${file} DIRECTORY)
        get_filename_component(target ${folder}/${name} ABSOLUTE)
        file(RELATIVE_PATH name ${SG_ROOT} ${target})
    endif()
    string(REGEX MATCH "^[^/]+" first ${name})
    if(NOT name MATCHES "/" OR NOT first IN_LIST layers)
        set(first "")
    endif()
    set(${result} "${first}" PARENT_SCOPE)
endfunction()

function(check_include layer file line name)
    layer_of_include(${file} ${name} target)
    set(rule "")
    if(target AND rank_${target} GREATER rank_${layer})
        set(rule "${layer} must not include from ${target}: kernels <- engine <- model <- train <- tools")
    elseif(name MATCHES "${cuda_headers}" AND NOT layer STREQUAL "kernels"
           AND NOT file MATCHES "\\.cuh?$")
        set(rule "above kernels only .cu and .cuh files include CUDA headers")
    endif()
    if(rule)
        list(APPEND violations "${file}:${line}: #include of ${name}: ${rule}")
        set(violations "${violations}" PARENT_SCOPE)
    endif()
endfunction()

foreach(layer IN LISTS layers)
    file(GLOB_RECURSE files RELATIVE ${SG_ROOT}
         ${SG_ROOT}/${layer}/*.h ${SG_ROOT}/${layer}/*.cpp
         ${SG_ROOT}/${layer}/*.cu ${SG_ROOT}/${layer}/*.cuh)
    foreach(file IN LISTS files)
        file(READ ${SG_ROOT}/${file} text)
        string(REGEX REPLACE "[][;\\]" " " text "${text}")  # what a CMake list gives a meaning to
        string(REPLACE "\n" ";" text "${text}")
        set(line 0)
        foreach(content IN LISTS text)
            math(EXPR line "${line} + 1")
            if(content MATCHES "^[ \t]*#[ \t]*include[ \t]*[<\"]([^>\"]+)[>\"]")
                math(EXPR include_count "${include_count} + 1")
                check_include(${layer} "${file}" ${line} "${CMAKE_MATCH_1}")
            endif()
        endforeach()
    endforeach()
endforeach()

if(include_count EQUAL 0)
    message(FATAL_ERROR "no #include found under ${SG_ROOT}: is it the project's root?")
endif()
if(violations)
    list(JOIN violations "\n" report)
    message(NOTICE "${report}")
    list(LENGTH violations count)
    message(FATAL_ERROR "${count} of ${include_count} #includes break the layers (rules: ${CMAKE_CURRENT_LIST_FILE})")
endif()
message(STATUS "layers: ${include_count} #includes point the right way")
