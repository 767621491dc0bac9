# Tests check_layers.cmake on small trees:  cmake -DSG_WORK=dir -P tests/check_layers_test.cmake
cmake_minimum_required(VERSION 3.22)

if(NOT SG_WORK)
    message(FATAL_ERROR "SG_WORK, a folder to write to, is not set")
endif()
set(failures 0)

# A tree with one file `path` that holds `content` must pass (expected is "") or fail with a message
# that contains every string of expected.
function(expect path content expected)
    file(REMOVE_RECURSE ${SG_WORK})
    file(WRITE ${SG_WORK}/${path} "${content}")
    execute_process(
        COMMAND ${CMAKE_COMMAND} -DSG_ROOT=${SG_WORK} -P ${CMAKE_CURRENT_LIST_DIR}/check_layers.cmake
        RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
    string(REGEX REPLACE "[ \n]+" " " output "${output}")
    set(wrong "")
    if(expected STREQUAL "" AND NOT code EQUAL 0)
        set(wrong "should have passed")
    elseif(NOT expected STREQUAL "" AND code EQUAL 0)
        set(wrong "should have failed")
    endif()
    foreach(part IN LISTS expected)
        string(FIND "${output}" "${part}" position)
        if(position EQUAL -1)
            string(APPEND wrong " lacks '${part}'")
        endif()
    endforeach()
    if(wrong)
        math(EXPR failures "${failures} + 1")
        set(failures ${failures} PARENT_SCOPE)
        message(NOTICE "${path}: ${wrong}\n  content: ${content}\n  output:  ${output}")
    endif()
endfunction()

# Rule 1: upward.
expect(kernels/conv/conv.h "#pragma once\n\n#include \"engine/tensor.h\"\n"
       "kernels/conv/conv.h:3:;kernels must not include from engine")
expect(engine/ops.cpp "#include <model/config.h>" "engine/ops.cpp:1:;engine must not include from model")
expect(model/a.cpp "  #  include \"../train/data/loader.h\"" "model/a.cpp:1:;from train")
expect(train/a.cpp "// [a;b] \\\n#include \"tools/tool.h\"" "train/a.cpp:2:;from tools")
expect(tools/a.cpp "#include \"tests/catch.h\"" "tools/a.cpp:1:;from tests")
expect(engine/a.cu "#include \"benchmarks/x.h\"" "engine/a.cu:1:;from benchmarks")
expect(kernels/a.cuh "#include \"model/x.h\"" "kernels/a.cuh:1:;from model")
# Rule 1: sideways and downward.
expect(kernels/conv/conv.cpp "#include \"kernels/common/error.h\"\n#include <vector>\n" "")
expect(engine/a.h "#include \"arena.h\"\n#include \"../kernels/common/error.h\"\n" "")
expect(train/data/a.cpp "#include \"../../model/config.h\"\n#include \"engine/ops.h\"\n" "")
expect(tools/sg_bench.cpp "#include \"benchmarks/step_benchmark.h\"\n" "")
expect(tests/a.cpp "#include \"tools/tool.h\"\n#include \"benchmarks/x.h\"\n" "")
expect(engine/b.h "#include <vector>\n// #include \"train/parity.h\"\n" "")
# Rule 2.
expect(engine/a.h "#include <cuda_runtime.h>" "engine/a.h:1:;above kernels only .cu")
expect(train/a.cpp "\n\n\n#include \"cudnn.h\"" "train/a.cpp:4:;above kernels only .cu")
expect(tests/a.cpp "#include <thrust/sort.h>" "tests/a.cpp:1:;above kernels only .cu")
expect(kernels/common/stream.h "#include <cuda_runtime.h>" "")
expect(engine/a.cu "#include <cuda_runtime.h>" "")
# A check that looks at nothing must not pass.
expect(elsewhere/a.cpp "#include <vector>" "no #include found")

file(REMOVE_RECURSE ${SG_WORK})
if(failures GREATER 0)
    message(FATAL_ERROR "check_layers.cmake: ${failures} cases went wrong")
endif()
