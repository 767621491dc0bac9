#include "engine/parameters.h"

#include "engine/ops.h"
#include "engine/run_kernel.h"
#include "kernels/adam/adam.h"
#include "kernels/adam/split_master.h"

namespace sg {

namespace {

// Each parameter starts on a cache line, so vector loads are aligned.
int64_t padded(int64_t count, DType dtype) {
    const int64_t line = int64_t(Arena::alignment / size_of(dtype));
    return (count + line - 1) / line * line;
}

}  // namespace

Parameters::Parameters(Device& device, DType dtype, DType compute,
                       const std::vector<std::pair<std::string, Shape>>& declarations,
                       Moments moments, Masters masters) {
    require(dtype != DType::bf16, "parameters", "are kept in f32 or f64, not bf16");
    int64_t total = 0;
    for (const auto& [name, shape] : declarations) {
        entries_.push_back({name, shape, total});
        total += padded(element_count(shape), dtype);
    }
    values_ = Tensor::zeros(device, {total}, dtype);
    if (moments == Moments::adam) {
        first_ = Tensor::zeros(device, {total}, dtype);
        second_ = Tensor::zeros(device, {total}, dtype);
        schedule_ = std::make_shared<DeviceBytes>(device, sizeof(AdamSchedule));
    }
    const bool rounds = compute != dtype && !device.is_cpu();
    splits_ = rounds && masters == Masters::split;
    if (rounds && !splits_) rounded_ = Tensor::empty(device, {total}, compute);
    for (size_t i = 0; i < entries_.size(); ++i) {
        constexpr size_t convolution = 4;  // axes
        const Tensor whole = part(values_, i);
        if (splits_ && entries_[i].shape.size() == convolution)
            tensors_.push_back(whole.reinterpret(compute, entries_[i].shape));
        else
            tensors_.push_back(Tensor(whole).set_requires_grad());
        tensors_.back().set_name(entries_[i].name);
    }
}

size_t Parameters::index_of(const std::string& name) const {
    for (size_t i = 0; i < entries_.size(); ++i)
        if (entries_[i].name == name) return i;
    throw Error("parameters", fmt::format("there is no parameter {}", name));
}

Tensor Parameters::part(const Tensor& flat, size_t i) const {
    return flat.slice_flat(entries_[i].offset, entries_[i].shape);
}

Tensor Parameters::operand(size_t i) const {
    if (!rounded_) return tensors_[i];  // split, or nothing is rounded
    if (const uint64_t now = tensors_[0].version(); rounded_version_ != now) {
        const GradMode off(false);
        Tensor rounded = rounded_;
        rounded.copy_from(cast(values_, rounded_.dtype()));
        rounded_version_ = now;
    }
    return part(rounded_, i).set_name(entries_[i].name);  // for errors, as the entry's
}

int16_t* Parameters::low(size_t i) const {
    return reinterpret_cast<int16_t*>(tensors_[i].data<bf16>() + tensors_[i].size());
}

Tensor Parameters::value(size_t i) const {
    if (!is_split(i)) return tensors_[i];
    const Tensor joined = Tensor::empty(values_.device(), entries_[i].shape, dtype());
    joined.device().run([&](auto& context) {
        join_master(context, JoinArgs{.count = joined.size(),
                                      .high = tensors_[i].data<bf16>(),
                                      .low = low(i),
                                      .values = joined.data<float>()});
    });
    return joined;
}

void Parameters::split(size_t i, const Tensor& values) {
    values.device().run([&](auto& context) {
        split_master(context, SplitArgs{.count = values.size(),
                                        .values = values.data<float>(),
                                        .high = tensors_[i].data<bf16>(),
                                        .low = low(i)});
    });
}

Tensor Parameters::first_moment(size_t i) const {
    require(has_moments(), "adam", "{} has no moments", entries_[i].name);
    return part(first_, i);
}

Tensor Parameters::second_moment(size_t i) const {
    require(has_moments(), "adam", "{} has no moments", entries_[i].name);
    return part(second_, i);
}

template <class Host>
void Parameters::assign_values(size_t i, std::span<const Host> values) {
    require(int64_t(values.size()) == tensors_[i].size(), "parameters",
            "{} has {} elements, given {}", entries_[i].name, tensors_[i].size(), values.size());
    if (is_split(i))
        split(i, Tensor::from_host(values_.device(), entries_[i].shape, values, dtype()));
    else
        tensors_[i].assign(values);
    values_.mark_changed();
}

void Parameters::assign(size_t i, std::span<const double> values) {
    assign_values(i, values);
}

void Parameters::assign(size_t i, std::span<const float> values) {
    assign_values(i, values);
}

void Parameters::schedule_adam(int64_t step, double learning_rate, const AdamOptions& options) {
    require(has_moments(), "adam", "parameters without moments are never stepped");
    const AdamSchedule next = adam_schedule(step, learning_rate, options.beta1, options.beta2);
    values_.device().upload(schedule_->data(), &next, sizeof(next));
    scheduled_ = true;
}

void Parameters::adam_step(const std::vector<Tensor>& gradients, const AdamOptions& options,
                           const int32_t* halted) {
    require(has_moments(), "adam", "parameters without moments are never stepped");
    require(gradients.size() == entries_.size(), "adam", "{} gradients for {} parameters",
            gradients.size(), entries_.size());
    require(std::exchange(scheduled_, false), "adam", "no update was scheduled");
    const auto* schedule = static_cast<const AdamSchedule*>(schedule_->data());
    for (size_t i = 0; i < entries_.size(); ++i) {
        const Tensor& gradient = gradients[i];
        require(gradient.shape() == entries_[i].shape && gradient.dtype() == dtype(), "adam",
                "gradient of {} is {} {}", entries_[i].name, to_string(gradient.dtype()),
                to_string(gradient.shape()));
        run_master_kernel("adam", gradient, [&]<class T>(auto& context) {
            adam_update(context,
                        AdamArgs<T>{.count = gradient.size(),
                                    .p = is_split(i) ? nullptr : tensors_[i].data<T>(),
                                    .m = first_moment(i).data<T>(),
                                    .v = second_moment(i).data<T>(),
                                    .g = gradient.data<T>(),
                                    .schedule = schedule,
                                    .beta1 = options.beta1,
                                    .beta2 = options.beta2,
                                    .eps = options.eps,
                                    .high = is_split(i) ? tensors_[i].data<bf16>() : nullptr,
                                    .low = is_split(i) ? low(i) : nullptr,
                                    .halted = halted});
        });
    }
    values_.mark_changed();
}

void Parameters::require_alike(const Parameters& other) const {
    bool alike = entries_.size() == other.entries_.size() && dtype() == other.dtype();
    for (size_t i = 0; alike && i < entries_.size(); ++i)
        alike = entries_[i].name == other.entries_[i].name &&
                entries_[i].shape == other.entries_[i].shape;
    require(alike && &values_.device() == &other.values_.device(), "parameters",
            "belong to different networks, types or devices");
}

void Parameters::copy_values(const Parameters& other) {
    require_alike(other);
    for (size_t i = 0; i < entries_.size(); ++i) {
        Tensor to = tensors_[i];
        if (is_split(i))
            split(i, other.value(i));
        else
            to.copy_from(other.value(i));
    }
    values_.mark_changed();
}

void Parameters::average_with(const Parameters& other, double decay, const int32_t* halted) {
    require_alike(other);
    require(decay >= 0 && decay < 1, "ema", "decay is {}, expected in [0, 1)", decay);
    const auto average = [&](const Tensor& to, const Tensor& from) {
        run_master_kernel("ema", to, [&]<class T>(auto& context) {
            ema_update(context, EmaArgs<T>{.count = to.size(),
                                           .average = to.data<T>(),
                                           .p = from.data<T>(),
                                           .decay = decay,
                                           .halted = halted});
        });
    };
    require(!splits_, "ema", "an average is not split");
    if (other.splits_)
        for (size_t i = 0; i < entries_.size(); ++i) average(tensors_[i], other.value(i));
    else
        average(values_, other.values_);
    values_.mark_changed();
}

}  // namespace sg
