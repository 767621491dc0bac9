#include "train/data/pack_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "engine/fnv1a.h"
#include "train/data/for_each_item.h"
#include "train/data/pack_dataset.h"
#include "train/data/pack_writer.h"

namespace sg {
namespace {

namespace fs = std::filesystem;

void add(Fnv1a& hash, const std::string& text) {
    hash.add(text.c_str(), text.size() + 1);
}

std::string content_hash(const FileList& list, int threads) {
    struct Stamp {
        int64_t bytes = -1, seconds = 0, nanoseconds = 0;
    };
    std::vector<Stamp> stamps(list.names.size());
    for_each_item(stamps.size(), threads, [&](size_t i) {
        struct stat s {};
        if (::stat(item_path(list, i).c_str(), &s) == 0)
            stamps[i] = {s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
    });
    Fnv1a hash;
    for (size_t i = 0; i < stamps.size(); ++i) {
        add(hash, list.names[i]);
        hash.add(reinterpret_cast<const char*>(&stamps[i]), sizeof(Stamp));
        if (list.align)
            hash.add(reinterpret_cast<const char*>(&list.faces[i].center), sizeof(Point));
    }
    return fmt::format("{:016x}", hash.value());
}

/// Held by the process that builds packs of one place. The file stays: removing it could take it
/// from under another process.
class BuildLock {
  public:
    BuildLock(const fs::path& path, const PackCacheOptions& options) {
        descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (descriptor_ < 0)
            throw Error("pack", fmt::format("{}: cannot create: {}", path.string(),
                                            std::generic_category().message(errno)));
        for (bool told = false; ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0; told = true) {
            // Without locks two processes do the same work twice, which harms nobody.
            if (errno != EWOULDBLOCK) break;
            if (!told && options.say)
                options.say("another process is packing these images; waiting for it\n");
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            if (!options.stop || !options.stop->load()) continue;
            ::close(descriptor_);
            throw Stopped("pack", "stopped while another process was packing");
        }
    }
    ~BuildLock() { ::close(descriptor_); }
    BuildLock(const BuildLock&) = delete;
    BuildLock& operator=(const BuildLock&) = delete;

  private:
    int descriptor_;
};

class Cache {
  public:
    Cache(const FileList& list, const DataSource& source, const PackCacheOptions& options)
        : list_(list),
          source_(source),
          options_(options),
          print_(pack_fingerprint(list, source, options.size, options.threads)),
          stem_(fmt::format("{}-{}x{}-{}", source.kind, options.size.height, options.size.width,
                            print_.place)),
          path_(options.folder / fmt::format("{}-{}.sgpack", stem_, print_.content)) {}

    std::unique_ptr<Dataset> open() {
        // Whoever has the lock may put a good pack there at any time, so a bad one is left alone.
        if (auto data = open_existing(false)) return data;
        fs::create_directories(options_.folder);
        const BuildLock lock(options_.folder / (stem_ + ".lock"), options_);
        if (auto data = open_existing(true)) return data;  // built while we waited
        remove_earlier();
        build();
        return open_pack(false);  // what fails now is said, not packed again and again
    }

  private:
    void say(const std::string& line) const {
        if (options_.say) options_.say(line);
    }

    std::unique_ptr<Dataset> open_pack(bool retry_faults) const {
        auto pack = std::make_unique<PackFile>(path_);
        const PackIndex& index = pack->index();
        require(PackFingerprint{index.place, index.content} == print_, "pack",
                "{} is a pack of other images", path_.string());
        require(!retry_faults || faults_remain(index), "pack",
                "{} lacks images that can be read by now", path_.string());
        return make_packed_dataset(std::move(pack), list_);
    }

    /// Null if there is no pack, or none that will do.
    std::unique_ptr<Dataset> open_existing(bool locked) const {
        if (!fs::exists(path_)) return nullptr;
        try {
            return open_pack(true);
        } catch (const Error& error) {
            if (locked) say(fmt::format("warning: {}; packing again\n", error.what()));
            return nullptr;
        }
    }

    /// A disk or network that failed once shall not cost an image for good.
    bool faults_remain(const PackIndex& index) const {
        for (size_t i = 0; i < std::min(index.findings.size(), list_.names.size()); ++i) {
            if (index.findings[i].fault.empty()) continue;
            try {
                read_item(list_, i, options_.size);
                return false;
            } catch (const std::exception&) {
                continue;
            }
        }
        return true;
    }

    void remove_earlier() const {
        for (const auto& entry : fs::directory_iterator(options_.folder)) {
            const std::string name = entry.path().filename().string();
            if (name.starts_with(stem_ + "-") && name.ends_with(".sgpack"))
                fs::remove(entry.path());
        }
    }

    void build() const {
        const double bytes = double(list_.names.size()) * double(pack_image_bytes(options_.size));
        say(fmt::format("packing {} images for this and later runs: {} ({:.0f} MB)\n",
                        list_.names.size(), path_.string(), bytes / 1e6));
        PackJob job = file_pack_job(list_, options_.size);
        job.source = to_string(absolute_source(source_));
        job.place = print_.place;
        job.content = print_.content;
        job.threads = options_.threads;
        job.stop = options_.stop;
        job.progress = [this, tenths = int64_t{0}](int64_t done, int64_t total) mutable {
            const int64_t now = 10 * done / total;
            if (now > tenths) say(fmt::format("packed {} of {} images\n", done, total));
            tenths = std::max(tenths, now);
        };
        write_pack(path_, std::move(job));
    }

    const FileList& list_;
    const DataSource& source_;
    const PackCacheOptions& options_;
    const PackFingerprint print_;
    const std::string stem_;
    const fs::path path_;
};

}  // namespace

DataSource absolute_source(DataSource source) {
    if (source.kind == "synth") return source;
    for (std::string* path : {&source.place, &source.test, &source.attr})
        if (!path->empty()) *path = fs::weakly_canonical(*path).string();
    return source;
}

PackFingerprint pack_fingerprint(const FileList& list, const DataSource& source, ImageSize size,
                                 int threads) {
    DataSource place = absolute_source(source);
    // What changes no pixel: the name, which attributes are learned, in which order classes are. An
    // attribute file stays, for it says which images there are; two of them would replace each
    // other's pack for ever.
    place.name.clear();
    if (list.group.kind == LabelKind::multi_label) place.labels.clear();
    std::sort(place.labels.begin(), place.labels.end());
    Fnv1a hash;
    add(hash, to_string(place));
    add(hash, fmt::format("crop {}, {}x{}, version {}", list.crop, size.height, size.width,
                          read_item_version));
    return {fmt::format("{:016x}", hash.value()), content_hash(list, threads)};
}

std::unique_ptr<Dataset> open_packed(const FileList& list, const DataSource& source,
                                     const PackCacheOptions& options) {
    try {
        return Cache(list, source, options).open();
    } catch (const Stopped&) {
        throw;
    } catch (const std::exception& error) {
        if (options.say)
            options.say(
                fmt::format("warning: images are decoded anew in every run, as they "
                            "cannot be packed: {}\n",
                            error.what()));
        return nullptr;
    }
}

}  // namespace sg
