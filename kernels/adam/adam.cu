#include "kernels/adam/adam.h"

#include <cmath>
#include <type_traits>

#include "kernels/adam/split_master.cuh"

namespace sg {

namespace {

// ---------------------------------------------------------------------------------------------
// Kernels

/// What all elements share, in f32.
struct AdamFactors {
    float beta1, rest1, beta2, rest2, eps;
    float rate = 0, root_correction = 0;  // from the schedule
};

/// Parameters as they lie in memory, or as SplitMaster.
struct WholeMaster {
    Global<float> p;

    template <int N>
    __device__ Vec<float, N> get(int64_t i) const {
        return load<N>(p + i);
    }
    template <int N>
    __device__ void put(int64_t i, const Vec<float, N>& values) const {
        store(p + i, values);
    }
};

template <class Master>
struct AdamArrays {
    Master p;
    Global<float> m, v;
    Global<const float> g;
};

template <int N, class Master>
__device__ void update(const AdamFactors& f, const AdamArrays<Master>& a, int64_t i) {
    Vec<float, N> p = a.p.template get<N>(i), m = load<N>(a.m + i), v = load<N>(a.v + i);
    const Vec<float, N> g = load<N>(a.g + i);
#pragma unroll
    for (int k = 0; k < N; ++k) {
        m[k] = f.beta1 * m[k] + f.rest1 * g[k];
        v[k] = f.beta2 * v[k] + f.rest2 * g[k] * g[k];
        p[k] -= f.rate * m[k] / (sqrtf(v[k]) * f.root_correction + f.eps);
    }
    a.p.put(i, p);
    store(a.m + i, m);
    store(a.v + i, v);
}

/// N elements per thread and step, then what is left over, one element per thread.
template <int N, class Master>
__global__ void adam_kernel(int64_t count, AdamFactors factors, AdamArrays<Master> arrays,
                            Global<const AdamSchedule> schedule, Global<const int32_t> halted) {
    if (halted && *halted) return;
    const AdamSchedule now = schedule[0];
    factors.rate = float(now.lr * now.correction1);
    factors.root_correction = float(now.correction2);
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N)
        update<N>(factors, arrays, i);
    const int64_t rest = count - count % N + grid_thread();
    if (rest < count) update<1>(factors, arrays, rest);
}

/// One thread: the powers are in f64, and the update reads them from memory, so that a CUDA graph
/// with both can be replayed.
__global__ void adam_advance_kernel(Global<AdamSchedule> schedule, double beta1, double beta2) {
    const AdamSchedule last = schedule[0];
    schedule[0] = adam_schedule(last.step + 1, last.lr, beta1, beta2);
}

template <int N>
__device__ void average(float rest, Global<float> to, Global<const float> p, int64_t i) {
    Vec<float, N> values = load<N>(to + i);
    const Vec<float, N> now = load<N>(p + i);
#pragma unroll
    for (int k = 0; k < N; ++k) values[k] += rest * (now[k] - values[k]);
    store(to + i, values);
}

/// As adam_kernel divides the elements.
template <int N>
__global__ void ema_kernel(int64_t count, float rest, Global<float> to, Global<const float> p,
                           Global<const int32_t> halted) {
    if (halted && *halted) return;
    for (int64_t i = grid_thread() * N; i + N <= count; i += grid_threads() * N)
        average<N>(rest, to, p, i);
    const int64_t left = count - count % N + grid_thread();
    if (left < count) average<1>(rest, to, p, left);
}

// ---------------------------------------------------------------------------------------------
// Launchers

template <int N, class Master, class Device>
void launch_adam(Device& device, const AdamArgs<float>& args, const Master& p) {
    const AdamFactors factors{.beta1 = float(args.beta1),
                              .rest1 = float(1.0 - args.beta1),  // in f64: see adam_cpu.cpp
                              .beta2 = float(args.beta2),
                              .rest2 = float(1.0 - args.beta2),
                              .eps = float(args.eps)};
    const AdamArrays<Master> arrays{p, args.m, args.v, args.g};
    launch(device, elementwise_launch(device.properties(), "adam_kernel", args.count / N + 1),
           adam_kernel<N, Master>, args.count, factors, arrays, args.schedule, args.halted);
}

template <class Master, class Device>
void launch_adam(Device& device, const AdamArgs<float>& args, const Master& p) {
    // Of what is null, any alignment will do.
    if (aligned_to(16, args.p, args.m, args.v, args.g) && aligned_to(8, args.high, args.low))
        launch_adam<vec_width<float>>(device, args, p);
    else
        launch_adam<1>(device, args, p);
}

}  // namespace

template <DeviceContext Device>
void adam_advance(Device& device, const AdamAdvanceArgs& args) {
    launch(device, {.kernel = "adam_advance_kernel", .grid = 1, .block = 1}, adam_advance_kernel,
           args.schedule, args.beta1, args.beta2);
}

template <DeviceContext Device, class T>
void adam_update(Device& device, const AdamArgs<T>& args) {
    if (args.p)
        launch_adam(device, args, WholeMaster{args.p});
    else
        launch_adam(device, args, SplitMaster{args.high, args.low});
}

template <DeviceContext Device, class T>
void ema_update(Device& device, const EmaArgs<T>& args) {
    const auto run = [&](auto width) {
        constexpr int N = decltype(width)::value;
        launch(device, elementwise_launch(device.properties(), "ema_kernel", args.count / N + 1),
               ema_kernel<N>, args.count, float(1.0 - args.decay), args.average, args.p,
               args.halted);
    };
    if (aligned_to(16, args.average, args.p))
        run(std::integral_constant<int, vec_width<float>>{});
    else
        run(std::integral_constant<int, 1>{});
}

template void adam_advance(ThisDevice&, const AdamAdvanceArgs&);
template void adam_update(ThisDevice&, const AdamArgs<float>&);
template void ema_update(ThisDevice&, const EmaArgs<float>&);

}  // namespace sg
