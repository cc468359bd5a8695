// assay gc: frees what a workspace no longer needs.
#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/config/units.h"
#include "automl/report/text_table.h"
#include "kernels/base/plurals.h"
#include "tracking/garbage.h"

namespace assay::automl::cli {
namespace {

struct GcOptions {
  std::string keep_deleted = "30d";
  std::string grace = "1d";
  bool dry_run = false;
};

Result<int64_t> period_ns(const std::string& flag, const std::string& text) {
  auto seconds = parse_duration(text);
  if (!seconds) return fail_with(std::move(seconds.error()), flag);
  if (*seconds > 1e9) {
    return fail(StatusCode::kInvalidArgument, "{}: '{}' (must be at most 1e9 s)", flag, text);
  }
  return std::llround(*seconds * 1e9);
}

std::string report_json(const tracking::GarbageReport& report, bool dry_run) {
  nlohmann::ordered_json object;
  object["dry_run"] = dry_run;
  object["runs"] = report.runs;
  object["run_bytes"] = report.run_bytes;
  object["models"] = report.models;
  object["scratch_runs"] = report.scratch_runs;
  object["scratch_bytes"] = report.scratch_bytes;
  object["blobs"] = report.blobs;
  object["blob_bytes"] = report.blob_bytes;
  object["kept_blobs"] = report.kept_blobs;
  object["young_blobs"] = report.young_blobs;
  object["restored_blobs"] = report.restored_blobs;
  object["held_blobs"] = report.held_blobs;
  object["held_bytes"] = report.held_bytes;
  object["damaged"] = report.damaged;
  object["missing"] = report.missing;
  object["unreadable"] = report.unreadable;
  return json_text(object);
}

std::string report_text(const tracking::GarbageReport& report, bool dry_run) {
  const auto size = [](int64_t bytes) { return size_text(static_cast<double>(bytes)); };
  std::string out = fmt::format("{} {}: {} that nothing names ({}), {} deleted long ago ({})\n",
                                dry_run ? "would free" : "freed",
                                size(report.blob_bytes + report.run_bytes + report.scratch_bytes),
                                counted(report.blobs, "blob"), size(report.blob_bytes),
                                counted(report.runs, "run"), size(report.run_bytes));
  if (report.scratch_runs > 0) {
    out += fmt::format("what {} kept to go on from ({})\n", counted(report.scratch_runs, "run"),
                       size(report.scratch_bytes));
  }
  if (report.models > 0) {
    out += fmt::format("{}{} for good\n", dry_run ? "would give up " : "gave up ",
                       counted(report.models, "deleted model version"));
  }
  out += fmt::format("kept: {} in use, {} younger than the grace period\n",
                     counted(report.kept_blobs, "blob"), report.young_blobs);
  if (!report.damaged.empty() || !report.unreadable.empty()) {
    out += fmt::format("held back: {} ({}) that nothing names, but what {} might\n",
                       counted(report.held_blobs, "blob"), size(report.held_bytes),
                       report.unreadable.empty() ? "is damaged"
                       : report.damaged.empty()  ? "could not be read"
                                                 : "is damaged or could not be read");
  }
  return out;
}

Status collect(Invocation& invocation, const GcOptions& options) {
  tracking::GarbageOptions garbage;
  ASSAY_ASSIGN_OR_RETURN(garbage.retention_ns, period_ns("--keep-deleted", options.keep_deleted));
  ASSAY_ASSIGN_OR_RETURN(garbage.grace_ns, period_ns("--grace", options.grace));
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(auto collection, tracking::GarbageCollection::create(*workspace, garbage));
  ASSAY_ASSIGN_OR_RETURN(tracking::GarbageReport report, collection.plan());
  if (!options.dry_run) {
    if (!invocation.json) print_note(invocation, report_text(report, true));
    ASSAY_ASSIGN_OR_RETURN(report, collection.collect());
  }
  print_result(invocation.json ? report_json(report, options.dry_run) + "\n"
                               : report_text(report, options.dry_run));
  print_damage(invocation, report.damaged);
  print_damage(invocation, report.missing);
  if (!report.damaged.empty()) {
    print_note(invocation,
               "`assay fsck --quarantine` puts away what is damaged; then all is freed");
  } else if (!report.missing.empty()) {
    print_note(invocation, "`assay fsck --quarantine` notes what is missing as lost");
  }
  print_unreadable(invocation, report.unreadable);
  return {};
}

}  // namespace

void add_gc_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand(
      "gc", "Free blobs that nothing names and what was deleted long ago; says what, then does it");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<GcOptions>();
  command->add_flag("--dry-run", options->dry_run, "Only say what would be freed");
  command
      ->add_option("--keep-deleted", options->keep_deleted,
                   "Deleted runs and models can be restored, and interrupted runs be resumed with "
                   "what they had trained, for so long")
      ->capture_default_str();
  command
      ->add_option("--grace", options->grace,
                   "Blobs younger than this are left alone, whoever stored them")
      ->capture_default_str();
  command->footer(
      "Works on a full disk. A damaged file blocks nothing, but blobs that only it might name are\n"
      "held back; exit code 3 tells. So does one that could not be read, with exit code 5.\n"
      "Blobs that something names and that are missing are told, too, with exit code 3.\n"
      "Examples:\n"
      "  assay gc --dry-run\n"
      "  assay gc\n"
      "  assay gc --keep-deleted 0s --grace 1h");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return collect(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
