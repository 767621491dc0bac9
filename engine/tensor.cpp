#include "engine/tensor.h"

#include <atomic>
#include <numeric>

#include "engine/autograd.h"
#include "engine/run_kernel.h"
#include "kernels/pointwise/pointwise.h"

namespace sg {

const char* to_string(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return "f32";
        case DType::bf16:
            return "bf16";
        case DType::f64:
            break;
    }
    return "f64";
}

size_t size_of(DType dtype) {
    return dtype == DType::f32 ? 4 : dtype == DType::bf16 ? 2 : 8;
}

int64_t element_count(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

std::string to_string(const Shape& shape) {
    std::string text = "[";
    for (size_t i = 0; i < shape.size(); ++i) text += (i ? "," : "") + std::to_string(shape[i]);
    return text + "]";
}

namespace {

uint64_t next_version() {
    static std::atomic<uint64_t> counter = 0;
    return ++counter;
}

}  // namespace

Tensor Tensor::empty(Device& device, Shape shape, DType dtype) {
    for (int64_t extent : shape)
        require(extent > 0, "tensor", "extents must be positive, got {}", to_string(shape));
    if (dtype == DType::f64 && !device.is_cpu())
        throw Error("tensor", fmt::format("device {} has f32 and bf16, not f64", device.name()),
                    "f64 runs on the cpu");
    Tensor result;
    result.impl_ = std::make_shared<Impl>();
    result.impl_->size = element_count(shape);
    try {
        result.impl_->storage = std::make_shared<Storage>(device, result.size() * size_of(dtype));
    } catch (const Error& error) {
        throw Error(
            error.operation(),
            fmt::format("{}; for a tensor {} {}, beside {} MiB in use", error.fact(),
                        to_string(dtype), to_string(shape), device.arena().bytes_in_use() >> 20),
            error.hint());
    }
    result.impl_->shape = std::move(shape);
    result.impl_->dtype = dtype;
    return result;
}

Tensor Tensor::zeros(Device& device, Shape shape, DType dtype) {
    Tensor result = empty(device, std::move(shape), dtype);
    device.zero(result.raw(), result.size() * size_of(dtype));
    return result;
}

Tensor Tensor::full(Device& device, Shape shape, DType dtype, double value) {
    Tensor result = empty(device, std::move(shape), dtype);
    run_kernel(result, [&]<class T>(auto& context) {
        fill(context, FillArgs<T>{.count = result.size(), .value = value, .y = result.data<T>()});
    });
    return result;
}

Tensor Tensor::from_host(Device& device, Shape shape, std::span<const float> values, DType dtype) {
    Tensor result = empty(device, std::move(shape), dtype);
    result.assign(values);
    return result;
}

Tensor Tensor::from_host(Device& device, Shape shape, std::span<const double> values, DType dtype) {
    Tensor result = empty(device, std::move(shape), dtype);
    result.assign(values);
    return result;
}

namespace {

/// `values` as To, which may be what they are.
template <class To, class From>
auto converted(std::span<const From> values) {
    if constexpr (std::is_same_v<To, From>) {
        return values;
    } else {
        std::vector<To> result(values.size());
        for (size_t i = 0; i < result.size(); ++i)
            result[i] = To(acc_t<To>(acc_t<From>(values[i])));
        return result;
    }
}

template <class Host>
void copy_in(const Tensor& to, std::span<const Host> values) {
    require(int64_t(values.size()) == to.size(), "tensor", "{} values given for shape {}",
            values.size(), to_string(to.shape()));
    dispatch(to.dtype(), [&]<class T>() {
        const auto data = converted<T>(values);
        to.device().upload(to.data<T>(), data.data(), data.size() * sizeof(T));
    });
}

template <class Host>
std::vector<Host> copy_out(const Tensor& from) {
    return dispatch(from.dtype(), [&]<class T>() {
        std::vector<T> data(from.size());
        from.device().download(data.data(), from.data<T>(), data.size() * sizeof(T));
        if constexpr (std::is_same_v<T, Host>)
            return data;
        else
            return converted<Host>(std::span<const T>(data));
    });
}

}  // namespace

void Tensor::assign(std::span<const float> values) {
    copy_in(*this, values);
}
void Tensor::assign(std::span<const double> values) {
    copy_in(*this, values);
}

void Tensor::copy_from(const Tensor& other) {
    require(shape() == other.shape() && dtype() == other.dtype() && &device() == &other.device(),
            "tensor", "{} {} on {} cannot be copied to {} {} on {}", to_string(other.dtype()),
            to_string(other.shape()), other.device().name(), to_string(dtype()), to_string(shape()),
            device().name());
    device().copy(raw(), other.raw(), size() * size_of(dtype()));
}

std::vector<double> Tensor::to_host() const {
    return copy_out<double>(*this);
}
std::vector<float> Tensor::to_host_f32() const {
    return copy_out<float>(*this);
}

double Tensor::item() const {
    require(size() == 1, "tensor", "item() needs one element, shape is {}", to_string(shape()));
    return to_host()[0];
}

Tensor& Tensor::set_requires_grad(bool value) {
    require(!impl_->node, "tensor", "requires_grad can only be set on a leaf");
    impl_->leaf_requires_grad = value;
    if (value && impl_->storage->version == 0) mark_changed();
    return *this;
}

Tensor& Tensor::set_name(std::string name) {
    impl_->name = std::move(name);
    return *this;
}

void Tensor::mark_changed() {
    impl_->storage->version = next_version();
}

Tensor Tensor::share(int64_t offset, Shape shape) const {
    Tensor result;
    result.impl_ = std::make_shared<Impl>();
    result.impl_->storage = impl_->storage;
    result.impl_->offset = impl_->offset + offset;
    result.impl_->size = element_count(shape);
    result.impl_->shape = std::move(shape);
    result.impl_->dtype = impl_->dtype;
    return result;
}

Tensor Tensor::detach() const {
    return share(0, impl_->shape);
}

Tensor Tensor::view(Shape shape) const {
    require(element_count(shape) == size(), "view", "{} does not have the elements of {}",
            to_string(shape), to_string(impl_->shape));
    return share(0, std::move(shape));
}

Tensor Tensor::slice_flat(int64_t offset, Shape shape) const {
    require(offset >= 0 && offset + element_count(shape) <= size(), "slice",
            "{} from element {} does not fit {}", to_string(shape), offset,
            to_string(impl_->shape));
    return share(offset, std::move(shape));
}

Tensor Tensor::reinterpret(DType dtype, Shape shape) const {
    const int64_t from = int64_t(size_of(impl_->dtype)), to = int64_t(size_of(dtype));
    require(impl_->offset * from % to == 0 && element_count(shape) * to <= size() * from, "tensor",
            "{} {} does not fit into {} {}", to_string(dtype), to_string(shape),
            to_string(impl_->dtype), to_string(impl_->shape));
    Tensor result = share(0, std::move(shape));
    result.impl_->dtype = dtype;
    result.impl_->offset = impl_->offset * from / to;
    return result;
}

void Tensor::set_node(std::shared_ptr<Node> node, int index) {
    impl_->node = std::move(node);
    impl_->output_index = index;
}

void* Tensor::raw() const {
    return static_cast<char*>(impl_->storage->memory.data()) +
           impl_->offset * size_of(impl_->dtype);
}

}  // namespace sg
