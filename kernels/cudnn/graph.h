#pragma once

#include <list>

#include "kernels/cudnn/descriptor.h"
#include "kernels/cudnn/target.h"

namespace sg::cudnn {

/// A tensor of four extents, in cuDNN's order whatever the order in memory.
struct TensorSpec {
    int64_t id = 0;  ///< names it when the graph runs, and must differ from others'
    std::array<int64_t, 4> extents = {}, strides = {};
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    bool is_virtual = false;  ///< passed from one operation to the next, never stored
    bool by_value = false;    ///< a number that the host passes
};
/// [n, h, w, c] in memory: activations, and weights [k, r, s, c].
TensorSpec channels_last(int64_t id, int64_t n, int64_t h, int64_t w, int64_t c,
                         cudnnDataType_t type);

/// Operations on tensors that a plan computes in one go.
class Graph {
  public:
    explicit Graph(const CudnnTarget& target) : target_(target) {}

    const CudnnTarget& target() const { return target_; }
    const Descriptor& tensor(const TensorSpec& spec);
    /// The tensor's virtual twin, as f32.
    const Descriptor& intermediate(TensorSpec spec, int64_t id);
    /// y = mode(x), or mode(x, b): in f32. `slope` is the leaky ReLU's.
    void pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor* b,
                   const Descriptor& y, float slope = 0);
    /// grad_x of grad_y and the forward's x: mode is a function's backward one.
    void pointwise_backward(cudnnPointwiseMode_t mode, const Descriptor& grad_y,
                            const Descriptor& x, const Descriptor& grad_x, float slope);
    /// y = the reduction of x along the extents that are 1 in y, in f32.
    void reduce(cudnnReduceTensorOp_t op, const Descriptor& x, const Descriptor& y);
    void add(Descriptor&& operation);
    /// A descriptor that an operation needs and that lives as long as the graph.
    const Descriptor& keep(Descriptor&& descriptor);
    /// Throws StatusError if cuDNN refuses the operations.
    void finish();
    const Descriptor& finished() const { return *graph_; }

  private:
    const Descriptor& function(cudnnPointwiseMode_t mode, float slope);

    CudnnTarget target_;
    std::list<Descriptor> kept_;  // references to them stay valid
    std::vector<Descriptor> operations_;
    std::unique_ptr<Descriptor> graph_;
};

}  // namespace sg::cudnn
