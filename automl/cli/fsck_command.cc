// assay fsck, assay workspace verify: one check, quick or thorough.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/report/text_table.h"
#include "kernels/base/plurals.h"
#include "tracking/catalog.h"
#include "tracking/quarantine.h"
#include "tracking/workspace_check.h"
#include "tracking/workspace_marker.h"

namespace assay::automl::cli {
namespace {

struct FsckOptions {
  bool thorough = false;
  bool rebuild = false;
  bool quarantine = false;
  bool repair_marker = false;
};

nlohmann::ordered_json files_json(const std::vector<tracking::DamagedFile>& files) {
  auto array = nlohmann::ordered_json::array();
  for (const tracking::DamagedFile& file : files) {
    array.push_back(nlohmann::ordered_json{{"path", file.path}, {"why", file.why}});
  }
  return array;
}

std::string check_json(const std::string& path, const tracking::CheckReport& report,
                       const FsckOptions& options, const tracking::QuarantineReport& away) {
  nlohmann::ordered_json object;
  object["ok"] = report.whole();
  object["workspace"] = path;
  object["thorough"] = options.thorough;
  object["runs"] = report.runs;
  object["run_bytes"] = report.run_bytes;
  object["blobs"] = report.blobs;
  object["blob_bytes"] = report.blob_bytes;
  object["models"] = report.models;
  object["journaled_runs"] = report.journals;
  object["problems"] = report.problems;
  object["unreadable"] = report.unreadable;
  object["foreign"] = report.foreign;
  object["lost"] = report.lost;
  if (options.quarantine) {
    object["quarantine"] = {{"folder", away.folder}, {"files", files_json(away.moved)}};
  }
  object["catalog"] = {{"file", report.catalog_file},
                       {"journal", report.catalog_journal},
                       {"runs", report.catalog_runs},
                       {"rebuilt", options.rebuild},
                       {"problems", report.catalog_problems}};
  return json_line(object);
}

std::string catalog_text(const tracking::CheckReport& report) {
  if (report.catalog_file) return counted(report.catalog_runs, "run");
  if (report.catalog_journal) return counted(report.catalog_runs, "run") + ", in its journal";
  return "not there (lists work without it)";
}

std::string check_text(const std::string& path, const tracking::CheckReport& report,
                       const FsckOptions& options) {
  const auto size = [](int64_t bytes) { return size_text(static_cast<double>(bytes)); };
  std::string out = fmt::format("{}: {} ({}), {} ({}), {}", path, counted(report.runs, "run"),
                                size(report.run_bytes), counted(report.blobs, "blob"),
                                size(report.blob_bytes), counted(report.models, "model version"));
  if (report.journals > 0) out += fmt::format(", {} in journals", counted(report.journals, "run"));
  if (report.problems.empty()) {
    out += options.thorough ? "; all whole\n" : "; all run files whole, all blobs there\n";
  } else {
    out += fmt::format("; {}:\n", counted(std::ssize(report.problems), "problem"));
  }
  for (const std::string& problem : report.problems) out += "  " + problem + "\n";
  if (!report.lost.empty()) {
    out += fmt::format("{} {} known to be lost (in quarantine):\n",
                       counted(std::ssize(report.lost), "blob"),
                       report.lost.size() == 1 ? "is" : "are");
  }
  for (const std::string& lost : report.lost) out += "  " + lost + "\n";
  out += fmt::format("catalog: {}{}\n", catalog_text(report), options.rebuild ? ", rebuilt" : "");
  for (const std::string& problem : report.catalog_problems) out += "  " + problem + "\n";
  return out;
}

void note_quarantine(const Invocation& invocation, const tracking::QuarantineReport& away) {
  for (const tracking::DamagedFile& file : away.moved) {
    print_note(invocation, fmt::format("put away: {} ({})", file.path, file.why));
  }
  print_note(invocation, away.moved.empty()
                             ? std::string("nothing is damaged that could be put away")
                             : fmt::format("what was put away is in {}; NOTE.json there says why",
                                           away.folder));
}

Status repair_marker(const Invocation& invocation) {
  ASSAY_ASSIGN_OR_RETURN(const tracking::MarkerRepair repair,
                         tracking::repair_marker(workspace_search(invocation)));
  if (!repair.written) {
    print_note(invocation, fmt::format("{}/WORKSPACE is whole", repair.path));
    return {};
  }
  print_note(invocation, fmt::format("{}/WORKSPACE is written anew, with another uuid and the name "
                                     "of the folder{}",
                                     repair.path,
                                     repair.put_away.empty()
                                         ? std::string()
                                         : "; the damaged one is " + repair.put_away + " there"));
  return {};
}

Status check(Invocation& invocation, const FsckOptions& options) {
  if (options.repair_marker) ASSAY_RETURN_IF_ERROR(repair_marker(invocation));
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  if (options.rebuild) {
    ASSAY_ASSIGN_OR_RETURN(const int64_t runs, tracking::Catalog(*workspace).rebuild());
    print_note(invocation, fmt::format("catalog rebuilt from {}", counted(runs, "run file")));
  }
  tracking::QuarantineReport away;
  if (options.quarantine) {
    ASSAY_ASSIGN_OR_RETURN(away, tracking::quarantine_damage(*workspace, *invocation.stop));
    note_quarantine(invocation, away);
  }
  ASSAY_ASSIGN_OR_RETURN(
      const tracking::CheckReport report,
      tracking::check_workspace(*workspace, *invocation.stop, {.thorough = options.thorough}));
  print_result(invocation.json ? check_json(workspace->path(), report, options, away)
                               : check_text(workspace->path(), report, options));
  if (!report.catalog_problems.empty()) {
    print_note(invocation, "`assay fsck --rebuild-catalog` makes the catalog anew");
  }
  if (!report.damaged.empty() && !options.quarantine) {
    print_note(invocation, "`assay fsck --quarantine` puts away what is damaged");
  }
  for (const std::string& path : report.foreign) {
    print_note(invocation, fmt::format("no part of a workspace, left alone: {}", path));
  }
  if (!report.whole()) invocation.exit_code = exit_code_of(StatusCode::kData);
  if (!report.unreadable.empty()) {
    print_note(invocation, "what could not be read may be whole: it is left where it is");
    invocation.exit_code = exit_code_of(StatusCode::kIo);
  }
  return {};
}

}  // namespace

void add_fsck_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand(
      "fsck", "Check a workspace's run files, journals, model records and catalog");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<FsckOptions>();
  command->add_flag("--thorough", options->thorough,
                    "Open every run file with HDF5 and hash every blob, too");
  command->add_flag("--rebuild-catalog", options->rebuild,
                    "First make the catalog anew from all run files");
  command->add_flag("--quarantine", options->quarantine,
                    "First check thoroughly and put away what is damaged, into quarantine/ in the "
                    "workspace");
  command->add_flag("--repair-marker", options->repair_marker,
                    "First write the workspace's file WORKSPACE anew if it is lost or damaged");
  command->footer(
      "Compares every run file with its hashes, looks for every blob that something names, and\n"
      "compares the blobs' sizes.\n"
      "Exit code 3 if anything is damaged or missing, 5 if anything could not be read.\n"
      "--quarantine moves damaged run files, blobs, model records and journals of dead processes\n"
      "out of the way, with a note of what, why and when; then gc, copies and checks are clean. "
      "What\n"
      "only a damaged run named is garbage from then on. It repairs nothing: bring files back from "
      "a\n"
      "copy if there is one, and remove the folder in quarantine/ when it is of no more use. A "
      "change\n"
      "of a model that is put away is left out of what the model is: look at its stage, tags, "
      "aliases\n"
      "and deleted versions.\n"
      "Examples:\n"
      "  assay fsck --workspace .assay\n"
      "  assay fsck --quarantine");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return check(invocation, *options); };
  });
}

void add_workspace_verify(CLI::App& workspace, Invocation& invocation) {
  CLI::App* command = workspace.add_subcommand(
      "verify", "Check everything: as assay fsck --thorough; exit code 3 if anything is bad");
  add_workspace_option(*command, invocation);
  command->footer("Example:\n  assay workspace verify --workspace .assay");
  command->callback([&invocation] {
    invocation.action = [&invocation] { return check(invocation, {.thorough = true}); };
  });
}

}  // namespace assay::automl::cli
