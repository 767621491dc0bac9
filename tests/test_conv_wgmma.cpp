#include <optional>

#include "kernels/conv/gemm/plan.h"
#include "kernels/conv/gemm/problems.cuh"
#include "kernels/conv/wgmma/config.cuh"
#include "kernels/conv/wgmma/conv_wgmma.h"
#include "kernels/conv/wgmma/copies.cuh"
#include "tests/conv_cases.h"
#include "tests/devices.h"
#include "tests/wgmma_model.h"

using namespace sg;
using namespace sg::testing;

// Convolution by wgmma: its plan; on the simulated device its copies, with wgmma itself replaced by
// a model of what it reads; on a Hopper GPU all of it.

namespace {

DeviceProperties device_of(int architecture) {
    return {.name = "test",
            .architecture = architecture,
            .processors = 132,
            .shared_per_block = 227 << 10,
            .max_cluster = 16};
}
const DeviceProperties hopper = device_of(90);

const ConvShape residual{.N = 16, .H = 32, .W = 32, .C = 256, .K = 256, .R = 3, .S = 3, .pad = 1};

ConvShape strided(int64_t H, int64_t C, int64_t K) {
    return {.N = 16, .H = H, .W = H, .C = C, .K = K, .R = 4, .S = 4, .stride = 2, .pad = 1};
}

/// Shapes with more and fewer tiles of depth than slots, rows that do not fill a block, every width
/// of tile, phases of different sizes and phases without taps.
const std::vector<ConvShape> small_shapes = {
    {.N = 1, .H = 5, .W = 7, .C = 64, .K = 64, .R = 3, .S = 3, .pad = 1},
    {.N = 1, .H = 3, .W = 4, .C = 64, .K = 256, .R = 1, .S = 1},
    {.N = 3, .H = 7, .W = 7, .C = 128, .K = 64, .R = 1, .S = 2, .pad = 1},
    {.N = 1, .H = 6, .W = 5, .C = 64, .K = 128, .R = 4, .S = 4, .stride = 2, .pad = 1},
    {.N = 2, .H = 5, .W = 5, .C = 128, .K = 64, .R = 1, .S = 1, .stride = 2},
    {.N = 1, .H = 4, .W = 4, .C = 256, .K = 64, .R = 3, .S = 3, .stride = 3, .pad = 2}};

/// Operands of both passes, as bf16 rounds them.
struct Numbers {
    std::vector<double> x, w, grad_y;
    explicit Numbers(const ConvShape& s)
        : x(rounded<bf16>(uniform(s.x_size(), 1))),
          w(rounded<bf16>(uniform(s.w_size(), 2))),
          grad_y(rounded<bf16>(uniform(s.y_size(), 3))) {}
};

double excess_of(const std::vector<double>& computed, const Sums& exact) {
    return excess<float, float>(computed, exact);
}

/// The sums of one row of the tile, read as wgmma reads it.
template <class C>
void add_products(float (&sums)[C::tile_n], Shared<const bf16> stage, int row) {
    for (int k = 0; k < C::tile_k / 16; ++k) {
        // Shared memory begins at the address 0.
        const uint64_t a = wgmma_moved(C::OperandA::descriptor(0, row / 64 * 64),
                                       k * C::OperandA::step_bytes),
                       b = wgmma_moved(C::OperandB::descriptor(C::OperandA::tile_bytes, 0),
                                       k * C::OperandB::step_bytes);
        for (int depth = 0; depth < 16; ++depth) {
            const bf16 of_a = stage[int(wgmma_address(a, false, row % 64, depth)) / 2];
            for (int n = 0; n < C::tile_n; ++n) {
                const bf16 of_b = stage[int(wgmma_address(b, !C::LayoutB::by_depth, n, depth)) / 2];
                sums[n] += float(of_a) * float(of_b);
            }
        }
    }
}

/// A block of C::copy_threads = C::tile_m threads: the real copies, one row of products each.
template <class C, class A, class B, class ElementOf>
void model_block(const A& a, const B& b, int depth, int m, int n, const ElementOf& element_of,
                 Global<float> result) {
    const auto stage = dynamic_shared<bf16>();
    float sums[C::tile_n] = {};
    for (int k = 0; k < depth; k += C::tile_k) {
        a.copy(stage, k);
        b.copy(stage + C::LayoutA::elements, k);
        copy_async_commit();
        copy_async_wait<0>();
        __syncthreads();
        add_products<C>(sums, Shared<const bf16>(stage), int(threadIdx.x));
        __syncthreads();
    }
    const int element = element_of(m + int(threadIdx.x));
    for (int i = 0; element >= 0 && i < C::tile_n; ++i) result[element + n + i] = sums[i];
}

template <class C>
void forward_model_kernel(ForwardProblem<bf16> p, Global<float> y) {
    const int m = int(blockIdx.x) * C::tile_m, n = int(blockIdx.y) * C::tile_n;
    model_block<C>(
        TapGather<typename C::LayoutA, C::copy_threads>(p.x_at, p.x, m, p.pixels),
        FilterRows<typename C::LayoutB, C::copy_threads>(p.w, p.depth, n), p.depth, m, n,
        [&](int row) { return p.element_of(row); }, y);
}

template <class C>
void dgrad_model_kernel(DgradProblem<bf16> p, Global<float> grad_x) {
    const DgradPhase& phase = p.phases[blockIdx.z];
    const int m = int(blockIdx.x) * C::tile_m, n = int(blockIdx.y) * C::tile_n;
    model_block<C>(
        TapGather<typename C::LayoutA, C::copy_threads>(phase.grad_y_at, p.grad_y, m, phase.pixels),
        TapWeights<typename C::LayoutB, C::copy_threads>(phase.taps, p.w, n), phase.depth, m, n,
        [&](int row) { return p.element_of(phase, row); }, grad_x);
}

template <class C>
Launch model_launch(const ConvProduct& product, unsigned phases = 1) {
    return {.kernel = "wgmma_model_kernel",
            .grid = {unsigned(pieces_of(product.m, C::tile_m)), unsigned(product.n / C::tile_n),
                     phases},
            .block = C::copy_threads,
            .shared = size_t(C::stage_bytes)};
}

/// SG_WGMMA for a while; null: not set.
class Environment {
  public:
    explicit Environment(const char* value) {
        const char* old = std::getenv(name);
        if (old) old_ = old;
        set(value);
    }
    ~Environment() { set(old_ ? old_->c_str() : nullptr); }

