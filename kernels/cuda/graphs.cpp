#include "kernels/cuda/graphs.h"

#include "kernels/cuda/check.h"

namespace sg {

using cuda::check;

namespace {

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
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "graph", last_kernel);
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
    check(cudaStreamEndCapture(stream_, &graph), "graph", last_kernel);
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
    if (!graph) check(cudaGraphInstantiate(&graph, recorded.id, 0), "graph", last_kernel());
    check(cudaGraphLaunch(graph, stream_), "graph", last_kernel());
}

}  // namespace sg
