// assay workspace copy | move | export: a workspace as a whole.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/cli/output_file.h"
#include "automl/report/text_table.h"
#include "kernels/base/plurals.h"
#include "tracking/run_bundle.h"
#include "tracking/run_query.h"
#include "tracking/workspace_copy.h"
#include "tracking/workspace_marker.h"

namespace assay::automl::cli {
namespace {

namespace fs = std::filesystem;

std::string size_of(int64_t bytes) { return size_text(static_cast<double>(bytes)); }

void note_cut(const Invocation& invocation, int64_t runs, const char* what) {
  if (runs == 0) return;
  print_note(invocation,
             fmt::format("{} {} under way: the {} has {} as interrupted, with all that was "
                         "recorded when it began",
                         counted(runs, "run"), runs == 1 ? "was" : "were", what,
                         runs == 1 ? "it" : "them"));
}

void print_copied(const Invocation& invocation, const std::string& to, const char* what,
                  const tracking::CopyReport& report) {
  if (invocation.json) {
    nlohmann::ordered_json object;
    object["path"] = to;
    object["files"] = report.files;
    object["bytes"] = report.bytes;
    object["runs_cut"] = report.runs_cut;
    object["damaged"] = report.damaged;
    object["unreadable"] = report.unreadable;
    print_result(json_line(object));
  } else {
    print_result(fmt::format("{} to {}: {}, {}\n", what, to, counted(report.files, "file"),
                             size_of(report.bytes)));
  }
  note_cut(invocation, report.runs_cut, "copy");
}

Status copy(Invocation& invocation, const std::string& to) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const tracking::CopyReport report,
                         tracking::copy_workspace(*workspace, to, *invocation.stop));
  print_copied(invocation, to, "copied", report);
  print_damage(invocation, report.damaged);
  print_unreadable(invocation, report.unreadable);
  return {};
}

// What is in each file below the folder, as far as its size, its time and the file's identity say.
// The catalog is a cache: readers write it, too.
using Fingerprint = std::map<std::string, std::tuple<int64_t, int64_t, uint64_t>>;

Result<Fingerprint> fingerprint(const std::string& folder) {
  Fingerprint all;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const std::string place = it->path().lexically_relative(folder).string();
    struct stat info {};
    if (place.starts_with("catalog.") || ::lstat(it->path().c_str(), &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) continue;
    const int64_t time_ns = info.st_mtim.tv_sec * int64_t{1000000000} + info.st_mtim.tv_nsec;
    all[place] = {info.st_size, time_ns, info.st_ino};
  }
  if (!error) return all;
  return fail(StatusCode::kIo, "cannot read all of '{}': {}", folder, error.message());
}

Status nobody_at_work(tracking::Workspace& workspace) {
  ASSAY_ASSIGN_OR_RETURN(const int alive, tracking::live_writers(workspace));
  if (alive == 0) return {};
  return fail(StatusCode::kInvalidArgument, "{} {} at work in '{}': move it when {} done",
              counted(alive, "process"), alive == 1 ? "is" : "are", workspace.path(),
              alive == 1 ? "it is" : "they are");
}

// What interrupted runs go on from; a copy does without, a move does not.
Status move_scratch(const std::string& from, const fs::path& target) {
  std::error_code error;
  if (!fs::exists(fs::path(from) / "scratch", error)) return {};
  fs::copy(fs::path(from) / "scratch", target / "scratch", fs::copy_options::recursive, error);
  if (!error) return {};
  return fail(StatusCode::kIo, "cannot copy '{}/scratch': {}", from, error.message());
}

// The original goes: each of its files must be in the copy, but for what belongs to writers.
Status nothing_left_out(const Fingerprint& files, const std::string& from, const fs::path& target) {
  for (const auto& [place, what] : files) {
    std::error_code error;
    const auto is_in = [&](const fs::path& folder) {
      return fs::exists(fs::symlink_status(folder / place, error));
    };
    const bool comes_later = place == "WORKSPACE";  // with publish_copy()
    if (comes_later || place.starts_with("writers/") || is_in(target) || !is_in(from)) continue;
    return fail(StatusCode::kInvalidArgument,
                "'{}' stays: '{}' in it is no part of a workspace, so it is not copied; take that "
                "out first",
                from, place);
  }
  return {};
}

