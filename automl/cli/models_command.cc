// assay models list | show | history | diff; the others are added from files of their own.
#include <CLI/CLI.hpp>
#include <array>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/preprocess/input_contract.h"
#include "automl/report/model_diff.h"
#include "automl/report/record_text.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"
#include "tracking/model_registry.h"
#include "tracking/run_query.h"
#include "tracking/snapshot.h"

namespace assay::automl::cli {
namespace {

constexpr int64_t kShownFeatures = 10;

std::string joined(const std::vector<std::string>& items) {
  return fmt::format("{}", fmt::join(items, ", "));
}

TextTable model_table(const Invocation& invocation,
                      const std::vector<tracking::ModelVersion>& models) {
  TextTable table;
  table.add_column("model", Align::kLeft, Fit::kWhole);
  table.add_column("version", Align::kRight);
  table.add_column("aliases");
  table.add_column("stage", Align::kLeft, Fit::kSpare);
  table.add_column("task");
  table.add_column("metric");
  table.add_column("score", Align::kRight);
  table.add_column("size", Align::kRight, Fit::kSpare);
  table.add_column("registered", Align::kLeft, Fit::kSpare);
  table.add_column("run", Align::kLeft, Fit::kWhole);
  for (const auto& model : models) {
    table.add_row({model.name, std::to_string(model.version), joined(model.aliases),
                   model.stage == "none" ? "" : model.stage, model.task, model.metric,
                   model.score ? score_cell(invocation, *model.score) : "-",
                   size_cell(invocation, model.size), tracking::iso_time(model.created_ns),
                   model.run_id});
  }
  return table;
}

struct ListOptions {
  std::string name;
  bool deleted = false;
};

Status list_command(Invocation& invocation, const ListOptions& options) {
  if (options.deleted && options.name.empty()) {
    return fail(StatusCode::kInvalidArgument, "--deleted needs the model's name");
  }
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  tracking::ReadProblems problems;
  auto listed = options.name.empty() ? registry.list_models(&problems)
                : options.deleted    ? registry.list_deleted(options.name, &problems)
                                     : registry.list_versions(options.name, &problems);
  if (!listed) return tl::unexpected<Error>(listed.error());
  tell_problems(invocation, problems);
  if (invocation.json) {
    std::string out = "[";
    for (const auto& model : *listed) out += (out.size() > 1 ? "," : "") + model_json(model);
    print_result(out + "]\n");
    return {};
  }
  if (listed->empty() && !invocation.csv) {
    print_note(invocation, options.deleted ? "nothing of this model is in the trash"
                                           : "no models are registered here");
    return {};
  }
  print_table(invocation, model_table(invocation, *listed));
  return {};
}

// What the sweep behind the model says of it; empty if its run is not here.
std::string lineage_text(tracking::Workspace& workspace, const tracking::ModelVersion& model) {
  if (model.run_id.empty()) return {};
  const auto run = tracking::load_run(workspace, model.run_id);
  if (!run) return fmt::format("\nits run is not to be read here: {}\n", run.error().message);
  const auto text_of = [](const std::map<std::string, tracking::Value>& values, const char* key) {
    const auto found = values.find(key);
    return found == values.end() ? std::string("-") : found->second.text();
  };
  std::string out =
      fmt::format("  {:<12} {}\n  {:<12} {}\n", "validation", text_of(run->tags, "validation"),
                  "seed", text_of(run->params, "seed"));
  const std::string init = text_of(run->params, "model.init");
  if (!init.empty() && init != "-") out += fmt::format("  {:<12} {}\n", "continues", init);
  if (run->info.ended_ns > 0) {
    const int64_t took_ns = run->info.ended_ns - run->info.created_ns;
    out += fmt::format("  {:<12} {}\n", "search took",
                       duration_text(static_cast<double>(took_ns) * 1e-9));
  }
  return out + members_section(*run, terminal_width()) +
         importance_section(*run, kShownFeatures, terminal_width());
}

Status show_command(Invocation& invocation, const std::string& reference) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  tracking::ModelRegistry registry(workspace);
  ASSAY_ASSIGN_OR_RETURN(auto model, registry.resolve(reference));
  tell_damage(invocation, model.damage);
  if (invocation.json) {
    print_result(model_json(model) + "\n");
    return {};
  }
  std::string out = fmt::format("model {}:{}\n", model.name, model.version);
  auto line = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) out += fmt::format("  {:<12} {}\n", printable(key), printable(value));
  };
  line("aliases", joined(model.aliases));
  if (model.stage != "none") line("stage", model.stage);
  line("task", model.task);
  if (model.score) line(model.metric, score_text(*model.score) + " (validation)");
  line("decides", decision_text(model.input_contract));
  line("registered",
       tracking::iso_time(model.created_ns) + (model.user.empty() ? "" : " by " + model.user));
  line("size", size_text(static_cast<double>(model.size)));
  line("sha256", model.sha256);
  line("run", model.run_id);
  line("data", model.dataset_name);
  line("data version", model.dataset_version);
  line("data sha256", model.dataset_hash);
  line("code commit", model.code_commit);
  if (model.origin) {
    line("imported", fmt::format("from {}:{} of workspace {}", model.origin->name,
                                 model.origin->version, model.origin->workspace));
  }
  line("description", model.description);
  for (const auto& [key, value] : model.tags) line("tag " + key, value);
  out += lineage_text(*workspace, model);
  if (!model.input_contract.empty()) {
    out += "\ninput\n" + contract_table(model.input_contract, terminal_width());
  }
  print_result(fitted_lines(out, terminal_width()));
  print_note(invocation,
             fmt::format("next: assay predict {} --data new.csv --out predictions.csv", reference));
  return {};
}

