#pragma once

#include "engine/device.h"

namespace sg {

/// A piece of a device's memory, returned to its arena with the object.
class DeviceBytes {
  public:
    DeviceBytes(Device& device, size_t bytes) : device_(&device), data_(device.allocate(bytes)) {}
    ~DeviceBytes() { device_->release(data_); }
    DeviceBytes(const DeviceBytes&) = delete;
    DeviceBytes& operator=(const DeviceBytes&) = delete;

    Device& device() const { return *device_; }
    void* data() const { return data_; }

  private:
    Device* device_;
    void* data_;
};

}  // namespace sg
