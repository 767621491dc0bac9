#include "kernels/conv/choice/chooser.h"

#include <fstream>

#include "engine/conv_into.h"
#include "kernels/conv/choice/dispatch.h"
#include "kernels/conv/choice/own_provider.h"
#include "tests/fake_convs.h"
#include "tests/temp_dir.h"

using namespace sg;
using namespace sg::testing;

TEST_CASE("the fastest candidate is chosen, once", "[conv_choice]") {
    Choosing c({{"own", {{"default", 5}, {"wgmma", 4}}}, {"cudnn", {{"slow", 9}, {"quick", 3}}}},
               {});
    CHECK(c.choice() == "cudnn quick");
    CHECK(c.choice() == "cudnn quick");
    CHECK(c.providers[0]->asked == 1);
    CHECK(c.providers[1]->asked == 1);
    CHECK(&c.chooser->get(kCall) == &c.chooser->get(kCall));
    CHECK(c.said.empty());
}

TEST_CASE("candidates that fail or want too much memory are passed over", "[conv_choice]") {
    Choosing c(
        {{"own", {{"default", 5}}},
         {"cudnn", {{"no build", 1, 0, false}, {"no run", 1, 0, true, false}, {"large", 1, 4096}}}},
        {.workspace_limit = 4095});
    CHECK(c.choice() == "own default");
    Choosing all({{"own", {{"default", 5}}}, {"cudnn", {{"large", 1, 4096}}}},
                 {.workspace_limit = 4096});
    CHECK(all.choice() == "cudnn large");
}

TEST_CASE("without patience the first candidate that works is taken", "[conv_choice]") {
    std::vector<FakeProvider> providers{
        {"cudnn", {{"broken", 1, 0, false}, {"first", 5}, {"second", 2}}}};
    CHECK(Choosing(providers, {.patience = 0}).choice() == "cudnn first");
    CHECK(Choosing(providers, {}).choice() == "cudnn second");
}

TEST_CASE("the policy decides who is asked", "[conv_choice]") {
    const auto with = [](ConvPolicy policy, std::vector<Fake> library) {
        return Choosing({{"own", {{"default", 1}}}, {"cudnn", std::move(library)}},
                        {.policy = policy});
    };
    Choosing own = with(ConvPolicy::own, {{"plan", 0.5}});
    own.chooser->choose(kCall);
    CHECK(own.chooser->choices().empty());  // nothing to measure
    CHECK(own.providers[1]->asked == 0);
    CHECK(with(ConvPolicy::cudnn, {{"plan", 7}}).choice() == "cudnn plan");
    CHECK(with(ConvPolicy::automatic, {{"plan", 7}}).choice() == "own default");

    Choosing missing = with(ConvPolicy::cudnn, {});
    CHECK(missing.choice() == "own default");
    missing.choice();
    REQUIRE(missing.said.size() == 1);  // once
    CHECK(missing.said[0].find(to_string(kCall)) != std::string::npos);
}

TEST_CASE("without choosing, nothing is measured or remembered", "[conv_choice]") {
    const TempDir folder;
    const auto memory = std::filesystem::path(folder.path()) / "choices.txt";
    const auto with = [&](ConvPolicy policy, std::vector<Fake> library) {
        return Choosing({{"own", {{"default", 9}}}, {"cudnn", std::move(library)}},
                        {.policy = policy, .memory = memory});
    };
    const auto got = [](Choosing& c) {
        return dynamic_cast<FakeImplementation&>(c.chooser->get(kCall)).fake.name;
    };
    const std::vector<Fake> two{{"first", 5}, {"second", 1}};
    Choosing automatic = with(ConvPolicy::automatic, two), own = with(ConvPolicy::own, two),
             libraries = with(ConvPolicy::cudnn, two), none = with(ConvPolicy::cudnn, {});
    CHECK(got(automatic) == "default");
    CHECK(got(own) == "default");
    CHECK(got(libraries) == "first");
    CHECK(got(none) == "default");
    CHECK(none.said.size() == 1);
    CHECK(automatic.chooser->choices().empty());
    CHECK_FALSE(std::filesystem::exists(memory));
    // What is chosen later takes its place, here and in other processes.
    CHECK(automatic.choice() == "cudnn second");
    CHECK(got(automatic) == "second");
    Choosing other = with(ConvPolicy::automatic, two);
    CHECK(got(other) == "second");
    CHECK(other.providers[1]->asked == 0);
    none.choice();
    CHECK(none.said.size() == 1);  // said once
}

