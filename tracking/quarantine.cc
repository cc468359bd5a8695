#include "tracking/quarantine.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "kernels/base/hash.h"
#include "tracking/blob_store.h"
#include "tracking/environment.h"
#include "tracking/journal_index.h"
#include "tracking/model_log_internal.h"
#include "tracking/model_registry.h"
#include "tracking/record_seal_internal.h"
#include "tracking/records_internal.h"
#include "tracking/removed_runs.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

using Kind = DamagedFile::Kind;

constexpr int64_t kFileLimitBytes = int64_t{8} << 30;
constexpr std::string_view kMissingEnding = ".missing";
constexpr size_t kIdLength = 26;

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

// Anything else may be whole: it could not be read, for want of rights or memory, or the disk
// failed.
bool is_damage(const Error& error) {
  return error.code == StatusCode::kData || error.code == StatusCode::kNotFound;
}

std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// "models/<name>/versions/<number>.json", or likewise of an event -> name and number.
std::optional<std::pair<std::string, int64_t>> model_and_number(const std::string& path) {
  const std::filesystem::path file(path);
  const int64_t number = file_number(file.filename().string());
  if (number == 0) return std::nullopt;
  return std::pair(file.parent_path().parent_path().filename().string(), number);
}

std::vector<std::string> runs_among(std::span<const DamagedFile> files) {
  std::vector<std::string> ids;
  for (const DamagedFile& file : files) {
    const bool run = file.kind == Kind::kRun || file.kind == Kind::kMissingRun;
    std::string id = name_in(file.path).substr(0, kIdLength);
    if (run && is_ulid(id)) ids.push_back(std::move(id));
  }
  return ids;
}

// Puts files away into one folder, which is made when the first comes.
class Quarantine {
 public:
  explicit Quarantine(Workspace& workspace) : workspace_(workspace), files_(workspace.files()) {}

