#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/labels.h"
#include "train/eval/classifier_training.h"
#include "train/eval/feature_statistics.h"
#include "train/eval/pixel_error.h"

namespace sg {

// What an evaluation found (docs/evaluation.md). Shares are 0 to 1, differences of pictures 1/255,
// PSNR dB (infinite for equal pictures). NaN stands for a mean over nothing, an empty optional for
// what cannot be measured.

struct TruthScore {
    int64_t faces = 0;
    PixelError translated, copy;  ///< against the true picture: the translation, the input
    ChangeShare change;           ///< of nothing if no generator translates to own labels
};

/// What a classifier says about translations.
struct JudgeScore {
    int64_t images = 0;
    double asked = 0;                   ///< share judged as asked for
    double copy = 0;                    ///< the same of the untranslated inputs
    double real = 0;                    ///< share of the inputs judged as what they are
    std::optional<double> others_kept;  ///< multi-label: other attributes judged as on the input
};

struct FrechetScore {
    std::optional<double> distance;
    int64_t first = 0, second = 0;  ///< sample sizes: translated and real, or two halves
    std::string missing;            ///< why there is no distance
};

/// One target label, over the held-out images whose labels it changes; or all of them together.
struct TargetReport {
    std::string target;
    int64_t images = 0;
    std::optional<TruthScore> truth;   ///< built-in faces only
    std::optional<JudgeScore> judged;  ///< absent without images
    PixelError reconstruction;         ///< input -> target -> back, against the input
    std::optional<IdentityDistances> identity;
    FrechetScore frechet;  ///< images that were to get the label, against real ones that have it
};

/// How much the outputs of different targets differ.
struct DiversityScore {
    int64_t faces = 0;
    double between = 0;     ///< mean over faces and pairs of targets of |difference|
    double change = 0;      ///< mean over faces and targets of |output - input|
    double some_equal = 0;  ///< share of faces with two targets less than 1/255 apart
    double all_equal = 0;   ///< share of faces with all targets less than 1/255 apart
    double relative() const { return between / change; }
};

struct GroupReport {
    LabelGroup labels;
    std::string source;           ///< of the images
    int64_t held_out = 0;         ///< images that training has not seen
    int64_t images = 0;           ///< those evaluated
    ClassifierReport judge = {};  ///< the classifier on real held-out images
    std::vector<TargetReport> targets;
    TargetReport overall;
    DiversityScore diversity;
    std::optional<DiversityScore> true_diversity;  ///< of the true pictures
    FrechetScore floor;                            ///< two halves of the real images
};

/// Images of one group under one-hot labels of another: how far they went from the input to the
/// truth, (1 - |translation - truth| / |input - truth|) where these two differ (1: all the way);
/// the share of the true change; and the share that the other group's classifier takes for the
/// target.
struct MaskScore {
    std::string target;
    int64_t images = 0;
    PixelError copy, right, wrong;  ///< distance to the truth of the input and the translations
    ChangeShare change_right, change_wrong;
    double judged_right = 0, judged_wrong = 0;

    double moved_right() const { return 1 - right.mean() / copy.mean(); }
    double moved_wrong() const { return 1 - wrong.mean() / copy.mean(); }
};
struct MaskReport {
    std::string images, labels;  ///< names of the two groups
    std::vector<MaskScore> targets;
    MaskScore overall;
};

struct EvalReport {
    std::string checkpoint;
    int64_t iteration = 0;
    int height = 0, width = 0;
    int generators = 1;      ///< that translating needs
    int64_t parameters = 0;  ///< of all of them
    std::vector<GroupReport> groups;
    std::vector<MaskReport> masks;
    std::vector<std::string> findings;  ///< what a reader must not miss, one sentence each
    std::vector<std::string> notes;     ///< what was left out or done otherwise
};

/// The loud sentences about what was measured.
std::vector<std::string> find_trouble(const EvalReport& report);

/// JSON, indented; numbers that are not finite become null. Keys: docs/evaluation.md.
std::string to_json(const EvalReport& report);
/// Tables for a terminal, ending in a newline.
std::string to_table(const EvalReport& report);

}  // namespace sg