std::string change_text(const std::string& name, const tracking::ModelChange& change) {
  const std::string model = fmt::format("{}:{}", name, change.version);
  const std::string from = change.from.value_or("");
  if (change.what == "registered") return model + " registered";
  if (change.what == "deleted") return model + (change.to ? " deleted" : " restored");
  if (change.what == "purged") return model + " deleted for good";
  if (change.what == "description") return model + " described: " + change.to.value_or("");
  if (change.what == "stage") {
    return fmt::format("{} stage {} -> {}", model, from, change.to.value_or(""));
  }
  if (change.what == "tag") {
    if (!change.to) return fmt::format("{} tag {} removed (was {})", model, change.key, from);
    return fmt::format("{} tag {} = {}{}", model, change.key, *change.to,
                       change.from ? fmt::format(" (was {})", from) : "");
  }
  if (!change.to) return fmt::format("alias {} removed from {}", change.key, model);
  return fmt::format("alias {} -> {}{}", change.key, model,
                     change.from ? fmt::format(" (was {})", from) : "");
}

// Of changes that were put away, by when that was and who did it.
std::string lost_text(const tracking::ModelEvent& event) {
  if (event.lost_to == event.number) return fmt::format("change {} is lost", event.number);
  return fmt::format("changes {} to {} are lost", event.number, event.lost_to);
}

std::string event_json(const std::string& name, const tracking::ModelEvent& event) {
  const auto maybe = [](const std::optional<std::string>& text) {
    return text ? nlohmann::ordered_json(*text) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json object{
      {"model", name},
      {"number", event.number},
      {"time", tracking::iso_time(event.at_ns)},
      {"user", event.user},
      {"host", event.host},
      {"reason", event.reason},
      {"lost_to",
       event.lost_to > 0 ? nlohmann::ordered_json(event.lost_to) : nlohmann::ordered_json()},
      {"changes", nlohmann::ordered_json::array()}};
  for (const tracking::ModelChange& change : event.changes) {
    object["changes"].push_back(nlohmann::ordered_json{{"what", change.what},
                                                       {"version", change.version},
                                                       {"key", change.key},
                                                       {"from", maybe(change.from)},
                                                       {"to", maybe(change.to)}});
  }
  return json_text(object);
}

Status history_command(Invocation& invocation, const std::string& name) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  tracking::ReadProblems problems;
  ASSAY_ASSIGN_OR_RETURN(const auto events, registry.history(name, &problems));
  tell_problems(invocation, problems);
  if (invocation.json) {
    std::string out = "[";
    for (const auto& event : events) out += (out.size() > 1 ? "," : "") + event_json(name, event);
    print_result(out + "]\n");
    return {};
  }
  TextTable table;
  for (const char* title : {"when", "who", "what"}) table.add_column(title);
  table.add_column("why", Align::kLeft, Fit::kEnd);
  for (const auto& event : events) {
    if (event.lost_to > 0) {
      table.add_row({tracking::iso_time(event.at_ns), event.user, lost_text(event), event.reason});
    }
    for (const auto& change : event.changes) {
      table.add_row(
          {tracking::iso_time(event.at_ns), event.user, change_text(name, change), event.reason});
    }
  }
  print_table(invocation, table);
  return {};
}

