#include "benchmarks/conv_layers.h"

#include "kernels/common/error.h"

namespace sg {

namespace {

struct Layer {
    const char* name;
    int64_t shrunk;  ///< how much smaller than the image x is
    int64_t C, K, window, stride, pad;
};

constexpr Layer layers[] = {
    {"stem", 1, 8, 64, 7, 1, 3},     {"down1", 1, 64, 128, 4, 2, 1},
    {"down2", 2, 128, 256, 4, 2, 1}, {"res", 4, 256, 256, 3, 1, 1},
    {"up1", 2, 128, 256, 4, 2, 1},   {"up2", 1, 64, 128, 4, 2, 1},
    {"head", 1, 64, 3, 7, 1, 3},     {"d1", 1, 3, 64, 4, 2, 1},
    {"d2", 2, 64, 128, 4, 2, 1},     {"d3", 4, 128, 256, 4, 2, 1},
    {"d4", 8, 256, 512, 4, 2, 1},    {"d5", 16, 512, 1024, 4, 2, 1},
    {"d6", 32, 1024, 2048, 4, 2, 1},
};

}  // namespace

std::vector<std::string> conv_layer_names() {
    std::vector<std::string> names;
    for (const Layer& layer : layers) names.emplace_back(layer.name);
    return names;
}

ConvShape conv_layer(const std::string& name, int64_t batch, int64_t image) {
    for (const Layer& l : layers)
        if (l.name == name)
            return {.N = batch,
                    .H = image / l.shrunk,
                    .W = image / l.shrunk,
                    .C = l.C,
                    .K = l.K,
                    .R = l.window,
                    .S = l.window,
                    .stride = l.stride,
                    .pad = l.pad};
    throw Error("kernels", fmt::format("there is no layer {}; there are {}", name,
                                       fmt::join(conv_layer_names(), ", ")));
}

}  // namespace sg
