#include "tracking/workspace_check.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "kernels/base/names.h"
#include "kernels/base/plurals.h"
#include "tracking/blob_references.h"
#include "tracking/blob_store.h"
#include "tracking/catalog.h"
#include "tracking/journal_view.h"
#include "tracking/model_events_internal.h"
#include "tracking/model_lookup_internal.h"
#include "tracking/quarantine.h"
#include "tracking/removed_runs.h"
#include "tracking/run_file.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_links.h"
#include "tracking/run_seal_internal.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

constexpr int64_t kFileLimitBytes = int64_t{8} << 30;
// Files that are read before the next look at the stop token.
constexpr size_t kBatch = 64;

struct CheckedFile {
  std::string path{};
  int64_t size = 0;
  uint64_t inode = 0;
  // After the check:
  bool there = true;  // not deleted meanwhile
  std::string problem{};
  bool unreadable = false;  // the problem is no damage
  bool foreign = false;
  std::string run_id{};
  RunLinks links{};
  std::vector<ModelUse> models{};  // of a thorough check
};

// The run that registered a version, and with which bytes.
struct Maker {
  std::string run_id{};
  std::string sha256{};
};

// What a run file says, as far as other files must fit it.
struct CheckedRun {
  std::string run_id{};
  RunLinks links{};
  std::vector<ModelUse> models{};
};

// Of a thorough check from the HDF5 part.
Result<CheckedRun> read_checked(FileLayer& files, const std::string& path, bool thorough) {
  if (thorough) {
    ASSAY_ASSIGN_OR_RETURN(RunRecord run, read_run(files, path));
    return CheckedRun{run.info.run_id, links_of(run), std::move(run.models)};
  }
  {
    ASSAY_ASSIGN_OR_RETURN(const std::string bytes, read_file(files, path, kFileLimitBytes));
    const auto image = verified_image(bytes, path);
    if (!image) return tl::unexpected<Error>(image.error());
  }
  ASSAY_ASSIGN_OR_RETURN(const RunInfo info, read_run_info(files, path));
  ASSAY_ASSIGN_OR_RETURN(RunLinks links, read_run_links(files, path));
  return CheckedRun{info.run_id, std::move(links), {}};
}

// Bytes that are there and wrong, or not there. All else may be whole.
bool is_damage(const Error& error) {
  return error.code == StatusCode::kData || error.code == StatusCode::kNotFound;
}

void check_run_file(FileLayer& files, bool thorough, CheckedFile& file) {
  auto read = read_checked(files, file.path, thorough);
  if (read) {
    file.run_id = std::move(read->run_id);
    file.links = std::move(read->links);
    file.models = std::move(read->models);
  } else if (read.error().code == StatusCode::kNotFound) {
    file.problem = why_not_found(files, file.path, {.inode = file.inode});
    file.there = !file.problem.empty();
  } else {
    file.unreadable = !is_damage(read.error());
    file.problem = std::move(read.error().message);
  }
}

class Checker {
 public:
  Checker(Workspace& workspace, const StopToken& stop, const CheckOptions& options)
      : workspace_(workspace), files_(workspace.files()), stop_(stop), options_(options) {}

  Result<CheckReport> run() {
    ASSAY_RETURN_IF_ERROR(check_journals());
    std::vector<CheckedFile> files;
    ASSAY_RETURN_IF_ERROR(list_files(workspace_.path() + "/runs", ".h5", files));
    ASSAY_RETURN_IF_ERROR(check_runs(files));
    files.clear();
    ASSAY_RETURN_IF_ERROR(
        list_files(fmt::format("{}/{}", workspace_.path(), kRunTrash), ".h5", files));
    ASSAY_RETURN_IF_ERROR(check_runs(files));
    ASSAY_RETURN_IF_ERROR(check_models());
    ASSAY_RETURN_IF_ERROR(check_blobs());
    ASSAY_RETURN_IF_ERROR(judge_missing());
    ASSAY_RETURN_IF_ERROR(check_catalog());
    return std::move(report_);
  }

 private:
  Status step(size_t count = 1) {
    if (stop_.requested()) return fail(StatusCode::kCancelled, "the check was interrupted");
    done_ += static_cast<int64_t>(count);
    if (options_.progress) options_.progress(done_);
    return {};
  }

  // Of a file by its absolute path, or one below the workspace.
  void note(DamagedFile::Kind kind, std::string path, const std::string& why) {
    report_.problems.push_back(why);
    const std::string root = workspace_.path() + "/";
    if (path.starts_with(root)) path.erase(0, root.size());
    report_.damaged.push_back({kind, std::move(path), why});
  }

