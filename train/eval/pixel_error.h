#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>

namespace sg {

/// Differences between images, added up over all that were compared. In units of 1/255; means over
/// nothing are NaN.
class PixelError {
  public:
    /// Bytes, as a picture is saved.
    void add(std::span<const uint8_t> a, std::span<const uint8_t> b) {
        int64_t absolute = 0, squared = 0;
        for (size_t i = 0; i < a.size(); ++i) {
            const int difference = int(a[i]) - int(b[i]);
            absolute += std::abs(difference);
            squared += difference * difference;
        }
        absolute_ += double(absolute);
        squared_ += double(squared);
        count_ += int64_t(a.size());
    }
    /// Values in [-1, 1], as networks see it.
    void add(std::span<const float> a, std::span<const float> b) {
        for (size_t i = 0; i < a.size(); ++i) {
            const double difference = 127.5 * (double(a[i]) - double(b[i]));
            absolute_ += std::abs(difference);
            squared_ += difference * difference;
        }
        count_ += int64_t(a.size());
    }
    void add(const PixelError& other) {
        absolute_ += other.absolute_;
        squared_ += other.squared_;
        count_ += other.count_;
    }

    int64_t count() const { return count_; }  ///< values compared, three per pixel
    double mean() const { return absolute_ / double(count_); }
    /// 10 log10(255^2 / mean squared difference) in dB; infinite for equal images.
    double psnr() const {
        if (squared_ == 0 && count_ > 0) return std::numeric_limits<double>::infinity();
        return 10 * std::log10(255.0 * 255.0 * double(count_) / squared_);
    }

  private:
    double absolute_ = 0, squared_ = 0;
    int64_t count_ = 0;
};

/// How much of a true change a generator makes: (translation to the target - translation to what
/// the image already shows) projected on (truth - input), 1 for all of it, 0 for nothing in its
/// direction. Unlike a distance it does not mind blur that both translations have. NaN for nothing.
class ChangeShare {
  public:
    void add(std::span<const uint8_t> unchanged, std::span<const uint8_t> changed,
             std::span<const uint8_t> input, std::span<const uint8_t> truth) {
        for (size_t i = 0; i < input.size(); ++i) {
            const double wanted = int(truth[i]) - int(input[i]);
            along_ += (int(changed[i]) - int(unchanged[i])) * wanted;
            squared_ += wanted * wanted;
        }
    }
    void add(const ChangeShare& other) {
        along_ += other.along_;
        squared_ += other.squared_;
    }
    double value() const { return along_ / squared_; }

  private:
    double along_ = 0, squared_ = 0;
};

}  // namespace sg
