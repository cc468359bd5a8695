// assay runs delete | restore | trash
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"
#include "tracking/quarantine.h"
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

// Does `what` to each reference; those before one that fails are done, and told.
template <class Action>
Status for_each_run(const Invocation& invocation, const std::vector<std::string>& references,
                    const char* done, Action action) {
  std::vector<tracking::RunInfo> all;
  for (const std::string& reference : references) {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<tracking::RunInfo> infos, action(reference));
    if (infos.empty()) continue;  // told already
    const size_t below = infos.size() - 1;
    print_note(invocation,
               fmt::format("{} {} {} ({}){}", done, infos[0].kind, infos[0].run_id, infos[0].name,
                           below == 0 ? std::string()
                                      : fmt::format(" and {} run{} below it", below,
                                                    below == 1 ? "" : "s")));
    all.insert(all.end(), infos.begin(), infos.end());
  }
  if (invocation.json) print_result(infos_json(all));
  return {};
}

// A run that cannot be read cannot be restored either: it goes to quarantine. Nothing if no damaged
// run was meant; then it fails as it did.
Result<std::vector<tracking::RunInfo>> delete_damaged(const Invocation& invocation,
                                                      tracking::Workspace& workspace,
                                                      const std::string& reference,
                                                      const Error& failure) {
  if (failure.code != StatusCode::kData && failure.code != StatusCode::kNotFound) {
    return tl::unexpected<Error>(failure);
  }
  const auto away = tracking::quarantine_run(workspace, reference);
  if (!away && away.error().code == StatusCode::kNotFound) return tl::unexpected<Error>(failure);
  if (!away) return tl::unexpected<Error>(away.error());
  for (const tracking::DamagedFile& file : away->moved) {
    print_note(invocation, fmt::format("damaged: {}; it is in {} now, and what was below it stays",
                                       file.why, away->folder));
  }
  return std::vector<tracking::RunInfo>();
}

Status delete_runs(const Invocation& invocation, const TrashOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_RETURN_IF_ERROR(
      for_each_run(invocation, options.runs, "deleted", [&](const std::string& reference) {
        auto deleted = tracking::delete_run(*workspace, reference, options.force);
        if (!deleted) deleted = delete_damaged(invocation, *workspace, reference, deleted.error());
        return deleted;
      }));
  print_note(invocation,
             "`assay runs restore RUN` brings it back, `assay gc` frees its space later");
  return {};
}

Status restore_runs(const Invocation& invocation, const TrashOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  return for_each_run(invocation, options.runs, "restored", [&](const std::string& reference) {
    return tracking::restore_run(*workspace, reference);
  });
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
    print_result(array.dump() + "\n");
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
  remove->footer("Example:\n  assay runs delete 01JD");
  remove->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return delete_runs(invocation, *options); };
  });

  CLI::App* restore = runs.add_subcommand("restore", "Bring deleted runs back");
  add_workspace_option(*restore, invocation);
  restore->add_option("run", options->runs, "Run ids, beginnings of them, or names")->required();
  restore->footer("Example:\n  assay runs restore 01JD");
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
