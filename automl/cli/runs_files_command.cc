// assay runs export | checkout: a run as plain files, and the scripts that it ran.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/report/text_table.h"
#include "kernels/base/names.h"
#include "kernels/base/plurals.h"
#include "tracking/run_export.h"
#include "tracking/run_query.h"
#include "tracking/snapshot.h"
#include "tracking/source_restore.h"

namespace assay::automl::cli {
namespace {

using Json = nlohmann::ordered_json;

struct FilesOptions {
  std::string run;
  std::string out;
  bool force = false;
};

Status export_command(Invocation& invocation, const FilesOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto record, tracking::load_run(*workspace, options.run));
  ASSAY_ASSIGN_OR_RETURN(
      const auto report,
      tracking::export_run(*workspace, record, {options.out, run_record_json(record) + "\n"}));
  if (invocation.json) {
    print_result(json_line(Json{{"run_id", record.info.run_id},
                                {"out", options.out},
                                {"files", report.files},
                                {"bytes", report.bytes},
                                {"left_out", report.left_out},
                                {"damaged", report.damaged}}));
    print_damage(invocation, report.damaged);
    return {};
  }
  for (const std::string& what : report.left_out) print_note(invocation, "left out: " + what);
  print_damage(invocation, report.damaged);
  print_note(invocation, fmt::format("run {} written to {}: {}, {}", record.info.run_id,
                                     options.out, counted(report.files, "file"),
                                     size_text(static_cast<double>(report.bytes))));
  return {};
}

// The run's name if it can name a folder, else its id.
std::string folder_for(const tracking::RunInfo& info) {
  return check_name("run", info.name) ? info.name : info.run_id;
}

Status checkout_command(const Invocation& invocation, const FilesOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto record, tracking::load_run(*workspace, options.run));
  ASSAY_ASSIGN_OR_RETURN(const auto manifest, tracking::read_manifest(*workspace, record));
  if (manifest.files.empty()) {
    return fail(StatusCode::kNotFound,
                "run {} was started without a config file and scripts: there is nothing to check "
                "out (its command line: {})",
                record.info.run_id, fmt::join(manifest.command_line, " "));
  }
  const std::string out = options.out.empty() ? folder_for(record.info) : options.out;
  ASSAY_ASSIGN_OR_RETURN(const auto report,
                         tracking::restore_source(*workspace, manifest, {out, options.force}));
  if (invocation.json) {
    print_result(json_line(Json{{"run_id", record.info.run_id},
                                {"out", out},
                                {"written", report.written},
                                {"unchanged", report.unchanged},
                                {"left_out", report.left_out},
                                {"config", manifest.config_path},
                                {"git_commit", manifest.git_commit},
                                {"git_branch", manifest.git_branch},
                                {"git_dirty", manifest.git_dirty},
                                {"command_line", manifest.command_line}}));
    return {};
  }
  for (const std::string& what : report.left_out) print_note(invocation, "left out: " + what);
  print_note(invocation,
             fmt::format("source of run {} in {}: {} written, {} there already", record.info.run_id,
                         out, counted(report.written, "file"), report.unchanged));
  if (!manifest.git_commit.empty()) {
    print_note(invocation, fmt::format("it ran at commit {}{}", manifest.git_commit,
                                       manifest.git_dirty ? ", with changes that were not "
                                                            "committed (assay runs export has "
                                                            "them as source/git.diff)"
                                                          : ""));
  }
  return {};
}

}  // namespace

void add_runs_files(CLI::App& runs, Invocation& invocation) {
  CLI::App* export_app = runs.add_subcommand(
      "export", "Write everything of a run as plain files: JSON, CSV, logs, artifacts, scripts");
  add_workspace_option(*export_app, invocation);
  auto exported = std::make_shared<FilesOptions>();
  export_app->add_option("run", exported->run, "Run id, the beginning of one, or a name")
      ->required();
  export_app->add_option("--out,-o", exported->out, "The folder to make; it may be there if empty")
      ->required();
  export_app->footer(
      "What is damaged or missing is named and left out; exit code 3 tells.\n"
      "Example:\n  assay runs export 01JD --out run-files");
  export_app->callback([&invocation, exported] {
    invocation.action = [&invocation, exported] { return export_command(invocation, *exported); };
  });

  CLI::App* checkout_app =
      runs.add_subcommand("checkout", "Restore the config and scripts that a run was started from");
  add_workspace_option(*checkout_app, invocation);
  auto options = std::make_shared<FilesOptions>();
  checkout_app->add_option("run", options->run, "Run id, the beginning of one, or a name")
      ->required();
  checkout_app->add_option("--out,-o", options->out,
                           "The folder to write to (default: the run's name)");
  checkout_app->add_flag("--force", options->force, "Replace files that are there and differ");
  checkout_app->footer("Example:\n  assay runs checkout 01JD --out old-scripts");
  checkout_app->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return checkout_command(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
