#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/device_bytes.h"
#include "engine/dtype.h"
#include "kernels/common/error.h"

namespace sg {

/// Extents, outermost first. Images are [N, H, W, C].
using Shape = std::vector<int64_t>;
int64_t element_count(const Shape& shape);
std::string to_string(const Shape& shape);

class Node;

/// A handle to a dense array on a device: copies share the data. A tensor that was computed from
/// one that requires a gradient remembers how (its Node); see autograd.h.
class Tensor {
  public:
    Tensor() = default;  ///< undefined: "no tensor"

    static Tensor empty(Device& device, Shape shape, DType dtype);
    static Tensor zeros(Device& device, Shape shape, DType dtype);
    static Tensor full(Device& device, Shape shape, DType dtype, double value);
    /// Copies host values, converting to `dtype`. Throws unless the counts agree.
    static Tensor from_host(Device& device, Shape shape, std::span<const float> values,
                            DType dtype = DType::f32);
    static Tensor from_host(Device& device, Shape shape, std::span<const double> values,
                            DType dtype = DType::f64);

    explicit operator bool() const { return impl_ != nullptr; }
    const Shape& shape() const { return impl_->shape; }
    int64_t dim(int axis) const { return impl_->shape[axis]; }
    int64_t size() const { return impl_->size; }
    DType dtype() const { return impl_->dtype; }
    Device& device() const { return impl_->storage->memory.device(); }

    /// Pointer to the first element; throws if T is not the tensor's type.
    template <class T>
    T* data() const;

    /// Overwrites the elements with host values, converting. Throws unless the counts agree.
    void assign(std::span<const float> values);
    void assign(std::span<const double> values);
    /// Overwrites the elements with those of a tensor of the same shape, type and device.
    void copy_from(const Tensor& other);
    /// The elements as f64 / f32 on the host.
    std::vector<double> to_host() const;
    std::vector<float> to_host_f32() const;
    double item() const;  ///< the value of a one-element tensor

    bool requires_grad() const { return impl_ && (impl_->leaf_requires_grad || impl_->node); }
    /// Makes this tensor a variable to differentiate by. Throws on a computed tensor.
    Tensor& set_requires_grad(bool value = true);
    /// What errors call this leaf, e.g. a parameter's name. Not passed on to computed tensors.
    Tensor& set_name(std::string name);
    const std::string& name() const { return impl_->name; }
    /// The same data without history.
    Tensor detach() const;
    /// The same data under another shape with as many elements; no history is added.
    Tensor view(Shape shape) const;
    /// `size` consecutive elements from `offset` as a tensor of their own (shares the data).
    Tensor slice_flat(int64_t offset, Shape shape) const;
    /// The bytes of the first elements as elements of another type (shares the data).
    Tensor reinterpret(DType dtype, Shape shape) const;

    /// Changes whenever the data is known to have changed; 0 for a computed tensor. Convolutions
    /// keep laid-out weights as long as it stays the same.
    uint64_t version() const { return impl_->leaf_requires_grad ? impl_->storage->version : 0; }
    void mark_changed();

    const std::shared_ptr<Node>& node() const { return impl_->node; }
    int output_index() const { return impl_->output_index; }
    const void* id() const { return impl_.get(); }
    /// Only for autograd: this tensor is output `index` of `node`.
    void set_node(std::shared_ptr<Node> node, int index);

  private:
    struct Storage {
        DeviceBytes memory;
        uint64_t version = 0;
        Storage(Device& device, size_t bytes) : memory(device, bytes) {}
    };
    struct Impl {
        std::shared_ptr<Storage> storage;
        int64_t offset = 0;  ///< elements
        Shape shape;
        int64_t size = 0;
        DType dtype = DType::f32;
        bool leaf_requires_grad = false;
        std::string name;
        std::shared_ptr<Node> node;
        int output_index = 0;
    };
    Tensor share(int64_t offset, Shape shape) const;
    void* raw() const;

    std::shared_ptr<Impl> impl_;
};

template <class T>
T* Tensor::data() const {
    if (impl_->dtype != dtype_of<T>)
        throw Error("tensor", fmt::format("holds {}, read as {}", to_string(impl_->dtype),
                                          to_string(dtype_of<T>)));
    return static_cast<T*>(raw());
}

}  // namespace sg
