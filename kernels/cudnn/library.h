#pragma once

#include <cudnn_graph.h>

#include <string>

#include "kernels/common/error.h"

namespace sg::cudnn {

/// Older ones cannot be asked about a GPU that is not there, and are not tested.
inline constexpr size_t oldest_version = 91100;  // 9.11.0, as cudnnGetVersion counts

/// cuDNN's functions that this project calls.
struct Library {
    Library();  // opens libcudnn.so.9; throws Error if there is none, or an old one

    std::string path;
    std::string version;  ///< "9.19.0"
    decltype(&cudnnGetErrorString) error_string;
    decltype(&cudnnGetLastErrorString) last_error_string;
    decltype(&cudnnCreate) create;
    decltype(&cudnnDestroy) destroy;
    decltype(&cudnnSetStream) set_stream;
    decltype(&cudnnBackendCreateDescriptor) create_descriptor;
    decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
    decltype(&cudnnBackendSetAttribute) set_attribute;
    decltype(&cudnnBackendGetAttribute) get_attribute;
    decltype(&cudnnBackendFinalize) finalize;
    decltype(&cudnnBackendExecute) execute;
};

/// Opened by the first call. Throws Error, then and again, if that fails.
const Library& library();

/// "9.19.0" of 91900.
std::string version_text(size_t version);
/// Throws Error for a version older than `oldest_version`.
void check_version(size_t version, const std::string& path);

/// A call that cuDNN refused.
class StatusError : public Error {
  public:
    StatusError(cudnnStatus_t status, const std::string& fact)
        : Error("cudnn", fact), status_(status) {}
    /// Refused because cuDNN has no kernel for it, not because something is wrong.
    bool not_supported() const {
        return CUDNN_STATUS_CATEGORY(status_) == CUDNN_STATUS_NOT_SUPPORTED;
    }

  private:
    cudnnStatus_t status_;
};

/// cuDNN collects what it had against engines that it does not propose, and would tell it with the
/// next failure.
void forget_reasons();
/// Throws StatusError unless `status` is a success. `what` was being done.
void check(cudnnStatus_t status, const std::string& what);

}  // namespace sg::cudnn
