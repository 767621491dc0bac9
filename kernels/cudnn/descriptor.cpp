#include "kernels/cudnn/descriptor.h"

#include <utility>

namespace sg::cudnn {

namespace {

std::string name_of(cudnnBackendDescriptorType_t type) {
    switch (type) {
        case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
            return "a tensor";
        case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
        case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
        case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
        case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
            return "a convolution";
        case CUDNN_BACKEND_POINTWISE_DESCRIPTOR:
        case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
            return "a pointwise operation";
        case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
        case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
            return "a normalisation";
        case CUDNN_BACKEND_REDUCTION_DESCRIPTOR:
        case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
            return "a reduction";
        case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
            return "the graph of operations";
        case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
            return "the list of engines";
        case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
            return "an engine";
        case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
        case CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR:
            return "an engine's settings";
        case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
            return "an execution plan";
        case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
            return "the operands";
        case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
            return "the described GPU";
        default:
            return fmt::format("descriptor {}", int(type));
    }
}

}  // namespace

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) : type_(type) {
    check(library().create_descriptor(type, &descriptor_), "creating " + name_of(type));
}

Descriptor::~Descriptor() {
    if (descriptor_) library().destroy_descriptor(descriptor_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : type_(other.type_), descriptor_(std::exchange(other.descriptor_, nullptr)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(type_, other.type_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

Descriptor& Descriptor::finalize() {
    check(library().finalize(descriptor_), "finalizing " + name_of(type_));
    return *this;
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name,
                            const std::vector<Descriptor>& others) {
    std::vector<cudnnBackendDescriptor_t> raw;
    for (const Descriptor& other : others) raw.push_back(other.raw());
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, int64_t(raw.size()), raw.data());
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                            int64_t count, const void* values) {
    check(library().set_attribute(descriptor_, name, type, count, values),
          fmt::format("setting attribute {} of {}", int(name), name_of(type_)));
    return *this;
}

int64_t Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                        int64_t count, void* values) const {
    int64_t found = 0;
    check(library().get_attribute(descriptor_, name, type, count, &found, values),
          fmt::format("asking for attribute {} of {}", int(name), name_of(type_)));
    return found;
}

std::vector<Descriptor> Descriptor::descriptors(cudnnBackendAttributeName_t name,
                                                cudnnBackendDescriptorType_t type,
                                                int64_t most) const {
    std::vector<Descriptor> found;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (int64_t i = 0; i < most; ++i) raw.push_back(found.emplace_back(type).raw());
    const int64_t given = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, raw.data());
    while (int64_t(found.size()) > given) found.pop_back();
    return found;
}

}  // namespace sg::cudnn
