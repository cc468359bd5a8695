// assay models promote | tag | describe | alias | delete | restore: what people decide about
// registered models. Every change is kept in the model's history.
#include <CLI/CLI.hpp>
#include <charconv>

#include "automl/cli/invocation.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/report/text_table.h"
#include "kernels/base/names.h"
#include "kernels/base/plurals.h"
#include "tracking/model_registry.h"

namespace assay::automl::cli {
namespace {

constexpr const char* kReference = "MODEL, MODEL:VERSION or MODEL@ALIAS";

void add_reason(CLI::App& command, std::string& reason) {
  command.add_option("--reason", reason, "Why, for the model's history");
}

void print_model(Invocation& invocation, const tracking::ModelVersion& model,
                 const std::string& text) {
  if (invocation.json) {
    print_result(model_json(model) + "\n");
  } else {
    print_note(invocation, fmt::format("{}:{} {}", model.name, model.version, text));
  }
  tell_damage(invocation, model.damage);
}

// One edit of the version that the reference names.
Result<tracking::ModelVersion> edit_model(Invocation& invocation, const std::string& reference,
                                          const tracking::ModelEdit& edit,
                                          const std::string& reason) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto model, registry.resolve(reference));
  return registry.edit(model.name, model.version, edit, reason);
}

struct PromoteOptions {
  std::string reference;
  std::string stage;
  std::vector<std::string> aliases;
  bool archive_others = false;
  std::string reason;
};

Status promote(Invocation& invocation, const PromoteOptions& options) {
  if (options.stage.empty() && options.aliases.empty()) {
    return fail(StatusCode::kInvalidArgument,
                "say what to promote it to: --stage production (or staging, archived, none), "
                "--alias champion, or both");
  }
  tracking::ModelEdit edit;
  if (!options.stage.empty()) edit.stage = options.stage;
  edit.archive_others = options.archive_others;
  edit.set_aliases = options.aliases;
  ASSAY_ASSIGN_OR_RETURN(const auto model,
                         edit_model(invocation, options.reference, edit, options.reason));
  print_model(
      invocation, model,
      fmt::format("has stage {} and aliases {}", model.stage, fmt::join(model.aliases, ", ")));
  return {};
}

struct TagOptions {
  std::string reference;
  std::vector<std::string> set;
  std::vector<std::string> remove;
  std::string reason;
};

Status tag(Invocation& invocation, const TagOptions& options) {
  tracking::ModelEdit edit;
  ASSAY_ASSIGN_OR_RETURN(edit.set_tags, parse_tags(options.set));
  edit.remove_tags = options.remove;
  if (edit.set_tags.empty() && edit.remove_tags.empty()) {
    return fail(StatusCode::kInvalidArgument, "give KEY=VALUE, or --remove KEY");
  }
  ASSAY_ASSIGN_OR_RETURN(const auto model,
                         edit_model(invocation, options.reference, edit, options.reason));
  std::string tags;
  for (const auto& [key, value] : model.tags) {
    tags += fmt::format("{}{}={}", tags.empty() ? "" : ", ", printable(key),
                        printable(shortened(value)));
  }
  print_model(invocation, model, tags.empty() ? "has no tags" : "has tags " + tags);
  return {};
}

Status describe(Invocation& invocation, const std::string& reference, const std::string& text,
                const std::string& reason) {
  tracking::ModelEdit edit;
  edit.description = text;
  ASSAY_ASSIGN_OR_RETURN(const auto model, edit_model(invocation, reference, edit, reason));
  print_model(invocation, model, text.empty() ? "has no description" : "is described");
  return {};
}

struct AliasOptions {
  std::string reference;
  std::string alias;
  std::string reason;
};

Status set_alias(Invocation& invocation, const AliasOptions& options) {
  tracking::ModelEdit edit;
  edit.set_aliases = {options.alias};
  ASSAY_ASSIGN_OR_RETURN(const auto model,
                         edit_model(invocation, options.reference, edit, options.reason));
  print_model(invocation, model, fmt::format("has aliases {}", fmt::join(model.aliases, ", ")));
  return {};
}

