// assay version
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "tracking/environment.h"

namespace assay::automl::cli {

namespace {

nlohmann::json version_object(const std::vector<std::string>& argv) {
  const auto environment = tracking::collect_environment({argv, {}, {}});
  nlohmann::json object;
  for (const char* key : {"assay_version", "build_type", "compiler", "hdf5_version",
                          "libgit2_version", "architecture"}) {
    const auto found = environment.find(key);
    object[key] = found == environment.end() ? "unknown" : found->second.text();
  }
  return object;
}

}  // namespace

std::string version_text() {
  const nlohmann::json object = version_object({});
  const auto text = [&](const char* key) { return object[key].get<std::string>(); };
  return fmt::format("assay {} ({}, {}, {}; HDF5 {}, libgit2 {})", text("assay_version"),
                     text("build_type"), text("compiler"), text("architecture"),
                     text("hdf5_version"), text("libgit2_version"));
}

void add_version_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("version", "Print the version of Assay and its libraries");
  add_output_options(*command, invocation);
  command->footer("Examples:\n  assay version\n  assay version --json");
  command->callback([&invocation] {
    invocation.action = [&invocation]() -> Status {
      print_result(invocation.json ? json_line(version_object(invocation.argv))
                                   : version_text() + "\n");
      return {};
    };
  });
}

}  // namespace assay::automl::cli
