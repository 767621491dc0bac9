#include "engine/device_log.h"

namespace sg {

DeviceLog::DeviceLog(Device& device, int64_t rows, int64_t columns, DType dtype)
    : table_(Tensor::zeros(device, {rows, columns}, dtype)) {}

void DeviceLog::record(int64_t row, int64_t column, const Tensor& x) {
    require(row >= 0 && row < rows() && column >= 0 && column + x.size() <= columns(), "log",
            "{} values from column {} of row {} do not fit {}", x.size(), column, row,
            to_string(table_.shape()));
    table_.slice_flat(row * columns() + column, x.shape()).copy_from(x);
}

std::vector<double> DeviceLog::read(int64_t rows) const {
    return table_.slice_flat(0, {rows, columns()}).to_host();
}

}  // namespace sg
