#include "kernels/sim/trace.h"

#include "model/fused_step.h"
#include "tests/model_cases.h"
#include "train/step_log.h"

using namespace sg;
using namespace sg::testing;

namespace {

ByteRanges bytes(uintptr_t begin, uintptr_t end) {
    ByteRanges ranges;
    ranges.add(begin, end);
    return ranges;
}

const void* at(uintptr_t address) {
    return reinterpret_cast<const void*>(address);
}

/// The only finding, or "" if there is none.
std::string finding(const DeviceTrace& trace) {
    const auto findings = check_trace(trace);
    REQUIRE(findings.size() <= 1);
    return findings.empty() ? "" : findings[0];
}

/// A block [100, 200) that is written in full.
DeviceTrace written_block() {
    DeviceTrace trace;
    trace.allocate(at(100), 100);
    trace.work("fill", {}, bytes(100, 200));
    return trace;
}

}  // namespace

TEST_CASE("byte ranges are a set of bytes", "[trace]") {
    // Against a plain array of bits.
    const Rng rng{.seed = 3, .purpose = RngPurpose::test};
    ByteRanges ranges;
    std::array<bool, 64> bits{};
    for (uint64_t i = 0; i < 2000; ++i) {
        const auto begin = rng.below(3 * i, 60);
        const auto end = std::min<uint64_t>(64, begin + rng.below(3 * i + 1, 12));
        const bool add = rng.below(3 * i + 2, 2);
        std::fill(bits.begin() + begin, bits.begin() + end, add);
        if (add)
            ranges.add(begin, end);
        else
            ranges.remove(begin, end);
        for (uintptr_t from = 0; from < 64; from += 5)
            for (uintptr_t to = from + 1; to <= 64; to += 7) {
                const auto first = bits.begin() + from, last = bits.begin() + to;
                const bool all = std::all_of(first, last, [](bool b) { return b; });
                const bool any = std::any_of(first, last, [](bool b) { return b; });
                REQUIRE(ranges.contains(from, to) == all);
                REQUIRE(ranges.overlaps(from, to) == any);
                REQUIRE(ranges.overlaps(bytes(from, to)) == any);
            }
        for (const auto& [from, to] : ranges.ranges())
            REQUIRE((from < to && (to == 64 || !bits[to])));  // else it would go on
    }
}

TEST_CASE("a trace of sound work has no findings", "[trace]") {
    DeviceTrace trace = written_block();
    trace.work("use", bytes(100, 200), bytes(150, 180));
    trace.release(at(100));
    trace.allocate(at(150), 20);
    trace.work("fill", {}, bytes(150, 170));
    trace.work("use", bytes(150, 170), {});
    CHECK(finding(trace).empty());
}

TEST_CASE("reading what nobody wrote is found", "[trace]") {
    DeviceTrace trace;
    trace.allocate(at(100), 100);
    trace.work("fill", {}, bytes(100, 180));
    trace.work("use", bytes(150, 181), {});
    CHECK(finding(trace) == "use reads 31 bytes that nothing has written in full");
}

TEST_CASE("what was written before memory was given again does not count", "[trace]") {
    DeviceTrace trace = written_block();
    trace.release(at(100));
    trace.allocate(at(100), 100);
    trace.work("use", bytes(100, 104), {});
    CHECK(finding(trace) == "use reads 4 bytes that nothing has written in full");
}

TEST_CASE("touching memory that was given back is found", "[trace]") {
    DeviceTrace trace = written_block();
    trace.release(at(100));
    SECTION("reading") {
        trace.work("use", bytes(100, 104), {});
        CHECK(finding(trace) == "use reads 4 bytes that are not all allocated");
    }
    SECTION("writing") {
        trace.work("use", {}, bytes(100, 104));
        CHECK(finding(trace) == "use writes 4 bytes that are not all allocated");
    }
}

TEST_CASE("giving out memory that is in use is found", "[trace]") {
    DeviceTrace trace = written_block();
    trace.allocate(at(180), 40);
    CHECK(finding(trace) == "40 bytes were allocated of which some are in use");
}

TEST_CASE("work of two streams on the same bytes needs an event", "[trace]") {
    for (const bool ordered : {false, true})
        for (const int kind : {0, 1, 2}) {  // read after write, write after read, write after write
            INFO("ordered " << ordered << ", kind " << kind);
            DeviceTrace trace = written_block();
            trace.record_event(1);
            trace.use_stream(1);
            trace.wait_event(1);
            trace.work("side", kind == 1 ? bytes(100, 120) : ByteRanges(),
                       kind == 1 ? ByteRanges() : bytes(100, 120));
            trace.record_event(2);
            trace.use_stream(0);
            trace.work("elsewhere", bytes(120, 140), bytes(120, 140));
            if (ordered) trace.wait_event(2);
            trace.work("main", kind == 0 ? bytes(110, 130) : ByteRanges(),
                       kind == 0 ? ByteRanges() : bytes(110, 130));
            const char* conflict =
                "side on stream 1 and main on stream 0 touch the same bytes, and no event orders "
                "them";
            CHECK(finding(trace) == (ordered ? "" : conflict));
        }
}

