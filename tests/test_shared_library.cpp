#include "kernels/cuda/shared_library.h"

#include <cmath>
#include <fstream>
#include <map>

#include "tests/support.h"
#include "tests/temp_dir.h"

using namespace sg;
using namespace sg::testing;
namespace fs = std::filesystem;

namespace {

/// A machine in a temporary folder.
struct Machine {
    TempDir dir;
    std::map<std::string, std::string> variables;

    fs::path folder(const std::string& name) const {
        fs::create_directories(fs::path(dir.path()) / name);
        return fs::path(dir.path()) / name;
    }
    std::vector<fs::path> folders() const {
        return library_folders({.variable =
                                    [this](const char* name) {
                                        const auto found = variables.find(name);
                                        return found == variables.end() ? "" : found->second;
                                    },
                                .root = dir.path()});
    }
};

}  // namespace

TEST_CASE("libraries are looked for where the user says, then the system, CUDA and Python",
          "[library]") {
    const fs::path as_the_system_does;
    Machine machine;
    CHECK(machine.folders() == std::vector{as_the_system_does});

    const fs::path toolkit = machine.folder("usr/local/cuda/lib64");
    const fs::path home = machine.folder("opt/cuda-13/targets/x86_64-linux/lib");
    const fs::path debian = machine.folder("usr/lib/python3/dist-packages/nvidia/cudnn/lib");
    const fs::path local =
        machine.folder("usr/local/lib/python3.12/dist-packages/nvidia/cudnn/lib");
    const fs::path venv = machine.folder("venv/lib/python3.11/site-packages/nvidia/cudnn/lib");
    const fs::path wheel = machine.folder("venv/lib/python3.11/site-packages/nvidia/cu13/lib");
    const fs::path user = machine.folder("home/.local/lib/python3.12/site-packages/nvidia/a/lib");
    machine.folder("usr/lib/python2.7/site-packages/nvidia/cudnn/lib");
    CHECK(machine.folders() == std::vector{as_the_system_does, toolkit, debian, local});

    const std::string root = machine.dir.path();
    machine.variables = {{"SG_LIBRARY_PATH", "/first:/second"},
                         {"CUDA_HOME", root + "/opt/cuda-13"},
                         {"CUDA_PATH", root + "/opt/cuda-13"},
                         {"VIRTUAL_ENV", root + "/venv"},
                         {"HOME", root + "/home"}};
    CHECK(machine.folders() == std::vector<fs::path>{"/first", "/second", as_the_system_does, home,
                                                     toolkit, wheel, venv, debian, local, user});
}

TEST_CASE("libraries are looked for beside every python3 of the path", "[library]") {
    Machine machine;
    const fs::path wheel = machine.folder("opt/py/lib/python3.13/site-packages/nvidia/cudnn/lib");
    const fs::path program = machine.folder("opt/py/bin") / "python3.13";
    std::ofstream(program) << "not run";
    const fs::path bin = machine.folder("bin");
    fs::create_symlink(program, bin / "python3");
    machine.variables["PATH"] = machine.folder("empty").string() + ":" + bin.string();
    CHECK(machine.folders() == std::vector<fs::path>{"", wheel});
}

TEST_CASE("a shared library is opened when asked for", "[library]") {
    const SharedLibrary math("libm.so.6");
    CHECK(math.path().find("libm.so.6") != std::string::npos);
    CHECK(math.symbol<double(double)>("cos")(0) == 1);
    expect_error([&] { math.symbol<void()>("no_such_function"); },
                 {"libm.so.6", "no function no_such_function"});
    expect_error([] { SharedLibrary("libno_such_library.so.9"); },
                 {"library: libno_such_library.so.9 cannot be opened",
                  "where the system looks: ", "SG_LIBRARY_PATH"});
}

TEST_CASE("libraries that others need are opened if there are any", "[library]") {
    const TempDir dir;
    std::ofstream(dir.file("libsg_broken.so.1")) << "no library";
    REQUIRE(setenv("SG_LIBRARY_PATH", dir.path().c_str(), 1) == 0);
    CHECK_NOTHROW(open_libraries("libsg_broken.so."));
    expect_error([] { SharedLibrary("libsg_broken.so.1"); },
                 {dir.path() + ": ", "libsg_broken.so.1: ", "where the system looks: "});
    unsetenv("SG_LIBRARY_PATH");
}