  private:
    static constexpr const char* name = "SG_WGMMA";
    static void set(const char* value) { value ? setenv(name, value, 1) : unsetenv(name); }
    std::optional<std::string> old_;
};

template <int tile_n>
void check_model(SimContext& context, const ConvShape& s, const Numbers& numbers,
                 const ConvReference& exact) {
    CAPTURE(to_string(s), tile_n);
    const auto x = to<bf16>(numbers.x), w = to<bf16>(numbers.w), grad_y = to<bf16>(numbers.grad_y);
    if (s.K % tile_n == 0) {
        using C = WgmmaConfig<tile_n, Contiguous::depth>;
        Output<float> y(s.y_size());
        const auto problem = forward_problem(
            ConvForwardArgs<bf16, float, bf16>{.shape = s, .x = x.data(), .w = w.data(), .y = y});
        launch(context, model_launch<C>(conv_product(ConvPass::forward, s)),
               forward_model_kernel<C>, problem, y.data());
        CHECK(excess_of(y.get(), exact.y) <= 1);
    }
    if (s.C % tile_n == 0) {
        using C = WgmmaConfig<tile_n, Contiguous::side>;
        Output<float> grad_x(s.x_size());
        const ConvDgradArgs<bf16, float, bf16> args{
            .shape = s, .grad_y = grad_y.data(), .w = w.data(), .grad_x = grad_x};
        for_dgrad_launches(args, {}, [&](const DgradProblem<bf16>& problem, unsigned phases) {
            launch(context, model_launch<C>(conv_product(ConvPass::dgrad, s), phases),
                   dgrad_model_kernel<C>, problem, grad_x.data());
        });
        CHECK(excess_of(grad_x.get(), exact.grad_x) <= 1);
    }
}

}  // namespace

