// The report's files, and the evaluation of a checkpoint from beginning to end.
#include <nlohmann/json.hpp>

#include "tests/eval_setup.h"
#include "train/config.h"
#include "train/eval/eval_data.h"
#include "train/eval/evaluate.h"
#include "train/eval/html.h"
#include "train/eval/html_report.h"

using namespace sg;
using namespace sg::testing;
using Catch::Detail::Approx;
using Json = nlohmann::json;

namespace {

std::vector<std::string> keys_of(const Json& json) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : json.items()) keys.push_back(key);
    return keys;
}

/// A run of a network that knows both groups, never trained, with a classifier of three iterations.
struct Untrained {
    Untrained() {
        config.data = {"synth:attributes", "synth:expressions"};
        config.image_size = "16";
        config.synth_count = 160;
        config.test_count = 6;
        config.seed = int(std::random_device{}() >> 2);
        config.g_conv_dim = config.d_conv_dim = 4;
        config.g_repeat_num = 1;
        config.d_repeat_num = 2;
        file = checkpoint_path(folder.file("run"), 7);
        std::filesystem::create_directories(file.parent_path());
        save(config);
        request.checkpoint = folder.file("run");
        request.classifier.iterations = 3;
        request.classifier.batch = 4;
        observer.message = [this](const std::string& line) { messages += line; };
        observer.progress = [this](const std::string& stage, int64_t, int64_t) {
            trained += stage.starts_with("training");
        };
    }
    /// The checkpoint of a fresh network.
    void save(const TrainConfig& settings) {
        StarGan model(*device, model_config(settings, BuiltInFaces().both), Precision::f32);
        initialise(model, uint64_t(settings.seed));
        CheckpointInfo info;
        info.model = model.config;
        info.iteration = 7;
        info.settings = to_json(settings);
        save_checkpoint(file, model, info);
    }
    TempDir folder;
    std::unique_ptr<Device> device = Device::cpu(1);
    TrainConfig config;
    std::filesystem::path file;
    EvalRequest request{.checkpoint = {}};
    EvalObserver observer;
    std::string messages;
    int trained = 0;
};

EvalReport small_report(const std::string& label) {
    EvalReport report;
    report.checkpoint = "run/<one>";
    GroupReport group;
    group.labels = {"faces & more", LabelKind::multi_label, {label, "b"}};
    group.images = 1;
    group.judge = {.accuracy = 0.5, .per_label = {0.5, 0.5}, .majority = {0.6, 0.7}};
    group.targets.resize(2);
    group.targets[0].target = label;
    group.targets[0].frechet.missing = "needs 2 images";
    report.groups.push_back(group);
    report.findings = find_trouble(report);
    return report;
}

void check_schema(const Json& json) {
    CHECK(json["iteration"] == 7);
    CHECK(keys_of(json) == std::vector<std::string>{"checkpoint", "findings", "format",
                                                    "generators", "groups", "height", "iteration",
                                                    "masks", "notes", "parameters", "width"});
    CHECK(keys_of(json["groups"][1]) ==
          std::vector<std::string>{"classifier", "diversity", "frechet_floor", "held_out", "images",
                                   "kind", "labels", "name", "overall", "source", "targets",
                                   "true_diversity"});
    CHECK(keys_of(json["groups"][1]["targets"][0]) ==
          std::vector<std::string>{"frechet", "identity", "images", "judged", "reconstruction",
                                   "target", "truth"});
}

}  // namespace

