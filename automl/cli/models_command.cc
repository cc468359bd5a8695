// assay models list | show | register | export | alias
#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "automl/cli/output_file.h"
#include "automl/cli/run_json.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"
#include "tracking/model_registry.h"

namespace assay::automl::cli {
namespace {

std::string joined(const std::vector<std::string>& items) {
  return fmt::format("{}", fmt::join(items, ", "));
}

Result<tracking::ModelRegistry> open_registry(const Invocation& invocation, bool create) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, create));
  return tracking::ModelRegistry(std::move(workspace));
}

Status list_command(const Invocation& invocation, const std::string& name) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  auto listed = name.empty() ? registry.list_models() : registry.list_versions(name);
  if (!listed) return tl::unexpected<Error>(listed.error());
  if (invocation.json) {
    std::string out = "[";
    for (const auto& model : *listed) out += (out.size() > 1 ? "," : "") + model_json(model);
    print_result(out + "]\n");
    return {};
  }
  if (listed->empty()) {
    print_note(invocation, "no models are registered here");
    return {};
  }
  TextTable table;
  table.add_column("model");
  table.add_column("version", Align::kRight);
  table.add_column("aliases");
  table.add_column("task");
  table.add_column("metric");
  table.add_column("score", Align::kRight);
  table.add_column("size", Align::kRight);
  table.add_column("registered");
  table.add_column("run");
  for (const auto& model : *listed) {
    table.add_row({model.name, std::to_string(model.version), joined(model.aliases), model.task,
                   model.metric, model.score ? score_text(*model.score) : "-",
                   size_text(static_cast<double>(model.size)), tracking::iso_time(model.created_ns),
                   model.run_id});
  }
  print_result(table.render(terminal_width()));
  return {};
}

std::string contract_text(const std::string& contract) {
  const auto parsed = nlohmann::ordered_json::parse(contract, nullptr, false);
  if (parsed.is_discarded()) return contract;
  return parsed.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Status show_command(const Invocation& invocation, const std::string& reference) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(auto model, registry.resolve(reference));
  if (invocation.json) {
    print_result(model_json(model) + "\n");
    return {};
  }
  std::string out = fmt::format("model {}:{}\n", model.name, model.version);
  auto line = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) out += fmt::format("  {:<12} {}\n", key, value);
  };
  line("aliases", joined(model.aliases));
  line("stage", model.stage);
  line("task", model.task);
  if (model.score) line(model.metric, score_text(*model.score) + " (validation)");
  line("registered", tracking::iso_time(model.created_ns));
  line("size", size_text(static_cast<double>(model.size)));
  line("sha256", model.sha256);
  line("run", model.run_id);
  line("data", model.dataset_name);
  line("data sha256", model.dataset_hash);
  line("code commit", model.code_commit);
  line("description", model.description);
  for (const auto& [key, value] : model.tags) line("tag " + key, value);
  if (!model.input_contract.empty()) {
    out += fmt::format("\ninput\n{}\n", contract_text(model.input_contract));
  }
  print_result(out);
  return {};
}

Status export_command(const Invocation& invocation, const std::string& reference,
                      const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto model, registry.resolve(reference));
  ASSAY_ASSIGN_OR_RETURN(const std::string bytes, registry.read_model(model));
  ASSAY_ASSIGN_OR_RETURN(OutputFile file, OutputFile::open(path));
  ASSAY_RETURN_IF_ERROR(file.write(bytes));
  ASSAY_RETURN_IF_ERROR(file.close());
  if (invocation.json) {
    print_result(model_json(model) + "\n");
  } else {
    print_note(invocation, fmt::format("{}:{} written to {} ({})", model.name, model.version, path,
                                       size_text(static_cast<double>(model.size))));
  }
  return {};
}

Status alias_command(const Invocation& invocation, const std::string& reference,
                     const std::string& alias, bool remove) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(auto model, registry.resolve(reference));
  ASSAY_RETURN_IF_ERROR(remove ? registry.remove_alias(model.name, alias)
                               : registry.set_alias(model.name, alias, model.version));
  ASSAY_ASSIGN_OR_RETURN(model, registry.resolve(fmt::format("{}:{}", model.name, model.version)));
  if (invocation.json) {
    print_result(model_json(model) + "\n");
  } else {
    print_note(invocation, fmt::format("{}:{} has aliases: {}", model.name, model.version,
                                       joined(model.aliases)));
  }
  return {};
}

void add_alias(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("alias", "Point an alias at a version");
  add_workspace_option(*command, invocation);
  auto reference = std::make_shared<std::string>();
  auto alias = std::make_shared<std::string>();
  auto remove = std::make_shared<bool>(false);
  command->add_option("model", *reference, "MODEL, MODEL:VERSION or MODEL@ALIAS")->required();
  command->add_option("alias", *alias, "The alias, for example champion")->required();
  command->add_flag("--remove", *remove, "Take the alias away");
  command->footer("Example:\n  assay models alias churn:3 champion");
  command->callback([=, &invocation] {
    invocation.action = [=, &invocation] {
      return alias_command(invocation, *reference, *alias, *remove);
    };
  });
}

void add_export(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("export", "Write a model to a file of its own");
  add_workspace_option(*command, invocation);
  auto reference = std::make_shared<std::string>();
  auto path = std::make_shared<std::string>();
  command->add_option("model", *reference, "MODEL, MODEL:VERSION or MODEL@ALIAS")->required();
  command->add_option("--out,-o", *path, "The file to write")->required();
  command->footer("Example:\n  assay models export churn@champion --out churn.assay");
  command->callback([=, &invocation] {
    invocation.action = [=, &invocation] { return export_command(invocation, *reference, *path); };
  });
}

}  // namespace

void add_models_command(CLI::App& app, Invocation& invocation) {
  CLI::App* models = app.add_subcommand("models", "List, show, register and export models");
  models->require_subcommand(1);

  CLI::App* list = models->add_subcommand("list", "List models, or all versions of one");
  add_workspace_option(*list, invocation);
  auto name = std::make_shared<std::string>();
  list->add_option("model", *name, "All versions of this model");
  list->footer("Example:\n  assay models list churn");
  list->callback([&invocation, name] {
    invocation.action = [&invocation, name] { return list_command(invocation, *name); };
  });

  CLI::App* show = models->add_subcommand("show", "Show one model");
  add_workspace_option(*show, invocation);
  auto reference = std::make_shared<std::string>();
  show->add_option("model", *reference, "MODEL, MODEL:VERSION or MODEL@ALIAS")->required();
  show->footer("Example:\n  assay models show churn@champion");
  show->callback([&invocation, reference] {
    invocation.action = [&invocation, reference] { return show_command(invocation, *reference); };
  });

  add_models_register(*models, invocation);
  add_export(*models, invocation);
  add_alias(*models, invocation);
}

}  // namespace assay::automl::cli
