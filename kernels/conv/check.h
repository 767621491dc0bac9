#pragma once

#include <initializer_list>

#include "kernels/conv/conv.h"
#include "kernels/label_concat/label_concat.h"

namespace sg {

/// The label bias that belongs to a convolution (L does not matter once there is a table).
LabelBiasShape label_bias_shape(const ConvShape& shape);

/// Throws Error("conv_forward") if the convolution is none that a label bias can be added to.
void check_label_bias_conv(const ConvShape& shape, bool epilogue);

template <class Args>
void check_conv_forward(const Args& args) {
    check_conv_shape("conv_forward", args.shape);
    if (args.label_bias)
        check_label_bias_conv(args.shape, args.epilogue.bias || args.epilogue.more());
}

/// A pointer among a kernel's arguments, and what its address must be a multiple of.
struct ConvPointer {
    const char* name;
    const void* address;
    size_t alignment;
    bool optional = false;
};
template <class T>
ConvPointer required_pointer(const char* name, const T* p) {
    return {name, p, alignof(T)};
}
template <class T>
ConvPointer optional_pointer(const char* name, const T* p) {
    return {name, p, alignof(T), true};
}

/// Throws Error if a shape is impossible or too large for the devices' indices of 32 bits: tensors
/// and padded images of almost 2^31 elements (a tile may reach over the end).
void check_conv_extents(ConvPass pass, const ConvShape& shape);

/// Throws Error for what no device kernel takes: pointers that are null or not aligned to their
/// type, less than `needed` floats of workspace. The extents have been checked.
void check_conv_device(ConvPass pass, const ConvShape& shape,
                       std::initializer_list<ConvPointer> pointers, int64_t needed,
                       const float* workspace, int64_t given);

}  // namespace sg
