#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sg {

/// What the search for libraries asks the machine: a test brings its own.
struct LibrarySearch {
    /// The environment; empty for a variable that is not set.
    std::function<std::string(const char* variable)> variable;
    /// Where "/" is.
    std::filesystem::path root = "/";

    static LibrarySearch of_this_process();
};

/// Where CUDA libraries are looked for, in this order, each folder once. All but the first exist.
///   1. $SG_LIBRARY_PATH, folders separated by colons
///   2. an empty path: as the system does ($LD_LIBRARY_PATH, ld.so.cache)
///   3. the CUDA toolkit: $CUDA_HOME, $CUDA_PATH, /usr/local/cuda
///   4. nvidia/*/lib of Python's packages: $VIRTUAL_ENV, $CONDA_PREFIX, each python3 of $PATH, the
///      system's and the user's
std::vector<std::filesystem::path> library_folders(const LibrarySearch& search);

/// Opens every library in the folders above (the system's excepted) whose name starts so, for
/// others that look for it by its name alone and would find it only where the system looks.
void open_libraries(const std::string& prefix);

/// A library that is looked for when the program runs, because a machine without it must be able to
/// start the program. It stays open until the process ends: GPU libraries leave threads and
/// handlers behind that are not made for unloading.
class SharedLibrary {
  public:
    /// Opens `name` ("libcudnn.so.9") from the first of library_folders() that has it. Throws Error
    /// with what was tried.
    explicit SharedLibrary(const std::string& name);

    const std::string& path() const { return path_; }  ///< as the system names the opened file
    /// A function by its type: symbol<decltype(cudnnCreate)>("cudnnCreate"). Throws Error.
    template <class Function>
    Function* symbol(const char* name) const {
        return reinterpret_cast<Function*>(address(name));
    }

  private:
    void* address(const char* name) const;

    std::string path_;
    void* handle_ = nullptr;
};

}  // namespace sg