TEST_CASE("the copies for wgmma bring what the products need", "[wgmma]") {
    for (const ConvShape& s : small_shapes) {
        SimOptions options;
        options.check_races = &s == &small_shapes[3];  // slow; one with a stride will do
        SimContext context(options);
        const Numbers numbers(s);
        const ConvReference exact(s, numbers.x, numbers.w, numbers.grad_y);
        check_model<64>(context, s, numbers, exact);
        check_model<128>(context, s, numbers, exact);
        check_model<256>(context, s, numbers, exact);
    }
}

TEST_CASE("wgmma is for Hopper and for channels in groups of 64", "[wgmma]") {
    const auto takes = [](int architecture, ConvPass pass, const ConvShape& s) {
        return conv_wgmma_takes(device_of(architecture), pass, s);
    };
    for (const ConvPass pass : {ConvPass::forward, ConvPass::dgrad}) {
        CHECK(takes(90, pass, residual));
        CHECK(takes(90, pass, strided(128, 64, 128)));
        for (int other : {80, 86, 89, 100, 120}) CHECK_FALSE(takes(other, pass, residual));
        CHECK_FALSE(takes(90, pass, strided(128, 3, 64)));
        CHECK_FALSE(takes(90, pass, strided(128, 96, 128)));
        CHECK_FALSE(takes(90, pass, strided(128, 64, 5)));
        for (const ConvShape& s : small_shapes) CHECK(takes(90, pass, s));
        for (const ConvShape& s : kLayers) CHECK_FALSE(takes(90, pass, s));
    }
    CHECK_FALSE(takes(90, ConvPass::wgrad, residual));
    DeviceProperties little = hopper;
    little.shared_per_block = 100 << 10;
    CHECK_FALSE(conv_wgmma_takes(little, ConvPass::forward, residual));
}

TEST_CASE("wgmma is chosen where its blocks keep the processors busy", "[wgmma]") {
    const auto chosen = [](ConvPass pass, const ConvShape& s, ConvWgmma wgmma) {
        return conv_wgmma_chosen(hopper, pass, s, wgmma);
    };
    const Environment unset(nullptr);
    const auto few = strided(4, 1024, 2048);  // 64 rows: mma.sync splits the depth
    for (const ConvPass pass : {ConvPass::forward, ConvPass::dgrad}) {
        CHECK(conv_wgmma_plan(hopper, pass, residual).tile_n == 256);
        CHECK(chosen(pass, residual, ConvWgmma::automatic));
        CHECK(chosen(pass, strided(64, 128, 256), ConvWgmma::automatic));
        CHECK_FALSE(chosen(pass, few, ConvWgmma::automatic));
        CHECK(chosen(pass, few, ConvWgmma::always));
        CHECK_FALSE(chosen(pass, residual, ConvWgmma::never));
        CHECK_FALSE(chosen(pass, strided(128, 3, 64), ConvWgmma::always));
        CHECK_FALSE(conv_wgmma_chosen(device_of(100), pass, residual, ConvWgmma::always));
        for (const ConvShape& s : small_shapes) {
            const auto product = conv_product(pass, s);
            CHECK(product.n % conv_wgmma_plan(hopper, pass, s).tile_n == 0);
        }
    }
    {
        const Environment off("0");
        CHECK_FALSE(chosen(ConvPass::forward, residual, ConvWgmma::automatic));
        CHECK(chosen(ConvPass::forward, residual, ConvWgmma::always));
    }
    const size_t largest = WgmmaConfig<256, Contiguous::side>::shared_bytes;
    for (const int spare : {0, 1000}) {  // the plan's bound and the kernel's need agree
        DeviceProperties device = hopper;
        device.shared_per_block = largest - 1 + size_t(spare);
        CHECK(conv_wgmma_takes(device, ConvPass::forward, residual) == (spare > 0));
    }
}

namespace {

/// Both passes on a GPU.
template <class Device>
struct OnGpu {
    Device& device;
    const ConvShape& s;
    const Numbers& numbers;

