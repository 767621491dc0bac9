# Finds the distribution's packages. Nothing is downloaded; a missing package is one clear message
# that names it.

function(sg_missing what package)
    message(FATAL_ERROR "${what} was not found.\n"
        "   Install it:      sudo apt-get install ${package}\n"
        "   Or everything:   scripts/setup.sh")
endfunction()

find_package(OpenMP QUIET COMPONENTS CXX)
if(NOT OpenMP_CXX_FOUND)
    sg_missing("OpenMP" "g++")
endif()

add_library(sg_openmp INTERFACE)
if(SG_STANDALONE)
    target_compile_options(sg_openmp INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${OpenMP_CXX_FLAGS}>)
    target_link_libraries(sg_openmp INTERFACE -l:libgomp.a)
else()
    target_link_libraries(sg_openmp INTERFACE OpenMP::OpenMP_CXX)
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

find_package(fmt QUIET)
if(NOT fmt_FOUND)
    sg_missing("fmt" "libfmt-dev")
endif()
add_library(sg_fmt INTERFACE)
target_link_libraries(sg_fmt INTERFACE $<IF:$<BOOL:${SG_STANDALONE}>,fmt::fmt-header-only,fmt::fmt>)

find_package(nlohmann_json QUIET)
if(NOT nlohmann_json_FOUND)
    sg_missing("nlohmann-json" "nlohmann-json3-dev")
endif()

find_package(CLI11 QUIET)
if(NOT CLI11_FOUND)
    sg_missing("CLI11" "libcli11-dev")
endif()

find_package(tomlplusplus QUIET)
if(NOT tomlplusplus_FOUND OR SG_STANDALONE)  # standalone: its headers alone
    find_path(SG_TOML_INCLUDE toml++/toml.h)
    if(NOT SG_TOML_INCLUDE)
        sg_missing("toml++" "libtomlplusplus-dev")
    endif()
    add_library(sg_toml INTERFACE)
    target_include_directories(sg_toml SYSTEM INTERFACE ${SG_TOML_INCLUDE})
else()
    add_library(sg_toml ALIAS tomlplusplus::tomlplusplus)
endif()

if(SG_ONEDNN)
    # oneDNN calls itself "dnnl" up to 2.x as Debian packages it; 3.x installs both names.
    find_path(SG_ONEDNN_INCLUDE dnnl.hpp PATH_SUFFIXES oneapi/dnnl)
    find_library(SG_ONEDNN_LIBRARY dnnl)
    if(NOT SG_ONEDNN_INCLUDE OR NOT SG_ONEDNN_LIBRARY)
        sg_missing("oneDNN" "libdnnl-dev")
    endif()
    add_library(sg_onednn INTERFACE)
    target_include_directories(sg_onednn SYSTEM INTERFACE ${SG_ONEDNN_INCLUDE})
    target_link_libraries(sg_onednn INTERFACE ${SG_ONEDNN_LIBRARY})
endif()

find_path(SG_BOOST_CONTEXT_INCLUDE boost/context/detail/fcontext.hpp)
if(SG_STANDALONE)
    find_library(SG_BOOST_CONTEXT_LIBRARY libboost_context.a)
else()
    find_library(SG_BOOST_CONTEXT_LIBRARY boost_context)
endif()
if(NOT SG_BOOST_CONTEXT_INCLUDE OR NOT SG_BOOST_CONTEXT_LIBRARY)
    sg_missing("Boost.Context" "libboost-context-dev")
endif()
add_library(sg_boost_context INTERFACE)
target_include_directories(sg_boost_context SYSTEM INTERFACE ${SG_BOOST_CONTEXT_INCLUDE})
target_link_libraries(sg_boost_context INTERFACE ${SG_BOOST_CONTEXT_LIBRARY})

find_path(SG_STB_INCLUDE stb/stb_image.h)
if(NOT SG_STB_INCLUDE)
    sg_missing("stb_image" "libstb-dev")
endif()
add_library(sg_stb INTERFACE)
target_include_directories(sg_stb SYSTEM INTERFACE ${SG_STB_INCLUDE})

find_path(SG_EIGEN_INCLUDE Eigen/SVD PATH_SUFFIXES eigen3)
if(NOT SG_EIGEN_INCLUDE)
    sg_missing("Eigen" "libeigen3-dev")
endif()
add_library(sg_eigen INTERFACE)
target_include_directories(sg_eigen SYSTEM INTERFACE ${SG_EIGEN_INCLUDE})
# Its parts under the Mozilla Public License only, and no threads of its own. No vector instructions:
# its matrices are small here, and GCC 12 warns of its own _mm512_undefined_pd, which Eigen uses.
target_compile_definitions(sg_eigen INTERFACE EIGEN_MPL2_ONLY EIGEN_DONT_PARALLELIZE
    EIGEN_DONT_VECTORIZE)

if(SG_TESTS)
    find_package(Catch2 QUIET)
    if(NOT Catch2_FOUND)
        sg_missing("Catch2" "catch2")
    endif()
endif()
