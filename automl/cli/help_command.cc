// assay help [COMMAND]: the same as --help.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <span>

#include "automl/cli/help_format.h"
#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "kernels/base/names.h"

namespace assay::automl::cli {
namespace {

Status print_help(const Invocation& invocation, const CLI::App& app,
                  const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  std::string path = app.get_name();
  for (const std::string& word : words) {
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const CLI::App* child : command->get_subcommands({})) {
      names.push_back(child->get_name());
      if (child->get_name() == word) next = child;
    }
    if (next == nullptr) {
      return fail(StatusCode::kInvalidArgument, "{} has no command '{}'{}", path, shortened(word),
                  name_hint(word, std::span<const std::string>(names)));
    }
    command = next;
    path += " " + word;
  }
  const std::string text = help_text(*command, path);
  print_result(invocation.json ? json_line({{"command", path}, {"help", text}}) : text);
  return {};
}

}  // namespace

void add_help_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("help", "Print the help of a command");
  auto words = std::make_shared<std::vector<std::string>>();
  command->add_option("command", *words, "The command, such as: runs list");
  add_output_options(*command, invocation);
  command->footer("Examples:\n  assay help run\n  assay help runs list");
  command->callback([&app, &invocation, words] {
    invocation.action = [&app, &invocation, words] { return print_help(invocation, app, *words); };
  });
}

}  // namespace assay::automl::cli
