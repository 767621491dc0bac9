#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace sg {

/// Adam's constants (Kingma & Ba 2015), the paper's values for StarGAN.
struct AdamOptions {
    double beta1 = 0.5;
    double beta2 = 0.999;
    double eps = 1e-8;
};

/// Whether parameters have Adam's two moments: an average of others, say, is never stepped.
enum class Moments { none, adam };

/// How a device that computes in bf16 keeps the weights of convolutions.
///   whole: in f32, beside it a rounded copy; for differentiation by tensors().
///   split: in f32 that is split into what kernels read and the rest (kernels/adam/split_master.h),
///   which takes less memory and time. tensors() has then the bf16 part alone.
enum class Masters { whole, split };

/// The parameters of one network: named views into one flat array, with Adam's two moments in
/// arrays of the same layout. Master type is f32 (f64 for checks).
class Parameters {
  public:
    struct Entry {
        std::string name;
        Shape shape;
        int64_t offset;
    };

    /// Declares the parameters; all start at zero. `compute` is the type that kernels take them in:
    /// `dtype` itself, or bf16. Without bf16, and on the CPU, nothing is split.
    Parameters(Device& device, DType dtype, DType compute,
               const std::vector<std::pair<std::string, Shape>>& declarations,
               Moments moments = Moments::adam, Masters masters = Masters::whole);

    const std::vector<Entry>& entries() const { return entries_; }
    int64_t count() const { return values_.size(); }
    size_t index_of(const std::string& name) const;  ///< throws naming the parameter
    DType dtype() const { return values_.dtype(); }

    /// Leaves, in the order of entries(): they require gradients unless they are split.
    const std::vector<Tensor>& tensors() const { return tensors_; }
    const Tensor& operator[](const std::string& name) const { return tensors_[index_of(name)]; }

    /// Entry i as a device's kernels take it. Where that is bf16, what it is split into, or part of
    /// a rounded copy, which is made anew when the values have changed; else, and on the CPU, whose
    /// convolutions lay weights out for themselves, the entry.
    Tensor operand(size_t i) const;
    /// Entry i in master type: itself, or a copy if it is split.
    Tensor value(size_t i) const;

    bool has_moments() const { return bool(first_); }
    /// Parts of the flat arrays that belong to entry i. Throws without moments.
    Tensor first_moment(size_t i) const;
    Tensor second_moment(size_t i) const;

    /// Overwrites entry i with host values (engine layout).
    void assign(size_t i, std::span<const double> values);
    void assign(size_t i, std::span<const float> values);

    /// Says, in the device's memory, which update comes next: number `step` (1, 2, ...).
    void schedule_adam(int64_t step, double learning_rate, const AdamOptions& options);
    /// That update, with one gradient per entry; none if `halted` (in the device's memory, or null)
    /// points to something other than 0 when its turn comes.
    void adam_step(const std::vector<Tensor>& gradients, const AdamOptions& options,
                   const int32_t* halted = nullptr);

    // `other` must be of the same declarations, type and device.
    /// Takes over the values, not the moments.
    void copy_values(const Parameters& other);
    /// Values become decay values + (1 - decay) other's (kernels/adam), decay in [0, 1); as in
    /// adam_step, nothing changes if halted.
    void average_with(const Parameters& other, double decay, const int32_t* halted = nullptr);

  private:
    Tensor part(const Tensor& flat, size_t i) const;
    bool is_split(size_t i) const { return tensors_[i].dtype() == DType::bf16; }
    int16_t* low(size_t i) const;  ///< the rest of a split entry
    void split(size_t i, const Tensor& values);
    template <class Host>
    void assign_values(size_t i, std::span<const Host> values);
    void require_alike(const Parameters& other) const;

    std::vector<Entry> entries_;
    Tensor values_;  ///< a split entry has its bf16 numbers first, then the rest
    Tensor first_, second_;
    Tensor rounded_;  ///< the values in bf16, on devices that compute in it, unless split
    mutable uint64_t rounded_version_ = 0;
    bool splits_ = false;
    bool scheduled_ = false;  ///< whether schedule_adam has been called for the next adam_step
    std::shared_ptr<DeviceBytes> schedule_;  ///< Adam's, of the next update
    std::vector<Tensor> tensors_;
};

}  // namespace sg
