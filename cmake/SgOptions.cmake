# Build options and the compiler flags that every target gets through sg_options.

option(SG_TESTS "Build the tests" ON)
option(SG_NATIVE "Use every instruction of the machine that compiles (not portable)" ON)
option(SG_ONEDNN "Convolve on the processor by oneDNN; OFF: by our own loops, which are slower" ON)
option(SG_WERROR "Treat warnings as errors" ON)
option(SG_STANDALONE "One program that is every tool and the tests, and needs the C library alone" OFF)
set(SG_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined")
set(SG_CUDA AUTO CACHE STRING "Kernels for GPUs: AUTO (if a CUDA toolkit is found), ON or OFF")
set_property(CACHE SG_CUDA PROPERTY STRINGS AUTO ON OFF)

if(NOT SG_CUDA MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "SG_CUDA is '${SG_CUDA}', expected AUTO, ON or OFF")
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O3")

add_library(sg_options INTERFACE)
target_compile_features(sg_options INTERFACE cxx_std_20)
target_include_directories(sg_options INTERFACE ${CMAKE_SOURCE_DIR})
# -fno-math-errno: sqrt becomes one instruction, so loops around it vectorise.
target_compile_options(sg_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -fno-math-errno>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 and 13 warn wrongly inside std::string and fmt once they are inlined (GCC bug 105651).
    target_compile_options(sg_options INTERFACE
        $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict -Wno-stringop-overflow -Wno-psabi>)
endif()
set_target_properties(sg_options PROPERTIES INTERFACE_POSITION_INDEPENDENT_CODE ON)
if(SG_WERROR)
    target_compile_options(sg_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>
        $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
endif()
if(SG_NATIVE)
    target_compile_options(sg_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
if(SG_SANITIZE)
    target_compile_options(sg_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:
        -fsanitize=${SG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer>)
    target_link_options(sg_options INTERFACE -fsanitize=${SG_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # By GCC's manual sanitizers make it warn wrongly more often, of this above all: GCC 12 does
        # inside std::regex.
        target_compile_options(sg_options INTERFACE
            $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
    endif()
endif()
