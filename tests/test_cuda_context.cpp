#include <numeric>

#include "kernels/cuda/uploads.h"
#include "tests/fake_kernels.h"

// What CudaContext does with the CUDA runtime, on a runtime of our own: what it says of errors that
// no test can provoke on a GPU that works, and that memory is not used before it may be.

using namespace sg;
using namespace sg::testing;

TEST_CASE("a machine without a usable GPU says why", "[cuda_context]") {
    FakeCuda fake{.device_count_status = cudaErrorInsufficientDriver, .driver_version = 0};
    set_fake_cuda(fake);
    CHECK(CudaContext::unavailable() == "no NVIDIA driver");
    expect_error([] { CudaContext context; }, {"cuda", "no GPU can be used: no NVIDIA driver"});
    fake = {.devices = 0};
    CHECK(CudaContext::unavailable() == "no GPU");
    fake = {.major = 7, .minor = 5};
    expect_error([] { CudaContext context; }, {"Fake GPU has compute capability 7.5", "8.0"});
    fake = {.major = 8, .minor = 9, .code_status = cudaErrorNoKernelImageForDevice};
    expect_error([] { CudaContext context; },
                 {"no code for Fake GPU, compute capability 8.9", "SG_CUDA_ARCHITECTURES=89"});
    fake = {.pinned_memory_refused = true};
    expect_error([] { CudaContext context; }, {"pinned host memory", "ulimit"});
    CHECK(fake.live_streams == 0);
    fake = {.devices = 2};
    expect_error([] { CudaContext context(2); }, {"there are 2 GPUs", "0 to 1", "got 2"});
}

TEST_CASE("uploads may be overwritten on return, whenever they are done", "[cuda_context]") {
    FakeCuda fake;
    set_fake_cuda(fake);
    {
        CudaContext context;
        constexpr size_t count = (size_t{20} << 20) + 12'345;  // more than all pinned memory
        void* memory = context.allocate(count);
        std::vector<uint8_t> host = bytes_from(count, 3);
        const std::vector<uint8_t> expected = host;
        context.upload(memory, host.data(), count);
        std::fill(host.begin(), host.end(), uint8_t{0xEE});
        context.download(host.data(), memory, count);
        CHECK(host == expected);
        // Small ones in a row: each of them is still under way when the next comes.
        for (int i = 0; i < 40; ++i) {
            auto small = bytes_from(100, i);
            context.upload(static_cast<uint8_t*>(memory) + 100 * i, small.data(), small.size());
        }
        std::vector<uint8_t> all(4000);
        context.download(all.data(), memory, all.size());
        for (int i = 0; i < 40; ++i)
            CHECK(std::equal(&all[100 * i], &all[100 * i] + 100, bytes_from(100, i).begin()));
        context.zero(memory, 50);
        context.copy(static_cast<uint8_t*>(memory) + 50, memory, 25);
        context.download(all.data(), memory, all.size());
        CHECK(std::accumulate(all.begin(), all.begin() + 75, 0) == 0);
        CHECK(all[75] == bytes_from(100, 0)[75]);
        context.release(memory);
    }
    CHECK(fake.live_allocations == 0);
    CHECK(fake.live_pinned == 0);
    CHECK(fake.live_events == 0);
    CHECK(fake.live_streams == 0);
}

TEST_CASE("small uploads do not wait for the GPU", "[cuda_context]") {
    FakeCuda fake;
    set_fake_cuda(fake);
    CudaContext context;
    void* memory = context.allocate(1024);
    launch_fake(context, first_kernel, "first_kernel");
    const int value = 7;
    context.upload(memory, &value, sizeof(value));
    CHECK(fake.executed.empty());
    context.synchronize();
    CHECK(fake.executed == std::vector<std::string>{"first_kernel", "copy"});
    context.release(memory);
}

