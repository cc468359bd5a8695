#include "automl/config/label_weights.h"

#include <charconv>
#include <utility>
#include <vector>

#include "automl/config/param_map.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

// The text of a pair; `plain` [size] is false where a backslash stood before the character.
struct WeightPair {
  std::string text;
  std::vector<bool> plain;

  void add(char c, bool is_plain) {
    text += c;
    plain.push_back(is_plain);
  }
  void trim() {
    while (!text.empty() && text.back() == ' ' && plain.back()) {
      text.pop_back();
      plain.pop_back();
    }
    while (!text.empty() && text.front() == ' ' && plain.front()) {
      text.erase(text.begin());
      plain.erase(plain.begin());
    }
  }
};

std::vector<WeightPair> weight_pairs(std::string_view text) {
  std::vector<WeightPair> pairs(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',') {
      pairs.emplace_back();
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      pairs.back().add(text[++i], false);
    } else {
      pairs.back().add(text[i], true);
    }
  }
  for (WeightPair& pair : pairs) pair.trim();
  return pairs;
}

}  // namespace

bool has_label_weights(std::string_view text) { return text.find('=') != std::string_view::npos; }

Result<double> parse_label_weight(std::string_view option, std::string_view label,
                                  std::string_view text) {
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  double weight = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
  const bool read = error == std::errc() && end == digits.data() + digits.size();
  if (!read || !(weight >= kLeastLabelWeight && weight <= kMostLabelWeight)) {
    return fail(StatusCode::kInvalidArgument, "{}.{}={} (must be a weight, 1e-9..1e9)", option,
                shortened(label), shortened(text));
  }
  return weight;
}

Result<LabelWeights> parse_label_weights(std::string_view option, std::string_view text) {
  LabelWeights weights;
  for (WeightPair& pair : weight_pairs(text)) {
    const size_t equals = pair.text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(StatusCode::kInvalidArgument, "{}={} (must be LABEL=WEIGHT, LABEL=WEIGHT, ...)",
                  option, shortened(text));
    }
    WeightPair label;
    for (size_t i = 0; i < equals; ++i) label.add(pair.text[i], pair.plain[i]);
    label.trim();
    std::string_view number = std::string_view(pair.text).substr(equals + 1);
    while (!number.empty() && number.front() == ' ') number.remove_prefix(1);
    ASSAY_ASSIGN_OR_RETURN(const double weight, parse_label_weight(option, label.text, number));
    if (!weights.emplace(label.text, weight).second) {
      return fail(StatusCode::kInvalidArgument, "{}: '{}' is given twice", option, label.text);
    }
  }
  return weights;
}

std::string label_weights_text(const LabelWeights& weights) {
  std::string text;
  for (const auto& [label, weight] : weights) {
    if (!text.empty()) text += ',';
    for (size_t i = 0; i < label.size(); ++i) {
      const bool at_end = i == 0 || i + 1 == label.size();
      if (label[i] == ',' || label[i] == '\\' || (label[i] == ' ' && at_end)) text += '\\';
      text += label[i];
    }
    text += '=';
    text += fmt::format("{}", weight);
  }
  return text;
}

}  // namespace assay::automl