  void note_unreadable(const std::string& why) {
    report_.problems.push_back(why);
    report_.unreadable.push_back(why);
  }

  Status judge_missing() {
    if (unlisted_) return {};  // they may be where nobody could look
    ASSAY_ASSIGN_OR_RETURN(const std::set<std::string> away, quarantined_blobs(workspace_));
    for (const auto& [sha256, who] : needed_) {
      if (away.contains(sha256)) {
        report_.lost.push_back(fmt::format("blob {} is lost: {} names it", sha256, who));
      } else {
        note(DamagedFile::Kind::kMissingBlob, blob_path(sha256),
             missing_messages({{sha256, who}}).front());
      }
    }
    return {};
  }

  // What belongs where this path is, if only a file does.
  std::optional<DamagedFile::Kind> file_placed_at(const std::string& path) const {
    const std::string place = path.substr(workspace_.path().size() + 1);
    const std::string name = path.substr(path.rfind('/') + 1);
    if (is_place_of_run(workspace_, path) || is_place_of_deleted(workspace_, path)) {
      return DamagedFile::Kind::kRun;
    }
    const bool of_blob =
        place == blob_path(name) || place == fmt::format("{}/{}", kBlobTrash, name);
    if (of_blob && is_blob_name(name)) return DamagedFile::Kind::kBlob;
    return std::nullopt;
  }

  Status list_files(const std::string& folder, std::string_view ending,
                    std::vector<CheckedFile>& files) {
    const auto entries = files_.scan(folder);
    if (!entries && entries.error().code == StatusCode::kNotFound) return {};
    if (!entries) {
      unlisted_ = true;
      note_unreadable(entries.error().message);
      return {};
    }
    const std::string root = workspace_.path() + "/";
    const bool top = folder == root + "runs" || folder == root + "blobs";
    for (const FolderEntry& entry : *entries) {
      const std::string path = folder + "/" + entry.name;
      const auto kind = file_placed_at(path);
      const std::string why = kind ? why_no_file(path, entry.info) : std::string();
      if (!why.empty()) {
        note(*kind, path, why);
        if (*kind == DamagedFile::Kind::kBlob) needed_.erase(entry.name);
        continue;
      }
      const auto inside = top && is_shard_name(entry.name)
                              ? leads_to_folder(files_, path, entry.info)
                              : Result<bool>(entry.info.folder);
      if (!inside) {
        unlisted_ = true;
        note_unreadable(inside.error().message);
      } else if (*inside) {
        ASSAY_RETURN_IF_ERROR(list_files(path, ending, files));
      } else if (entry.name.ends_with(ending) && !entry.info.special) {
        files.push_back({path, entry.info.size});
        files.back().inode = entry.info.inode;
      } else {
        report_.foreign.push_back(path);
      }
    }
    return {};
  }