Status remove_alias(Invocation& invocation, const AliasOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  const std::string name = options.reference.substr(0, options.reference.find_first_of(":@"));
  const auto before = registry.resolve(fmt::format("{}@{}", name, options.alias));
  if (!before && before.error().code != StatusCode::kData) {
    return tl::unexpected<Error>(before.error());
  }
  ASSAY_RETURN_IF_ERROR(registry.remove_alias(name, options.alias, options.reason));
  if (!before) {  // it pointed at something damaged
    print_note(invocation, fmt::format("{} has no alias {} any more", name, options.alias));
    return {};
  }
  ASSAY_ASSIGN_OR_RETURN(const auto model,
                         registry.resolve(fmt::format("{}:{}", before->name, before->version)));
  print_model(invocation, model, fmt::format("has no alias {} any more", options.alias));
  return {};
}

struct DeleteOptions {
  std::string reference;
  bool all = false;
  std::string reason;
};

// "churn:3" as name and number, whether the version is visible or not.
Result<std::pair<std::string, int64_t>> name_and_version(const std::string& reference) {
  const size_t colon = reference.find(':');
  int64_t version = 0;
  if (colon != std::string::npos) {
    const char* end = reference.data() + reference.size();
    const auto [stop, error] = std::from_chars(reference.data() + colon + 1, end, version);
    if (error != std::errc() || stop != end) version = 0;
  }
  if (version > 0) return std::pair(reference.substr(0, colon), version);
  return fail(StatusCode::kInvalidArgument, "'{}' names no version (must be MODEL:VERSION)",
              reference);
}

Status delete_all(Invocation& invocation, tracking::ModelRegistry& registry,
                  const DeleteOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(const auto versions, registry.list_versions(options.reference));
  std::vector<int64_t> numbers;
  std::string out = "[";
  for (const auto& model : versions) {
    numbers.push_back(model.version);
    out += (out.size() > 1 ? "," : "") + model_json(model);
  }
  ASSAY_RETURN_IF_ERROR(registry.delete_versions(options.reference, numbers, options.reason));
  if (invocation.json) {
    print_result(out + "]\n");
  } else {
    print_note(invocation,
               fmt::format("{} of {} {} in the trash", counted(std::ssize(versions), "version"),
                           options.reference, versions.size() == 1 ? "is" : "are"));
  }
  return {};
}

Status delete_model(Invocation& invocation, const DeleteOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  const bool names_version = options.reference.find_first_of(":@") != std::string::npos;
  if (options.all && names_version) {
    return fail(StatusCode::kInvalidArgument, "--all deletes every version: give the name alone");
  }
  if (options.all) return delete_all(invocation, registry, options);
  auto resolved = registry.resolve(options.reference);
  if (!resolved && resolved.error().code == StatusCode::kData) {
    // What is damaged can be deleted by its number.
    if (const auto named = name_and_version(options.reference)) {
      resolved = tracking::ModelVersion{.name = named->first, .version = named->second};
    }
  }
  if (!resolved) return tl::unexpected<Error>(std::move(resolved.error()));
  const tracking::ModelVersion& model = *resolved;
  if (!names_version) {
    return fail(StatusCode::kInvalidArgument,
                "'{0}' names no version: give {0}:{1} for the latest, or --all for every version",
                options.reference, model.version);
  }
  ASSAY_RETURN_IF_ERROR(registry.delete_version(model.name, model.version, options.reason));
  print_model(invocation, model,
              fmt::format("is in the trash (assay models restore {}:{} brings it back)", model.name,
                          model.version));
  return {};
}

Status restore_model(Invocation& invocation, const DeleteOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto registry, open_registry(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto named, name_and_version(options.reference));
  const bool there = registry.resolve(fmt::format("{}:{}", named.first, named.second)).has_value();
  ASSAY_ASSIGN_OR_RETURN(const auto model,
                         registry.restore_version(named.first, named.second, options.reason));
  print_model(invocation, model, there ? "was not deleted" : "is back");
  return {};
}