Result<DiffSide> diff_side(tracking::Workspace& workspace, tracking::ModelRegistry& registry,
                           const std::string& reference, tracking::ReadProblems& problems) {
  DiffSide side;
  ASSAY_ASSIGN_OR_RETURN(side.model, registry.resolve(reference));
  if (side.model.run_id.empty()) return side;
  // A run that was deleted or is damaged leaves the rest to compare.
  if (auto run = tracking::load_run(workspace, side.model.run_id)) side.run = std::move(*run);
  if (!side.run) return side;
  auto source = tracking::read_manifest(workspace, *side.run);
  if (source) {
    side.source = std::move(*source);
  } else if (source.error().code != StatusCode::kNotFound) {
    problems.note(source.error());
  }
  return side;
}

Status diff_command(Invocation& invocation, const std::string& first, const std::string& second) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  tracking::ModelRegistry registry(workspace);
  tracking::ReadProblems problems;
  ASSAY_ASSIGN_OR_RETURN(const DiffSide a, diff_side(*workspace, registry, first, problems));
  ASSAY_ASSIGN_OR_RETURN(const DiffSide b, diff_side(*workspace, registry, second, problems));
  auto& damaged = problems.damaged;
  damaged.insert(damaged.end(), a.model.damage.begin(), a.model.damage.end());
  if (a.model.name != b.model.name) {
    damaged.insert(damaged.end(), b.model.damage.begin(), b.model.damage.end());
  }
  tell_problems(invocation, problems);
  print_result(invocation.json ? diff_json(a, b) + "\n" : diff_text(a, b, terminal_width()));
  return {};
}

void add_list(CLI::App& models, Invocation& invocation) {
  CLI::App* list = models.add_subcommand("list", "List models, or all versions of one");
  add_workspace_option(*list, invocation);
  auto options = std::make_shared<ListOptions>();
  list->add_option("model", options->name, "All versions of this model");
  list->add_flag("--deleted", options->deleted, "Those in the trash instead");
  add_csv_option(*list, invocation);
  list->footer("Example:\n  assay models list churn");
  list->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return list_command(invocation, *options); };
  });
}

void add_history(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("history", "Who changed what of a model, and when");
  add_workspace_option(*command, invocation);
  auto name = std::make_shared<std::string>();
  command->add_option("model", *name, "The model's name")->required();
  add_csv_option(*command, invocation);
  command->footer("Oldest first.\nExample:\n  assay models history churn");
  command->callback([&invocation, name] {
    invocation.action = [&invocation, name] { return history_command(invocation, *name); };
  });
}

void add_diff(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand(
      "diff", "What differs between two models: score, data, code, input, settings");
  add_workspace_option(*command, invocation);
  auto references = std::make_shared<std::array<std::string, 2>>();
  command->add_option("a", (*references)[0], "MODEL, MODEL:VERSION or MODEL@ALIAS")->required();
  command->add_option("b", (*references)[1], "The other one")->required();
  command->footer("Example:\n  assay models diff churn@champion churn@latest");
  command->callback([&invocation, references] {
    invocation.action = [&invocation, references] {
      return diff_command(invocation, (*references)[0], (*references)[1]);
    };
  });
}

}  // namespace

void add_models_command(CLI::App& app, Invocation& invocation) {
  CLI::App* models = app.add_subcommand("models", "Register, compare, promote and export models");
  models->require_subcommand(1);

  add_list(*models, invocation);
  CLI::App* show = models->add_subcommand("show", "Show one model");
  add_workspace_option(*show, invocation);
  auto reference = std::make_shared<std::string>();
  show->add_option("model", *reference, "MODEL, MODEL:VERSION or MODEL@ALIAS")->required();
  show->footer("Example:\n  assay models show churn@champion");
  show->callback([&invocation, reference] {
    invocation.action = [&invocation, reference] { return show_command(invocation, *reference); };
  });

  add_history(*models, invocation);
  add_diff(*models, invocation);
  add_models_files(*models, invocation);
  add_models_changes(*models, invocation);
}

}  // namespace assay::automl::cli
