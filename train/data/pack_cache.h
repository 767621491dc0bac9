#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "train/data/file_dataset.h"
#include "train/data/source.h"

namespace sg {

/// Two hexadecimal hashes. `place`: of what is packed and how, that is kind, paths and selection,
/// crop, size and read_item_version; of labels only those that select images, in any order.
/// `content`: of the name, length and time of modification of every file in order, and of the place
/// of its face if crops are aligned to it. A file that was changed without any of these, or a path
/// that now leads to another disk with equal files, is not noticed.
struct PackFingerprint {
    std::string place, content;
    bool operator==(const PackFingerprint&) const = default;
};
/// Opens no file. Threads: 0 = one per core.
PackFingerprint pack_fingerprint(const FileList& list, const DataSource& source, ImageSize size,
                                 int threads);
/// The source with absolute paths, so that it says the same in every folder.
DataSource absolute_source(DataSource source);

struct PackCacheOptions {
    std::filesystem::path folder;
    ImageSize size;
    int threads = 0;  ///< 0: one per core
    std::function<void(const std::string& line)> say = {};
    const std::atomic<bool>* stop = nullptr;  ///< set: throw Stopped
};

/// The data set of a list with its pixels in a pack in the folder, KIND-SIZE-PLACE-CONTENT.sgpack:
/// in the one that is there, without opening any of the files, or else in one built now, instead of
/// an earlier one of the same place. If another process is building it, waits for that. Nothing if
/// there can be no pack (no folder, no space, no usable image): the reason has been said.
std::unique_ptr<Dataset> open_packed(const FileList& list, const DataSource& source,
                                     const PackCacheOptions& options);

}  // namespace sg