TEST_CASE("what could not be measured is null in JSON and a dash in tables") {
    EvalReport report = small_report("a \"quoted\" <b>");
    const std::vector<uint8_t> same = {1, 2, 3};
    report.groups[0].targets[1].truth.emplace();
    report.groups[0].targets[1].truth->translated.add(same, same);
    report.groups[0].overall.truth = report.groups[0].targets[1].truth;
    const Json json = Json::parse(to_json(report));
    const Json& group = json["groups"][0];
    CHECK(group["targets"][0]["target"] == "a \"quoted\" <b>");
    CHECK(group["targets"][0]["truth"].is_null());
    CHECK(group["targets"][0]["frechet"]["distance"].is_null());
    CHECK(group["targets"][0]["frechet"]["missing"] == "needs 2 images");
    CHECK(group["targets"][0]["reconstruction"]["l1"].is_null());
    CHECK(group["targets"][1]["truth"]["translated"]["error"] == 0);
    CHECK(group["targets"][1]["truth"]["translated"]["psnr"].is_null());
    const std::string table = to_table(report);
    CHECK_THAT(table, mentions(" inf "));
    CHECK_THAT(table, mentions("!!! faces & more: the classifier cannot judge"));
    CHECK(table.find("nan") == std::string::npos);
    const std::string html =
        to_html(report, {{"faces & more", report.groups[0].labels.names, {}, {}}}, {});
    CHECK_THAT(html, mentions("a &quot;quoted&quot; &lt;b&gt;"));
    CHECK_THAT(html, mentions("<h2>faces &amp; more</h2>"));
    CHECK_THAT(html, mentions("<p class=\"finding\">faces &amp; more: the classifier cannot"));
    CHECK(html.find("<one>") == std::string::npos);
}

