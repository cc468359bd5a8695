// assay runs delete | restore | trash
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/report/text_table.h"
#include "kernels/base/plurals.h"
#include "tracking/environment.h"
#include "tracking/quarantine.h"
#include "tracking/run_query.h"
#include "tracking/run_trash.h"

namespace assay::automl::cli {
namespace {

struct TrashOptions {
  std::vector<std::string> runs;
  bool force = false;
};

std::string infos_json(const std::vector<tracking::RunInfo>& infos) {
  std::string out = "[";
  for (const auto& info : infos) out += (out.size() > 1 ? "," : "") + run_info_json(info);
  return out + "]\n";
}

void note_done(const Invocation& invocation, const char* done, const tracking::RunInfo& run,
               int below) {
  print_note(invocation,
             fmt::format("{} {} {} ({}){}", done, run.kind, run.run_id, run.name,
                         below == 0 ? std::string()
                                    : fmt::format(" and {} below it", counted(below, "run"))));
}

// What is meant by the references: runs, and files of runs that cannot be read. Those cannot be
// restored either: they go to quarantine.
struct Targets {
  std::vector<tracking::RunInfo> runs;
  std::vector<tracking::DamagedFile> damaged;
};

// Fails if one of the references means nothing that can be deleted: then nothing is.
Result<Targets> find_targets(tracking::Workspace& workspace,
                             const std::vector<std::string>& references) {
  Targets targets;
  for (const std::string& reference : references) {
    auto run = tracking::find_only_run(workspace, reference);
    if (run) {
      targets.runs.push_back(std::move(*run));
      continue;
    }
    const StatusCode code = run.error().code;
    if (code != StatusCode::kData && code != StatusCode::kNotFound) {
      return tl::unexpected<Error>(run.error());
    }
    auto damaged = tracking::find_damaged_run(workspace, reference);
    if (!damaged && damaged.error().code == StatusCode::kNotFound) {
      return tl::unexpected<Error>(run.error());
    }
    if (!damaged) return tl::unexpected<Error>(damaged.error());
    targets.damaged.push_back(std::move(*damaged));
  }
  return targets;
}

Status put_away(const Invocation& invocation, tracking::Workspace& workspace,
                const std::vector<tracking::DamagedFile>& damaged) {
  if (damaged.empty()) return {};
  ASSAY_ASSIGN_OR_RETURN(const auto away, tracking::quarantine_files(workspace, damaged));
  for (const tracking::DamagedFile& file : away.moved) {
    print_note(invocation, fmt::format("damaged: {}; it is in {} now, and what was below it stays",
                                       file.why, away.folder));
  }
  return {};
}

// Each run that was named with how many went with it; parents come before children.
void note_families(const Invocation& invocation, const char* done,
                   const std::vector<tracking::RunInfo>& all) {
  std::map<std::string, std::string> tops;  // of each run the one that it went with
  std::map<std::string, int> below;
  for (const tracking::RunInfo& run : all) {
    const auto parent = tops.find(run.parent_run_id);
    const std::string top = parent == tops.end() ? run.run_id : parent->second;
    tops[run.run_id] = top;
    if (parent != tops.end()) ++below[top];
  }
  for (const tracking::RunInfo& run : all) {
    if (tops[run.run_id] != run.run_id) continue;
    note_done(invocation, done, run, below[run.run_id]);
  }
}

Status delete_runs(const Invocation& invocation, const TrashOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const Targets targets, find_targets(*workspace, options.runs));
  std::vector<tracking::RunInfo> deleted;
  if (!targets.runs.empty()) {
    ASSAY_ASSIGN_OR_RETURN(deleted, tracking::delete_runs(*workspace, targets.runs, options.force));
  }
  note_families(invocation, "deleted", deleted);
  ASSAY_RETURN_IF_ERROR(put_away(invocation, *workspace, targets.damaged));
  if (invocation.json) print_result(infos_json(deleted));
  if (!deleted.empty()) {
    print_note(invocation, fmt::format("`assay runs restore RUN` brings {} back, `assay gc` frees "
                                       "the space later",
                                       deleted.size() == 1 ? "it" : "them"));
  }
  return {};
}

Status restore_runs(const Invocation& invocation, const TrashOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<tracking::RunInfo> restored,
                         tracking::restore_runs(*workspace, options.runs));
  note_families(invocation, "restored", restored);
  if (invocation.json) print_result(infos_json(restored));
  return {};
}

Status list_trash(Invocation& invocation) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  std::vector<std::string> damaged;
  ASSAY_ASSIGN_OR_RETURN(const auto runs, tracking::deleted_runs(*workspace, &damaged));
  print_damage(invocation, damaged);
  if (invocation.json) {
    nlohmann::json array = nlohmann::json::array();
    for (const tracking::DeletedRun& run : runs) {
      nlohmann::json object = nlohmann::json::parse(run_info_json(run.info));
      object["deleted_ns"] = run.deleted_ns;
      object["bytes"] = run.bytes;
      array.push_back(std::move(object));
    }
    print_result(json_line(array));
    return {};
  }
  if (runs.empty() && !invocation.csv) {
    print_note(invocation, "no deleted runs");
    return {};
  }
  TextTable table;
  table.add_column("run", Align::kLeft, Fit::kWhole);
  for (const char* title : {"kind", "name", "experiment", "status", "deleted"}) {
    table.add_column(title);
  }
  table.add_column("size", Align::kRight);
  for (const tracking::DeletedRun& run : runs) {
    table.add_row({run.info.run_id, run.info.kind, run.info.name, run.info.experiment,
                   std::string(name_of(run.info.status)), tracking::iso_time(run.deleted_ns),
                   size_cell(invocation, run.bytes)});
  }
  print_table(invocation, table);
  return {};
}

}  // namespace

void add_runs_trash(CLI::App& runs, Invocation& invocation) {
  auto options = std::make_shared<TrashOptions>();
  CLI::App* remove =
      runs.add_subcommand("delete", "Move runs, and all runs below them, to the trash");
  add_workspace_option(*remove, invocation);
  remove->add_option("run", options->runs, "Run ids, beginnings of them, or names")->required();
  remove->add_flag("--force", options->force, "Even if a registered model comes from one of them");
  remove->footer(
      "All or none of them. Works on a full disk for runs that have ended; `assay gc "
      "--keep-deleted\n"
      "0s` then makes room.\nExample:\n  assay runs delete 01JD");
  remove->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return delete_runs(invocation, *options); };
  });

  CLI::App* restore = runs.add_subcommand("restore", "Bring deleted runs back");
  add_workspace_option(*restore, invocation);
  restore->add_option("run", options->runs, "Run ids, beginnings of them, or names")->required();
  restore->footer("All or none of them.\nExample:\n  assay runs restore 01JD");
  restore->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return restore_runs(invocation, *options); };
  });

  CLI::App* trash = runs.add_subcommand("trash", "List deleted runs, last deleted first");
  add_workspace_option(*trash, invocation);
  add_csv_option(*trash, invocation);
  trash->footer("Example:\n  assay runs trash");
  trash->callback(
      [&invocation] { invocation.action = [&invocation] { return list_trash(invocation); }; });
}

}  // namespace assay::automl::cli
