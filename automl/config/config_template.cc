#include "automl/config/config_template.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "automl/config/label_weights.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

constexpr size_t kLineWidth = 96;
constexpr size_t kNoteWidth = 48;  // longer notes stand above their option

// Text that every YAML reader takes for the same text without quotes.
bool is_plain(std::string_view text) {
  constexpr std::array<std::string_view, 9> kWords = {"null", "true", "false", "yes", "no",
                                                      "on",   "off",  "nan",   "inf"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool characters = std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '/' || c == '-';
  });
  return !text.empty() && (letter(text[0]) || text[0] == '/' || text[0] == '_') && characters &&
         std::find(kWords.begin(), kWords.end(), lower_case(text)) == kWords.end();
}

// A double-quoted YAML scalar is written like a JSON string.
std::string yaml_text(const std::string& text) {
  if (is_plain(text)) return text;
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string yaml_value(const OptionInfo& info, const OptionValue& value) {
  std::string inside;
  if (const auto* text = std::get_if<std::string>(&value)) {
    const bool weights = info.format == OptionFormat::kWeights && has_label_weights(*text);
    const auto parsed = weights ? parse_label_weights(info.name, *text) : LabelWeights();
    if (!weights || !parsed) return yaml_text(*text);
    for (const auto& [label, weight] : *parsed) {
      inside += fmt::format("{}{}: {}", inside.empty() ? "" : ", ", yaml_text(label), weight);
    }
    return "{" + inside + "}";
  }
  if (const auto* list = std::get_if<TextList>(&value)) {
    for (const std::string& text : *list) inside += (inside.empty() ? "" : ", ") + yaml_text(text);
    return "[" + inside + "]";
  }
  if (const auto* map = std::get_if<TextMap>(&value)) {
    for (const auto& [name, text] : *map) {
      inside += (inside.empty() ? "" : ", ") + yaml_text(name) + ": " + yaml_text(text);
    }
    return "{" + inside + "}";
  }
  return value_text(info, value);
}

std::string yaml_param(const OptionInfo& info, const ParamValue& value) {
  return yaml_value(info, std::visit([](const auto& v) { return OptionValue(v); }, value));
}

// {min: 0.01, max: 0.3, log: true} or {choices: [a, b]}, with when: {objective: [quantile]}
std::string yaml_range(const OptionGroup& group, const OptionInfo& info, const SearchRange& range) {
  std::string inside;
  std::string when;
  if (range.when) {
    const OptionInfo* parent = find_option(group.options, range.when->option);
    for (const ParamValue& value : range.when->values) {
      when += (when.empty() ? "" : ", ") + (parent ? yaml_param(*parent, value) : to_text(value));
    }
    when = fmt::format(", when: {{{}: [{}]}}", range.when->option, when);
  }
  const bool number = info.kind == OptionKind::kNumber || info.kind == OptionKind::kInteger;
  if (number && range.choices.empty()) {
    return fmt::format("{{min: {}, max: {}{}{}}}", to_text(range.low), to_text(range.high),
                       range.log ? ", log: true" : "", when);
  }
  for (const ParamValue& choice : range.choices) {
    inside += (inside.empty() ? "" : ", ") + yaml_param(info, choice);
  }
  if (range.choices.empty() && info.kind == OptionKind::kBoolean) inside = "false, true";
  if (range.choices.empty() && info.kind == OptionKind::kText) {
    for (const std::string_view choice : info.choices) {
      inside += (inside.empty() ? "" : ", ") + yaml_text(std::string(choice));
    }
  }
  return "{choices: [" + inside + "]" + when + "}";
}

// A comment broken into lines.
std::string comment(const std::string& indent, std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const size_t room = kLineWidth - indent.size() - 2;
    size_t length = text.size();
    if (length > room) {
      const size_t blank = text.rfind(' ', room);
      length = blank == std::string_view::npos ? std::min(text.size(), text.find(' ')) : blank;
    }
    lines += fmt::format("{}# {}\n", indent, text.substr(0, length));
    text.remove_prefix(std::min(text.size(), length + 1));
  }
  return lines;
}

const ConfigNote* note_for(std::span<const ConfigNote> notes, std::string_view path) {
  for (const ConfigNote& note : notes) {
    if (note.path == path) return &note;
  }
  return nullptr;
}

template <class T>
std::string section_text(const T& section, std::span<const ConfigNote> notes) {
  const OptionTable<T>& table = T::table();
  const std::string_view name = table.group().name;
  const std::string indent = name.empty() ? "" : "  ";
  std::string text =
      name.empty() ? "" : comment("", table.group().help) + fmt::format("{}:\n", name);
  for (size_t i = 0; i < table.options().size(); ++i) {
    const OptionInfo& info = table.options()[i];
    const OptionValue value = table.at(section, i);
    const bool is_default = value == info.default_value;
    const std::string path = fmt::format("{}{}{}", name, name.empty() ? "" : ".", info.name);
    const ConfigNote* note = note_for(notes, path);
    const bool suggested = is_default && note != nullptr && note->suggestion.has_value();
    const bool beside = note != nullptr && note->text.size() <= kNoteWidth;
    text += comment(indent, info.help);
    if (note != nullptr && !beside) text += comment(indent, note->text);
    text += fmt::format("{}{}{}: {}{}{}\n", is_default ? "#" : "", indent, info.name,
                        yaml_value(info, suggested ? *note->suggestion : value),
                        beside ? "  # " : "", beside ? note->text : "");
  }
  return text + "\n";
}

// All learners with their search spaces, commented out.
std::string learner_examples(std::span<const OptionGroup> learners) {
  std::string text = comment(
      "",
      "The learners to try, all of them if not given, and where to search their parameters: a "
      "value fixes one. These are the defaults.");
  text += "#learners:\n";
  for (const OptionGroup& group : learners) {
    text += fmt::format("#  {}:  # {}\n", group.name, group.help);
    for (const OptionInfo& info : group.options) {
      if (info.kind == OptionKind::kTextList || info.kind == OptionKind::kTextMap) continue;
      text += fmt::format("#    {}: {}\n", info.name,
                          info.search ? yaml_range(group, info, *info.search)
                                      : yaml_value(info, info.default_value));
    }
  }
  return text;
}

std::string learner_choices(const ExperimentConfig& config, std::span<const OptionGroup> learners) {
  std::string text = "learners:\n";
  for (const LearnerChoice& choice : config.learners) {
    text += fmt::format("  {}:\n", choice.name);
    const auto group = std::find_if(learners.begin(), learners.end(),
                                    [&](const OptionGroup& g) { return g.name == choice.name; });
    if (group == learners.end()) continue;
    for (const ParamOverride& param : choice.params) {
      const OptionInfo* info = find_option(group->options, param.name);
      if (info == nullptr) continue;
      const auto* range = std::get_if<SearchRange>(&param.setting);
      text += fmt::format("    {}: {}\n", param.name,
                          range ? yaml_range(*group, *info, *range)
                                : yaml_param(*info, std::get<ParamValue>(param.setting)));
    }
  }
  return text;
}

}  // namespace

std::string config_template(const ExperimentConfig& config, std::span<const OptionGroup> learners,
                            std::span<const ConfigNote> notes) {
  std::string text =
      "# Assay config: run it with `assay run FILE`, check it with `assay config check FILE`.\n"
      "# Every option is here. Those behind a # at the start of the line have their default\n"
      "# values; take the # away to change one.\n\n";
  for_each_section(config, [&](const auto& section) { text += section_text(section, notes); });
  text += config.learners.empty() ? learner_examples(learners) : learner_choices(config, learners);
  return text;
}

}  // namespace assay::automl