TEST_CASE("text and bytes are written as HTML and base64 ask") {
    CHECK(escape_html("<a href='x'>&\"\n") == "&lt;a href=&#39;x&#39;&gt;&amp;&quot; ");
    CHECK(escape_html("Grün") == "Grün");
    CHECK(escape_html("\xff!") == "?!");
    const auto encoded = [](const std::string& text) {
        return base64(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
    };
    // RFC 4648, section 10.
    CHECK(encoded("") == "");
    CHECK(encoded("f") == "Zg==");
    CHECK(encoded("fo") == "Zm8=");
    CHECK(encoded("foo") == "Zm9v");
    CHECK(encoded("foobar") == "Zm9vYmFy");
    CHECK(encoded("\xff\xfe\xfd") == "//79");
}

TEST_CASE("curves are read per data set, averaged, and drawn with round axes") {
    const TempDir folder;
    std::string lines;
    for (int i = 1; i <= 10; ++i)
        for (const char* data : {"one", "two"})
            lines += fmt::format("{{\"iteration\":{},\"data\":\"{}\",\"D/accuracy\":{}}}\n", i,
                                 data, data[0] == 'o' ? i : 0);
    const auto charts = read_curves(folder.write("metrics.jsonl", lines + "{\"iteration\": 1"), 5);
    REQUIRE(charts.size() == 2);
    CHECK(charts[1].title == "two: share of labels that D sees right");
    REQUIRE(charts[0].series.size() == 1);
    using Points = std::vector<std::pair<double, double>>;
    CHECK(charts[0].series[0].points ==
          Points{{1.5, 1.5}, {3.5, 3.5}, {5.5, 5.5}, {7.5, 7.5}, {9.5, 9.5}});
    CHECK(read_curves(folder.path() + "/none").empty());
    CHECK(axis_ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
    CHECK(axis_ticks(-0.5, 0.6, 5) == std::vector<double>{-0.5, 0, 0.5});
    CHECK(axis_ticks(3, 3, 5).empty());
    CHECK(axis_ticks(0.1, std::nextafter(0.1, 1), 5).empty());  // no numbers lie between
    const LineChart flat{"flat", {{"a", {{0, 0.1}, {1, std::nextafter(0.1, 1)}}}}};
    CHECK_THAT(chart_html(flat, "iteration"), mentions("0.15") && !mentions("inf"));
    const std::string svg = chart_html({"<t>", {{"a", {{0, 0}, {1, NAN}, {2, 1}}}}}, "iteration");
    CHECK(svg.find("nan") == std::string::npos);
    CHECK_THAT(svg, mentions("<b>&lt;t&gt;</b>"));
    CHECK(chart_html({"t", {{"a", {}}}}, "iteration").empty());
}

TEST_CASE("a checkpoint of two groups is evaluated as its translator is by itself") {
    Untrained run;
    INFO("seed " << run.config.seed);
    run.request.json = run.folder.file("eval.json");
    run.request.html = run.folder.file("eval.html");
    run.request.count = 5;
    const EvalReport report = evaluate(*run.device, run.request, run.observer);
    REQUIRE(report.groups.size() == 2);
    REQUIRE(report.masks.size() == 1);  // attributes are not one-hot
    CHECK(report.masks[0].labels == "synth-expressions");
    const StarGanTranslator translator(*run.device, run.file);
    StarGan model(*run.device, translator.info().model, Precision::f32);
    load_checkpoint(run.file, model, LoadMoments::no);
    for (int group = 0; group < 2; ++group) {
        const SynthDataset data(SynthGroup(group), 160, uint64_t(run.config.seed));
        auto items = make_split(data, 6, uint64_t(run.config.seed)).test;
        items.resize(5);
        const auto truth = measure_truth_error(*run.device, model.G, data, items, {16, 16},
                                               translator.labels(), group);
        const GroupReport& measured = report.groups[size_t(group)];
        CHECK(measured.images == 5);
        CHECK(measured.held_out == 6);
        for (size_t label = 0; label < truth.size(); ++label) {
            const auto& score = measured.targets[label].truth;
            REQUIRE((score ? score->faces : 0) == truth[label].faces);
            if (!score) continue;
            CHECK(score->translated.mean() == Approx(truth[label].translated));
            CHECK(score->copy.mean() == Approx(truth[label].copy));
        }
    }
    check_schema(Json::parse(read_text(run.request.json.string())));
    CHECK(to_json(report) == read_text(run.request.json.string()));
    CHECK_THAT(read_text(run.request.html.string()), mentions("surprised"));
}

TEST_CASE("a classifier is kept until what it depends on changes") {
    Untrained run;
    evaluate(*run.device, run.request, run.observer);
    CHECK(run.trained > 0);
    CHECK(std::filesystem::exists(classifier_path(run.folder.file("run"), "synth-expressions")));
    run.trained = 0;
    const auto again = evaluate(*run.device, run.request, run.observer);
    CHECK(run.trained == 0);
    run.request.classifier.iterations = 4;
    evaluate(*run.device, run.request, run.observer);
    CHECK(run.trained > 0);
    run.folder.write("run/classifier-synth.safetensors", "damaged");
    run.messages.clear();
    evaluate(*run.device, run.request, run.observer);
    CHECK_THAT(run.messages, mentions("trained again"));
    CHECK(classifier_path("r", "../a b").filename() == "classifier-.._a_b.safetensors");
}

TEST_CASE("what cannot work is told before anything is trained") {
    Untrained run;
    const auto fails = [&](const EvalRequest& request, const std::vector<std::string>& parts) {
        expect_error([&] { evaluate(*run.device, request, run.observer); }, parts);
        CHECK(run.trained == 0);
    };
    EvalRequest request = run.request;
    request.data = {"synth:expressions", "synth:attributes"};
    fails(request, {"the data has the labels [one_hot: angry", "[multi_label: Black_Hair",
                    "the checkpoint [multi_label: Black_Hair"});
    request.data = {"synth:attributes"};
    fails(request, {"one data set per group"});
    request = run.request;
    request.json = run.folder.file("none") + "/eval.json";
    fails(request, {"none/eval.json", "cannot create"});
    request.json = request.html = run.folder.file("both");
    fails(request, {"cannot be both"});
    request = run.request;
    request.checkpoint = run.folder.file("elsewhere");
    fails(request, {"elsewhere"});
    run.config.test_count = 0;
    run.save(run.config);
    fails(run.request, {"none of the 160 images is held out"});
}
