#include "train/data/pack_writer.h"

#include <thread>
#include <utility>

#include "engine/fnv1a.h"
#include "train/data/for_each_item.h"
#include "train/data/pack_temporary.h"

namespace sg {
namespace {

class Writer {
  public:
    Writer(const std::filesystem::path& path, PackJob job)
        : job_(std::move(job)),
          image_bytes_(pack_image_bytes(job_.size)),
          findings_(job_.list.names.size()),
          checksums_(findings_.size()),
          file_(path) {}

    PackIndex run() {
        file_.reserve(offset(findings_.size()));
        const auto caller = std::this_thread::get_id();
        for_each_item(findings_.size(), job_.threads, [&](size_t item) {
            if (job_.stop && job_.stop->load())
                throw Stopped("pack", "stopped while images were packed; nothing was kept");
            pack(item);
            const int64_t done = ++done_;
            if (job_.progress && std::this_thread::get_id() == caller)
                job_.progress(done, int64_t(findings_.size()));
        });
        if (job_.progress) job_.progress(done_, int64_t(findings_.size()));
        close_gaps();
        PackIndex index = make_index();
        require(!index.list.names.empty(), "pack", "{}: none of {} images can be read",
                index.source, findings_.size());
        const PackEnds ends = encode_pack(index);
        const uint64_t pixels_end = offset(index.list.names.size());
        file_.write(pixels_end, ends.index.data(), ends.index.size());
        file_.write(0, ends.preamble.data(), ends.preamble.size());
        file_.commit(pixels_end + ends.index.size());
        return index;
    }

  private:
    uint64_t offset(size_t image) const { return pack_preamble_bytes + image * image_bytes_; }

    void pack(size_t item) {
        std::vector<uint8_t> pixels(image_bytes_);
        try {
            findings_[item].info = job_.read(item, pixels);
        } catch (const Error& error) {
            findings_[item].fault = error.fact();
            return;
        } catch (const std::exception& error) {  // out of memory
            findings_[item].fault = fmt::format("{}: {}", job_.list.names[item], error.what());
            return;
        }
        Fnv1a hash;
        hash.add(reinterpret_cast<const char*>(pixels.data()), pixels.size());
        checksums_[item] = hash.value();
        file_.write(offset(item), pixels.data(), pixels.size());
    }

    /// Moves images forward over those that could not be read.
    void close_gaps() {
        std::vector<uint8_t> pixels(image_bytes_);
        size_t kept = 0;
        for (size_t item = 0; item < findings_.size(); ++item) {
            if (!findings_[item].fault.empty()) continue;
            if (kept != item) {
                file_.read(offset(item), pixels.data(), pixels.size());
                file_.write(offset(kept), pixels.data(), pixels.size());
                checksums_[kept] = checksums_[item];
            }
            ++kept;
        }
        checksums_.resize(kept);
    }

    PackIndex make_index() {
        std::vector<Finding> findings = findings_;
        settle(job_.list, findings);
        return {.size = job_.size,
                .list = std::move(job_.list),
                .source = job_.source,
                .place = job_.place,
                .content = job_.content,
                .findings = findings_,
                .checksums = std::move(checksums_)};
    }

    PackJob job_;
    size_t image_bytes_;
    std::vector<Finding> findings_;
    std::vector<uint64_t> checksums_;
    std::atomic<int64_t> done_{0};
    PackTemporary file_;
};

}  // namespace

PackJob file_pack_job(FileList list, ImageSize size) {
    const auto shared = std::make_shared<const FileList>(list);
    const auto read = [shared, size](size_t item, std::span<uint8_t> pixels) {
        ImageInfo info;
        const Image image = read_item(*shared, item, size, &info);
        std::copy(image.pixels.begin(), image.pixels.end(), pixels.begin());
        return info;
    };
    return {.list = std::move(list),
            .size = size,
            .source = {},
            .place = {},
            .content = {},
            .read = read};
}

PackIndex write_pack(const std::filesystem::path& path, PackJob job) {
    return Writer(path, std::move(job)).run();
}

}  // namespace sg
