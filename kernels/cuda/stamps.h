#pragma once

#include <memory>
#include <vector>

namespace sg {

class CudaContext;

/// Moments in a GPU's work, to tell how long what lies between them took there.
class CudaStamps {
  public:
    explicit CudaStamps(CudaContext& context);
    ~CudaStamps();
    CudaStamps(const CudaStamps&) = delete;
    CudaStamps& operator=(const CudaStamps&) = delete;

    /// When all work launched so far will have been done. Returns at once.
    void add();
    /// Milliseconds from each to the next. Waits for the last.
    std::vector<double> intervals() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg
