// assay completion bash: a completion script, made from the commands and options there are.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "automl/cli/help_format.h"
#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"

namespace assay::automl::cli {
namespace {

// The arms of the script's case statements. `$path` is the command so far: "assay runs list".
struct CompletionArms {
  std::string commands;  // words that go one command deeper
  std::string values;    // what may follow an option
  std::string words;     // commands, or the options of one
};

std::vector<std::string> option_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

void add_values(const CLI::Option& option, const std::string& path, CompletionArms& arms) {
  if (option.get_type_size() == 0 || option.get_expected_max() == 0) return;  // a flag
  std::string labels;
  for (const std::string& name : option_names(option)) {
    labels += fmt::format("{}'{} {}'", labels.empty() ? "" : "|", path, name);
  }
  const std::vector<std::string> choices = choices_of(option);
  const std::string value = value_name(option);
  std::string answer = "COMPREPLY=()";
  if (!choices.empty()) {
    answer = fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\")",
                         fmt::join(choices, " "));
  } else if (value == "FILE" || value == "FOLDER") {
    answer = fmt::format("_assay_paths {}", value == "FILE" ? "-f" : "-d");
  }
  arms.values += fmt::format("    {}) {}; return ;;\n", labels, answer);
}

void add_arms(const CLI::App& command, const std::string& path, CompletionArms& arms) {
  std::vector<std::string> words;
  for (const CLI::App* child : command.get_subcommands({})) {
    words.push_back(child->get_name());
    const std::string deeper = path + " " + child->get_name();
    arms.commands += fmt::format("{}'{}'", arms.commands.empty() ? "" : "|", deeper);
    add_arms(*child, deeper, arms);
  }
  std::vector<std::string> options;
  for (const CLI::Option* option : command.get_options()) {
    if (!option->nonpositional()) continue;
    for (const std::string& name : option_names(*option)) options.push_back(name);
    add_values(*option, path, arms);
  }
  arms.words += fmt::format("    '{}') commands='{}'; options='{}' ;;\n", path,
                            fmt::join(words, " "), fmt::join(options, " "));
}

std::string bash_script(const CLI::App& app) {
  CompletionArms arms;
  add_arms(app, app.get_name(), arms);
  return fmt::format(R"(# bash completion for assay; to load it: source <(assay completion bash)
_assay_paths() {{
  compopt -o filenames
  mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}}

_assay() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} path=assay i
  local commands= options=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case "$path ${{COMP_WORDS[i]}}" in
    {0}) path="$path ${{COMP_WORDS[i]}}" ;;
    esac
  done
  # --option=value comes as three words.
  if [[ $cur == '=' ]]; then cur=; elif [[ $prev == '=' ]]; then prev=${{COMP_WORDS[COMP_CWORD - 2]}}; fi
  case "$path $prev" in
{1}  esac
  case "$path" in
{2}  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
  elif [[ -n $commands ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
  else
    _assay_paths -f
  fi
}}
complete -F _assay assay
)",
                     arms.commands, arms.values, arms.words);
}

}  // namespace

void add_completion_command(CLI::App& app, Invocation& invocation) {
  CLI::App* completion = app.add_subcommand("completion", "Completion for shells");
  completion->require_subcommand(1);
  CLI::App* bash = completion->add_subcommand("bash", "Print the completion script for bash");
  add_output_options(*bash, invocation);
  bash->footer(
      "Examples:\n"
      "  source <(assay completion bash)\n"
      "  assay completion bash > ~/.local/share/bash-completion/completions/assay");
  bash->callback([&app, &invocation] {
    invocation.action = [&app, &invocation]() -> Status {
      const std::string script = bash_script(app);
      print_result(invocation.json ? json_line({{"bash", script}}) : script);
      return {};
    };
  });
}

}  // namespace assay::automl::cli
