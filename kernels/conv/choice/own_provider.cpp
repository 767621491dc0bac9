#include "kernels/conv/choice/own_provider.h"

#include "kernels/common/error.h"
#include "kernels/conv/wgmma/conv_wgmma.h"
#include "kernels/sim/sim_context.h"
#ifdef SG_CUDA_ENABLED
#include "kernels/cuda/cuda_context.h"
#endif

namespace sg {

namespace {

/// Calls body<T, Out>() for the types of a call.
template <class Body>
void with_types(const ConvCall& call, const Body& body) {
    if (call.arithmetic != ConvArithmetic::bf16) return body.template operator()<float, float>();
    if (call.wide_result) return body.template operator()<bf16, float>();
    body.template operator()<bf16, bf16>();
}

template <class Device>
class OwnConv : public ConvImplementation {
  public:
    OwnConv(Device& device, const ConvCall& call, ConvWgmma wgmma)
        : device_(device), call_(call), wgmma_(wgmma) {}

    int64_t workspace_bytes() const override {
        return conv_workspace(device_.properties(), call_) * int64_t(sizeof(float));
    }

    void run(const ConvOperands& operands, void* workspace) override {
        with_types(call_, [&]<class T, class Out>() { run<T, Out>(operands, workspace); });
    }

  private:
    template <class T, class Out>
    void run(const ConvOperands& o, void* workspace) {
        const auto fill = [&](auto& args) {
            args.shape = call_.shape;
            args.math = math();
            args.form = ConvForm::own;
            args.workspace = static_cast<float*>(workspace);
            args.workspace_size = workspace ? conv_workspace(device_.properties(), call_) : 0;
            if constexpr (requires { args.epilogue; }) {
                args.epilogue.bias = o.bias;
                args.epilogue.slope = call_.slope;
                args.w = static_cast<const T*>(o.b);
                args.wgmma = wgmma_;
            }
        };
        if (call_.pass == ConvPass::forward) {
            ConvForwardArgs<T, Out, T> args{};
            fill(args);
            args.x = static_cast<const T*>(o.a), args.y = static_cast<Out*>(o.result);
            conv_forward(device_, args);
        } else if (call_.pass == ConvPass::dgrad) {
            ConvDgradArgs<T, Out, T> args{};
            fill(args);
            args.grad_y = static_cast<const T*>(o.a), args.grad_x = static_cast<Out*>(o.result);
            conv_dgrad(device_, args);
        } else {
            ConvWgradArgs<T> args{};
            fill(args);
            args.x = static_cast<const T*>(o.a), args.grad_y = static_cast<const T*>(o.b);
            args.grad_w = static_cast<float*>(o.result);
            conv_wgrad(device_, args);
        }
    }

    ConvMath math() const {
        return call_.arithmetic == ConvArithmetic::tf32 ? ConvMath::tf32 : ConvMath::strict;
    }

    Device& device_;
    ConvCall call_;
    ConvWgmma wgmma_;
};

template <class Device>
class OwnConvProvider : public ConvProvider {
  public:
    OwnConvProvider(Device& device, std::string version)
        : device_(device), version_(std::move(version)) {}

    const char* name() const override { return "own"; }
    std::string version() const override {
        return device_.properties().wgmma ? version_ : version_ + " without wgmma";
    }

    std::vector<std::string> candidates(const ConvCall& call) override {
        std::vector<std::string> names{"default"};
        if (wgmma_takes(call)) names.insert(names.end(), {"wgmma", "mma"});
        return names;
    }

    std::unique_ptr<ConvImplementation> build(const ConvCall& call,
                                              const std::string& candidate) override {
        const auto build = [&](ConvWgmma wgmma) {
            return std::make_unique<OwnConv<Device>>(device_, call, wgmma);
        };
        if (candidate == "default") return build(ConvWgmma::automatic);
        require(wgmma_takes(call) && (candidate == "wgmma" || candidate == "mma"), "conv",
                "there is no kernel '{}' of our own for {}", candidate, to_string(call));
        return build(candidate == "wgmma" ? ConvWgmma::always : ConvWgmma::never);
    }

  private:
    bool wgmma_takes(const ConvCall& call) const {
        return std::is_same_v<Device, CudaContext> && device_.properties().wgmma &&
               call.arithmetic == ConvArithmetic::bf16 &&
               conv_wgmma_takes(device_.properties(), call.pass, call.shape);
    }

    Device& device_;
    std::string version_;
};

}  // namespace

template <>
std::unique_ptr<ConvProvider> own_conv_provider(SimContext& device, std::string version) {
    return std::make_unique<OwnConvProvider<SimContext>>(device, std::move(version));
}
#ifdef SG_CUDA_ENABLED
template <>
std::unique_ptr<ConvProvider> own_conv_provider(CudaContext& device, std::string version) {
    return std::make_unique<OwnConvProvider<CudaContext>>(device, std::move(version));
}
#endif

}  // namespace sg