TEST_CASE("an event orders by way of a third stream", "[trace]") {
    DeviceTrace trace = written_block();
    trace.record_event(1);
    trace.use_stream(1);
    trace.wait_event(1);
    trace.record_event(2);
    trace.use_stream(2);
    trace.wait_event(2);
    trace.work("use", bytes(100, 200), {});
    CHECK(finding(trace).empty());
    trace.wait_event(9);
    CHECK(finding(trace) == "stream 2 waits for event 9, which nobody recorded");
}

TEST_CASE("a training step reads what was written, from memory that it has", "[trace]") {
    for (const int architecture : {80, 90})
        for (const Precision precision : {Precision::f32, Precision::bf16})
            for (const auto& [kind, two_streams] :
                 {std::pair(StepKind::reference, false), std::pair(StepKind::fused, false),
                  std::pair(StepKind::fused, true)}) {
                INFO(to_string(precision) << ", " << to_string(kind) << " on " << architecture
                                          << (two_streams ? ", two streams" : ""));
                SimOptions options;
                options.architecture = architecture;
                options.trace = true;
                const auto device = Device::sim(options);
                device->use_two_streams(two_streams);
                ModelConfig config = tiny_config();
                config.g_repeat_num = 1;
                StarGan model(*device, config, precision, 0, masters_for(kind));
                initialise(model, 3);
                std::vector<TrainingBatch> together;
                for (uint64_t i = 0; i < 3; ++i)
                    together.push_back(random_batch(*device, config, precision, 0, 2, 5 + i));
                StepLog log(model, 2, 2);
                int aside = 0;
                // As trainer.cpp does it: D's turn, before it the fakes that are made together, and
                // a turn of both.
                for (const bool g_turn : {false, true}) {
                    log.begin(1, 0, 1e-4, 1e-4);
                    schedule_updates(model, g_turn, 1e-4, 1e-4, {});
                    const size_t before = device->trace().entries().size();
                    if (kind == StepKind::fused && !g_turn)
                        generate_fakes(model.G, std::span(together).first(2));
                    const TrainingBatch batch = std::exchange(together[g_turn ? 2 : 0], {});
                    training_turn(model, {}, batch, kind, g_turn, [&](const auto& step) {
                        log.add(step, batch);
                        update(model, step, {}, log.halted());
                    });
                    // It can be recorded as a CUDA graph: the host has no part in it.
                    const auto& entries = device->trace().entries();
                    for (size_t i = before; i < entries.size(); ++i) {
                        CHECK((entries[i].name != "upload" && entries[i].name != "download"));
                        aside += entries[i].stream == 1 && entries[i].name == "conv_wgrad_kernel";
                    }
                }
                CHECK((aside > 0) == two_streams);
                log.read();
                for (const std::string& found : check_trace(device->trace())) FAIL_CHECK(found);
                CHECK(device->trace().entries().size() > 300);
            }
}

TEST_CASE("work beside work has none beside it, and all of it runs", "[trace]") {
    for (const bool simulated : {false, true})
        for (const bool two_streams : {false, true}) {
            const auto device = simulated ? Device::sim({.trace = true}) : Device::cpu(1);
            device->use_two_streams(two_streams);
            const auto nothing = [] {};
            const auto nested = [&] { device->beside(nothing, nothing); };
            expect_error([&] { device->beside(nested, nothing); }, {"device", "beside"});
            expect_error([&] { device->beside(nothing, nested); }, {"device", "beside"});
            // An error leaves nothing behind: memory is given back, the first stream is in use.
            std::string order;
            const size_t before = device->arena().bytes_in_use();
            device->beside(
                [&] {
                    Tensor::zeros(*device, {10}, DType::f32);
                    order += "aside ";
                },
                [&] { order += "work"; });
            CHECK(order == "aside work");
            CHECK(device->arena().bytes_in_use() == before);
            const Tensor after = Tensor::zeros(*device, {10}, DType::f32);
            if (simulated) {
                CHECK(device->trace().entries().back().stream == 0);
                CHECK(check_trace(device->trace()).empty());
            }
        }
}