TEST_CASE("a call that nobody computes is an error with the reason", "[conv_choice]") {
    Choosing c({{"cudnn", {{"broken", 1, 0, true, false}}}}, {});
    expect_error([&] { c.choice(); }, {to_string(kCall), "broken does not run"});
    Choosing nobody({{"cudnn", {{"broken", 1, 0, false}}}}, {});
    expect_error([&] { nobody.chooser->get(kCall); }, {to_string(kCall), "broken does not build"});
}

TEST_CASE("a candidate that loses the device ends the search by its name", "[conv_choice]") {
    Choosing c({{"own", {{"default", 5}}},
                {"cudnn", {{"fine", 3}, {"deadly", 1, 0, true, true, true}, {"later", 2}}}},
               {});
    CHECK_THROWS_AS(c.chooser->choose(kCall), LostDevice);
    expect_error([&] { c.chooser->choose(kCall); },
                 {"cudnn 'deadly'", to_string(kCall), "an illegal address"});
    CHECK(c.chooser->choices().empty());
}

TEST_CASE("choices are remembered by GPU, policy and versions", "[conv_choice]") {
    const TempDir folder;
    const auto memory = std::filesystem::path(folder.path()) / "deep" / "choices.txt";
    const auto choose = [&](const char* gpu, ConvPolicy policy, const char* version, double time) {
        Choosing c({{"own", {{"default", 5}}}, {"cudnn", {{"plan", time}}, version}},
                   {.policy = policy, .gpu = gpu, .memory = memory});
        const std::string choice = c.choice();
        return std::pair{choice, c.providers[1]->asked};
    };
    using Result = std::pair<std::string, int>;
    constexpr auto automatic = ConvPolicy::automatic;
    CHECK(choose("H200", automatic, "9.19", 1) == Result{"cudnn plan", 1});
    // Now the plan would lose, if anybody asked.
    CHECK(choose("H200", automatic, "9.19", 9) == Result{"cudnn plan", 0});
    CHECK(choose("A100", automatic, "9.19", 9) == Result{"own default", 1});
    CHECK(choose("H200", automatic, "9.20", 9) == Result{"own default", 1});
    CHECK(choose("H200", ConvPolicy::cudnn, "9.19", 9) == Result{"cudnn plan", 1});
    // Nothing of the others was lost by writing.
    CHECK(choose("H200", automatic, "9.19", 9) == Result{"cudnn plan", 0});
    CHECK(choose("A100", automatic, "9.19", 1) == Result{"own default", 0});
}

TEST_CASE("a remembered choice that no longer builds is made again", "[conv_choice]") {
    const TempDir folder;
    const auto memory = std::filesystem::path(folder.path()) / "choices.txt";
    const auto choose = [&](const char* candidate) {
        return Choosing({{"cudnn", {{candidate, 1}}}}, {.memory = memory}).choice();
    };
    CHECK(choose("old") == "cudnn old");
    CHECK(choose("new") == "cudnn new");
    for (const char* text : {"", "something else\n", "stargan-conv-choices-1\nhalf a li"}) {
        std::ofstream(memory) << text;
        CHECK(choose("new") == "cudnn new");
        CHECK(choose("new") == "cudnn new");
    }
    // Where nothing can be written, choosing goes on.
    const auto file = std::filesystem::path(folder.path()) / "file";
    std::ofstream(file) << "";
    CHECK(Choosing({{"cudnn", {{"plan", 1}}}}, {.memory = file / "choices.txt"}).choice() ==
          "cudnn plan");
}

TEST_CASE("libraries are not asked to use unaligned operands", "[conv_choice]") {
    alignas(16) char memory[64];
    const auto operands = [&](int a, int b, int result) {
        return ConvOperands{memory + a, memory + b, nullptr, memory + result};
    };
    CHECK(aligned(operands(0, 16, 32)));
    CHECK_FALSE(aligned(operands(8, 16, 32)));
    CHECK_FALSE(aligned(operands(0, 4, 32)));
    CHECK_FALSE(aligned(operands(0, 16, 34)));
}