  Status take(std::span<const DamagedFile> files) {
    std::vector<DamagedFile> damaged;
    for (const DamagedFile& file : files) {
      // What a newer release wrote is whole for that release.
      const bool newer = written_by_newer(file.why);
      (newer ? report_.left : damaged).push_back(file);
    }
    if (damaged.empty()) return {};
    ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_.writer());
    ASSAY_RETURN_IF_ERROR(writer->check_held());
    if (report_.folder.empty()) {
      ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
      report_.folder = fmt::format("{}/{}", kQuarantine, id);
      ASSAY_RETURN_IF_ERROR(workspace_.ensure_folder(report_.folder));
    }
    noted_.insert(noted_.end(), damaged.begin(), damaged.end());
    const std::string note = note_text();
    ASSAY_RETURN_IF_ERROR(publish_file(files_, writer->tmp_folder(),
                                       full(report_.folder) + "/NOTE.json",
                                       std::as_bytes(std::span(note))));
    ASSAY_RETURN_IF_ERROR(note_removal(workspace_, Removal::kRemoved, runs_among(damaged)));
    for (const DamagedFile& file : damaged) ASSAY_RETURN_IF_ERROR(put_away(file));
    return writer->check_held();
  }

  QuarantineReport take_report() {
    if (report_.moved.empty()) report_.folder.clear();
    return std::move(report_);
  }

 private:
  std::string full(const std::string& path) const { return workspace_.path() + "/" + path; }

  std::string note_text() const {
    nlohmann::ordered_json note{{"time", iso_time(wall_time_ns())},
                                {"user", user_name()},
                                {"host", this_process().host},
                                {"files", nlohmann::ordered_json::array()}};
    for (const DamagedFile& file : noted_) {
      note["files"].push_back(nlohmann::ordered_json{{"path", file.path}, {"why", file.why}});
    }
    return note.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  Status put_away(const DamagedFile& file) {
    if (file.kind == Kind::kMissingBlob || file.kind == Kind::kMissingRun) {
      return note_missing(file);
    }
    if (file.kind == Kind::kEvent) return replace_event(file);
    if (file.kind == Kind::kMissingEvents) return replace_missing(file);
    if (file.kind == Kind::kVersion) {
      const auto version = model_and_number(file.path);
      const auto record = version
                              ? read_version_record(workspace_, version->first, version->second)
                              : fail(StatusCode::kInvalidArgument, "'{}' is no version", file.path);
      if (record || !is_damage(record.error())) return leave(file);
      ModelRegistry registry(std::shared_ptr<Workspace>(std::shared_ptr<void>(), &workspace_));
      ASSAY_RETURN_IF_ERROR(
          registry.give_up_version(version->first, version->second, "its record was damaged"));
    }
    if (file.kind == Kind::kJournal) drop_pins(full(file.path));
    return move(file);
  }

  Status move(const DamagedFile& file) {
    const std::string place = fmt::format("{}/{}", report_.folder, file.path);
    ASSAY_RETURN_IF_ERROR(workspace_.ensure_folder(parent_of(place)));
    const Status moved = files_.rename(full(file.path), full(place));
    if (!moved && moved.error().code == StatusCode::kNotFound) {
      // Of a version that was given up a moment ago: its record is lost.
      return file.kind == Kind::kVersion ? note_missing(file) : leave(file);
    }
    ASSAY_RETURN_IF_ERROR(moved);
    // Looked at where nobody replaces it any more.
    if (is_whole(file, full(place))) {
      ASSAY_RETURN_IF_ERROR(put_back(place, file));
    } else {
      report_.moved.push_back(file);
    }
    ASSAY_RETURN_IF_ERROR(files_.sync_folder(full(parent_of(place))));
    return files_.sync_folder(full(parent_of(file.path)));
  }

  // Or cannot be looked at.
  bool is_whole(const DamagedFile& file, const std::string& at) {
    const std::string name = name_in(file.path);
    const auto info = files_.stat(at);
    if (info && (info->folder || info->special)) return false;
    if (file.kind == Kind::kRun) {
      const auto run = read_run(files_, at);
      if (!run && !is_damage(run.error())) return true;
      const bool in_place =
          run && (file.path == run_file_path(run->info.run_id) || file.path.starts_with("trash/"));
      return in_place && name.starts_with(run->info.run_id);
    }
    if (file.kind == Kind::kAlias) return is_good(read_alias(at));
    if (file.kind != Kind::kBlob || !is_blob_name(name)) return false;
    const auto bytes = read_file(files_, at, kFileLimitBytes);
    if (!bytes && !is_damage(bytes.error())) return true;
    const bool in_place = file.path == blob_path(name) || file.path.starts_with(kBlobTrash);
    return bytes && in_place && sha256_hex(*bytes) == name;
  }

  // Unless there is another by now.
  Status put_back(const std::string& place, const DamagedFile& file) {
    const Status linked = files_.link(full(place), full(file.path));
    if (!linked && linked.error().code != StatusCode::kAlreadyExists) return linked;
    ASSAY_RETURN_IF_ERROR(files_.sync_folder(full(parent_of(file.path))));
    report_.left.push_back(file);
    return files_.unlink(full(place));
  }

  Status note_missing(const DamagedFile& file) {
    if (files_.exists(full(file.path))) return leave(file);
    ASSAY_RETURN_IF_ERROR(mark_missing(file));
    report_.moved.push_back(file);
    return {};
  }

  Status leave(const DamagedFile& file) {
    report_.left.push_back(file);
    return {};
  }

  Status mark_missing(const DamagedFile& file) {
    const std::string place = fmt::format("{}/{}{}", report_.folder, file.path, kMissingEnding);
    ASSAY_RETURN_IF_ERROR(workspace_.ensure_folder(parent_of(place)));
    ASSAY_ASSIGN_OR_RETURN(auto marker, files_.create(full(place)));
    ASSAY_RETURN_IF_ERROR(marker->sync());
    return files_.sync_folder(full(parent_of(place)));
  }

  // The damaged file gets a second name here before another takes its first: its number is never
  // free, whenever this ends.
  Status replace_event(const DamagedFile& file) {
    const auto event = model_and_number(file.path);
    if (!event) return leave(file);
    const auto info = files_.stat(full(file.path));
    if (info && info->folder) {  // it has but one name
      ASSAY_RETURN_IF_ERROR(move(file));
      const Status taken = take_name(workspace_, changes_folder(event->first), name_in(file.path),
                                     to_json(lost_event(event->second, event->second, reason())));
      return !taken && taken.error().code == StatusCode::kAlreadyExists ? Status() : taken;
    }
    const std::string place = fmt::format("{}/{}", report_.folder, file.path);
    ASSAY_RETURN_IF_ERROR(workspace_.ensure_folder(parent_of(place)));
    const Status linked = files_.link(full(file.path), full(place));
    if (!linked && linked.error().code != StatusCode::kIo) return leave(file);  // gone, or done
    ASSAY_RETURN_IF_ERROR(linked);
    if (is_good(read_event_file(files_, full(place), event->second))) {
      ASSAY_RETURN_IF_ERROR(files_.unlink(full(place)));
      return leave(file);
    }
    ASSAY_RETURN_IF_ERROR(files_.sync_folder(full(parent_of(place))));
    ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_.writer());
    ASSAY_RETURN_IF_ERROR(writer->check_held());
    const std::string text = to_json(lost_event(event->second, event->second, reason()));
    ASSAY_RETURN_IF_ERROR(publish_file(files_, writer->tmp_folder(), full(file.path),
                                       std::as_bytes(std::span(text))));
    report_.moved.push_back(file);
    return {};
  }

  Status replace_missing(const DamagedFile& file) {
    const auto event = model_and_number(file.path);
    if (!event) return leave(file);
    ASSAY_ASSIGN_OR_RETURN(const EventLog log, read_events(workspace_, event->first));
    const auto gap = std::find_if(log.gaps.begin(), log.gaps.end(), [&](const EventGap& one) {
      return one.missing && one.first == event->second;
    });
    if (gap == log.gaps.end()) return leave(file);
    ASSAY_RETURN_IF_ERROR(mark_missing(file));
    const Status taken = take_name(workspace_, changes_folder(event->first), name_in(file.path),
                                   to_json(lost_event(gap->first, gap->last, reason())));
    // Another process was faster, or the name is a link to nothing.
    if (!taken && taken.error().code == StatusCode::kAlreadyExists) return replace_event(file);
    ASSAY_RETURN_IF_ERROR(taken);
    report_.moved.push_back(file);
    return {};
  }

  std::string reason() const { return "its file was damaged or missing: " + report_.folder; }

  Result<int64_t> read_alias(const std::string& path) {
    ASSAY_ASSIGN_OR_RETURN(const std::string text, read_file(files_, path, kFileLimitBytes));
    return parse_alias(text, path);
  }

  // Whole, of a newer release, or not to be read: nothing to put away.
  template <class T>
  static bool is_good(const Result<T>& read) {
    return read || !is_damage(read.error()) || written_by_newer(read.error().message);
  }

  // They would hold on to blobs.
  void drop_pins(const std::string& folder) {
    const auto names = files_.list(folder + "/pins");
    if (!names) return;
    for (const std::string& name : *names) (void)files_.unlink(folder + "/pins/" + name);
  }

  Workspace& workspace_;
  FileLayer& files_;
  std::vector<DamagedFile> noted_;
  QuarantineReport report_;
};

