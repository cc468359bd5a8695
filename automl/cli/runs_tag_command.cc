// assay runs tag: sets and removes tags of a finished run.
#include <CLI/CLI.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/model_source.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "automl/report/text_table.h"
#include "kernels/base/names.h"
#include "tracking/run_tags.h"

namespace assay::automl::cli {
namespace {

struct TagOptions {
  std::string run;
  std::vector<std::string> set;
  std::vector<std::string> remove;
};

Status tag(const Invocation& invocation, const TagOptions& options) {
  tracking::TagEdit edit;
  ASSAY_ASSIGN_OR_RETURN(const auto texts, parse_tags(options.set));
  for (const auto& [key, text] : texts) edit.set[key] = tracking::parse_tag_value(text);
  edit.remove = options.remove;
  if (edit.set.empty() && edit.remove.empty()) {
    return fail(StatusCode::kInvalidArgument, "give KEY=VALUE, or --remove KEY");
  }
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto record, tracking::tag_run(*workspace, options.run, edit));
  if (invocation.json) {
    print_result(run_record_json(record) + "\n");
    return {};
  }
  std::string tags;
  for (const auto& [key, value] : record.tags) {
    tags += fmt::format("{}{}={}", tags.empty() ? "" : ", ", printable(key),
                        printable(shortened(value.text())));
  }
  print_note(invocation, fmt::format("run {} {}", record.info.run_id,
                                     tags.empty() ? "has no tags" : "has tags " + tags));
  return {};
}

}  // namespace

void add_runs_tag(CLI::App& runs, Invocation& invocation) {
  CLI::App* command = runs.add_subcommand("tag", "Set and remove tags of a finished run");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<TagOptions>();
  command->add_option("run", options->run, "Run id, the beginning of one, or a name")->required();
  command->add_option(
      "tags", options->set,
      "KEY=VALUE, as many as wanted; true, false and numbers in their shortest form "
      "are kept as such, all else (also 1.0, +5, 1e3) as text");
  command->add_option("--remove", options->remove, "A tag to take away; may be repeated")
      ->allow_extra_args(false);
  command->footer(
      "The tag pinned (or serving) keeps the models of a run from being deleted.\n"
      "Example:\n  assay runs tag 01JD team=fraud pinned=true --remove draft");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return tag(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
