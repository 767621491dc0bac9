#include <cstdio>
#include <cstring>

// The program of a package (SG_STANDALONE): every tool in one, which the links sg_train, sg_info,
// ... are called by; or `stargan sg_train ...`.

namespace {

struct Program {
    const char* name;
    int (*main)(int, char**);
};

}  // namespace

#include "programs.inc"

int main(int argc, char** argv) {
    for (int first = 0; first < 2 && first < argc; ++first) {
        const char* slash = std::strrchr(argv[first], '/');
        const char* name = slash ? slash + 1 : argv[first];
        for (const Program& program : programs)
            if (std::strcmp(name, program.name) == 0)
                return program.main(argc - first, argv + first);
    }
    std::fprintf(stderr, "usage: stargan TOOL [ARGUMENT...], where TOOL is one of\n");
    for (const Program& program : programs) std::fprintf(stderr, "  %s\n", program.name);
    return 2;
}
