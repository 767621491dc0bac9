#pragma once

#include "train/data/pack_format.h"
#include "train/open_dataset.h"

namespace sg {

/// A pack for keeps, made of any data set but a pack.
struct MakePackRequest {
    DataSource source;          ///< complete (data_sources)
    std::filesystem::path out;  ///< new file, .sgpack
    OpenOptions open;           ///< size, threads, stop; of built-in faces also count and seed
    /// Told how many images are done, from the calling thread; may be empty.
    std::function<void(int64_t done, int64_t total)> progress = {};
};

/// Returns what was packed. Throws as open_dataset and write_pack.
PackIndex make_pack(const MakePackRequest& request);

}  // namespace sg
