#pragma once

#include <array>
#include <vector>

#include "kernels/cudnn/library.h"

namespace sg::cudnn {

/// What cuDNN calls an attribute of a C++ type.
template <class T>
constexpr cudnnBackendAttributeType_t attribute_type = {};
template <>
inline constexpr auto attribute_type<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr auto attribute_type<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr auto attribute_type<int64_t> = CUDNN_TYPE_INT64;
template <>
inline constexpr auto attribute_type<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr auto attribute_type<double> = CUDNN_TYPE_DOUBLE;
template <>
inline constexpr auto attribute_type<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr auto attribute_type<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr auto attribute_type<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr auto attribute_type<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr auto attribute_type<cudnnPointwiseMode_t> = CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr auto attribute_type<cudnnReduceTensorOp_t> = CUDNN_TYPE_REDUCTION_OPERATOR_TYPE;
template <>
inline constexpr auto attribute_type<cudnnBackendNormMode_t> = CUDNN_TYPE_NORM_MODE;
template <>
inline constexpr auto attribute_type<cudnnBackendNormFwdPhase_t> = CUDNN_TYPE_NORM_FWD_PHASE;
template <>
inline constexpr auto attribute_type<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr auto attribute_type<cudnnBackendKnobType_t> = CUDNN_TYPE_KNOB_TYPE;
template <>
inline constexpr auto attribute_type<cudnnBackendNumericalNote_t> = CUDNN_TYPE_NUMERICAL_NOTE;

/// One of cuDNN's descriptors: a bag of attributes that means something once it is finalized. Its
/// functions throw StatusError.
class Descriptor {
  public:
    explicit Descriptor(cudnnBackendDescriptorType_t type);
    ~Descriptor();
    Descriptor(Descriptor&& other) noexcept;
    Descriptor& operator=(Descriptor&& other) noexcept;

    template <class T>
    Descriptor& set(cudnnBackendAttributeName_t name, const T& value) {
        return set(name, attribute_type<T>, 1, &value);
    }
    template <class T>
    Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<T>& values) {
        return set(name, attribute_type<T>, int64_t(values.size()), values.data());
    }
    template <class T, size_t N>
    Descriptor& set(cudnnBackendAttributeName_t name, const std::array<T, N>& values) {
        return set(name, attribute_type<T>, N, values.data());
    }
    /// Others, which must live as long as this.
    Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& other) {
        return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other.descriptor_);
    }
    Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& others);
    Descriptor& finalize();

    template <class T>
    T get(cudnnBackendAttributeName_t name) const {
        T value{};
        get(name, attribute_type<T>, 1, &value);
        return value;
    }
    template <class T>
    std::vector<T> list(cudnnBackendAttributeName_t name) const {
        std::vector<T> values(get(name, attribute_type<T>, 0, nullptr));
        if (!values.empty())
            values.resize(get(name, attribute_type<T>, int64_t(values.size()), values.data()));
        return values;
    }
    /// The attribute's descriptors, of `type`, of which there are at most so many.
    std::vector<Descriptor> descriptors(cudnnBackendAttributeName_t name,
                                        cudnnBackendDescriptorType_t type, int64_t most) const;
    /// How many the attribute has (knobs excepted: cuDNN says 0).
    int64_t count(cudnnBackendAttributeName_t name) const {
        return get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
    }

    cudnnBackendDescriptor_t raw() const { return descriptor_; }  ///< cuDNN's own

  private:
    Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                    int64_t count, const void* values);
    int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                void* values) const;

    cudnnBackendDescriptorType_t type_;
    cudnnBackendDescriptor_t descriptor_ = nullptr;
};

}  // namespace sg::cudnn
