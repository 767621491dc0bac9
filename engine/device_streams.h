#pragma once

#include <vector>

namespace sg {

/// What a device knows of its streams (Device::beside).
struct DeviceStreams {
    bool two = false;     ///< whether work can be beside other work
    bool beside = false;  ///< now
    bool hold = false;    ///< what is released, until both have been queued
    std::vector<void*> held = {};
};

}  // namespace sg
