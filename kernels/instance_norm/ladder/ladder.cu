#include "kernels/instance_norm/ladder/ladder.cuh"

namespace sg {

namespace {

/// The whole slab of an image in one block.
InstanceNormPlan slab_plan(const DeviceProperties& device, const char* operation, int64_t M,
                           int tiles) {
    const InstanceNormPlan plan = instance_norm_parts(M, 1, tiles);
    const size_t most = instance_norm_most_shared(device);
    require(plan.shared <= most, operation,
            "the slab version holds {} pixels in {} bytes of shared memory; a block may have {}", M,
            plan.shared, most);
    return plan;
}

/// In a cluster of at least two blocks, the smallest that fits.
InstanceNormPlan cluster_plan(const DeviceProperties& device, const char* operation, int64_t M,
                              int tiles) {
    for (int parts = 2; parts <= device.max_cluster; parts *= 2) {
        const InstanceNormPlan plan = instance_norm_parts(M, parts, tiles);
        if (plan.shared <= instance_norm_most_shared(device)) return plan;
    }
    require(device.max_cluster > 1, operation, "architecture {} has no clusters of blocks",
            device.architecture);
    throw Error(operation,
                fmt::format("{} pixels do not fit a cluster of {} blocks", M, device.max_cluster));
}

[[noreturn]] void no_version(const char* operation, int version, size_t versions) {
    throw Error(operation, fmt::format("there is no version {}, only 1 to {}", version, versions));
}

}  // namespace

template <DeviceContext Device, class T>
void instance_norm_forward_version(Device& device, int version,
                                   const InstanceNormForwardArgs<T>& args) {
    const char* op = "instance_norm_forward";
    check_instance_norm(op, args.shape);
    const int64_t M = args.shape.M;
    const LadderArgs<T> a(args);
    switch (version) {
        case 1:
            return launch_v1(device, a);
        case 2:
            return launch_v2(device, a);
        case 3:
            return launch_v3(device, a);
        case 4:
            return launch_v4(device, a);
        case 5:
            return instance_norm_forward(device, slab_plan(device.properties(), op, M, 1), args);
        case 6:
            return instance_norm_forward(device, cluster_plan(device.properties(), op, M, 1), args);
        case 7:
            return instance_norm_forward(device, two_kernel_plan(M), args);
    }
    no_version(op, version, instance_norm_forward_ladder().size());
}

template <DeviceContext Device, class T>
void instance_norm_backward_version(Device& device, int version,
                                    const InstanceNormBackwardArgs<T>& args) {
    const char* op = "instance_norm_backward";
    check_instance_norm(op, args.shape);
    const int64_t M = args.shape.M;
    const DeviceProperties& properties = device.properties();
    switch (version) {
        case 1:
            return instance_norm_backward(device, two_kernel_plan(M), args);
        case 2:
            return instance_norm_backward(device, slab_plan(properties, op, M, 2), args);
        case 3:
            return instance_norm_backward(device, cluster_plan(properties, op, M, 2), args);
    }
    no_version(op, version, instance_norm_backward_ladder().size());
}

#define SG_INSTANTIATE(T)                                                           \
    template void instance_norm_forward_version(ThisDevice&, int,                   \
                                                const InstanceNormForwardArgs<T>&); \
    template void instance_norm_backward_version(ThisDevice&, int,                  \
                                                 const InstanceNormBackwardArgs<T>&);
SG_INSTANTIATE(float)
SG_INSTANTIATE(bf16)

}  // namespace sg