// Folders of dead writers that this one took over and that recovery could not finish.
Result<std::vector<DamagedFile>> unrecovered(Workspace& workspace) {
  std::vector<DamagedFile> found;
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
  ASSAY_ASSIGN_OR_RETURN(const auto folders, writer_folders(workspace.files(), workspace.path()));
  for (const WriterFolder& folder : folders) {
    if (!folder.taken || !folder.path.ends_with(writer->id())) continue;
    const auto index = JournalIndex::read(workspace.files(), folder.path);
    if (!index || index->damaged().empty()) continue;
    // Part of it may be a newer release's: then all of it is left to that.
    const std::vector<std::string>& damaged = index->damaged();
    const auto newer = std::find_if(damaged.begin(), damaged.end(), written_by_newer);
    found.push_back({Kind::kJournal, folder.path.substr(workspace.path().size() + 1),
                     newer == damaged.end() ? damaged.front() : *newer});
  }
  return found;
}

// Run files that cannot be read and whose id begins so.
Result<std::vector<DamagedFile>> unreadable_runs(Workspace& workspace, std::string_view reference) {
  std::vector<DamagedFile> found;
  if (reference.size() < kShortestPrefix || reference.size() > kIdLength) return found;
  const auto shards = workspace.files().list(workspace.path() + "/runs");
  if (!shards && shards.error().code == StatusCode::kNotFound) return found;
  if (!shards) return tl::unexpected<Error>(shards.error());
  for (const std::string& shard : *shards) {
    const auto names = workspace.files().list(fmt::format("{}/runs/{}", workspace.path(), shard));
    if (!names) continue;
    for (const std::string& name : *names) {
      if (!name.ends_with(".h5") || !begins_id(reference, name.substr(0, kIdLength))) continue;
      const std::string path = fmt::format("runs/{}/{}", shard, name);
      const auto run = read_run(workspace.files(), workspace.path() + "/" + path);
      if (run || run.error().code == StatusCode::kNotFound) continue;
      if (!is_damage(run.error())) return tl::unexpected<Error>(run.error());
      found.push_back({Kind::kRun, path, run.error().message});
    }
  }
  return found;
}

