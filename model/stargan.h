#pragma once

#include <optional>

#include "model/discriminator.h"
#include "model/generator.h"
#include "model/losses.h"

namespace sg {

/// Both networks and how often each has been updated (Adam's step). With a decay 0 < ema < 1 there
/// is a second G too, whose weights are an exponential average of G's (Karras et al., "Progressive
/// Growing of GANs", ICLR 2018, section 6): w_ema = w before the first update, then after each
/// update of G w_ema <- ema w_ema + (1 - ema) w. Nothing is trained on it.
struct StarGan {
    StarGan(Device& device, const ModelConfig& config, Precision precision, double ema = 0,
            Masters masters = Masters::whole);

    ModelConfig config;
    Precision precision;
    double ema;  ///< 0: no average
    Generator G;
    Discriminator D;
    std::optional<Generator> G_ema = {};  ///< there if ema > 0, without Adam's moments
    int64_t g_updates = 0, d_updates = 0;
};

/// The G to make pictures with: the average if there is one.
const Generator& display_generator(const StarGan& model);

/// Fills both networks as PyTorch does by default: convolutions and biases uniform in
/// +-1/sqrt(fan_in) (Kaiming uniform with a = sqrt(5)), instance norm weight 1 and bias 0. Numbers
/// come from Philox: (seed, network, parameter number, element in PyTorch's order). An average
/// starts at G.
void initialise(StarGan& model, uint64_t seed);

/// One parameter in PyTorch's layout: convolution weights [K,R,S,C] become [K,C,R,S].
Shape file_shape(const Shape& shape);
std::vector<float> to_file_layout(const Tensor& tensor);
/// The way back; `values` in file layout.
template <class T>
std::vector<T> from_file_layout(const Shape& shape, std::span<const T> values);

/// Images between the file's NCHW and the engine's NHWC.
Tensor images_from_nchw(Device& device, const Shape& nchw, std::span<const double> values,
                        DType dtype);
std::vector<double> images_to_nchw(const Tensor& images);

}  // namespace sg
