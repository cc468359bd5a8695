// assay data list | show: the data sets that runs recorded.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/report/text_table.h"
#include "kernels/base/plurals.h"
#include "tracking/dataset_list.h"
#include "tracking/environment.h"
#include "tracking/model_registry.h"

namespace assay::automl::cli {
namespace {

using Json = nlohmann::ordered_json;
using tracking::DatasetHistory;
using tracking::DatasetVersion;

constexpr size_t kShownHash = 12;

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

std::string size_of(const DatasetVersion& version) {
  return fmt::format("{} x {}", version.rows, version.columns);
}

Json version_json(const DatasetVersion& version) {
  return Json{{"version", version.number},
              {"label", version.label},
              {"content_hash", version.content_hash},
              {"rows", version.rows},
              {"columns", version.columns},
              {"roles", version.roles},
              {"runs", version.runs.size()},
              {"first_used", tracking::iso_time(version.first_used_ns)},
              {"last_used", tracking::iso_time(version.last_used_ns)}};
}

Result<std::vector<DatasetHistory>> read_datasets(Invocation& invocation,
                                                  tracking::Workspace& workspace) {
  tracking::ReadProblems problems;
  ASSAY_ASSIGN_OR_RETURN(auto all, tracking::list_datasets(workspace, &problems));
  print_problems(invocation, problems);
  return all;
}

Status list_command(Invocation& invocation) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto all, read_datasets(invocation, *workspace));
  if (invocation.json) {
    Json array = Json::array();
    for (const DatasetHistory& history : all) {
      Json object{{"name", history.name}, {"versions", Json::array()}};
      for (const auto& version : history.versions) {
        object["versions"].push_back(version_json(version));
      }
      array.push_back(std::move(object));
    }
    print_result(json_line(array));
    return {};
  }
  if (all.empty() && !invocation.csv) {
    print_note(invocation, "no run here recorded a data set");
    return {};
  }
  TextTable table;
  table.add_column("data set");
  table.add_column("version", Align::kRight);
  table.add_column("content");
  table.add_column("rows x columns", Align::kRight);
  table.add_column("runs", Align::kRight);
  table.add_column("last used");
  for (const DatasetHistory& history : all) {
    for (auto version = history.versions.rbegin(); version != history.versions.rend(); ++version) {
      table.add_row(
          {history.name, std::to_string(version->number),
           invocation.csv ? version->content_hash : version->content_hash.substr(0, kShownHash),
           size_of(*version), std::to_string(version->runs.size()),
           tracking::iso_time(version->last_used_ns)});
    }
  }
  print_table(invocation, table);
  return {};
}

// Registered versions that were made from a content, as "name:version".
Result<std::vector<std::string>> models_of(Invocation& invocation,
                                           const std::shared_ptr<tracking::Workspace>& workspace,
                                           const std::string& content_hash) {
  std::vector<std::string> names;
  tracking::ModelRegistry registry(workspace);
  tracking::ReadProblems problems;
  ASSAY_ASSIGN_OR_RETURN(const auto models, registry.list_models(&problems));
  tell_problems(invocation, problems);
  for (const auto& model : models) {
    ASSAY_ASSIGN_OR_RETURN(const auto versions, registry.list_versions(model.name, &problems));
    for (const auto& version : versions) {
      if (!content_hash.empty() && version.dataset_hash == content_hash) {
        names.push_back(fmt::format("{}:{}", version.name, version.version));
      }
    }
  }
  return names;
}

std::string version_text(const DatasetVersion& version, const std::vector<std::string>& models) {
  std::string out = fmt::format("version {}{}\n  sha256  {}\n  size    {}, {}\n", version.number,
                                version.label.empty() ? "" : fmt::format(" ({})", version.label),
                                version.content_hash, counted(version.rows, "row"),
                                counted(version.columns, "column"));
  out += fmt::format("  role    {}\n  used    {} to {}\n", joined(version.roles),
                     tracking::iso_time(version.first_used_ns),
                     tracking::iso_time(version.last_used_ns));
  if (!models.empty()) out += fmt::format("  models  {}\n", joined(models));
  TextTable table;
  for (const char* title : {"run", "kind", "name", "experiment", "status", "metric"}) {
    table.add_column(title);
  }
  table.add_column("score", Align::kRight);
  for (const tracking::RunInfo& run : version.runs) {
    table.add_row({run.run_id, run.kind, run.name, run.experiment, std::string(name_of(run.status)),
                   run.metric, run.score ? score_text(*run.score) : "-"});
  }
  return out + "\n" + table.render(terminal_width());
}

Status show_command(Invocation& invocation, const std::string& reference) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto all, read_datasets(invocation, *workspace));
  ASSAY_ASSIGN_OR_RETURN(const DatasetHistory history, tracking::find_dataset(all, reference));
  Json object{{"name", history.name}, {"versions", Json::array()}};
  std::string text = fmt::format("data set {}\n", history.name);
  for (auto version = history.versions.rbegin(); version != history.versions.rend(); ++version) {
    ASSAY_ASSIGN_OR_RETURN(const auto models,
                           models_of(invocation, workspace, version->content_hash));
    Json entry = version_json(*version);
    entry["models"] = models;
    entry["run_ids"] = Json::array();
    for (const tracking::RunInfo& run : version->runs) entry["run_ids"].push_back(run.run_id);
    object["versions"].push_back(std::move(entry));
    text += "\n" + version_text(*version, models);
  }
  print_result(invocation.json ? json_line(object) : text);
  return {};
}

}  // namespace

void add_data_sets(CLI::App& data, Invocation& invocation) {
  CLI::App* list =
      data.add_subcommand("list", "The data sets that runs recorded, a version for each content");
  add_workspace_option(*list, invocation);
  add_csv_option(*list, invocation);
  list->footer("Example:\n  assay data list");
  list->callback(
      [&invocation] { invocation.action = [&invocation] { return list_command(invocation); }; });

  CLI::App* show = data.add_subcommand(
      "show", "The versions of a recorded data set, with the runs and models made from each");
  add_workspace_option(*show, invocation);
  auto reference = std::make_shared<std::string>();
  show->add_option("dataset", *reference, "Its name, or the beginning of a content's sha256")
      ->required();
  show->footer("Examples:\n  assay data show train.csv\n  assay data show 9f86d081");
  show->callback([&invocation, reference] {
    invocation.action = [&invocation, reference] { return show_command(invocation, *reference); };
  });
}

}  // namespace assay::automl::cli
