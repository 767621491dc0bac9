#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sg {

/// A set of bytes, kept as ranges [begin, end) that do not touch.
class ByteRanges {
  public:
    void add(uintptr_t begin, uintptr_t end);
    void remove(uintptr_t begin, uintptr_t end);
    bool contains(uintptr_t begin, uintptr_t end) const;
    /// Whether a byte of [begin, end), or of other, is in the set.
    bool overlaps(uintptr_t begin, uintptr_t end) const;
    bool overlaps(const ByteRanges& other) const;
    const std::map<uintptr_t, uintptr_t>& ranges() const { return ranges_; }

  private:
    std::map<uintptr_t, uintptr_t> ranges_;
};

/// What a device was asked to do, in the order of asking: on the simulated device with
/// SimOptions::trace. On a GPU the work of one stream is done in that order; of two streams, in any
/// order that the events between them allow.
class DeviceTrace {
  public:
    /// A launch or a copy. `reads` are the bytes that it did not write itself before.
    void work(std::string name, ByteRanges reads, ByteRanges writes);
    void allocate(const void* memory, size_t bytes);
    void release(const void* memory);
    /// Work from now on is queued on this stream; 0 at first.
    void use_stream(int stream) { stream_ = stream; }
    /// The present stream records an event, or waits for one that was recorded.
    void record_event(int event);
    void wait_event(int event);

    struct Entry {
        enum class Kind { work, allocate, release, record, wait } kind;
        int stream = 0;
        std::string name = {};
        ByteRanges reads = {}, writes = {};  ///< allocate, release: the memory, in `writes`
        int event = 0;
    };
    const std::vector<Entry>& entries() const { return entries_; }

  private:
    std::vector<Entry> entries_;
    std::map<uintptr_t, uintptr_t> live_;
    int stream_ = 0;
};

/// What is wrong with a trace, in words; nothing if all is well:
/// - work reads bytes that nothing has written since their memory was allocated,
/// - work reads or writes bytes that are not allocated,
/// - memory is allocated that is in use,
/// - two works on two streams touch the same bytes, one of them writing, and no event orders them.
std::vector<std::string> check_trace(const DeviceTrace& trace);

}  // namespace sg
