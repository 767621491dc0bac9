#include "kernels/cudnn/library.h"

#include "kernels/cuda/shared_library.h"

namespace sg::cudnn {

namespace {

template <class Function>
void load(const SharedLibrary& from, const char* name, Function*& function) {
    function = from.symbol<Function>(name);
}

}  // namespace

std::string version_text(size_t version) {
    return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

void check_version(size_t version, const std::string& path) {
    require(version >= oldest_version, "cudnn", "{} is version {}, {} or newer is needed", path,
            version_text(version), version_text(oldest_version));
}

Library::Library() {
    // cuDNN knows where Python's packages have libnvrtc, but that does not know where its own
    // other half is.
    open_libraries("libnvrtc-builtins.so.");
    const SharedLibrary file("libcudnn.so.9");
    path = file.path();
    const size_t found = file.symbol<decltype(cudnnGetVersion)>("cudnnGetVersion")();
    check_version(found, path);
    version = version_text(found);
    load(file, "cudnnGetErrorString", error_string);
    load(file, "cudnnGetLastErrorString", last_error_string);
    load(file, "cudnnCreate", create);
    load(file, "cudnnDestroy", destroy);
    load(file, "cudnnSetStream", set_stream);
    load(file, "cudnnBackendCreateDescriptor", create_descriptor);
    load(file, "cudnnBackendDestroyDescriptor", destroy_descriptor);
    load(file, "cudnnBackendSetAttribute", set_attribute);
    load(file, "cudnnBackendGetAttribute", get_attribute);
    load(file, "cudnnBackendFinalize", finalize);
    load(file, "cudnnBackendExecute", execute);
}

const Library& library() {
    static const Library only;
    return only;
}

void forget_reasons() {
    char reasons[1];
    library().last_error_string(reasons, sizeof reasons);
}

void check(cudnnStatus_t status, const std::string& what) {
    if (status == CUDNN_STATUS_SUCCESS) return;
    char details[1024] = "";
    library().last_error_string(details, sizeof details);
    std::string fact = fmt::format("{}: {}", what, library().error_string(status));
    if (details[0]) fact += fmt::format(": {}", details);
    throw StatusError(status, fact);
}

}  // namespace sg::cudnn
