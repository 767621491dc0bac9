#pragma once

#include "kernels/conv/choice/chooser.h"

namespace sg {

class CudaContext;

/// A chooser among our own kernels, cuDNN and cuBLAS on the context's GPU; a library that cannot be
/// used is left out and options.say told why. `version` tells builds of our own kernels apart.
/// options.gpu is filled in. Throws Error if the policy is cudnn and there is none.
std::shared_ptr<ConvChooser> gpu_conv_chooser(CudaContext& context, const std::string& version,
                                              ConvChooser::Options options);

}  // namespace sg