TEST_CASE("a device's convolutions go to whoever was chosen", "[conv_choice]") {
    const auto device = Device::sim({.threads = 1});
    // Two ways: our own kernels, and a fake one that does nothing but count.
    FakeProvider* fake = nullptr;
    device->run([&](auto& context) {
        if constexpr (std::is_same_v<std::decay_t<decltype(context)>, SimContext>) {
            std::vector<std::unique_ptr<ConvProvider>> providers;
            providers.push_back(own_conv_provider(context, "1"));
            auto fakes = std::make_unique<FakeProvider>(
                "cudnn", std::vector<Fake>{{"fake", 1, int64_t{1} << 20}});
            fake = fakes.get();
            providers.push_back(std::move(fakes));
            // The fake wins where the result is bf16.
            const auto timer = [](const ConvCall& call, ConvImplementation& implementation) {
                const bool is_fake = dynamic_cast<FakeImplementation*>(&implementation) != nullptr;
                return (call.arithmetic == ConvArithmetic::bf16) == is_fake ? 1.0 : 2.0;
            };
            context.set_conv_chooser(
                std::make_shared<ConvChooser>(std::move(providers), timer, ConvChooser::Options{}));
        }
    });
    const ConvShape shape{
        .N = 2, .H = 6, .W = 6, .C = 5, .K = 4, .R = 3, .S = 3, .stride = 2, .pad = 1};
    const ConvCall in_bf16{.shape = shape, .arithmetic = ConvArithmetic::bf16};
    device->choose_for({{.shape = shape}, in_bf16});
    const auto cpu = Device::cpu(1);
    const auto xs = uniform(2 * 6 * 6 * 5, 1), ws = uniform(4 * 3 * 3 * 5, 2);
    const auto run = [&](Device& on, DType compute) {
        const Tensor x = Tensor::from_host(on, {2, 6, 6, 5}, std::span<const double>(xs), compute);
        const Tensor w =
            Tensor::from_host(on, {4, 3, 3, 5}, std::span<const double>(ws), DType::f32);
        return conv2d(x, w, {}, {.stride = 2, .pad = 1});
    };
    const auto ours = run(*device, DType::f32).to_host(),
               expected = run(*cpu, DType::f32).to_host();
    for (size_t i = 0; i < expected.size(); ++i) CHECK(ours[i] == Approx(expected[i]).margin(1e-5));
    CHECK(fake->runs == 0);
    run(*device, DType::bf16);
    CHECK(fake->runs == 1);
    // The engine gave the chosen one its workspace.
    CHECK(device->conv_workspace(in_bf16) == (1 << 20) / 4);
}

TEST_CASE("a mask goes to our own kernels, with their workspace", "[conv_choice]") {
    const auto device = Device::sim({.threads = 1});
    // A library that wins everything and needs no workspace.
    device->run([&](auto& context) {
        if constexpr (std::is_same_v<std::decay_t<decltype(context)>, SimContext>) {
            std::vector<std::unique_ptr<ConvProvider>> providers;
            providers.push_back(own_conv_provider(context, "1"));
            providers.push_back(
                std::make_unique<FakeProvider>("cudnn", std::vector<Fake>{{"fake", 1, 0}}));
            const auto timer = [](const ConvCall&, ConvImplementation& implementation) {
                return dynamic_cast<FakeImplementation*>(&implementation) ? 1.0 : 2.0;
            };
            context.set_conv_chooser(
                std::make_shared<ConvChooser>(std::move(providers), timer, ConvChooser::Options{}));
        }
    });
    const ConvShape shape{
        .N = 1, .H = 4, .W = 4, .C = 64, .K = 64, .R = 4, .S = 4, .stride = 2, .pad = 1};
    const ConvCall call{.pass = ConvPass::dgrad, .shape = shape};
    device->choose_for({call});
    const int64_t own = conv_workspace(device->properties(), call);
    REQUIRE(own > 0);  // the sum is split
    CHECK(device->conv_workspace(call) >= own);
    CHECK(device->conv_workspace(call, true) == own);

    const auto cpu = Device::cpu(1);
    const auto run = [&](Device& on) {
        const auto tensor = [&](const Shape& s, uint64_t seed) {
            return Tensor::from_host(
                on, s, std::span<const double>(uniform(element_count(s), seed)), DType::f32);
        };
        const Tensor grad_x = Tensor::empty(on, {1, 4, 4, 64}, DType::f32);
        conv2d_dgrad_into(grad_x, tensor({1, 2, 2, 64}, 1), tensor({64, 4, 4, 64}, 2),
                          {.stride = 2, .pad = 1},
                          {.mask = tensor({1, 4, 4, 64}, 3), .mask_slope = 0.25});
        return grad_x.to_host();
    };
    const auto got = run(*device), want = run(*cpu);
    for (size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]).margin(1e-5));
}
