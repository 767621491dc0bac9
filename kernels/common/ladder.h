#pragma once

namespace sg {

/// One step from the first kernel that one would write to the ones that are used. Every version
/// computes the same; `sg_bench kernels --kernel NAME --version 3` runs it.
struct LadderVersion {
    int version;
    const char* name;
    const char* idea;  ///< what it does that the version before did not
};

}  // namespace sg
