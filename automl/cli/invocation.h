// What all commands share: how the program was called, where output goes, and the stop token that
// Ctrl-C sets. One Invocation lives in main; commands fill `action` while the command line is
// parsed, and main runs it afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace CLI {
class App;
}

namespace assay::automl::cli {

struct Invocation {
  std::vector<std::string> argv;
  SystemClock clock;
  int64_t started_ns = 0;     // on `clock`: when the process started
  StopToken* stop = nullptr;  // requested by the first Ctrl-C
  bool json = false;          // --json: machine-readable output on stdout
  bool csv = false;           // --csv: tables as comma-separated values on stdout
  bool quiet = false;         // --quiet: no progress, no notes
  std::string workspace;      // --workspace, or empty
  int exit_code = 0;          // of a command that did not fail
  std::function<Status()> action;
};

// --json and --quiet; they and --help are the command's general options.
void add_output_options(CLI::App& command, Invocation& invocation);
// --workspace too.
void add_workspace_option(CLI::App& command, Invocation& invocation);

// --csv, of commands that print a table.
void add_csv_option(CLI::App& command, Invocation& invocation);

// Where the command line says the workspace is; nothing is made there.
tracking::WorkspaceSearch workspace_search(const Invocation& invocation);

// The workspace by --workspace, ASSAY_WORKSPACE, the nearest `.assay` upward; if there is none and
// `create` is set, `.assay` here is made and named in a note.
Result<std::shared_ptr<tracking::Workspace>> open_workspace(const Invocation& invocation,
                                                            bool create);

// One function for each command; each adds its subcommand to the app.
void add_run_command(CLI::App& app, Invocation& invocation);
void add_resume_command(CLI::App& app, Invocation& invocation);
void add_predict_command(CLI::App& app, Invocation& invocation);
void add_score_command(CLI::App& app, Invocation& invocation);
void add_explain_command(CLI::App& app, Invocation& invocation);
void add_report_command(CLI::App& app, Invocation& invocation);
void add_runs_command(CLI::App& app, Invocation& invocation);
// `assay runs export | checkout`.
void add_runs_files(CLI::App& runs, Invocation& invocation);
// `assay runs tag`.
void add_runs_tag(CLI::App& runs, Invocation& invocation);
// `assay runs tail`.
void add_runs_tail(CLI::App& runs, Invocation& invocation);
// `assay runs delete | restore | trash`.
void add_runs_trash(CLI::App& runs, Invocation& invocation);
// Parts of `assay runs`: list and search; compare.
void add_runs_list(CLI::App& runs, Invocation& invocation);
void add_runs_compare(CLI::App& runs, Invocation& invocation);
void add_fsck_command(CLI::App& app, Invocation& invocation);
void add_models_command(CLI::App& app, Invocation& invocation);
// `assay models register | import | export`, which read and write model files.
void add_models_files(CLI::App& models, Invocation& invocation);
// `assay models promote | tag | describe | alias | delete | restore`.
void add_models_changes(CLI::App& models, Invocation& invocation);
void add_experiments_command(CLI::App& app, Invocation& invocation);
// `assay experiments rename | delete`.
void add_experiments_changes(CLI::App& experiments, Invocation& invocation);
void add_workspace_command(CLI::App& app, Invocation& invocation);
void add_data_command(CLI::App& app, Invocation& invocation);
// `assay data list | show`.
void add_data_sets(CLI::App& data, Invocation& invocation);
void add_config_command(CLI::App& app, Invocation& invocation);
void add_devices_command(CLI::App& app, Invocation& invocation);
void add_gc_command(CLI::App& app, Invocation& invocation);
// `assay workspace verify`, and with copy | move | export.
void add_workspace_verify(CLI::App& workspace, Invocation& invocation);
void add_workspace_files(CLI::App& workspace, Invocation& invocation);
void add_version_command(CLI::App& app, Invocation& invocation);
void add_completion_command(CLI::App& app, Invocation& invocation);
void add_help_command(CLI::App& app, Invocation& invocation);

// "assay 0.1.0 (...)", in one line.
std::string version_text();

}  // namespace assay::automl::cli
