# SG_STANDALONE: one program, bin/stargan, that acts as the tool whose name it is called by. The
# kernels are in it once, where each tool for itself would hold them all.
set(SG_PROGRAMS ${SG_TOOLS})
if(SG_TESTS)
    list(APPEND SG_PROGRAMS sg_tests)
endif()

add_executable(stargan tools/stargan.cpp)
set(declarations "")
set(entries "")
foreach(program ${SG_PROGRAMS})
    string(APPEND declarations "int ${program}_main(int, char**);\n")
    string(APPEND entries "{\"${program}\", ${program}_main},\n")
endforeach()
foreach(tool ${SG_TOOLS})
    target_sources(stargan PRIVATE tools/${tool}.cpp)
    set_property(SOURCE tools/${tool}.cpp APPEND PROPERTY COMPILE_DEFINITIONS main=${tool}_main)
endforeach()
file(CONFIGURE OUTPUT stargan/programs.inc CONTENT "${declarations}
constexpr Program programs[] = {
${entries}};
")
set_property(SOURCE tools/stargan.cpp APPEND PROPERTY
             INCLUDE_DIRECTORIES ${CMAKE_BINARY_DIR}/stargan)
target_link_libraries(stargan PRIVATE sg_bench_commands)
target_link_options(stargan PRIVATE -static-libgcc -static-libstdc++)
foreach(program ${SG_PROGRAMS})
    add_custom_command(TARGET stargan POST_BUILD
        COMMAND ${CMAKE_COMMAND} -E create_symlink stargan ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${program})
endforeach()
