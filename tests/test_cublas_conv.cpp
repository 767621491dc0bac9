#include "kernels/cublas/conv_provider.h"
#include "tests/conv_provider_check.h"

using namespace sg;
using namespace sg::testing;

TEST_CASE("cuBLAS computes convolutions that are matrix products", "[cublas][devices]") {
    const ConvShape head{.N = 3, .H = 4, .W = 4, .C = 32, .K = 5, .R = 4, .S = 4};
    const ConvShape uneven{.N = 5, .H = 2, .W = 3, .C = 7, .K = 3, .R = 2, .S = 3};
    for_gpu([&](auto& device) {
        if constexpr (std::is_same_v<std::decay_t<decltype(device)>, CudaDevice>) {
            if (!device.aligned) return;  // libraries are not given other operands
            CublasConvProvider provider(device.context);
            REQUIRE(provider.candidates({.shape = head}).size() == 1);
            for_each_arithmetic([&](auto arithmetic) {
                using A = decltype(arithmetic);
                for (const ConvShape& s : {head, uneven, kUnshared})
                    check_provider<A>(device, provider, s);
            });
        }
    });
}