// All of it to another file system: a verified copy, then the original goes. It is taken out of its
// place first, where nobody can find it any more, and looked at again: what was written while it
// was copied is not in the copy, so then it comes back. Till then nobody can open the copy: what
// was written there would go with it.
Status copy_and_remove(Invocation& invocation, tracking::Workspace& workspace,
                       const fs::path& target) {
  const std::string from = workspace.path();
  const std::string aside = fmt::format("{}{}{}", from, tracking::kMovedSuffix, ::getpid());
  std::error_code error;
  const std::string parent = fs::path(from).parent_path().string();
  if (::access(parent.c_str(), W_OK) != 0) {
    return fail(StatusCode::kIo, "'{}' cannot be taken out of '{}': {}", from, parent,
                std::strerror(errno));
  }
  ASSAY_ASSIGN_OR_RETURN(const Fingerprint before, fingerprint(from));
  ASSAY_ASSIGN_OR_RETURN(const tracking::CopyReport report,
                         tracking::copy_workspace(workspace, target.string(), *invocation.stop, {},
                                                  tracking::CopyEnd::kHold));
  print_damage(invocation, report.damaged);
  print_unreadable(invocation, report.unreadable);
  if (!report.complete()) {
    ASSAY_RETURN_IF_ERROR(tracking::publish_copy(workspace, target.string()));
  }
  if (!report.unreadable.empty()) {
    return fail(StatusCode::kIo, "'{}' stays: the copy in '{}' has not what could not be read",
                from, target.string());
  }
  if (!report.damaged.empty()) {
    return fail(StatusCode::kData,
                "'{}' stays: the copy in '{}' has not what is damaged in it (`assay fsck "
                "--quarantine` puts that away)",
                from, target.string());
  }
  Status quiet = nobody_at_work(workspace);
  if (quiet) quiet = move_scratch(from, target);
  if (quiet) quiet = nothing_left_out(before, from, target);
  if (quiet) {
    fs::rename(from, aside, error);
    if (error) {
      ASSAY_RETURN_IF_ERROR(tracking::publish_copy(workspace, target.string()));
      return fail(StatusCode::kIo, "copied to '{}', but '{}' cannot be taken away: {}",
                  target.string(), from, error.message());
    }
    const auto after = fingerprint(aside);
    const bool same = after && *after == before;
    quiet = same ? tracking::publish_copy(workspace, target.string())
            : after
                ? fail(StatusCode::kInvalidArgument,
                       "'{}' was written to while it was copied: move it when nobody does", from)
                : Status(tl::unexpected<Error>(after.error()));
    if (quiet) {
      fs::remove_all(aside, error);
      if (!error) return {};
      return fail(StatusCode::kIo, "moved to '{}', but what is left in '{}' cannot be removed: {}",
                  target.string(), aside, error.message());
    }
    fs::rename(aside, from, error);
    if (error) {
      return fail(StatusCode::kIo, "{}; it is in '{}' now: {}", quiet.error().message, aside,
                  error.message());
    }
  }
  fs::remove_all(target, error);  // older than the original, or less
  return quiet;
}

// A rename where that can be done, else a verified copy and then the removal of the original.
Status move(Invocation& invocation, const std::string& to) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  const std::string from = workspace->path();
  ASSAY_RETURN_IF_ERROR(nobody_at_work(*workspace));
  std::error_code error;
  const fs::path target = fs::absolute(to, error).lexically_normal();
  ASSAY_RETURN_IF_ERROR(tracking::clear_unfinished_copy(workspace->files(), target.string()));
  if (fs::exists(target) && !(fs::is_directory(target) && fs::is_empty(target, error))) {
    if (!tracking::Workspace::open(target.string())) {
      return fail(StatusCode::kAlreadyExists, "'{}' is there and not an empty folder", to);
    }
    return fail(StatusCode::kAlreadyExists,
                "'{}' is a workspace already: if a move was cut short after it had copied, that is "
                "the copy; remove it, and move again",
                to);
  }
  fs::create_directories(target.parent_path(), error);
  fs::rename(from, target, error);
  if (error) ASSAY_RETURN_IF_ERROR(copy_and_remove(invocation, *workspace, target));
  if (invocation.json) {
    print_result(json_line({{"from", from}, {"path", to}}));
  } else {
    print_result(fmt::format("moved {} to {}\n", from, to));
  }
  return {};
}

