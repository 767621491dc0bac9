#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace sg {

/// What a launcher needs to know of a device to choose a version of a kernel and its block size.
struct DeviceProperties {
    std::string name;
    int architecture = 0;         ///< compute capability times ten: 90 for Hopper
    int processors = 0;           ///< streaming multiprocessors
    int max_threads = 1024;       ///< per block
    size_t shared_per_block = 0;  ///< bytes a block may ask for (the opt-in limit)
    int max_cluster = 1;          ///< blocks per cluster, non-portable sizes included
    bool wgmma = true;            ///< whether ConvWgmma::automatic may choose it, where it exists
};

/// Extents of a grid or a block of threads, as CUDA's dim3. Implicit, so that `{.grid = n}` works.
struct Extent3 {
    unsigned x = 1, y = 1, z = 1;

    constexpr Extent3(unsigned x = 1, unsigned y = 1, unsigned z = 1)  // NOLINT: implicit
        : x(x), y(y), z(z) {}
    constexpr size_t count() const { return size_t(x) * y * z; }
    bool operator==(const Extent3&) const = default;
};

/// How a kernel is launched. `kernel` names it in errors, counts and profiles.
struct Launch {
    const char* kernel;
    Extent3 grid = {}, block = {};
    size_t shared = 0;     ///< dynamic shared memory, bytes
    unsigned cluster = 1;  ///< blocks per cluster along x; needs architecture 90
};

/// "grid (4,1,1), block (256,1,1), 1024 bytes of shared memory, clusters of 1".
std::string to_string(const Launch& launch);

/// Throws Error(launch.kernel) if the launch exceeds a limit of the device.
void check_launch(const DeviceProperties& device, const Launch& launch);

/// Throws Error(launch.kernel): argument number `argument` is at an address its type cannot have.
[[noreturn]] void refuse_argument(const Launch& launch, int argument, const void* address,
                                  size_t alignment);

/// Throws Error(launch.kernel) if a pointer among a kernel's arguments is not aligned to its type:
/// on the GPU that would be an error without a name, some time after the launch.
template <class... Arguments>
void check_arguments(const Launch& launch, const Arguments&... arguments) {
    [[maybe_unused]] int number = 0;
    [[maybe_unused]] const auto check = [&]<class T>(const T& argument) {
        ++number;
        if constexpr (std::is_pointer_v<T>) {
            constexpr size_t alignment = alignof(std::remove_pointer_t<T>);
            if (reinterpret_cast<uintptr_t>(argument) % alignment != 0)
                refuse_argument(launch, number, argument, alignment);
        }
    };
    (check(arguments), ...);
}

}  // namespace sg
