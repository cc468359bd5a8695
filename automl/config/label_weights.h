// Weights by label, as an option says them: a map in a config file, {good: 1, bad: 5}, and one text
// elsewhere, good=1,bad=5. The text is what an options struct holds; labels are in order of their
// bytes there, so that equal maps are equal texts. Pure functions.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::automl {

inline constexpr double kLeastLabelWeight = 1e-9;
inline constexpr double kMostLabelWeight = 1e9;

using LabelWeights = std::map<std::string, double, std::less<>>;

// Whether a text is pairs of labels and weights rather than one word.
bool has_label_weights(std::string_view text);

// LABEL=WEIGHT with commas between; the last '=' of a pair ends the label ("<=50K=2"). A backslash
// before a character makes it part of the label: a comma, a blank at its ends, a backslash.
// Fails: invalid_argument for a pair without label or weight, a weight as parse_label_weight, a
// label that comes twice; the message begins with the option's name.
Result<LabelWeights> parse_label_weights(std::string_view option, std::string_view text);

// A decimal number in kLeastLabelWeight..kMostLabelWeight.
// Fails: invalid_argument, `class_weight.bad=-5 (must be a weight, 1e-9..1e9)`.
Result<double> parse_label_weight(std::string_view option, std::string_view label,
                                  std::string_view text);

// What parse_label_weights reads back.
std::string label_weights_text(const LabelWeights& weights);

}  // namespace assay::automl