struct ExportOptions {
  OutputPlace out;
  std::vector<std::string> runs;
  bool blobs = false;
};

Status export_file(Invocation& invocation, const ExportOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_RETURN_IF_ERROR(OutputFile::check(options.out));
  tracking::BundleOptions bundle;
  bundle.blobs = options.blobs;
  for (const std::string& reference : options.runs) {
    ASSAY_ASSIGN_OR_RETURN(const tracking::RunInfo info, tracking::find_run(*workspace, reference));
    tracking::RunFilter below;
    below.parent_run_id = info.run_id;
    bundle.run_ids.push_back(info.run_id);
    ASSAY_ASSIGN_OR_RETURN(const tracking::RunList list, tracking::list_runs(*workspace, below));
    for (const tracking::RunInfo& child : list.runs) bundle.run_ids.push_back(child.run_id);
  }
  ASSAY_ASSIGN_OR_RETURN(
      const tracking::BundleReport report,
      tracking::export_bundle(*workspace, options.out.path, bundle, *invocation.stop));
  if (invocation.json) {
    nlohmann::ordered_json object;
    object["path"] = options.out.path;
    object["runs"] = report.runs;
    object["blobs"] = report.blobs;
    object["bytes"] = report.bytes;
    object["runs_cut"] = report.runs_cut;
    object["damaged"] = report.damaged;
    print_result(json_line(object));
  } else {
    print_result(fmt::format("{}: {}, {}, {}\n", options.out.path, counted(report.runs, "run"),
                             counted(report.blobs, "blob"), size_of(report.bytes)));
  }
  note_cut(invocation, report.runs_cut, "file");
  print_damage(invocation, report.damaged);
  return {};
}

}  // namespace

void add_workspace_files(CLI::App& workspace, Invocation& invocation) {
  add_workspace_verify(workspace, invocation);

  auto to = std::make_shared<std::string>();
  CLI::App* duplicate = workspace.add_subcommand(
      "copy", "Copy the workspace to an empty folder, verifying each file");
  add_workspace_option(*duplicate, invocation);
  duplicate->add_option("to", *to, "The new folder")->required();
  duplicate->footer(
      "Works beside processes that write: their runs are in the copy as interrupted, with all "
      "that\n"
      "was recorded when it began. What is damaged is named and left out (damaged records of the\n"
      "model registry are copied as they are, so that their numbers stay taken); exit code 3 "
      "tells.\n"
      "So is what could not be read, with exit code 5.\n"
      "What a copy left that was cut short is cleared away by the next one.\n"
      "Example:\n  assay workspace copy /backup/assay-monday");
  duplicate->callback([&invocation, to] {
    invocation.action = [&invocation, to] { return copy(invocation, *to); };
  });

  CLI::App* relocate = workspace.add_subcommand(
      "move", "Move the workspace; on one file system this is a rename, and mv does as well");
  add_workspace_option(*relocate, invocation);
  relocate->add_option("to", *to, "The new folder")->required();
  relocate->footer("Example:\n  assay workspace move /data/assay");
  relocate->callback([&invocation, to] {
    invocation.action = [&invocation, to] { return move(invocation, *to); };
  });

  auto options = std::make_shared<ExportOptions>();
  options->out.needs_file = true;
  CLI::App* bundle = workspace.add_subcommand(
      "export", "Write runs as groups of one HDF5 file, which h5py opens alone");
  add_workspace_option(*bundle, invocation);
  bundle->add_option("--one-file", options->out.path, "The file to write")
      ->type_name("FILE")
      ->required();
  add_force_option(*bundle, options->out);
  bundle
      ->add_option("--run", options->runs,
                   "Only this run and its trials (default: all runs); may be repeated")
      ->allow_extra_args(false);
  bundle->add_flag("--blobs", options->blobs, "Artifacts, sources and models, too");
  bundle->footer("Example:\n  assay workspace export --one-file all.h5");
  bundle->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return export_file(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
