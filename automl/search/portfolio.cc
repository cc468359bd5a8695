#include "automl/search/portfolio.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "kernels/base/names.h"

namespace assay::automl {
namespace {

constexpr std::string_view kBlanks = " \t\r";

// The next word of a line, which it is taken from; empty at its end.
std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

Status read_param(const OptionGroup& learner, std::string_view word, ParamMap& params) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos) {
    return fail(StatusCode::kData, "'{}' (must be name=value)", shortened(word));
  }
  const std::string_view name = word.substr(0, equals);
  const OptionInfo* const info = find_option(learner.options, name);
  if (info == nullptr) return unknown_option(learner.options, shortened(name));
  ASSAY_ASSIGN_OR_RETURN(OptionValue value, parse_value(*info, word.substr(equals + 1)));
  std::optional<ParamValue> scalar;
  std::visit(
      [&](auto&& one) {
        if constexpr (std::is_constructible_v<ParamValue, decltype(one)>) {
          scalar = ParamValue(std::move(one));
        }
      },
      std::move(value));
  if (!scalar) return fail(StatusCode::kData, "{} is a list or map (must be a scalar)", name);
  if (!params.emplace(std::string(name), std::move(*scalar)).second) {
    return fail(StatusCode::kData, "{} is given twice", name);
  }
  return {};
}

Result<WantedSetting> read_setting(std::string_view line, std::span<const OptionGroup> learners) {
  const std::string_view name = next_word(line);
  const auto learner =
      std::find_if(learners.begin(), learners.end(),
                   [&](const OptionGroup& candidate) { return candidate.name == name; });
  if (learner == learners.end()) {
    std::vector<std::string_view> names;
    for (const OptionGroup& candidate : learners) names.push_back(candidate.name);
    return fail(StatusCode::kData, "unknown learner '{}'{}", shortened(name),
                name_hint(name, std::span<const std::string_view>(names)));
  }
  WantedSetting setting{std::string(name), {}, TrialOrigin::kPortfolio};
  for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
    if (Status read = read_param(*learner, word, setting.params); !read) {
      return fail(StatusCode::kData, "{}: {}", name, read.error().message);
    }
  }
  if (setting.params.empty()) {
    return fail(StatusCode::kData, "{} without a parameter is its default, which is tried anyway",
                name);
  }
  return setting;
}

// The setting with all parameters of the space, if it lies there.
std::optional<ParamMap> completed(const SearchSpace& space, const ParamMap& named) {
  ParamMap params = space.default_params();
  for (const auto& [name, value] : named) {
    const auto at = params.find(name);
    if (at == params.end()) return std::nullopt;
    const auto fixed = space.fixed().find(name);
    if (fixed != space.fixed().end() && fixed->second != value) return std::nullopt;
    at->second = value;
  }
  const auto unit = space.unit_of(params);
  if (!unit) return std::nullopt;
  // What does not matter there is at its default.
  auto settled = space.at(*unit);
  return settled ? std::optional(std::move(*settled)) : std::nullopt;
}

}  // namespace

Result<std::vector<WantedSetting>> read_portfolio(std::string_view text, std::string_view source,
                                                  std::span<const OptionGroup> learners) {
  std::vector<WantedSetting> settings;
  for (int64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos || line[begin] == '#') continue;
    auto setting = read_setting(line, learners);
    if (!setting) {
      return fail(StatusCode::kData, "{}, line {}: {}", source, number, setting.error().message);
    }
    const bool again = std::any_of(settings.begin(), settings.end(), [&](const auto& one) {
      return one.learner == setting->learner && one.params == setting->params;
    });
    if (again) {
      return fail(StatusCode::kData, "{}, line {}: the setting stands above already", source,
                  number);
    }
    settings.push_back(std::move(*setting));
  }
  return settings;
}

std::vector<WantedSetting> settings_within(std::span<const WantedSetting> settings,
                                           std::span<const SearchLearner> learners) {
  std::vector<WantedSetting> within;
  for (const WantedSetting& setting : settings) {
    for (const SearchLearner& learner : learners) {
      if (learner.name != setting.learner) continue;
      auto params = completed(learner.space, setting.params);
      if (params) within.push_back({setting.learner, std::move(*params), setting.origin});
    }
  }
  return within;
}

}  // namespace assay::automl
