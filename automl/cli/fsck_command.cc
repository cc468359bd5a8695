// assay fsck
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "automl/report/text_table.h"
#include "tracking/catalog.h"
#include "tracking/run_check.h"

namespace assay::automl::cli {
namespace {

constexpr int kDamagedExit = 5;

std::string check_json(const tracking::RunCheck& check, bool rebuilt) {
  const nlohmann::ordered_json object{
      {"ok", check.damaged.empty() && check.catalog_problems.empty()},
      {"run_files", check.files},
      {"bytes", check.bytes},
      {"damaged", check.damaged},
      {"catalog",
       {{"present", check.catalog_present},
        {"runs", check.catalog_runs},
        {"rebuilt", rebuilt},
        {"problems", check.catalog_problems}}}};
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string check_text(const tracking::RunCheck& check, bool rebuilt) {
  std::string out = fmt::format("run files  {} ({}), {} damaged\n", check.files,
                                size_text(static_cast<double>(check.bytes)), check.damaged.size());
  for (const std::string& message : check.damaged) out += fmt::format("  {}\n", message);
  out += fmt::format("catalog    {}{}\n",
                     check.catalog_present ? fmt::format("{} runs", check.catalog_runs)
                                           : "not there (lists work without it)",
                     rebuilt ? ", rebuilt" : "");
  for (const std::string& message : check.catalog_problems) out += fmt::format("  {}\n", message);
  return out;
}

Status fsck_command(Invocation& invocation, bool rebuild) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  if (rebuild) {
    ASSAY_ASSIGN_OR_RETURN(const int64_t runs, tracking::Catalog(*workspace).rebuild());
    print_note(invocation, fmt::format("catalog rebuilt from {} run files", runs));
  }
  ASSAY_ASSIGN_OR_RETURN(const tracking::RunCheck check, tracking::check_runs(*workspace));
  print_result(invocation.json ? check_json(check, rebuild) : check_text(check, rebuild));
  if (!check.catalog_problems.empty()) {
    print_note(invocation, "`assay fsck --rebuild-catalog` makes the catalog anew");
  }
  if (!check.damaged.empty() || !check.catalog_problems.empty())
    invocation.exit_code = kDamagedExit;
  return {};
}

}  // namespace

void add_fsck_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("fsck", "Check a workspace's run files and catalog");
  add_workspace_option(*command, invocation);
  auto rebuild = std::make_shared<bool>(false);
  command->add_flag("--rebuild-catalog", *rebuild,
                    "First make the catalog anew from all run files");
  command->footer(
      "Reads every run file whole and compares it with its hashes. Exit code 5 if anything is\n"
      "damaged.\n"
      "Example:\n  assay fsck --workspace .assay");
  command->callback([&invocation, rebuild] {
    invocation.action = [&invocation, rebuild] { return fsck_command(invocation, *rebuild); };
  });
}

}  // namespace assay::automl::cli
