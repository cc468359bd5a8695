#include "automl/cli/help_format.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {

constexpr size_t kTextColumn = 30;
constexpr size_t kLineWidth = 100;
constexpr size_t kInlineChoices = 20;  // longer lists of choices stand in the text

std::string inline_value(const CLI::Option& option) {
  const std::vector<std::string> choices = choices_of(option);
  std::string joined = fmt::format("{}", fmt::join(choices, "|"));
  return choices.empty() || joined.size() > kInlineChoices ? value_name(option) : joined;
}

std::string option_text(const CLI::Option& option) {
  std::string text = option.get_description();
  const std::vector<std::string> choices = choices_of(option);
  if (fmt::format("{}", fmt::join(choices, "|")).size() > kInlineChoices) {
    if (!text.empty() && text.back() != '.') text += '.';
    text += fmt::format(" One of {}.", fmt::join(choices, ", "));
  }
  if (!option.get_default_str().empty()) text += fmt::format(" [{}]", option.get_default_str());
  if (option.get_required()) text += " (must be given)";
  return text;
}

// One entry: what is written on the left, and its text beside it.
std::string entry(const std::string& left, const std::string& text) {
  std::string out = "  " + left;
  bool beside = out.size() + 1 < kTextColumn;
  for (const std::string& line : wrapped_lines(text, kLineWidth - kTextColumn)) {
    if (!beside) out += '\n';
    out += std::string(beside ? kTextColumn - out.size() : kTextColumn, ' ') + line;
    beside = false;
  }
  return out + '\n';
}

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string left = is_positional ? option->get_name(true, false) : std::string();
    if (!is_positional) {
      for (const std::string& name : option->get_snames()) left += "-" + name;
      for (const std::string& name : option->get_lnames()) {
        left += (left.empty() ? "--" : ", --") + name;
      }
      if (option->get_type_size() != 0 && option->get_expected_max() != 0) {
        left += " " + inline_value(*option);
      }
    }
    return entry(left, option_text(*option));
  }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    return make_description(app) + make_usage(app, std::move(name)) + make_positionals(app) +
           option_groups(*app) + make_subcommands(app, mode) + '\n' + make_footer(app);
  }

  std::string make_subcommand(const CLI::App* command) const override {
    return entry(command->get_name(), command->get_description());
  }

 private:
  // In the order in which they were added, but the general one at the end.
  std::string option_groups(const CLI::App& app) const {
    std::vector<std::string> groups = app.get_groups();
    std::stable_partition(groups.begin(), groups.end(),
                          [](const std::string& group) { return group != kGeneralGroup; });
    std::string out;
    for (const std::string& group : groups) {
      const auto options = app.get_options([&group](const CLI::Option* option) {
        return option->get_group() == group && option->nonpositional();
      });
      if (!group.empty() && !options.empty()) out += make_group(group, false, options);
    }
    return out;
  }
};

}  // namespace

void use_help_format(CLI::App& app) { app.formatter(std::make_shared<HelpFormatter>()); }

std::string help_text(const CLI::App& command, const std::string& path) {
  return command.get_formatter()->make_help(&command, path, CLI::AppFormatMode::Normal);
}

CLI::Option* add_choice(CLI::App& command, const std::string& name, std::string& target,
                        std::span<const std::string_view> choices, const std::string& help) {
  const std::vector<std::string> names(choices.begin(), choices.end());
  CLI::Validator validator(
      [names](std::string& text) {
        const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& known) {
          return lower_case(known) == lower_case(text);
        });
        if (found == names.end()) {
          const std::span<const std::string> known(names);
          const std::string_view near = nearest_name(text, known);
          return fmt::format("'{}' is not known ({}must be one of {})", shortened(text),
                             near.empty() ? "" : fmt::format("did you mean '{}'? ", near),
                             fmt::join(names, ", "));
        }
        text = *found;
        return std::string();
      },
      "");
  CLI::Option* option = command.add_option(name, target, help);
  option->type_name(fmt::format("{}", fmt::join(names, "|")))->transform(validator);
  if (!target.empty()) option->default_str(target);
  return option;
}

std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  std::vector<std::string> choices;
  if (type.find('|') == std::string::npos) return choices;
  for (size_t at = 0; at <= type.size();) {
    const size_t bar = std::min(type.find('|', at), type.size());
    choices.push_back(type.substr(at, bar - at));
    at = bar + 1;
  }
  return choices;
}

std::string value_name(const CLI::Option& option) {
  std::string type = option.get_type_name();
  type = type.substr(0, type.find(':'));  // validators describe themselves behind it
  if (type == "INT" || type == "UINT") return "N";
  const bool own = !type.empty() && type != "TEXT" && type.find('|') == std::string::npos;
  if (own) return type;
  std::string name = option.get_lnames().empty() ? "value" : option.get_lnames().front();
  name = name.substr(name.rfind('-') + 1);  // npos + 1 is 0
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return name;
}

std::vector<std::string> wrapped_lines(std::string_view text, size_t width) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    if (word.empty()) continue;
    if (lines.empty() || lines.back().size() + 1 + word.size() > width) {
      lines.emplace_back(word);
    } else {
      lines.back() += fmt::format(" {}", word);
    }
  }
  return lines;
}

}  // namespace assay::automl::cli
