// assay workspace copy | move | export: a workspace as a whole.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "automl/cli/output_file.h"
#include "automl/report/text_table.h"
#include "tracking/run_bundle.h"
#include "tracking/run_query.h"
#include "tracking/workspace_copy.h"

namespace assay::automl::cli {
namespace {

std::string size_of(int64_t bytes) { return size_text(static_cast<double>(bytes)); }

void print_copied(const Invocation& invocation, const std::string& to, const char* what,
                  const tracking::CopyReport& report) {
  if (invocation.json) {
    nlohmann::ordered_json object;
    object["path"] = to;
    object["files"] = report.files;
    object["bytes"] = report.bytes;
    object["runs_behind"] = report.runs_behind;
    print_result(object.dump() + "\n");
  } else {
    print_result(
        fmt::format("{} to {}: {} files, {}\n", what, to, report.files, size_of(report.bytes)));
  }
  if (report.runs_behind > 0) {
    print_note(
        invocation,
        fmt::format(
            "warning: {} run{} of a process at work {} in the copy only as far as published, "
            "if at all: copy again when it is done",
            report.runs_behind, report.runs_behind == 1 ? "" : "s",
            report.runs_behind == 1 ? "is" : "are"));
  }
}

Status copy(const Invocation& invocation, const std::string& to) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const tracking::CopyReport report,
                         tracking::copy_workspace(*workspace, to, *invocation.stop));
  print_copied(invocation, to, "copied", report);
  return {};
}

// A rename where that can be done, else a verified copy and then the removal of the original.
Status move(const Invocation& invocation, const std::string& to) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  const std::string from = workspace->path();
  ASSAY_ASSIGN_OR_RETURN(const int alive, tracking::live_writers(*workspace));
  if (alive > 0) {
    return fail(StatusCode::kInvalidArgument,
                "{} process{} at work in '{}': move it when they are done", alive,
                alive == 1 ? " is" : "es are", from);
  }
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path target = fs::absolute(to, error).lexically_normal();
  if (fs::exists(target) && !(fs::is_directory(target) && fs::is_empty(target, error))) {
    return fail(StatusCode::kAlreadyExists, "'{}' is there and not an empty folder", to);
  }
  fs::create_directories(target.parent_path(), error);
  fs::rename(from, target, error);
  tracking::CopyReport report;
  if (error) {
    ASSAY_ASSIGN_OR_RETURN(report, tracking::copy_workspace(*workspace, to, *invocation.stop));
    fs::remove_all(from, error);
    if (error) {
      return fail(StatusCode::kIo, "copied to '{}', but '{}' cannot be removed: {}", to, from,
                  error.message());
    }
  }
  if (invocation.json) {
    print_result(nlohmann::ordered_json({{"from", from}, {"path", to}}).dump() + "\n");
  } else {
    print_result(fmt::format("moved {} to {}\n", from, to));
  }
  return {};
}

struct ExportOptions {
  OutputPlace out;
  std::vector<std::string> runs;
  bool blobs = false;
};

Status export_file(const Invocation& invocation, const ExportOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_RETURN_IF_ERROR(OutputFile::check(options.out));
  tracking::BundleOptions bundle;
  bundle.blobs = options.blobs;
  for (const std::string& reference : options.runs) {
    ASSAY_ASSIGN_OR_RETURN(const tracking::RunInfo info, tracking::find_run(*workspace, reference));
    tracking::RunFilter below;
    below.parent_run_id = info.run_id;
    bundle.run_ids.push_back(info.run_id);
    ASSAY_ASSIGN_OR_RETURN(const tracking::RunList list, tracking::list_runs(*workspace, below));
    for (const tracking::RunInfo& child : list.runs) bundle.run_ids.push_back(child.run_id);
  }
  ASSAY_ASSIGN_OR_RETURN(
      const tracking::BundleReport report,
      tracking::export_bundle(*workspace, options.out.path, bundle, *invocation.stop));
  if (invocation.json) {
    nlohmann::ordered_json object;
    object["path"] = options.out.path;
    object["runs"] = report.runs;
    object["blobs"] = report.blobs;
    object["bytes"] = report.bytes;
    print_result(object.dump() + "\n");
  } else {
    print_result(fmt::format("{}: {} runs, {} blobs, {}\n", options.out.path, report.runs,
                             report.blobs, size_of(report.bytes)));
  }
  return {};
}

}  // namespace

void add_workspace_files(CLI::App& workspace, Invocation& invocation) {
  add_workspace_verify(workspace, invocation);

  auto to = std::make_shared<std::string>();
  CLI::App* duplicate = workspace.add_subcommand(
      "copy", "Copy the workspace to an empty folder, verifying each file");
  add_workspace_option(*duplicate, invocation);
  duplicate->add_option("to", *to, "The new folder")->required();
  duplicate->footer(
      "Runs of processes at work are copied as far as they are published, and a warning tells.\n"
      "Example:\n  assay workspace copy /backup/assay-monday");
  duplicate->callback([&invocation, to] {
    invocation.action = [&invocation, to] { return copy(invocation, *to); };
  });

  CLI::App* relocate = workspace.add_subcommand(
      "move", "Move the workspace; on one file system this is a rename, and mv does as well");
  add_workspace_option(*relocate, invocation);
  relocate->add_option("to", *to, "The new folder")->required();
  relocate->footer("Example:\n  assay workspace move /data/assay");
  relocate->callback([&invocation, to] {
    invocation.action = [&invocation, to] { return move(invocation, *to); };
  });

  auto options = std::make_shared<ExportOptions>();
  CLI::App* bundle = workspace.add_subcommand(
      "export", "Write runs as groups of one HDF5 file, which h5py opens alone");
  add_workspace_option(*bundle, invocation);
  bundle->add_option("--one-file", options->out.path, "The file to write")
      ->type_name("FILE")
      ->required();
  add_force_option(*bundle, options->out);
  bundle->add_option("--run", options->runs, "Only these runs and their trials (default: all)");
  bundle->add_flag("--blobs", options->blobs, "Artifacts, sources and models, too");
  bundle->footer("Example:\n  assay workspace export --one-file all.h5");
  bundle->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return export_file(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
