#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "tests/device/fake_cuda.h"

// The queues. A stream is a list of work; an event is a place in a stream. Whoever waits does the
// work up to there.

/// Recorded work, which nobody has done.
struct CUgraph_st {
    std::vector<std::string> names;
    std::vector<std::function<void()>> work;
};
struct CUgraphExec_st {
    CUgraph_st graph;
};
struct CUstream_st {
    std::deque<std::function<void()>> work;
    size_t done = 0, queued = 0;
    CUgraph_st* recording = nullptr;
};
struct CUevent_st {
    CUstream_st* stream = nullptr;
    size_t place = 0;
    CUgraph_st* recording = nullptr;  ///< what the stream recorded into
};

namespace sg::testing::fake_cuda {

inline FakeCuda* fake = nullptr;
inline cudaError_t sticky = cudaSuccess;
inline CUstream_st* recording_stream = nullptr;
/// Others that record with it, and did not meet it again yet.
inline std::set<CUstream_st*> forked;
inline cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeThreadLocal;

/// Puts work into a stream, or into what the stream records.
inline cudaError_t queue(cudaStream_t stream, const std::string& name, std::function<void()> work) {
    if (sticky != cudaSuccess) return sticky;
    if (stream->recording) {
        stream->recording->names.push_back(name);
        stream->recording->work.push_back(std::move(work));
        return cudaSuccess;
    }
    stream->work.push_back(std::move(work));
    ++stream->queued;
    return cudaSuccess;
}

}  // namespace sg::testing::fake_cuda
