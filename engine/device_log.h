#pragma once

#include <vector>

#include "engine/tensor.h"

namespace sg {

/// A table of numbers that the host will want to see, kept on the device until it asks: to record
/// is to queue a copy, and only read() waits for the device. The rows are the writer's to reuse.
class DeviceLog {
  public:
    /// All elements start as 0.
    DeviceLog(Device& device, int64_t rows, int64_t columns, DType dtype);

    int64_t rows() const { return table_.dim(0); }
    int64_t columns() const { return table_.dim(1); }
    /// Copies x, of the table's type, to the columns from `column` on of a row.
    void record(int64_t row, int64_t column, const Tensor& x);
    /// The first `rows` rows, one after the other.
    std::vector<double> read(int64_t rows) const;

  private:
    Tensor table_;  // [rows, columns]
};

}  // namespace sg