void add_promote(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("promote", "Give a model a stage or an alias");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<PromoteOptions>();
  command->add_option("model", options->reference, kReference)->required();
  command->add_option("--stage", options->stage, "none, staging, production or archived");
  command
      ->add_option("--alias", options->aliases,
                   "An alias that moves here, for example champion; may be repeated")
      ->allow_extra_args(false);
  command->add_flag("--archive-others", options->archive_others,
                    "Versions that have the stage now become archived");
  add_reason(*command, options->reason);
  command->footer(
      "Examples:\n"
      "  assay models promote churn:3 --alias champion\n"
      "  assay models promote churn:3 --stage production --archive-others --reason 'Q3 review'");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return promote(invocation, *options); };
  });
}

void add_tag(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("tag", "Set and remove a model's tags");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<TagOptions>();
  command->add_option("model", options->reference, kReference)->required();
  command->add_option("tags", options->set, "KEY=VALUE, as many as wanted");
  command->add_option("--remove", options->remove, "A tag to take away; may be repeated")
      ->allow_extra_args(false);
  add_reason(*command, options->reason);
  command->footer("Example:\n  assay models tag churn:3 team=fraud tier=1 --remove draft");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return tag(invocation, *options); };
  });
}

void add_describe(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("describe", "Say what a model is for");
  add_workspace_option(*command, invocation);
  auto reference = std::make_shared<std::string>();
  auto text = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  command->add_option("model", *reference, kReference)->required();
  command->add_option("text", *text, "The description; '' takes it away")->required();
  add_reason(*command, *reason);
  command->footer("Example:\n  assay models describe churn:3 'Trained on the data of Q3'");
  command->callback([=, &invocation] {
    invocation.action = [=, &invocation] {
      return describe(invocation, *reference, *text, *reason);
    };
  });
}

void add_alias(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("alias", "Point an alias at a version, or remove it");
  command->require_subcommand(1);
  struct Variant {
    const char* name;
    const char* help;
    const char* reference;
    const char* example;
    Status (*run)(Invocation&, const AliasOptions&);
  };
  for (const Variant& variant :
       {Variant{"set", "Point an alias at a version", kReference,
                "Example:\n  assay models alias set churn:3 champion", set_alias},
        Variant{"remove", "Take an alias away", "The model's name",
                "Example:\n  assay models alias remove churn champion", remove_alias}}) {
    CLI::App* sub = command->add_subcommand(variant.name, variant.help);
    add_workspace_option(*sub, invocation);
    auto options = std::make_shared<AliasOptions>();
    sub->add_option("model", options->reference, variant.reference)->required();
    sub->add_option("alias", options->alias, "The alias, for example champion")->required();
    add_reason(*sub, options->reason);
    sub->footer(variant.example);
    sub->callback([&invocation, options, run = variant.run] {
      invocation.action = [&invocation, options, run] { return run(invocation, *options); };
    });
  }
}

void add_delete(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("delete", "Put a version into the trash");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<DeleteOptions>();
  command->add_option("model", options->reference, "MODEL:VERSION or MODEL@ALIAS")->required();
  command->add_flag("--all", options->all, "Every version of the model");
  add_reason(*command, options->reason);
  command->footer(
      "A model in use stays: one with an alias other than latest, with stage production, or of a\n"
      "run with the tag pinned or serving. A deleted version can be restored while it is in the\n"
      "trash, and its number is never given out again.\n"
      "Example:\n  assay models delete churn:2");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return delete_model(invocation, *options); };
  });
}

void add_restore(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("restore", "Bring a deleted version back");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<DeleteOptions>();
  command->add_option("model", options->reference, "MODEL:VERSION")->required();
  add_reason(*command, options->reason);
  command->footer("Example:\n  assay models restore churn:2");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return restore_model(invocation, *options); };
  });
}

}  // namespace

void add_models_changes(CLI::App& models, Invocation& invocation) {
  add_promote(models, invocation);
  add_tag(models, invocation);
  add_describe(models, invocation);
  add_alias(models, invocation);
  add_delete(models, invocation);
  add_restore(models, invocation);
}

}  // namespace assay::automl::cli