TEST_CASE("uploads of a queue overlap with kernels and keep out of each other's way",
          "[cuda_context]") {
    FakeCuda fake;
    set_fake_cuda(fake);
    {
        CudaContext context;
        CudaUploads uploads(context, 1000, 2);
        void* results = context.allocate(5 * 1000);
        for (int i = 0; i < 5; ++i) {
            const auto data = bytes_from(1000, 50 * i);
            const auto host = uploads.host(i % 2);
            REQUIRE(host.size() == 1000);
            std::memcpy(host.data(), data.data(), 1000);
            // Stands for the kernel that reads the upload.
            context.copy(static_cast<uint8_t*>(results) + 1000 * i, uploads.submit(i % 2), 1000);
            uploads.release(i % 2);
            if (i < 2) CHECK(fake.executed.empty());  // the host ran ahead
        }
        std::vector<uint8_t> all(5000);
        context.download(all.data(), results, all.size());
        for (int i = 0; i < 5; ++i)
            CHECK(std::equal(&all[1000 * i], &all[1000 * i] + 1000,
                             bytes_from(1000, 50 * i).begin()));
        context.release(results);
    }
    CHECK(fake.live_allocations == 0);
    CHECK(fake.live_pinned == 0);
    CHECK(fake.live_events == 0);
    CHECK(fake.live_streams == 0);
}

TEST_CASE("memory that runs out is told with the numbers", "[cuda_context]") {
    FakeCuda fake{.total_memory = size_t{100} << 20};
    set_fake_cuda(fake);
    CudaContext context;
    void* memory = context.allocate(size_t{60} << 20);
    CHECK(context.memory().free == size_t{40} << 20);
    expect_error([&] { context.allocate(size_t{50} << 20); },
                 {"50 MiB of device memory asked for", "40 of 100 MiB are free", "batch"});
    void* rest = context.allocate(size_t{40} << 20);  // the failure leaves no trace
    context.release(rest);
    context.release(memory);
}

TEST_CASE("a refused launch names its kernel and passes", "[cuda_context]") {
    FakeCuda fake;
    set_fake_cuda(fake);
    CudaContext context;
    fake.refuse_launch = cudaErrorInvalidConfiguration;
    expect_error(
        [&] { launch_fake(context, first_kernel, "first_kernel"); },
        {"first_kernel: launch failed", "cudaErrorInvalidConfiguration", "block (32,1,1)"});
    launch_fake(context, first_kernel, "first_kernel");
    context.synchronize();
    CHECK(fake.executed == std::vector<std::string>{"first_kernel"});
}

TEST_CASE("an error of a kernel is reported by whatever waits next", "[cuda_context]") {
    const auto failed = [](FakeCuda& fake, CudaContext& context) {
        fake.failing_kernel = "first_kernel";
        launch_fake(context, first_kernel, "first_kernel");
        launch_fake(context, second_kernel, "second_kernel");
    };
    {
        FakeCuda fake;
        set_fake_cuda(fake);
        CudaContext context;
        failed(fake, context);
        expect_error([&] { context.synchronize(); },
                     {"cudaErrorIllegalAddress", "the last kernel launched was second_kernel",
                      "may be an earlier", "CUDA_LAUNCH_BLOCKING=1"});
        // It stays: every later call says the same.
        expect_error([&] { launch_fake(context, first_kernel, "first_kernel"); },
                     {"first_kernel", "in this kernel or one launched earlier",
                      "before it: second_kernel", "CUDA_LAUNCH_BLOCKING=1"});
        expect_error([&] { context.allocate(1); }, {"cudaErrorIllegalAddress"});
    }
    {
        FakeCuda fake{.kernel_error = cudaErrorECCUncorrectable};
        set_fake_cuda(fake);
        CudaContext context;
        failed(fake, context);
        char byte = 0;
        void* memory = context.allocate(1);
        expect_error([&] { context.download(&byte, memory, 1); },
                     {"cudaErrorECCUncorrectable", "lost for this process", "nvidia-smi"});
        context.release(memory);
    }
}
