#include "tests/device/fake_cuda_state.h"

// CUDA graphs and what is recorded for them.

using namespace sg::testing::fake_cuda;

extern "C" {

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
    std::swap(*mode, capture_mode);
    return sticky;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
    if (sticky != cudaSuccess) return sticky;
    stream->recording = new CUgraph_st;
    recording_stream = stream;
    capture_mode = mode;
    ++fake->live_graphs;
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    *graph = std::exchange(stream->recording, nullptr);
    recording_stream = nullptr;
    if (forked.empty()) return sticky;
    for (CUstream_st* other : std::exchange(forked, {})) other->recording = nullptr;
    cudaGraphDestroy(std::exchange(*graph, nullptr));
    return cudaErrorStreamCaptureUnjoined;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    --fake->live_graphs;
    delete graph;
    return sticky;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
    if (fake->refuse_graph != cudaSuccess) return fake->refuse_graph;
    ++fake->live_graphs;
    *exec = new CUgraphExec_st{*graph};
    return sticky;
}
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo*) {
    if (exec->graph.names != graph->names) return cudaErrorGraphExecUpdateFailure;
    ++fake->graph_updates;
    exec->graph = *graph;
    return sticky;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    --fake->live_graphs;
    delete exec;
    return sticky;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    ++fake->graph_launches;
    for (size_t i = 0; i < exec->graph.work.size(); ++i)
        if (queue(stream, exec->graph.names[i], exec->graph.work[i]) != cudaSuccess) break;
    return sticky;
}

}  // extern "C"