// Names of the files in the folders below `part` (runs, blobs) that were put away or noted as
// missing.
Result<std::set<std::string>> names_put_away(Workspace& workspace, std::string_view part) {
  std::set<std::string> all;
  FileLayer& files = workspace.files();
  const std::string root = fmt::format("{}/{}", workspace.path(), kQuarantine);
  const auto ids = files.list(root);
  if (!ids && ids.error().code == StatusCode::kNotFound) return all;
  if (!ids) return tl::unexpected<Error>(ids.error());
  for (const std::string& id : *ids) {
    const std::string folder = fmt::format("{}/{}/{}", root, id, part);
    const auto shards = files.list(folder);
    if (!shards) continue;  // none of it
    for (const std::string& shard : *shards) {
      const auto names = files.list(folder + "/" + shard);
      if (!names) continue;
      for (std::string name : *names) {
        if (name.ends_with(kMissingEnding)) name.resize(name.size() - kMissingEnding.size());
        all.insert(std::move(name));
      }
    }
  }
  return all;
}

}  // namespace

Result<QuarantineReport> quarantine_files(Workspace& workspace,
                                          std::span<const DamagedFile> files) {
  Quarantine quarantine(workspace);
  ASSAY_RETURN_IF_ERROR(quarantine.take(files));
  return quarantine.take_report();
}

Result<QuarantineReport> quarantine_damage(Workspace& workspace, const StopToken& stop) {
  ASSAY_ASSIGN_OR_RETURN(const CheckReport report, check_workspace(workspace, stop));
  Quarantine quarantine(workspace);
  ASSAY_RETURN_IF_ERROR(quarantine.take(report.damaged));
  ASSAY_RETURN_IF_ERROR(workspace.recover(&stop));
  ASSAY_ASSIGN_OR_RETURN(const auto journals, unrecovered(workspace));
  ASSAY_RETURN_IF_ERROR(quarantine.take(journals));
  return quarantine.take_report();
}

Result<DamagedFile> find_damaged_run(Workspace& workspace, std::string_view reference) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<DamagedFile> found, unreadable_runs(workspace, reference));
  if (found.empty()) {
    return fail(StatusCode::kNotFound, "no damaged run '{}' in the workspace", reference);
  }
  if (found.size() > 1) {
    return ambiguous_prefix(reference, name_in(found[0].path).substr(0, kIdLength),
                            name_in(found[1].path).substr(0, kIdLength));
  }
  return std::move(found[0]);
}

Result<QuarantineReport> quarantine_run(Workspace& workspace, std::string_view reference) {
  ASSAY_ASSIGN_OR_RETURN(const DamagedFile found, find_damaged_run(workspace, reference));
  return quarantine_files(workspace, std::span(&found, 1));
}

Result<std::set<std::string>> quarantined_blobs(Workspace& workspace) {
  ASSAY_ASSIGN_OR_RETURN(std::set<std::string> names, names_put_away(workspace, "blobs"));
  std::erase_if(names, [](const std::string& name) { return !is_blob_name(name); });
  return names;
}

Result<std::set<std::string>> quarantined_runs(Workspace& workspace) {
  ASSAY_ASSIGN_OR_RETURN(const std::set<std::string> names, names_put_away(workspace, "runs"));
  std::set<std::string> ids;
  for (const std::string& name : names) {
    std::string id = name.substr(0, kIdLength);
    if (is_ulid(id) && name.substr(kIdLength) == ".h5") ids.insert(std::move(id));
  }
  return ids;
}

}  // namespace assay::tracking
