#pragma once

#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace sg {

/// Reverse-mode differentiation on a tape. Every op records a Node; grad() walks the nodes from
/// the outputs back. A node's backward is written in ops, so with create_graph its result is
/// itself recorded and can be differentiated again. A backward that cannot be throws by name.

/// Which of a node's inputs anybody wants a gradient for.
using Needs = std::vector<bool>;
/// Maps gradients of the node's outputs (undefined where an output was not used) to gradients of
/// its inputs (undefined where not needed, or where the derivative is zero almost everywhere).
/// It captures inputs and saved tensors, never the node's own outputs with their history: that
/// would be a cycle.
using Backward =
    std::function<std::vector<Tensor>(const std::vector<Tensor>& grads, const Needs& needs)>;

class Node {
  public:
    Node(const char* op, std::vector<Tensor> inputs, Backward backward, size_t output_count);

    const char* op;
    uint64_t sequence;  ///< grows with creation: a node only depends on smaller ones
    std::vector<Tensor> inputs;
    Backward backward;
    size_t output_count;
};

/// Whether ops record. On by default, per thread.
bool grad_enabled();

/// Switches recording on or off for a scope.
class GradMode {
  public:
    explicit GradMode(bool enabled);
    ~GradMode();
    GradMode(const GradMode&) = delete;
    GradMode& operator=(const GradMode&) = delete;

  private:
    bool before_;
};

/// For ops: returns `output` as computed by `op` from `inputs`; records only if recording is on
/// and some input requires a gradient.
Tensor record(const char* op, Tensor output, std::vector<Tensor> inputs, Backward backward);
std::vector<Tensor> record(const char* op, std::vector<Tensor> outputs, std::vector<Tensor> inputs,
                           Backward backward);

/// Backward of something that has no further derivative: throws Error naming `op`.
Backward not_differentiable(const char* op);

struct GradOptions {
    bool create_graph = false;  ///< record the backward pass, to differentiate it again
    bool allow_unused = false;  ///< an input that the outputs do not depend on gives an undefined
                                ///< tensor instead of an Error
};

/// d (sum of outputs) / d inputs, one tensor per input, of its shape and type.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});

}  // namespace sg
