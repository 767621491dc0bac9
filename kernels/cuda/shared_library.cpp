#include "kernels/cuda/shared_library.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "kernels/common/error.h"

namespace sg {

namespace {

namespace fs = std::filesystem;
using Folders = std::vector<fs::path>;

Folders split(const std::string& list) {
    Folders parts;
    std::istringstream stream(list);
    for (std::string part; std::getline(stream, part, ':');)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

/// What is in `folder` and whose name starts with `prefix`, in the order of their names.
Folders entries(const fs::path& folder, const std::string& prefix) {
    Folders found;
    std::error_code unreadable;  // then there is nothing to find
    for (const auto& entry : fs::directory_iterator(folder, unreadable))
        if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

/// nvidia/*/lib below PREFIX/lib/python3*/{site,dist}-packages.
void add_python(const fs::path& prefix, Folders& found) {
    for (const fs::path& python : entries(prefix / "lib", "python3"))
        for (const char* packages : {"site-packages", "dist-packages"})
            for (const fs::path& package : entries(python / packages / "nvidia", ""))
                found.push_back(package / "lib");
}

/// The prefixes that every python3 of the path belongs to: /opt/python of /opt/python/bin/python3.
/// They are not run: one might be a script that does anything.
Folders python_prefixes(const LibrarySearch& search) {
    Folders prefixes;
    for (const fs::path& folder : split(search.variable("PATH"))) {
        std::error_code missing;
        const fs::path program = fs::canonical(folder / "python3", missing);
        if (!missing) prefixes.push_back(program.parent_path().parent_path());
    }
    return prefixes;
}

bool there(const fs::path& path) {
    std::error_code unreadable;
    return fs::exists(path, unreadable);
}

}  // namespace

LibrarySearch LibrarySearch::of_this_process() {
    return {.variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value ? value : "");
    }};
}

std::vector<fs::path> library_folders(const LibrarySearch& search) {
    Folders folders = split(search.variable("SG_LIBRARY_PATH"));
    folders.emplace_back();
    Folders more;
    for (const fs::path& toolkit :
         {fs::path(search.variable("CUDA_HOME")), fs::path(search.variable("CUDA_PATH")),
          search.root / "usr/local/cuda"})
        if (!toolkit.empty())
            for (const char* folder : {"lib64", "lib", "targets/x86_64-linux/lib"})
                more.push_back(toolkit / folder);

    Folders prefixes = {search.variable("VIRTUAL_ENV"), search.variable("CONDA_PREFIX")};
    for (const fs::path& prefix : python_prefixes(search)) prefixes.push_back(prefix);
    prefixes.push_back(search.root / "usr");
    prefixes.push_back(search.root / "usr/local");
    if (const std::string home = search.variable("HOME"); !home.empty())
        prefixes.push_back(fs::path(home) / ".local");
    for (const fs::path& prefix : prefixes)
        if (!prefix.empty()) add_python(prefix, more);

    for (const fs::path& folder : more)
        if (there(folder) && std::find(folders.begin(), folders.end(), folder) == folders.end())
            folders.push_back(folder);
    return folders;
}

void open_libraries(const std::string& prefix) {
    for (const fs::path& folder : library_folders(LibrarySearch::of_this_process()))
        if (!folder.empty())
            for (const fs::path& file : entries(folder, prefix))
                dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL);  // who needs it says if it is missing
}

SharedLibrary::SharedLibrary(const std::string& name) {
    std::string tried;
    for (const fs::path& folder : library_folders(LibrarySearch::of_this_process())) {
        const std::string where = folder.empty() ? "where the system looks" : folder.string();
        const fs::path file = folder / name;
        if (!folder.empty() && !there(file)) {
            tried += fmt::format("\n  {}: not there", where);
            continue;
        }
        // By its full path, so that the libraries beside it are found by its own $ORIGIN.
        handle_ = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle_) break;
        tried += fmt::format("\n  {}: {}", where, dlerror());
    }
    if (!handle_)
        throw Error("library", fmt::format("{} cannot be opened:{}\n ", name, tried),
                    "SG_LIBRARY_PATH names the folder that holds it");
    link_map* map = nullptr;
    path_ = dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : name;
}

void* SharedLibrary::address(const char* name) const {
    void* found = dlsym(handle_, name);
    require(found, "library", "{} has no function {}", path_, name);
    return found;
}

}  // namespace sg