    template <class Out>
    std::vector<double> forward(ConvWgmma wgmma, const ConvEpilogue<bf16>& epilogue = {}) {
        auto y = device.template output<Out>(s.y_size());
        auto space = workspace(ConvPass::forward);
        const auto x = device.input(to<bf16>(numbers.x)), w = device.input(to<bf16>(numbers.w));
        conv_forward(device.context,
                     ConvForwardArgs<bf16, Out, bf16>{.shape = s,
                                                      .x = x,
                                                      .w = w,
                                                      .epilogue = epilogue,
                                                      .y = y,
                                                      .wgmma = wgmma,
                                                      .workspace = space,
                                                      .workspace_size = space.size()});
        return y.get();
    }
    template <class Out>
    std::vector<double> dgrad(ConvWgmma wgmma) {
        auto grad_x = device.template output<Out>(s.x_size());
        auto space = workspace(ConvPass::dgrad);
        const auto grad_y = device.input(to<bf16>(numbers.grad_y)),
                   w = device.input(to<bf16>(numbers.w));
        conv_dgrad(device.context, ConvDgradArgs<bf16, Out, bf16>{.shape = s,
                                                                  .grad_y = grad_y,
                                                                  .w = w,
                                                                  .grad_x = grad_x,
                                                                  .wgmma = wgmma,
                                                                  .workspace = space,
                                                                  .workspace_size = space.size()});
        return grad_x.get();
    }
    auto workspace(ConvPass pass) {
        return device.template output<float>(
            conv_workspace<bf16>(device.context.properties(), pass, s));
    }
};

template <class Device>
bool has_wgmma(Device& device) {
    if (device.context.properties().architecture == 90) return true;
    WARN("not run: " << device.context.properties().name << " has no wgmma");
    return false;
}

}  // namespace

TEST_CASE("wgmma's convolution equals the textbook loops", "[wgmma][conv][devices]") {
    std::vector<ConvShape> shapes = small_shapes;
    shapes.push_back({.N = 2, .H = 9, .W = 9, .C = 256, .K = 256, .R = 3, .S = 3, .pad = 1});
    shapes.push_back({.N = 1, .H = 5, .W = 5, .C = 320, .K = 192, .R = 3, .S = 3, .pad = 1});
    for_gpu([&](auto& device) {
        if (!has_wgmma(device)) return;
        for (const ConvShape& s : shapes) {
            CAPTURE(to_string(s));
            const Numbers numbers(s);
            const ConvReference exact(s, numbers.x, numbers.w, numbers.grad_y);
            OnGpu<std::remove_reference_t<decltype(device)>> gpu{device, s, numbers};
            CHECK(excess_of(gpu.template forward<float>(ConvWgmma::always), exact.y) <= 1);
            CHECK(excess_of(gpu.template dgrad<float>(ConvWgmma::always), exact.grad_x) <= 1);
        }
    });
}

TEST_CASE("wgmma and mma.sync agree on whole layers", "[wgmma][conv][devices]") {
    for_gpu([&](auto& device) {
        if (!has_wgmma(device)) return;
        for (const ConvShape& s : {residual, strided(64, 128, 256), strided(128, 64, 128)}) {
            CAPTURE(to_string(s));
            const Numbers numbers(s);
            OnGpu<std::remove_reference_t<decltype(device)>> gpu{device, s, numbers};
            const auto bias = device.input(to<float>(uniform(s.K, 4)));
            const auto residuals = device.input(to<bf16>(uniform(s.y_size(), 5)));
            const ConvEpilogue<bf16> epilogue{.bias = bias, .slope = 0.01f, .residual = residuals};
            const auto y = [&](ConvWgmma wgmma) {
                return gpu.template forward<bf16>(wgmma, epilogue);
            };
            CHECK(max_error(y(ConvWgmma::always), y(ConvWgmma::never)) <
                  0x1p-7);  // one rounding of the largest
            const auto grad_x = [&](ConvWgmma wgmma) { return gpu.template dgrad<float>(wgmma); };
            CHECK(max_error(grad_x(ConvWgmma::always), grad_x(ConvWgmma::never)) < 1e-5);
        }
    });
}
