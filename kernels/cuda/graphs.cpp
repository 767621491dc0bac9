#include "kernels/cuda/graphs.h"

#include "kernels/cuda/check.h"

namespace sg {

using cuda::check;

namespace {

/// As cuda::check; who cannot have a graph can do without.
void check_graph(cudaError_t status, const char* last_kernel) {
    if (status == cudaSuccess || cuda::is_sticky(status))
        return check(status, "graph", last_kernel);
    cudaGetLastError();
    throw Error(
        "graph",
        fmt::format("the iteration's kernels cannot be recorded or launched as a CUDA graph: {}",
                    cuda::text_of(status)),
        "sg_train --graph false and sg_bench step --no-graph launch them one by one");
}

/// Destroyed with the object.
struct Graph {
    cudaGraph_t id = nullptr;
    ~Graph() {
        if (id) cudaGraphDestroy(id);
    }
};

}  // namespace

CudaGraphs::~CudaGraphs() {
    for (const auto& [key, graph] : graphs_) cudaGraphExecDestroy(graph);
}

cudaGraph_t CudaGraphs::record(const std::function<void()>& work, const char* last_kernel) {
    require(!recording_, "graph", "is being recorded already");
    check_graph(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), last_kernel);
    recording_ = true;
    failed_ = false;
    cudaGraph_t graph = nullptr;
    try {
        work();
    } catch (...) {
        // What went wrong may have ended the recording, too: then there is no graph.
        if (cudaStreamEndCapture(stream_, &graph) == cudaSuccess && graph) cudaGraphDestroy(graph);
        cudaGetLastError();
        recording_ = false;
        failed_ = true;
        throw;
    }
    recording_ = false;
    check_graph(cudaStreamEndCapture(stream_, &graph), last_kernel);
    return graph;
}

void CudaGraphs::run(const std::string& key, const std::function<void()>& work,
                     const std::function<const char*()>& last_kernel) {
    const Graph recorded{record(work, last_kernel())};
    cudaGraphExec_t& graph = graphs_[key];
    cudaGraphExecUpdateResultInfo result{};
    if (graph && cudaGraphExecUpdate(graph, recorded.id, &result) != cudaSuccess) {
        cudaGetLastError();  // other kernels, or in another order
        cudaGraphExecDestroy(std::exchange(graph, nullptr));
    }
    if (!graph) check_graph(cudaGraphInstantiate(&graph, recorded.id, 0), last_kernel());
    check_graph(cudaGraphLaunch(graph, stream_), last_kernel());
}

}  // namespace sg
