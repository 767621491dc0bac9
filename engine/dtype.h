#pragma once

#include <cstddef>
#include <type_traits>

#include "kernels/common/bf16.h"

namespace sg {

enum class DType { f32, bf16, f64 };
const char* to_string(DType dtype);
size_t size_of(DType dtype);
/// The type in which sums over `dtype` are formed and its network's parameters are kept.
inline DType master_type(DType dtype) {
    return dtype == DType::f64 ? DType::f64 : DType::f32;
}

template <class T>
constexpr DType dtype_of = std::is_same_v<T, float>    ? DType::f32
                           : std::is_same_v<T, double> ? DType::f64
                                                       : DType::bf16;

/// Calls body.template operator()<T>() with T the C++ type of `dtype`.
template <class Body>
decltype(auto) dispatch(DType dtype, Body&& body) {
    switch (dtype) {
        case DType::f32:
            return body.template operator()<float>();
        case DType::bf16:
            return body.template operator()<bf16>();
        case DType::f64:
            break;
    }
    return body.template operator()<double>();
}

}  // namespace sg
