#include "engine/autograd.h"

#include <atomic>
#include <map>
#include <queue>
#include <set>
#include <unordered_map>
#include <utility>

#include "engine/ops.h"

namespace sg {

namespace {

thread_local bool recording = true;

uint64_t next_sequence() {
    static std::atomic<uint64_t> counter = 0;
    return ++counter;
}

/// Identifies a value: a computed tensor by (node, output), a leaf by itself.
using Key = std::pair<const void*, int>;
Key key_of(const Tensor& tensor) {
    return tensor.node() ? Key{tensor.node().get(), tensor.output_index()} : Key{tensor.id(), 0};
}

/// Answers whether a gradient flowing into a tensor can reach one of the inputs.
class Reachability {
  public:
    explicit Reachability(const std::set<Key>& targets) : targets_(targets) {}

    bool operator()(const Tensor& tensor) {
        if (!tensor) return false;
        return targets_.contains(key_of(tensor)) || (tensor.node() && node(*tensor.node()));
    }

  private:
    bool node(const Node& root) {
        // Explicit stack: a long training graph must not overflow the real one.
        std::vector<const Node*> stack{&root};
        while (!stack.empty()) {
            const Node* current = stack.back();
            if (known_.contains(current)) {
                stack.pop_back();
                continue;
            }
            bool reaches = false, ready = true;
            for (const Tensor& input : current->inputs) {
                if (!input) continue;
                reaches |= targets_.contains(key_of(input));
                const Node* parent = input.node().get();
                if (!parent) continue;
                if (const auto it = known_.find(parent); it != known_.end()) {
                    reaches |= it->second;
                } else {
                    ready = false;
                    stack.push_back(parent);
                }
            }
            if (ready) {
                known_[current] = reaches;
                stack.pop_back();
            }
        }
        return known_[&root];
    }

    const std::set<Key>& targets_;
    std::unordered_map<const Node*, bool> known_;
};

struct LaterFirst {
    bool operator()(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) const {
        return a->sequence < b->sequence;
    }
};

void accumulate(std::map<Key, Tensor>& grads, const Tensor& tensor, const Tensor& gradient) {
    Tensor& sum = grads[key_of(tensor)];
    sum = sum ? add(sum, gradient) : gradient;
}

void check_gradient(const Node& node, size_t i, const Tensor& gradient) {
    const Tensor& input = node.inputs[i];
    require(gradient.shape() == input.shape() && gradient.dtype() == input.dtype(), node.op,
            "backward gave {} {} for input {} of {} {}", to_string(gradient.dtype()),
            to_string(gradient.shape()), i, to_string(input.dtype()), to_string(input.shape()));
}

/// Deletes a node without recursion: what its inputs and closure held last is put in a queue that
/// the outermost call works off. A chain of nodes, each holding the next, may be any length.
void release(Node* node) {
    thread_local std::vector<Node*>* waiting = nullptr;
    if (waiting) return waiting->push_back(node);
    std::vector<Node*> nodes{node};
    waiting = &nodes;
    while (!nodes.empty()) {
        Node* next = nodes.back();
        nodes.pop_back();
        delete next;
    }
    waiting = nullptr;
}

}  // namespace

Node::Node(const char* op_name, std::vector<Tensor> node_inputs, Backward fn, size_t outputs)
    : op(op_name),
      sequence(next_sequence()),
      inputs(std::move(node_inputs)),
      backward(std::move(fn)),
      output_count(outputs) {}

bool grad_enabled() {
    return recording;
}
GradMode::GradMode(bool enabled) : before_(recording) {
    recording = enabled;
}
GradMode::~GradMode() {
    recording = before_;
}

std::vector<Tensor> record(const char* op, std::vector<Tensor> outputs, std::vector<Tensor> inputs,
                           Backward backward) {
    bool needed = false;
    for (const Tensor& input : inputs) {
        if (!input) continue;
        require(&input.device() == &outputs[0].device(), op,
                "operands are on two devices, {} and {}", outputs[0].device().name(),
                input.device().name());
        needed |= input.requires_grad();
    }
    if (!recording || !needed) return outputs;
    const std::shared_ptr<Node> node(
        new Node(op, std::move(inputs), std::move(backward), outputs.size()), release);
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i].set_node(node, int(i));
    return outputs;
}

Tensor record(const char* op, Tensor output, std::vector<Tensor> inputs, Backward backward) {
    return record(op, std::vector<Tensor>{std::move(output)}, std::move(inputs),
                  std::move(backward))[0];
}

Backward not_differentiable(const char* op) {
    return [op](const std::vector<Tensor>&, const Needs&) -> std::vector<Tensor> {
        throw Error(op, "has no derivative", "it was differentiated once more than supported");
    };
}

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
    std::set<Key> targets;
    for (const Tensor& input : inputs) {
        require(input.requires_grad(), "grad", "an input of shape {} does not require a gradient",
                to_string(input.shape()));
        targets.insert(key_of(input));
    }
    Reachability reaches(targets);
    const GradMode mode(options.create_graph);

    std::map<Key, Tensor> grads;
    std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, LaterFirst>
        queue;
    std::set<const Node*> queued;
    const auto visit = [&](const Tensor& tensor, const Tensor& gradient) {
        accumulate(grads, tensor, gradient);
        if (tensor.node() && queued.insert(tensor.node().get()).second) queue.push(tensor.node());
    };
    for (const Tensor& output : outputs)
        if (reaches(output))
            visit(output, Tensor::full(output.device(), output.shape(), output.dtype(), 1.0));

    while (!queue.empty()) {
        const std::shared_ptr<Node> node = queue.top();
        queue.pop();
        std::vector<Tensor> output_grads(node->output_count);
        for (size_t i = 0; i < output_grads.size(); ++i) {
            const Key key{node.get(), int(i)};
            const auto it = grads.find(key);
            if (it == grads.end()) continue;
            output_grads[i] = it->second;
            if (!targets.contains(key)) grads.erase(it);  // no longer needed: free it
        }
        Needs needs;
        bool any = false;
        for (const Tensor& input : node->inputs) any |= needs.emplace_back(reaches(input));
        if (!any) continue;
        const std::vector<Tensor> input_grads = node->backward(output_grads, needs);
        for (size_t i = 0; i < input_grads.size(); ++i) {
            if (!needs[i] || !input_grads[i]) continue;
            check_gradient(*node, i, input_grads[i]);
            visit(node->inputs[i], input_grads[i]);
        }
    }

    std::vector<Tensor> result;
    for (const Tensor& input : inputs) {
        const auto it = grads.find(key_of(input));
        require(it != grads.end() || options.allow_unused, "grad",
                "the outputs do not depend on an input of shape {}", to_string(input.shape()));
        result.push_back(it != grads.end() ? it->second : Tensor());
    }
    return result;
}

}  // namespace sg
