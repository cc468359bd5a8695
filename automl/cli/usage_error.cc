#include "automl/cli/usage_error.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "automl/cli/help_format.h"
#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {

// The commands from the program to the one that was named last.
std::vector<const CLI::App*> named_commands(const CLI::App& app) {
  std::vector<const CLI::App*> commands = {&app};
  while (!commands.back()->get_subcommands().empty()) {
    commands.push_back(commands.back()->get_subcommands().front());
  }
  return commands;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

// "--metrc" of "--metrc=auc"; empty for what is no option.
std::string option_part(const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return {};
  return word.substr(0, word.find('='));
}

std::string unknown_option_text(const CLI::App& command, const std::string& name) {
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& long_name : option->get_lnames()) known.push_back("--" + long_name);
  }
  // Dashes count for nothing in what was meant.
  const std::string bare = name.substr(
      name.find_first_not_of('-') == std::string::npos ? 0 : name.find_first_not_of('-'));
  const std::string_view near = nearest_name("--" + bare, std::span<const std::string>(known));
  return fmt::format("unknown option '{}'{}", shortened(name),
                     near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near));
}

bool has_option(const CLI::App& command, const std::string& name) {
  return command.get_option_no_throw(name) != nullptr;
}

std::string path_of(const std::vector<const CLI::App*>& commands) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  return fmt::format("{}", fmt::join(names, " "));
}

// An option that belongs to one of the commands below.
std::optional<std::string> too_early(const CLI::App& group, const std::string& name) {
  std::vector<std::string> owners;
  for (const CLI::App* child : group.get_subcommands({})) {
    if (has_option(*child, name)) owners.push_back(child->get_name());
  }
  if (owners.empty()) return std::nullopt;
  return fmt::format("'{}' stands after a command: {}", shortened(name), fmt::join(owners, ", "));
}

// What stands on the command line and belongs to nothing.
std::optional<std::string> leftover(const std::vector<const CLI::App*>& commands) {
  const CLI::App& last = *commands.back();
  const std::vector<std::string> names = command_names(last);
  // Commands of commands hand what they do not know to the one above.
  const std::vector<std::string> words = commands.front()->remaining(true);
  // A mistyped command leaves its options over as well.
  const bool mistyped = !names.empty() && !words.empty() && option_part(words.front()).empty();
  for (const CLI::App* command : commands) {
    if (mistyped) break;
    for (const std::string& word : command->remaining()) {
      const std::string name = option_part(word);
      if (name.empty()) continue;
      if (command != &last && has_option(last, name)) {
        return fmt::format("'{}' stands after the command: {} {}", shortened(name),
                           path_of(commands), shortened(name));
      }
      if (auto early = too_early(last, name)) return early;
      return unknown_option_text(*command, name);
    }
  }
  if (words.empty()) return std::nullopt;
  if (names.empty()) return fmt::format("unexpected argument '{}'", shortened(words.front()));
  return fmt::format("unknown command '{}'{}", shortened(words.front()),
                     name_hint(words.front(), std::span<const std::string>(names)));
}

// An option that takes one value and has several.
std::optional<std::string> given_twice(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() < 2 || option->get_items_expected_max() != 1) continue;
    if (option->get_multi_option_policy() != CLI::MultiOptionPolicy::Throw) continue;
    std::vector<std::string> values;
    for (const std::string& value : option->results()) values.push_back(shortened(value));
    return fmt::format("{} is given more than once ({}); it takes one value", option->get_name(),
                       fmt::join(values, ", "));
  }
  return std::nullopt;
}

// CLI11 puts the option's name first: "--time: 1 required TIME missing".
const CLI::Option* option_of(const CLI::App& command, const std::string& message) {
  const CLI::Option* found = nullptr;
  for (const CLI::Option* option : command.get_options()) {
    const std::string name = option->get_name(false, true);
    const bool begins = message.rfind(name + ":", 0) == 0 || message.rfind(name + " ", 0) == 0 ||
                        message.find(": " + name + " = ") != std::string::npos ||
                        message.rfind(option->get_name() + ":", 0) == 0;
    if (!name.empty() && begins) found = option;
  }
  return found;
}

std::string refused_value(const CLI::App& command, const CLI::ParseError& error) {
  const std::string message = error.what();
  const CLI::Option* option = option_of(command, message);
  if (option == nullptr) return message;
  const bool missing = dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr;
  if (missing && option->get_expected_min() > 1) {
    return fmt::format("{} wants at least {} values ({} given)", option->get_name(),
                       option->get_expected_min(), option->count());
  }
  if (missing) return fmt::format("{} wants a value: {}", option->get_name(), value_name(*option));
  // Of a number out of its range: "--limit: Value -3 not in range 0 to 9".
  constexpr std::string_view kRange = " not in range ";
  const size_t range = message.rfind(kRange);
  if (range != std::string::npos && !option->results().empty()) {
    return fmt::format("{}={} (must be a number from {})", option->get_name(),
                       shortened(option->results().front()), message.substr(range + kRange.size()));
  }
  const bool converted = dynamic_cast<const CLI::ConversionError*>(&error) != nullptr;
  if (!converted || option->results().empty()) return message;
  return fmt::format("{}={} (must be a whole number)", option->get_name(),
                     shortened(option->results().front()));
}

std::string reason(const std::vector<const CLI::App*>& commands, const CLI::ParseError& error) {
  const CLI::App& last = *commands.back();
  if (const auto twice = given_twice(last)) return *twice;
  const bool about_value = dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr ||
                           dynamic_cast<const CLI::ConversionError*>(&error) != nullptr ||
                           dynamic_cast<const CLI::ValidationError*>(&error) != nullptr;
  if (about_value) return refused_value(last, error);
  if (const auto extra = leftover(commands)) return *extra;
  const std::vector<std::string> names = command_names(last);
  if (names.empty()) return error.what();
  return fmt::format("say which command: {}", fmt::join(names, ", "));
}

}  // namespace

Error usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<const CLI::App*> commands = named_commands(app);
  std::string path;
  for (const CLI::App* command : commands) path += command->get_name() + " ";
  return {StatusCode::kInvalidArgument,
          fmt::format("{}; see {}--help", reason(commands, error), path)};
}

}  // namespace assay::automl::cli
