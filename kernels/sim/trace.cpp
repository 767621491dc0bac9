#include "kernels/sim/trace.h"

#include <algorithm>

#include "kernels/common/error.h"

namespace sg {

void ByteRanges::add(uintptr_t begin, uintptr_t end) {
    if (begin >= end) return;
    auto next = ranges_.upper_bound(begin);
    if (next != ranges_.begin() && std::prev(next)->second >= begin) {
        --next;
        if (next->second >= end) return;
        begin = next->first;
    }
    while (next != ranges_.end() && next->first <= end) {
        end = std::max(end, next->second);
        next = ranges_.erase(next);
    }
    ranges_.emplace(begin, end);
}

void ByteRanges::remove(uintptr_t begin, uintptr_t end) {
    if (begin >= end) return;
    auto it = ranges_.upper_bound(begin);
    if (it != ranges_.begin()) --it;
    while (it != ranges_.end() && it->first < end) {
        const auto [first, last] = *it;
        if (last <= begin) {
            ++it;
            continue;
        }
        it = ranges_.erase(it);
        if (first < begin) ranges_.emplace(first, begin);
        if (last > end) ranges_.emplace(end, last);
    }
}

bool ByteRanges::contains(uintptr_t begin, uintptr_t end) const {
    const auto next = ranges_.upper_bound(begin);
    return begin >= end || (next != ranges_.begin() && std::prev(next)->second >= end);
}

bool ByteRanges::overlaps(uintptr_t begin, uintptr_t end) const {
    const auto next = ranges_.lower_bound(end);
    return begin < end && next != ranges_.begin() && std::prev(next)->second > begin;
}

bool ByteRanges::overlaps(const ByteRanges& other) const {
    return std::any_of(other.ranges_.begin(), other.ranges_.end(),
                       [&](const auto& range) { return overlaps(range.first, range.second); });
}

void DeviceTrace::work(std::string name, ByteRanges reads, ByteRanges writes) {
    entries_.push_back({.kind = Entry::Kind::work,
                        .stream = stream_,
                        .name = std::move(name),
                        .reads = std::move(reads),
                        .writes = std::move(writes)});
}

void DeviceTrace::allocate(const void* memory, size_t bytes) {
    const auto begin = reinterpret_cast<uintptr_t>(memory);
    live_[begin] = begin + bytes;
    Entry entry{.kind = Entry::Kind::allocate, .stream = stream_};
    entry.writes.add(begin, begin + bytes);
    entries_.push_back(std::move(entry));
}

void DeviceTrace::release(const void* memory) {
    const auto begin = reinterpret_cast<uintptr_t>(memory);
    Entry entry{.kind = Entry::Kind::release, .stream = stream_};
    entry.writes.add(begin, live_[begin]);
    live_.erase(begin);
    entries_.push_back(std::move(entry));
}

void DeviceTrace::record_event(int event) {
    entries_.push_back({.kind = Entry::Kind::record, .stream = stream_, .event = event});
}

void DeviceTrace::wait_event(int event) {
    entries_.push_back({.kind = Entry::Kind::wait, .stream = stream_, .event = event});
}

namespace {

using Entry = DeviceTrace::Entry;

/// Walks through a trace once, with the state of the memory and what each stream has waited for.
class TraceCheck {
  public:
    void visit(const Entry& entry) {
        switch (entry.kind) {
            case Entry::Kind::work:
                return work(entry);
            case Entry::Kind::allocate:
                return allocate(entry);
            case Entry::Kind::release:
                return release(entry);
            case Entry::Kind::record:
                events_[entry.event] = clocks_[entry.stream];
                return;
            case Entry::Kind::wait: {
                const auto recorded = events_.find(entry.event);
                if (recorded == events_.end())
                    return report("stream {} waits for event {}, which nobody recorded",
                                  entry.stream, entry.event);
                for (const auto& [stream, time] : recorded->second)
                    clocks_[entry.stream][stream] = std::max(clocks_[entry.stream][stream], time);
            }
        }
    }
    std::vector<std::string> findings;

  private:
    /// How far into each stream's work something is known to come after.
    using Clock = std::map<int, int64_t>;

    template <class... Arguments>
    void report(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
        constexpr size_t enough = 20;
        if (findings.size() < enough)
            findings.push_back(fmt::format(text, std::forward<Arguments>(arguments)...));
    }

    void work(const Entry& entry) {
        const int64_t now = ++clocks_[entry.stream][entry.stream];
        for (const auto& [begin, end] : entry.reads.ranges()) {
            if (!live_.contains(begin, end))
                report("{} reads {} bytes that are not all allocated", entry.name, end - begin);
            else if (!written_.contains(begin, end))
                report("{} reads {} bytes that nothing has written in full", entry.name,
                       end - begin);
        }
        for (const auto& [begin, end] : entry.writes.ranges()) {
            if (!live_.contains(begin, end))
                report("{} writes {} bytes that are not all allocated", entry.name, end - begin);
            written_.add(begin, end);
        }
        order(entry, now);
    }

    /// Against the work of other streams that this one has not waited for.
    void order(const Entry& entry, int64_t now) {
        for (const auto& [stream, works] : works_) {
            if (stream == entry.stream) continue;
            for (const auto& [time, earlier] : works)
                if (time > clocks_[entry.stream][stream] &&
                    (entry.writes.overlaps(earlier->writes) ||
                     entry.writes.overlaps(earlier->reads) ||
                     earlier->writes.overlaps(entry.reads)))
                    report(
                        "{} on stream {} and {} on stream {} touch the same bytes, and no event "
                        "orders them",
                        earlier->name, stream, entry.name, entry.stream);
        }
        works_[entry.stream].emplace_back(now, &entry);
    }

    void allocate(const Entry& entry) {
        for (const auto& [begin, end] : entry.writes.ranges()) {
            if (live_.overlaps(begin, end))
                report("{} bytes were allocated of which some are in use", end - begin);
            live_.add(begin, end);
        }
    }
    void release(const Entry& entry) {
        for (const auto& [begin, end] : entry.writes.ranges()) {
            live_.remove(begin, end);
            written_.remove(begin, end);
        }
    }

    ByteRanges live_, written_;
    std::map<int, Clock> clocks_, events_;
    std::map<int, std::vector<std::pair<int64_t, const Entry*>>> works_;
};

}  // namespace

std::vector<std::string> check_trace(const DeviceTrace& trace) {
    TraceCheck check;
    for (const Entry& entry : trace.entries()) check.visit(entry);
    return check.findings;
}

}  // namespace sg
