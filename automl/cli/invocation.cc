#include "automl/cli/invocation.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "automl/cli/help_format.h"
#include "automl/cli/output.h"

namespace assay::automl::cli {

void add_output_options(CLI::App& command, Invocation& invocation) {
  command.add_flag("--json", invocation.json, "Machine-readable output (JSON) on stdout")
      ->group(kGeneralGroup);
  command.add_flag("--quiet,-q", invocation.quiet, "No progress and no notes")
      ->group(kGeneralGroup);
}

void add_csv_option(CLI::App& command, Invocation& invocation) {
  command.add_flag("--csv", invocation.csv, "Comma-separated values on stdout");
}

void add_workspace_option(CLI::App& command, Invocation& invocation) {
  add_output_options(command, invocation);
  command
      .add_option("--workspace,-w", invocation.workspace,
                  "Workspace (else ASSAY_WORKSPACE, else the nearest .assay upward)")
      ->type_name("FOLDER")
      ->group(kGeneralGroup);
}

tracking::WorkspaceSearch workspace_search(const Invocation& invocation) {
  tracking::WorkspaceSearch search;
  search.explicit_path = invocation.workspace;
  if (const char* value = std::getenv("ASSAY_WORKSPACE")) search.environment_value = value;
  std::error_code error;
  search.start_folder = std::filesystem::current_path(error).string();
  if (error) search.start_folder = ".";
  search.create = false;
  return search;
}

Result<std::shared_ptr<tracking::Workspace>> open_workspace(const Invocation& invocation,
                                                            bool create) {
  tracking::WorkspaceSearch search = workspace_search(invocation);
  auto found = tracking::Workspace::discover(search);
  if (found || !create || found.error().code != StatusCode::kNotFound) return found;
  search.create = true;
  auto made = tracking::Workspace::discover(search);
  if (made) print_note(invocation, fmt::format("created workspace {}", (*made)->path()));
  return made;
}

}  // namespace assay::automl::cli
