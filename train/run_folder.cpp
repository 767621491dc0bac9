#include "train/run_folder.h"

#include <cmath>

#include "engine/atomic_file.h"
#include "train/samples.h"

namespace sg {

namespace fs = std::filesystem;

std::string data_report(const Dataset& data, const Split& split) {
    std::string text = to_string(data.summary(), data.label_group());
    text += fmt::format("{:<28} {}\n{:<28} {}\n", "training images", split.train.size(),
                        "held-out images", split.test.size());
    return text;
}

void prepare_run_folder(const fs::path& run, const TrainConfig& config, const Dataset& data,
                        const Split& split) {
    fs::create_directories(run / "samples");
    fs::create_directories(run / "checkpoints");
    for (const auto& entry : fs::directory_iterator(run / "checkpoints"))
        if (entry.path().extension() == ".tmp") fs::remove(entry.path());
    write_file_atomically(run / "config.toml", to_toml(config));
    std::string held_out = data_report(data, split) + "\nheld-out items:\n";
    for (const int64_t item : split.test) held_out += data.item_name(item) + "\n";
    write_file_atomically(run / "data.txt", held_out);
    std::string columns = "0 input\n";
    for (const auto& column : target_columns(data.label_group()))
        columns += fmt::format("{} {}\n", column.label + 1, column.name);
    write_file_atomically(run / "samples" / "columns.txt", columns);
}

std::vector<int64_t> decodable_items(const Dataset& data, const std::vector<int64_t>& items,
                                     ImageSize size, int count,
                                     const std::function<void(const std::string&)>& say) {
    std::vector<int64_t> good;
    std::vector<uint8_t> pixels(size_t(size.height) * size.width * 3);
    for (const int64_t item : items) {
        if (int(good.size()) == count) break;
        try {
            data.read_image(item, size, pixels);
            good.push_back(item);
        } catch (const Error& error) {
            say(fmt::format("skipped a held-out image: {}\n", error.what()));
        }
    }
    return good;
}

std::string first_non_finite(const std::vector<NamedLoss>& losses, const std::string& network,
                             const Parameters& parameters, const std::vector<Tensor>& grads) {
    for (const auto& [name, value] : losses)
        if (!std::isfinite(value)) return fmt::format("{} is {}", name, value);
    const std::string name = first_non_finite(parameters.entries(), grads);
    return name.empty() ? "" : fmt::format("the gradient of {}.{} is not finite", network, name);
}

int64_t parameter_count(const Parameters& parameters) {
    int64_t count = 0;
    for (const auto& entry : parameters.entries()) count += element_count(entry.shape);
    return count;
}

std::string hours_minutes(double seconds) {
    const auto s = int64_t(seconds + 0.5);
    return s >= 3600 ? fmt::format("{} h {:02} min", s / 3600, s / 60 % 60)
           : s >= 60 ? fmt::format("{} min {:02} s", s / 60, s % 60)
                     : fmt::format("{} s", s);
}

}  // namespace sg
