# Writes FILE with the commit that SOURCE is at, for programs that say what they were built from;
# only if it has changed, so that nothing is compiled again without need. Run at every build.
#   cmake -DSOURCE=DIR -DFILE=FILE -P write_commit.cmake
cmake_minimum_required(VERSION 3.20)
set(commit "")
set(modified false)
find_program(GIT git)
if(GIT AND EXISTS "${SOURCE}/.git")
    execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse --short=12 HEAD
        OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${GIT} -C ${SOURCE} status --porcelain --untracked-files=no
        OUTPUT_VARIABLE changes OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(changes)
        set(modified true)
    endif()
endif()
file(CONFIGURE OUTPUT "${FILE}" @ONLY CONTENT
"// Written by cmake/write_commit.cmake.
#define SG_COMMIT \"@commit@\"
#define SG_MODIFIED @modified@
")
