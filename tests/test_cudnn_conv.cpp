#include "kernels/cudnn/conv_provider.h"
#include "tests/conv_provider_check.h"
#include "tests/cudnn.h"

using namespace sg;
using namespace sg::testing;

// cuDNN's convolutions on a GPU against the textbook in f64.

namespace {

constexpr int64_t kCandidates = 3;  // of each call

}  // namespace

TEST_CASE("cuDNN's convolutions equal the textbook loops, twice the same", "[cudnn][devices]") {
    if (!cudnn_usable()) return;
    for_gpu([&](auto& device) {
        if constexpr (std::is_same_v<std::decay_t<decltype(device)>, CudaDevice>) {
            if (!device.aligned) return;  // cuDNN is told that operands are
            CudnnConvProvider provider(CudnnTarget(device.context), kCandidates);
            for_each_arithmetic([&](auto arithmetic) {
                using A = decltype(arithmetic);
                for (const ConvShape& s : kLayers) check_provider<A>(device, provider, s);
                for (const ConvShape& s : {kShared, kUnshared, kOdd})
                    check_provider<A>(device, provider, s);
            });
        }
    });
}
