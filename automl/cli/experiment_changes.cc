// assay experiments rename | delete
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/cli/run_json.h"
#include "kernels/base/plurals.h"
#include "tracking/experiment.h"

namespace assay::automl::cli {
namespace {

struct ChangeOptions {
  std::string name;
  std::string to;
  bool merge = false;
  bool force = false;
};

Status rename_experiment(Invocation& invocation, const ChangeOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  auto renamed = tracking::Experiment::rename(*workspace, options.name, options.to, options.merge);
  if (!renamed && renamed.error().code == StatusCode::kAlreadyExists) {
    return fail_with(std::move(renamed.error()), "--merge was not given");
  }
  if (!renamed) return tl::unexpected<Error>(std::move(renamed.error()));
  if (invocation.json) {
    const nlohmann::ordered_json object{{"from", options.name},
                                        {"to", options.to},
                                        {"runs", renamed->runs},
                                        {"damaged", renamed->damaged}};
    print_result(json_line(object));
  } else {
    print_note(invocation, fmt::format("experiment {} is {} now: {} changed", options.name,
                                       options.to, counted(renamed->runs, "run")));
  }
  print_damage(invocation, renamed->damaged);
  if (!renamed->damaged.empty()) {
    print_note(invocation, "what is damaged keeps the experiment that it has, if it has one");
  }
  return {};
}

Status delete_experiment(Invocation& invocation, const ChangeOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const auto removed,
                         tracking::Experiment::remove(*workspace, options.name, options.force));
  const auto& runs = removed.runs;
  if (invocation.json) {
    std::string out = "[";
    for (const auto& run : runs) out += (out.size() > 1 ? "," : "") + run_info_json(run);
    print_result(out + "]\n");
  }
  print_note(
      invocation,
      fmt::format(
          "deleted experiment {} with {} (`assay runs restore RUN` brings {} back, `assay gc` "
          "frees the space later)",
          options.name, counted(std::ssize(runs), "run"), runs.size() == 1 ? "it" : "them"));
  print_damage(invocation, removed.damaged);
  return {};
}

}  // namespace

void add_experiments_changes(CLI::App& experiments, Invocation& invocation) {
  auto options = std::make_shared<ChangeOptions>();
  CLI::App* rename = experiments.add_subcommand("rename", "Give an experiment another name");
  add_workspace_option(*rename, invocation);
  rename->add_option("experiment", options->name, "The experiment's name")->required();
  rename->add_option("to", options->to, "Its new name")->required();
  rename->add_flag("--merge", options->merge, "The new name may be that of another experiment");
  rename->footer(
      "Writes the files of all its runs anew; none of them may be running. If it is interrupted,\n"
      "the same command with --merge goes on.\n"
      "Example:\n  assay experiments rename churn churn-2024");
  rename->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return rename_experiment(invocation, *options); };
  });

  CLI::App* remove =
      experiments.add_subcommand("delete", "Move an experiment's runs to the trash, all or none");
  add_workspace_option(*remove, invocation);
  remove->add_option("experiment", options->name, "The experiment's name")->required();
  remove->add_flag("--force", options->force, "Although a registered model comes from one of them");
  remove->footer("Example:\n  assay experiments delete churn-test");
  remove->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return delete_experiment(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
