#pragma once

#include <cstdint>

#include "train/data/file_dataset.h"
#include "train/data/source.h"

namespace sg {

/// The files of a complete source (data_sources) of a kind that has files: celeba, folders, rafd
/// or csv. What source.test names is held out, under absolute names, instead of what the place
/// itself marks; source.labels chooses among classes or attributes. `seed` draws RaFD's held-out
/// persons. Throws Error for what cannot be meant, naming it: see docs/data.md.
FileList list_files(const DataSource& source, uint64_t seed);

/// Refuses keys that do not fit the kind (angles of celeba, ...): they would have no effect. Throws
/// Error naming key and kind.
void check_keys(const DataSource& source);

}  // namespace sg
