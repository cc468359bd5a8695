#include "tracking/workspace.h"

#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "kernels/base/names.h"
#include "kernels/base/plurals.h"
#include "tracking/records_internal.h"
#include "tracking/run_publisher.h"
#include "tracking/run_state_internal.h"
#include "tracking/ulid.h"
#include "tracking/workspace_marker.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kHeartbeatNs = int64_t{10} * 1'000'000'000;
constexpr std::string_view kHiddenFolder = ".assay";
constexpr std::array<const char*, 5> kFolders = {"runs", "writers", "blobs", "datasets", "models"};

FileLayer& real_files() {
  static PosixFileLayer files;
  return files;
}

bool has_workspace(FileLayer& files, const std::string& path) {
  return files.exists(path + "/WORKSPACE");
}

// `path` itself or its .assay folder; empty if neither is a workspace.
std::string workspace_in(FileLayer& files, const std::string& path) {
  if (has_workspace(files, path)) return path;
  const std::string hidden = fmt::format("{}/{}", path, kHiddenFolder);
  return has_workspace(files, hidden) ? hidden : std::string();
}

// Fails if `path` or its .assay folder is a workspace without its file.
Status check_lost(FileLayer& files, const std::string& path) {
  for (const std::string& folder : {path, fmt::format("{}/{}", path, kHiddenFolder)}) {
    if (lost_marker(files, folder)) return marker_error(folder);
    ASSAY_RETURN_IF_ERROR(check_not_moving(files, folder));
  }
  return {};
}

std::string absolute(const std::string& path) {
  std::error_code error;
  const fs::path result = fs::absolute(path, error).lexically_normal();
  if (error) return path;
  const std::string text = result.string();
  return text.size() > 1 && text.back() == '/' ? text.substr(0, text.size() - 1) : text;
}

// A folder that a killed `create` left may hold our empty folders and its temporary file.
bool looks_unused(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const bool folder = std::find(kFolders.begin(), kFolders.end(), name) != kFolders.end();
    if (!folder && name.rfind("WORKSPACE.", 0) != 0) return false;
  }
  return true;
}

// `drained`; but what there was no time for is only safe if the journal has it.
Status what_is_left(Journal& journal, const Status& drained) {
  if (drained || drained.error().code != StatusCode::kCancelled) return drained;
  ASSAY_ASSIGN_OR_RETURN(const std::vector<uint32_t> holes, journal.settle_all());
  if (holes.empty()) return drained;
  const Status health = journal.health();
  return fail(StatusCode::kIo, "{} not recorded: {}",
              counted(std::ssize(holes), "run") + (holes.size() == 1 ? " is" : " are"),
              health ? "the journal lacks them, and there was no time to write their files"
                     : health.error().message);
}

}  // namespace

std::string workspace_name_for(const std::string& given) {
  fs::path folder = absolute(given);
  if (folder.filename() == kHiddenFolder) folder = folder.parent_path();
  std::string name;
  for (const char c : folder.filename().string()) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) {
      name += c;
    } else if (!name.empty()) {
      name += c == '.' || c == '_' ? c : '-';
    }
  }
  if (name.size() > 64) name.resize(64);
  return name.empty() ? "workspace" : name;
}

namespace {

// Why there is no workspace at `given`, and which one beside it may be meant.
std::string why_none(FileLayer& files, const std::string& given) {
  const fs::path folder = absolute(given);
  std::vector<std::string> beside;
  const auto entries = files.scan(folder.parent_path().string());
  for (size_t i = 0; entries && i < entries->size(); ++i) {
    const std::string& name = (*entries)[i].name;
    if (has_workspace(files, (folder.parent_path() / name).string())) beside.push_back(name);
  }
  const std::string_view near =
      nearest_name(folder.filename().string(), std::span<const std::string>(beside));
  return fmt::format(
      "'{}' is not a workspace: {}{}", given,
      files.exists(folder.string()) ? "it holds no WORKSPACE file" : "it is not there",
      near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near));
}

}  // namespace

Workspace::Workspace(std::string path, FileLayer& files) : path_(std::move(path)), files_(files) {}