  Status check_journals() {
    ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace_));
    for (std::string& message : journals.damaged()) report_.problems.push_back(std::move(message));
    for (const std::string& message : journals.unreadable()) note_unreadable(message);
    for (const auto& [run_id, found] : journals.runs()) {
      ASSAY_RETURN_IF_ERROR(step());
      ++report_.journals;
      const auto record = journaled_run(workspace_, run_id, found);
      if (record) {
        need(links_of(*record), run_id);
      } else {
        report_.problems.push_back(record.error().message);
      }
    }
    return {};
  }

  Status check_runs(std::span<CheckedFile> files) {
    for (size_t begin = 0; begin < files.size(); begin += kBatch) {
      const auto batch = files.subspan(begin, std::min(kBatch, files.size() - begin));
      ASSAY_RETURN_IF_ERROR(step(batch.size()));
      for_each_index(batch.size(),
                     [&](size_t i) { check_run_file(files_, options_.thorough, batch[i]); });
      for (const CheckedFile& file : batch) take(file);
    }
    return {};
  }

  void take(const CheckedFile& file) {
    if (!file.there) return;
    if (file.unreadable) return note_unreadable(file.problem);
    if (!file.problem.empty()) {
      note(DamagedFile::Kind::kRun, file.path, file.problem);
      return;
    }
    ++report_.runs;
    report_.run_bytes += file.size;
    const std::string place = file.path.substr(workspace_.path().size() + 1);
    const bool in_trash = place.starts_with(kRunTrash);
    const bool fits = in_trash ? place.starts_with(fmt::format("{}/{}-", kRunTrash, file.run_id))
                               : place == run_file_path(file.run_id);
    if (!fits) {
      note(DamagedFile::Kind::kRun, file.path,
           fmt::format("'{}' holds run {}", file.path, file.run_id));
    }
    need(file.links, file.run_id);
    for (const ModelUse& model : file.models) {
      if (model.version <= 0) continue;
      made_[lower_case(model.name)].try_emplace(model.version, Maker{file.run_id, model.sha256});
    }
  }

  Status check_models() {
    ASSAY_ASSIGN_OR_RETURN(const auto names, model_names(workspace_));
    const auto entries = files_.scan(workspace_.path() + "/models");
    for (size_t i = 0; entries && i < entries->size(); ++i) {
      const std::string path = fmt::format("{}/models/{}", workspace_.path(), (*entries)[i].name);
      const auto inside = leads_to_folder(files_, path, (*entries)[i].info);
      if (inside && !*inside) report_.foreign.push_back(path);
    }
    for (const std::string& name : names) {
      ASSAY_RETURN_IF_ERROR(step());
      std::map<int64_t, Maker> made;
      if (const auto found = made_.extract(name); found) made = std::move(found.mapped());
      const auto known = known_model(workspace_, name);
      const auto events = read_events(workspace_, name);
      const auto aliases = damaged_aliases(workspace_, name);
      if (!known || !events || !aliases) {
        const Error& error = !known ? known.error() : !events ? events.error() : aliases.error();
        report_.problems.push_back(error.message);
        if (!is_damage(error)) report_.unreadable.push_back(error.message);
        continue;
      }
      for (const EventGap& gap : events->gaps) {
        note(gap.missing ? DamagedFile::Kind::kMissingEvents : DamagedFile::Kind::kEvent,
             change_path(name, gap.first), gap.why);
      }
      for (const auto& [path, why] : *aliases) note(DamagedFile::Kind::kAlias, path, why);
      for (const int64_t version : known->registered) {
        ASSAY_RETURN_IF_ERROR(step());
        const auto maker = made.extract(version);
        if (known->state.of(version).purged) continue;
        const auto record = read_version_record(workspace_, name, version);
        if (record) {
          ++report_.models;
          if (maker) check_maker(*record, maker.mapped());
          const std::string who = fmt::format("model {}:{}", record->name, version);
          needed_.try_emplace(record->sha256, who);
          sizes_.try_emplace(record->sha256, ToldSize{record->size, who});
        } else if (!is_damage(record.error())) {
          note_unreadable(record.error().message);
        } else {
          note(DamagedFile::Kind::kVersion,
               fmt::format("{}/versions/{}.json", model_folder(name), version),
               record.error().message);
        }
      }
      note_unregistered(name, made);
      const std::string versions = fmt::format("{}/versions", model_folder(name));
      const auto files = numbered_files(files_, fmt::format("{}/{}", workspace_.path(), versions));
      for (size_t i = 0; files && i < files->size(); ++i) {
        if (std::binary_search(known->registered.begin(), known->registered.end(), (*files)[i]))
          continue;
        report_.foreign.push_back(
            fmt::format("{}/{}/{}.json", workspace_.path(), versions, (*files)[i]));
      }
    }
    for (const auto& [name, made] : made_) note_unregistered(name, made);
    return {};
  }

  // Versions that runs say they registered, of which the registry knows nothing.
  void note_unregistered(const std::string& name, const std::map<int64_t, Maker>& made) {
    for (const auto& [version, maker] : made) {
      note(
          DamagedFile::Kind::kVersion,
          fmt::format("{}/versions/{}.json", model_folder(name), version),
          fmt::format("model {}:{} is missing: run {} registered it", name, version, maker.run_id));
    }
  }

  // A number that was given out again after its record was lost.
  void check_maker(const ModelVersion& record, const Maker& maker) {
    if (maker.sha256.empty() || maker.sha256 == record.sha256) return;
    report_.problems.push_back(fmt::format("model {}:{} is not the one that run {} registered",
                                           record.name, record.version, maker.run_id));
  }

  Status check_blobs() {
    std::vector<CheckedFile> files;
    ASSAY_RETURN_IF_ERROR(list_files(workspace_.path() + "/blobs", "", files));
    // Of a collection that died: the next one puts them back.
    ASSAY_RETURN_IF_ERROR(
        list_files(fmt::format("{}/{}", workspace_.path(), kBlobTrash), "", files));
    BlobStore blobs(workspace_);
    for (size_t begin = 0; begin < files.size(); begin += kBatch) {
      const std::span batch(files.data() + begin, std::min(kBatch, files.size() - begin));
      ASSAY_RETURN_IF_ERROR(step(batch.size()));
      for_each_index(batch.size(), [&](size_t i) { check_blob(blobs, batch[i]); });
      for (const CheckedFile& file : batch) {
        needed_.erase(file.path.substr(file.path.rfind('/') + 1));
        if (file.foreign) report_.foreign.push_back(file.path);
        if (file.foreign) continue;
        if (file.unreadable) note_unreadable(file.problem);
        if (!file.problem.empty() && !file.unreadable)
          note(DamagedFile::Kind::kBlob, file.path, file.problem);
        if (!file.there || !file.problem.empty()) continue;
        ++report_.blobs;
        report_.blob_bytes += file.size;
      }
    }
    return {};
  }

  void check_blob(BlobStore& blobs, CheckedFile& file) const {
    const std::string name = file.path.substr(file.path.rfind('/') + 1);
    const std::string place = file.path.substr(workspace_.path().size() + 1);
    const bool in_place = place == blob_path(name) || place.starts_with(kBlobTrash);
    if (!is_blob_name(name)) {
      file.foreign = true;
    } else if (!in_place) {
      file.problem = fmt::format("'{}' is no blob", file.path);
    } else if (const Status there = is_there(file); !there) {
      file.problem = there.error().message;
      file.unreadable = !is_damage(there.error());
      file.there = !file.problem.empty();
    } else if (std::string odd = odd_size(file, name); !options_.thorough && !odd.empty()) {
      file.problem = std::move(odd);
    } else if (options_.thorough) {
      const Status whole = blobs.verify(name);
      if (!whole && !blobs.contains(name)) file.there = false;  // collected meanwhile
      if (!whole && file.there) file.problem = whole.error().message;
      file.unreadable = !whole && file.there && !is_damage(whole.error());
    }
  }

  void need(const RunLinks& links, const std::string& run_id) {
    const std::string who = "run " + run_id;
    for (size_t i = 0; i < links.blobs.size(); ++i) {
      needed_.try_emplace(links.blobs[i], who);
      if (i < links.sizes.size() && links.sizes[i] >= 0) {
        sizes_.try_emplace(links.blobs[i], ToldSize{links.sizes[i], who});
      }
    }
  }

  // That a blob has another size than those say who name it: what costs nothing to see.
  std::string odd_size(const CheckedFile& file, const std::string& sha256) const {
    const auto told = sizes_.find(sha256);
    if (told == sizes_.end() || told->second.bytes == file.size) return {};
    return fmt::format("'{}' is damaged: it has {}, and {} names {}", file.path,
                       counted(file.size, "byte"), told->second.who, told->second.bytes);
  }

  // Fails with an empty message if it was collected meanwhile.
  Status is_there(const CheckedFile& file) const {
    const auto info = files_.stat(file.path);
    if (info && !info->folder && !info->special) return {};
    if (!info && info.error().code != StatusCode::kNotFound)
      return tl::unexpected<Error>(info.error());
    return fail(StatusCode::kNotFound, "{}",
                why_not_found(files_, file.path, {.inode = file.inode}));
  }

  Status check_catalog() {
    ASSAY_ASSIGN_OR_RETURN(Catalog::Check catalog, Catalog(workspace_).check());
    report_.catalog_file = catalog.file;
    report_.catalog_journal = catalog.journal;
    report_.catalog_runs = catalog.rows;
    report_.catalog_problems = std::move(catalog.problems);
    const auto missing = Catalog(workspace_).missing();
    if (!missing) return tl::unexpected<Error>(missing.error());
    const auto removed = removed_runs(workspace_);
    if (!removed && is_damage(removed.error())) report_.problems.push_back(removed.error().message);
    if (!removed && !is_damage(removed.error())) note_unreadable(removed.error().message);
    for (const MissingRun& run : *missing) {
      note(DamagedFile::Kind::kMissingRun, run_file_path(run.run_id),
           missing_run_message(workspace_, run));
    }
    return step(0);
  }

  Workspace& workspace_;
  FileLayer& files_;
  const StopToken& stop_;
  const CheckOptions& options_;
  struct ToldSize {
    int64_t bytes = 0;
    std::string who{};
  };

  BlobReferences needed_;
  // By model and version, the run that registered it.
  std::map<std::string, std::map<int64_t, Maker>> made_;
  std::map<std::string, ToldSize> sizes_;  // of blobs, by hash
  CheckReport report_;
  bool unlisted_ = false;  // a folder of blobs or run files
  int64_t done_ = 0;
};

}  // namespace

Result<CheckReport> check_workspace(Workspace& workspace, const StopToken& stop,
                                    const CheckOptions& options) {
  return Checker(workspace, stop, options).run();
}

}  // namespace assay::tracking
