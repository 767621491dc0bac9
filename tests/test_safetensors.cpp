#include <sys/resource.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "engine/atomic_file.h"
#include "engine/safetensors.h"
#include "tests/support.h"
#include "tests/temp_dir.h"

using namespace sg;
using namespace sg::testing;

namespace {

using json = nlohmann::json;

std::string bytes_of(const auto& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])};
}

/// A file put together by hand: length, header, data.
std::string assemble(const std::string& header, const std::string& data) {
    const std::vector<uint64_t> length = {header.size()};
    return bytes_of(length) + header + data;
}

json tensor(const std::string& dtype, const std::vector<int64_t>& shape, uint64_t begin,
            uint64_t end) {
    return {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, end}}};
}

/// Opening a file with this content must fail, naming the file and `parts`.
void refuse(const TempDir& folder, const std::string& content, std::vector<std::string> parts) {
    const std::string path = folder.write("bad.safetensors", content);
    parts.push_back(path);
    parts.push_back("safetensors");
    expect_error([&] { SafetensorsReader reader(path); }, parts);
}
void refuse(const TempDir& folder, const json& header, size_t data_bytes,
            const std::vector<std::string>& parts) {
    refuse(folder, assemble(header.dump(), std::string(data_bytes, '\0')), parts);
}

SafetensorsWriter example() {
    SafetensorsWriter writer;
    writer.add("b.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
    writer.add("a", {1}, {-0.5f});
    writer.add("odd", {3}, {7, 8, std::numeric_limits<float>::infinity()});
    return writer;
}

/// No file may grow beyond `bytes` while this lives: writes fail as on a full disk.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit before_;
    void (*handler_)(int);
};

}  // namespace

TEST_CASE("tensors and metadata come back as they were written", "[safetensors]") {
    const TempDir folder;
    const std::string path = folder.file("model.safetensors");
    const std::map<std::string, std::string> metadata = {{"iteration", "17"},
                                                         {"q\"uote", "Umlaut \xC3\xA4\n"}};
    example().write(path, metadata);
    const SafetensorsReader reader(path);
    CHECK(reader.metadata() == metadata);
    CHECK(reader.path() == path);
    REQUIRE(reader.entries().size() == 3);
    CHECK(reader.entry("b.weight").shape == Shape{2, 3});
    CHECK(reader.entry("b.weight").dtype == "F32");
    CHECK(reader.read_f32("b.weight") == std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(reader.read_f64("a") == std::vector<double>{-0.5});
    CHECK(std::isinf(reader.read_f32("odd")[2]));
    CHECK(reader.contains("a"));
    CHECK_FALSE(reader.contains("c"));
    expect_error([&] { reader.read_f32("c"); }, {path, "no tensor c"});
    CHECK(reader.data_hash() == example().data_hash());
    SafetensorsWriter other = example();
    other.add("more", {1}, {0});
    CHECK(other.data_hash() != reader.data_hash());
    expect_error([&] { other.add("wrong", {2, 2}, {1}); }, {"wrong", "1 values", "[2,2]"});
    SafetensorsWriter().write(path, {});
    CHECK(SafetensorsReader(path).entries().empty());
}

TEST_CASE("the data starts at a multiple of eight bytes", "[safetensors]") {
    const TempDir folder;
    for (const std::string name : {"a", "ab", "abc", "abcd", "abcde"}) {
        SafetensorsWriter writer;
        writer.add(name, {1}, {1});
        writer.write(folder.file("x"), {});
        CHECK((read_text(folder.file("x")).size() - 4) % 8 == 0);
    }
}

TEST_CASE("all floating types are read", "[safetensors]") {
    const TempDir folder;
    const std::vector<uint16_t> f16 = {0x3C00, 0xC000, 0x0001, 0x03FF, 0x0400, 0x7BFF,
                                       0x7C00, 0xFC00, 0x8000, 0x3555, 0x8001};
    const std::vector<double> exact = {1,        -2,        0x1p-24, 1023 * 0x1p-24, 0x1p-14, 65504,
                                       INFINITY, -INFINITY, -0.0,    0.333251953125, -0x1p-24};
    const std::vector<uint16_t> b16 = {0x3F80, 0xC000, 0x0001};
    const std::vector<double> f64 = {1.0 / 3, -1e300};
    const json header = {{"h", tensor("F16", {11}, 0, 22)},
                         {"b", tensor("BF16", {3, 1}, 22, 28)},
                         {"d", tensor("F64", {2}, 28, 44)},
                         {"s", tensor("F64", {}, 44, 52)}};
    const std::string path = folder.write(
        "types", assemble(header.dump(), bytes_of(f16) + bytes_of(b16) + bytes_of(f64) +
                                             bytes_of(std::vector<double>{4})));
    const SafetensorsReader reader(path);
    CHECK(reader.read_f64("h") == exact);
    CHECK(std::signbit(reader.read_f64("h")[8]));
    CHECK(reader.read_f32("h")[9] == 0.333251953125f);
    CHECK(reader.read_f64("b") == std::vector<double>{1, -2, 0x1p-133});
    CHECK(reader.read_f64("d") == f64);
    CHECK(reader.read_f32("d")[0] == 1.0f / 3);
    CHECK(reader.entry("s").shape.empty());
    CHECK(reader.read_f32("s") == std::vector<float>{4});
    const std::vector<uint16_t> nan = {0x7E00, 0x7C01};
    const json one = {{"n", tensor("F16", {2}, 0, 4)}};
    folder.write("types", assemble(one.dump(), bytes_of(nan)));
    for (float v : SafetensorsReader(path).read_f32("n")) CHECK(std::isnan(v));
}

TEST_CASE("a file cut off anywhere is refused", "[safetensors]") {
    const TempDir folder;
    const std::string path = folder.file("whole.safetensors");
    example().write(path, {{"iteration", "17"}});
    const std::string whole = read_text(path);
    int accepted = 0;
    for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
        const std::string cut = folder.write("cut", whole.substr(0, bytes));
        try {
            SafetensorsReader reader(cut);
            ++accepted;
        } catch (const Error& error) {
            accepted += std::string(error.what()).find(cut) == std::string::npos;
        }
    }
    CHECK(accepted == 0);
    refuse(folder, whole + "x", {"the data section"});
}

