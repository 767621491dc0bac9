#include "tests/fake_kernels.h"

// CUDA graphs on a runtime of our own (test_cuda_context.cpp).

using namespace sg;
using namespace sg::testing;

TEST_CASE("recorded work runs as a graph, brought up to date each time", "[cuda_graphs]") {
    FakeCuda fake;
    set_fake_cuda(fake);
    {
        CudaContext context;
        auto* memory = static_cast<uint8_t*>(context.allocate(400));
        context.zero(memory, 400);
        const std::vector<uint8_t> host = bytes_from(100, 1);
        context.upload(memory, host.data(), host.size());
        const auto turn = [&](int part, bool both) {
            context.run_as_graph(both ? "both" : "one", [&] {
                launch_fake(context, first_kernel, "first");
                context.copy(memory + 100 * part, memory, 100);  // another place each time
                if (both) launch_fake(context, second_kernel, "second");
            });
        };
        turn(1, false);
        turn(2, false);
        turn(3, true);
        std::vector<uint8_t> all(400);
        context.download(all.data(), memory, all.size());
        for (int part = 0; part < 4; ++part)
            CHECK(std::equal(host.begin(), host.end(), all.begin() + 100 * part));
        CHECK(fake.graph_launches == 3);
        CHECK(fake.graph_updates == 1);
        CHECK(fake.live_graphs == 2);
        const std::vector<std::string> expected{"fill", "copy",  "first", "copy",   "first",
                                                "copy", "first", "copy",  "second", "copy"};
        CHECK(fake.executed == expected);
        // Other kernels under the same key: a new graph.
        context.run_as_graph("one", [&] { launch_fake(context, second_kernel, "second"); });
        CHECK(fake.graph_updates == 1);
        CHECK(fake.live_graphs == 2);
        context.synchronize();
        CHECK(fake.executed.back() == "second");
        context.release(memory);
    }
    CHECK(fake.live_graphs == 0);
}

TEST_CASE("what cannot be recorded is refused, and nothing of it runs", "[cuda_graphs]") {
    FakeCuda fake;
    set_fake_cuda(fake);
    {
        CudaContext context;
        void* memory = context.allocate(100);
        const auto refused = [&](const char* why, const auto& work) {
            fake.executed.clear();
            expect_error(
                [&] {
                    context.run_as_graph("a", [&] {
                        launch_fake(context, first_kernel, "first");
                        work();
                    });
                },
                {why});
            context.synchronize();
            CHECK(fake.executed.empty());
            CHECK(std::string(context.last_kernel()) == "none");
            CHECK(fake.live_graphs == 0);
        };
        refused("4 bytes to upload while work is recorded",
                [&] { context.upload(memory, "abc", 4); });
        refused("nobody can wait for work that is being recorded", [&] { context.synchronize(); });
        refused("is being recorded already", [&] { context.run_as_graph("b", [] {}); });
        fake.refuse_launch = cudaErrorInvalidConfiguration;
        expect_error(
            [&] {
                context.run_as_graph("a", [&] { launch_fake(context, first_kernel, "first"); });
            },
            {"first", "cudaErrorInvalidConfiguration"});
        fake.refuse_graph = cudaErrorInvalidValue;
        expect_error(
            [&] {
                context.run_as_graph("a", [&] { launch_fake(context, first_kernel, "first"); });
            },
            {"graph", "cannot be recorded or launched", "--graph false"});
        fake.refuse_graph = cudaSuccess;
        // Memory is another matter: it is no part of the record.
        void* more = nullptr;
        context.run_as_graph("a", [&] {
            more = context.allocate(200);
            context.zero(more, 200);
        });
        context.synchronize();
        CHECK(fake.executed == std::vector<std::string>{"fill"});
        context.release(more);
        context.release(memory);
    }
    CHECK(fake.live_allocations == 0);
}