namespace {

// Folders that were moved to another disk, by a link, are not taken for empty while it is away: all
// blobs would be garbage.
Status check_links(FileLayer& files, const std::string& folder) {
  for (const char* name : {"runs", "writers", "blobs", "models", "trash", "trash/runs"}) {
    const std::string path = fmt::format("{}/{}", folder, name);
    std::error_code ignored;
    if (fs::is_symlink(path, ignored) && !files.exists(path)) {
      return fail(StatusCode::kIo, "'{}' is a link that leads nowhere: is its disk away?", path);
    }
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<Workspace>> Workspace::open(const std::string& path, FileLayer* files) {
  FileLayer& layer = files != nullptr ? *files : real_files();
  const std::string found = workspace_in(layer, absolute(path));
  if (found.empty()) {
    ASSAY_RETURN_IF_ERROR(check_lost(layer, absolute(path)));
    return fail(StatusCode::kNotFound, "{}", why_none(layer, path));
  }
  ASSAY_ASSIGN_OR_RETURN(const WorkspaceRecord record, read_marker(layer, found));
  ASSAY_RETURN_IF_ERROR(check_links(layer, found));
  std::shared_ptr<Workspace> workspace(new Workspace(found, layer));
  workspace->uuid_ = record.uuid;
  workspace->display_name_ = record.display_name;
  return workspace;
}

Result<std::shared_ptr<Workspace>> Workspace::create(const std::string& path,
                                                     const std::string& display_name,
                                                     FileLayer* files) {
  FileLayer& layer = files != nullptr ? *files : real_files();
  const std::string folder = absolute(path);
  if (!workspace_in(layer, folder).empty()) return open(folder, files);
  ASSAY_RETURN_IF_ERROR(check_name("workspace", display_name));
  ASSAY_RETURN_IF_ERROR(check_not_moving(layer, folder));
  if (layer.exists(folder)) {
    if (lost_marker(layer, folder)) return marker_error(folder);
    ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, layer.list(folder));
    if (!looks_unused(names) && !has_workspace(layer, folder)) {
      return fail(StatusCode::kAlreadyExists,
                  "cannot make a workspace in '{}': the folder holds other things, '{}' for one",
                  path, names.front());
    }
  }
  ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
  ASSAY_RETURN_IF_ERROR(make_folders(layer, folder));
  for (const char* name : kFolders) {
    ASSAY_RETURN_IF_ERROR(layer.make_folder(fmt::format("{}/{}", folder, name)));
  }
  const std::string text = to_json(WorkspaceRecord{kWorkspaceFormat, id, display_name});
  ASSAY_RETURN_IF_ERROR(write_marker(layer, folder, text, id));
  return open(folder, files);
}

Result<std::shared_ptr<Workspace>> Workspace::discover(const WorkspaceSearch& search,
                                                       FileLayer* files) {
  FileLayer& layer = files != nullptr ? *files : real_files();
  const bool named = !search.explicit_path.empty();
  const std::string& given = named ? search.explicit_path : search.environment_value;
  if (!given.empty()) {
    if (!workspace_in(layer, absolute(given)).empty()) return open(given, files);
    ASSAY_RETURN_IF_ERROR(check_lost(layer, absolute(given)));
    const char* origin = named ? "--workspace" : "ASSAY_WORKSPACE";
    if (!search.create) {
      return fail(StatusCode::kNotFound, "{} {}", origin, why_none(layer, given));
    }
    auto made = create(given, workspace_name_for(given), files);
    if (!made) return fail_with(std::move(made.error()), origin);
    return made;
  }
  const std::string start =
      absolute(search.start_folder.empty() ? std::string(".") : search.start_folder);
  for (fs::path folder = start;; folder = folder.parent_path()) {
    const std::string hidden = (folder / kHiddenFolder).string();
    if (has_workspace(layer, hidden)) return open(hidden, files);
    // Not another one further up in its place.
    if (lost_marker(layer, hidden)) return marker_error(hidden);
    ASSAY_RETURN_IF_ERROR(check_not_moving(layer, hidden));
    if (folder == folder.parent_path()) break;
  }
  if (!search.create) {
    return fail(StatusCode::kNotFound,
                "no workspace: no folder named {} in '{}' or above it (give --workspace DIR or set "
                "ASSAY_WORKSPACE; `assay run` makes one)",
                kHiddenFolder, start);
  }
  return create((fs::path(start) / kHiddenFolder).string(), workspace_name_for(start), files);
}

Workspace::~Workspace() {
  (void)close();
  if (publisher_ == nullptr) return;
  // After a close() that was cut short; the journal keeps what is not published.
  publisher_->stop();
  (void)journal_->stop();
}

Status Workspace::begin_writing() {
  if (closed_) {
    return fail(StatusCode::kCancelled, "the workspace '{}' was closed by this program", path_);
  }
  if (lease_ != nullptr) return {};
  auto lease = WriterLease::acquire(files_, path_);
  if (!lease) {
    return fail_with(std::move(lease.error()),
                     fmt::format("cannot write to the workspace '{}'", path_));
  }
  lease_ = std::move(*lease);
  publisher_ = std::make_unique<RunPublisher>(*this, *lease_);
  journal_ = std::make_unique<Journal>(
      files_, *lease_, options_,
      [publisher = publisher_.get()](uint32_t run) { publisher->soon(run); });
  publisher_->attach(*journal_);
  // Old leavings that cannot be taken over now are in nobody's way.
  (void)take_over();
  return {};
}

Status Workspace::take_over() {
  ASSAY_ASSIGN_OR_RETURN(std::vector<std::string> folders,
                         take_over_dead_writers(files_, path_, lease_->id()));
  std::erase_if(folders, [&](const std::string& folder) {
    return remove_writer_folder(files_, folder);  // those without a journal
  });
  publisher_->recover_soon(std::move(folders));
  return {};
}

Result<WriterLease*> Workspace::writer() {
  const std::scoped_lock lock(writer_mutex_);
  ASSAY_RETURN_IF_ERROR(begin_writing());
  return lease_.get();
}

Result<Journal*> Workspace::journal() {
  const std::scoped_lock lock(writer_mutex_);
  ASSAY_RETURN_IF_ERROR(begin_writing());
  return journal_.get();
}

Result<RunPublisher*> Workspace::publisher() {
  const std::scoped_lock lock(writer_mutex_);
  ASSAY_RETURN_IF_ERROR(begin_writing());
  return publisher_.get();
}

Status Workspace::flush(const StopToken* stop) {
  {
    const std::scoped_lock lock(writer_mutex_);
    if (closed_ || lease_ == nullptr) return {};
  }
  const Status drained = publisher_->drain(stop);
  if (!drained) return what_is_left(*journal_, drained);
  ASSAY_ASSIGN_OR_RETURN(const std::vector<uint32_t> holes, journal_->settle_all());
  for (const uint32_t run : holes) publisher_->soon(run);
  return holes.empty() ? Status() : what_is_left(*journal_, publisher_->drain(stop));
}

double Workspace::backlog_seconds() {
  const std::scoped_lock lock(writer_mutex_);
  return publisher_ == nullptr ? 0 : publisher_->backlog_seconds();
}

Status Workspace::recover(const StopToken* stop) {
  {
    const std::scoped_lock lock(writer_mutex_);
    ASSAY_RETURN_IF_ERROR(begin_writing());
    ASSAY_RETURN_IF_ERROR(take_over());
  }
  return publisher_->drain(stop);
}

Status Workspace::close(const StopToken* stop) {
  {
    const std::scoped_lock lock(writer_mutex_);
    if (std::exchange(closed_, true) || lease_ == nullptr) return {};
  }
  for (const auto& run : journal_->runs()) {
    const auto sealed = std::static_pointer_cast<RunState>(run)->seal(std::nullopt);
    if (sealed && *sealed) publisher_->soon(run->number());
  }
  Status drained = publisher_->drain(stop);
  // Out of time: what is under way may hang, and the journal has the rest.
  if (!drained && drained.error().code == StatusCode::kCancelled) {
    return what_is_left(*journal_, drained);
  }
  publisher_->stop();
  (void)journal_->stop();
  lease_->release();
  return drained;
}

Status Workspace::heartbeat() {
  WriterLease* lease = nullptr;
  {
    const std::scoped_lock lock(writer_mutex_);
    if (!closed_) lease = lease_.get();
  }
  return lease == nullptr ? Status() : lease->heartbeat(kHeartbeatNs);
}

Status Workspace::ensure_folder(const std::string& relative_path) {
  const std::scoped_lock lock(folders_mutex_);
  if (durable_folders_.contains(relative_path)) return {};
  // Another process may have made a folder and not yet synced its parent: sync it here too.
  fs::path partial;
  for (const fs::path& part : fs::path(relative_path)) {
    const std::string parent = (fs::path(path_) / partial).string();
    partial /= part;
    if (durable_folders_.contains(partial.string())) continue;
    Status made = files_.make_folder((fs::path(path_) / partial).string());
    // Nothing is made anew where the workspace was.
    if (!made && made.error().code == StatusCode::kNotFound && !files_.exists(path_)) {
      return fail(StatusCode::kIo, "the workspace '{}' is gone: it was moved or removed", path_);
    }
    ASSAY_RETURN_IF_ERROR(made);
    ASSAY_RETURN_IF_ERROR(files_.sync_folder(partial.has_parent_path() ? parent : path_));
    durable_folders_.insert(partial.string());
  }
  return {};
}

}  // namespace assay::tracking
