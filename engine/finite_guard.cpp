#include "engine/finite_guard.h"

#include "engine/run_kernel.h"
#include "kernels/reduce/reduce.h"

namespace sg {

FiniteGuard::FiniteGuard(Device& device) : memory_(device, sizeof(FiniteReport)) {
    const FiniteReport nothing;
    device.upload(report(), &nothing, sizeof(nothing));
}

FiniteReport* FiniteGuard::report() const {
    return static_cast<FiniteReport*>(memory_.data());
}

const int32_t* FiniteGuard::halted() const {
    return &report()->halted;
}

void FiniteGuard::check(std::span<const Tensor> tensors) {
    for (size_t i = 0; i < tensors.size(); ++i)
        run_kernel(tensors[i], [&]<class T>(auto& context) {
            find_non_finite(context, NonFiniteArgs<T>{.count = tensors[i].size(),
                                                      .x = tensors[i].data<T>(),
                                                      .number = int32_t(i),
                                                      .report = report()});
        });
    memory_.device().run([&](auto& context) { end_check(context, report()); });
}

std::optional<FiniteGuard::Finding> FiniteGuard::read() const {
    FiniteReport now;
    memory_.device().download(&now, report(), sizeof(now));
    if (!now.halted) return std::nullopt;
    return Finding{.check = now.checks, .tensor = now.tensor};
}

}  // namespace sg