TEST_CASE("no changed byte of a header makes the reader fail otherwise", "[safetensors]") {
    const TempDir folder;
    example().write(folder.file("whole"), {{"k", "v"}});
    const std::string whole = read_text(folder.file("whole"));
    const size_t header_end = whole.size() - 10 * sizeof(float);
    for (size_t at = 0; at < header_end; ++at)
        for (char c : {'\0', '9', '"', '}', '-', '\xFF'}) {
            std::string changed = whole;
            changed[at] = c;
            const std::string path = folder.write("changed", changed);
            try {
                const SafetensorsReader reader(path);  // e.g. another name: fine
                for (const auto& [name, entry] : reader.entries()) reader.read_f32(name);
            } catch (const Error&) {
            }
        }
}

TEST_CASE("malformed headers are refused with the reason", "[safetensors]") {
    const TempDir folder;
    refuse(folder, "", {"0 bytes are too few"});
    refuse(folder, assemble("not json", ""), {"header is not valid"});
    refuse(folder, assemble("[1]", ""), {"not a JSON object"});
    refuse(folder, std::string(8, '\xFF') + "{}", {"18446744073709551615", "cut off"});
    refuse(folder, R"({"a":)", {"5 bytes are too few"});
    refuse(folder, json{{"__metadata__", {{"n", 1}}}}, 0, {"header is not valid"});
    refuse(folder, json{{"a", 1}}, 0, {"tensor a"});
    refuse(folder, json{{"a", {{"dtype", "F32"}}}}, 0, {"tensor a", "shape"});
    refuse(folder, json{{"a", tensor("I64", {1}, 0, 8)}}, 8, {"tensor a", "I64", "BF16"});
    refuse(folder, json{{"a", tensor("F32", {-1}, 0, 4)}}, 4, {"tensor a", "bad shape"});
    refuse(folder, json{{"a", tensor("F32", {2}, 0, 4)}}, 4, {"needs 8 bytes, has 4"});
    refuse(folder, json{{"a", tensor("F32", {1}, 4, 0)}}, 4, {"tensor a", "4 to 0"});
    refuse(folder, json{{"a", tensor("F32", {1}, 0, 400)}}, 4, {"0 to 400"});
    refuse(folder, json{{"a", tensor("F32", {int64_t{1} << 62, 16}, 0, 4)}}, 4, {"impossible"});
    refuse(folder, assemble(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", "    "),
           {"bad shape"});
    refuse(folder, assemble(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "    "),
           {"two numbers"});
    const std::string one = tensor("F32", {1}, 0, 4).dump();
    refuse(folder, assemble("{\"a\":" + one + ",\"a\":" + one + "}", "    "), {"a appears twice"});
    const auto two = [&](uint64_t begin, uint64_t end, size_t bytes, const char* part) {
        const json header = {{"a", tensor("F32", {2}, 0, 8)},
                             {"b", tensor("F32", {2}, begin, end)}};
        refuse(folder, header, bytes, {"tensor b", part});
    };
    two(4, 12, 12, "overlapping");
    two(12, 20, 20, "hole");
    const json short_data = {{"a", tensor("F32", {2}, 0, 8)}};
    refuse(folder, short_data, 12, {"end at byte 8", "12"});
    expect_error([&] { SafetensorsReader reader(folder.file("absent")); }, {"absent", "No such"});
    expect_error([&] { SafetensorsReader reader(folder.path()); }, {folder.path()});
}

TEST_CASE("a failed write leaves the old file and nothing else", "[safetensors]") {
    const TempDir folder;
    const std::string path = folder.file("model.safetensors");
    example().write(path, {});
    const std::string before = read_text(path);
    SafetensorsWriter large;
    large.add("large", {100'000}, std::vector<float>(100'000));
    {
        const FileSizeLimit limit(65536);
        expect_error([&] { large.write(path, {}); }, {path, "cannot write", "File too large"});
    }
    CHECK(read_text(path) == before);
    CHECK_FALSE(std::filesystem::exists(path + ".tmp"));
    {
        AtomicFile abandoned(path);  // as when the writer throws half-way
        abandoned.write("half");
        CHECK(std::filesystem::exists(path + ".tmp"));
    }
    CHECK(read_text(path) == before);
    CHECK_FALSE(std::filesystem::exists(path + ".tmp"));
    const std::string nowhere = folder.path() + "/absent/model.safetensors";
    expect_error([&] { large.write(nowhere, {}); }, {nowhere, "No such file"});
    std::filesystem::create_directory(folder.path() + "/folder");
    expect_error([&] { large.write(folder.path() + "/folder", {}); }, {"is not a regular file"});
    CHECK_FALSE(std::filesystem::exists(folder.path() + "/folder.tmp"));
    large.write(path, {});
    CHECK(SafetensorsReader(path).read_f32("large").size() == 100'000);
}
