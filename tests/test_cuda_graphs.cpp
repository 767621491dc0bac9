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

namespace {

/// Two kernels beside each other, between two others.
void fork_and_join(CudaContext& context, uint8_t* memory) {
    launch_fake(context, first_kernel, "first");
    context.beside(
        [&] {
            context.copy(memory + 100, memory, 100);
            launch_fake(context, second_kernel, "second");
        },
        [&] { context.zero(memory, 100); });
    launch_fake(context, first_kernel, "first");
}

}  // namespace

TEST_CASE("work on a second stream begins after and ends before the first's", "[cuda_streams]") {
    FakeCuda fake;
    set_fake_cuda(fake);
    {
        CudaContext context;
        auto* memory = static_cast<uint8_t*>(context.allocate(200));
        CUstream_st* const main = context.stream();
        CUstream_st* side = nullptr;
        context.beside([&] { side = context.stream(); }, [&] { CHECK(context.stream() == main); });
        CHECK((side && side != main));
        CHECK(context.stream() == main);

        // The fake runs a stream's work when somebody waits for it: the last kernel has to make the
        // second stream go on.
        fork_and_join(context, memory);
        context.synchronize();
        const auto place = [&](const std::string& name, bool last) {
            const auto& all = fake.executed;
            const auto found = last ? all.rend() - std::find(all.rbegin(), all.rend(), name)
                                    : std::find(all.begin(), all.end(), name) - all.begin() + 1;
            return found;
        };
        REQUIRE(fake.executed.size() == 5);
        for (const char* inner : {"copy", "second", "fill"}) {
            INFO(inner);
            CHECK(place("first", false) < place(inner, false));
            CHECK(place(inner, false) < place("first", true));
        }
        CHECK(place("copy", false) < place("second", false));

        fake.executed.clear();
        for (int i = 0; i < 2; ++i)
            context.run_as_graph("a", [&] { fork_and_join(context, memory); });
        context.synchronize();
        CHECK(fake.executed.size() == 10);
        CHECK((fake.graph_launches == 2 && fake.graph_updates == 1));
        context.release(memory);
    }
    CHECK((fake.live_streams == 0 && fake.live_events == 0 && fake.live_graphs == 0));
}

TEST_CASE("streams meet again when work beside work fails", "[cuda_streams]") {
    FakeCuda fake;
    set_fake_cuda(fake);
    CudaContext context;
    CUstream_st* const main = context.stream();
    const auto fails = [] { throw Error("mine", "went wrong"); };
    const auto first = [&] { launch_fake(context, first_kernel, "first"); };
    for (const bool as_graph : {false, true})
        for (const bool in_aside : {false, true}) {
            const auto turn = [&] {
                if (in_aside)
                    context.beside([&] { first(), fails(); }, [] { FAIL("after a failure"); });
                else
                    context.beside(first, fails);
            };
            expect_error([&] { as_graph ? context.run_as_graph("a", turn) : turn(); },
                         {"mine", "went wrong"});
            CHECK(context.stream() == main);
            CHECK(fake.live_graphs == 0);
            // What comes next works, and waits for what was queued aside.
            fake.executed.clear();
            launch_fake(context, second_kernel, "second");
            context.synchronize();
            CHECK(fake.executed == (as_graph ? std::vector<std::string>{"second"}
                                             : std::vector<std::string>{"first", "second"}));
        }
}
