#include "kernels/cudnn/reduce.h"

#include "kernels/cudnn/plan.h"

namespace sg {

using namespace cudnn;

namespace {

enum Id : int64_t { id_x = 1, id_sums, id_squares };

/// Samples as cuDNN reduces them: it sums channels, not pixels and channels at once.
TensorSpec samples(int64_t id, int64_t N, int64_t size) {
    return channels_last(id, N, 1, 1, size, CUDNN_DATA_FLOAT);
}

}  // namespace

struct CudnnSquaredNorms::Impl {
    Graph graph;
    std::unique_ptr<Plan> plan;
};

CudnnSquaredNorms::CudnnSquaredNorms(const CudnnTarget& target, int64_t N, int64_t size)
    : impl_(new Impl{Graph(target), nullptr}) {
    Graph& graph = impl_->graph;
    const Descriptor& x = graph.tensor(samples(id_x, N, size));
    const Descriptor& squares = graph.intermediate(samples(id_x, N, size), id_squares);
    graph.pointwise(CUDNN_POINTWISE_MUL, x, &x, squares);
    graph.reduce(CUDNN_REDUCE_TENSOR_ADD, squares, graph.tensor(samples(id_sums, N, 1)));
    graph.finish();
    impl_->plan = first_plan(graph);
    require(impl_->plan != nullptr, "cudnn", "no engine sums [{}, {}] to [{}]", N, size, N);
}

CudnnSquaredNorms::~CudnnSquaredNorms() = default;

int64_t CudnnSquaredNorms::workspace_bytes() const {
    return impl_->plan->workspace_bytes();
}

std::string CudnnSquaredNorms::engine() const {
    return impl_->plan->name();
}

void CudnnSquaredNorms::run(const float* x, float* sums, void* workspace) const {
    impl_->plan->run({{id_x, x}, {id_sums, sums}}, workspace);
}

}  // namespace sg
