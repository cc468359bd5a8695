#include "tracking/writer_lease.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "tracking/environment.h"
#include "tracking/full_disk.h"
#include "tracking/journal_segment.h"
#include "tracking/records_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr int64_t kLeaseLimitBytes = 64 * 1024;
constexpr std::string_view kTakenMark = ".taken-";
constexpr std::string_view kBornMark = ".born";
// A folder `<id>.born` without a LEASE is left alone for so long after its id was made.
constexpr int64_t kBirthMs = 3600 * 1000;

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Field 22 of /proc/<pid>/stat: start time in clock ticks since boot; -1 if there is no such
// process, or only what its parent has not yet collected. The name in field 2 may hold spaces and
// parentheses: count from the last ')'.
int64_t start_ticks_of(int64_t pid) {
  std::string line = first_line(fmt::format("/proc/{}/stat", pid).c_str());
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return -1;
  std::istringstream fields(line.substr(name_end + 1));
  std::string state;
  std::string field;
  fields >> state;
  for (int number = 4; number <= 22; ++number) fields >> field;
  if (!fields || state == "Z" || state == "X") return -1;
  return std::strtoll(field.c_str(), nullptr, 10);
}

std::string pid_namespace() {
  std::array<char, 128> target{};
  const ssize_t length = ::readlink("/proc/self/ns/pid", target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<size_t>(length)) : std::string();
}

Liveness by_heartbeat(const LeaseInfo& lease) {
  const bool expired = wall_time_ns() - lease.heartbeat_ns > kForeignLeaseExpiryNs;
  return expired ? Liveness::kDead : Liveness::kElsewhere;
}

// Only what this version makes: a folder that holds more belongs to somebody who knows what it is.
bool holds_only_ours(FileLayer& files, const std::string& folder) {
  const auto names = files.list(folder);
  if (!names) return false;
  return std::all_of(names->begin(), names->end(), [](const std::string& name) {
    return name == "LEASE" || name == "tmp" || name == "pins" || is_segment_name(name);
  });
}

bool holds_journal(FileLayer& files, const std::string& folder) {
  const auto names = files.list(folder);
  return names && std::any_of(names->begin(), names->end(), is_segment_name);
}

std::string taken_name(const std::string& folder, const std::string& taker) {
  return fmt::format("{}{}{}", folder, kTakenMark, taker);
}

Status write_lease(FileLayer& files, const std::string& folder, const LeaseInfo& info) {
  const std::string text = to_json(info);
  // Whole from the first: who finds a part of it takes its writer for dead.
  const std::string temporary = folder + "/tmp/LEASE";
  ASSAY_ASSIGN_OR_RETURN(auto file, files.create(temporary));
  ASSAY_RETURN_IF_ERROR(file->append(std::as_bytes(std::span(text))));
  ASSAY_RETURN_IF_ERROR(file->sync());
  return files.rename(temporary, folder + "/LEASE");
}

}  // namespace

LeaseInfo this_process() {
  LeaseInfo info;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) info.host = host.data();
  info.machine_id = first_line("/etc/machine-id");
  info.boot_id = first_line("/proc/sys/kernel/random/boot_id");
  info.pid_namespace = pid_namespace();
  info.pid = ::getpid();
  info.start_ticks = start_ticks_of(info.pid);
  info.heartbeat_ns = wall_time_ns();
  return info;
}

Liveness liveness_of(const LeaseInfo& lease) {
  const LeaseInfo here = this_process();
  const bool same_machine = lease.host == here.host && lease.machine_id == here.machine_id;
  if (lease.boot_id != here.boot_id) {
    return same_machine ? Liveness::kDead : by_heartbeat(lease);
  }
  if (lease.pid_namespace != here.pid_namespace) return by_heartbeat(lease);
  const bool alive = start_ticks_of(lease.pid) == lease.start_ticks && lease.start_ticks >= 0;
  return alive ? Liveness::kAlive : Liveness::kDead;
}

namespace {

// What the LEASE in a folder says of its holder; nothing if there is none.
std::optional<Liveness> liveness_in(FileLayer& files, const std::string& folder) {
  const std::string path = folder + "/LEASE";
  const auto text = read_file(files, path, kLeaseLimitBytes);
  if (text) {
    const auto lease = parse_lease(*text, path);
    // It is only ever replaced whole: what does not parse was damaged by a dying disk.
    return lease ? liveness_of(*lease) : Liveness::kDead;
  }
  if (text.error().code == StatusCode::kNotFound) return std::nullopt;
  return Liveness::kElsewhere;  // it is there and cannot be read now: nothing is known
}

}  // namespace

Liveness writer_liveness(FileLayer& files, const std::string& workspace_path,
                         const std::string& writer_id) {
  return liveness_in(files, fmt::format("{}/writers/{}", workspace_path, writer_id))
      .value_or(Liveness::kDead);
}

WriterLease::WriterLease(FileLayer& files, std::string folder, LeaseInfo info)
    : files_(files), folder_(std::move(folder)), info_(std::move(info)) {}

Result<std::unique_ptr<WriterLease>> WriterLease::acquire(FileLayer& files,
                                                          const std::string& workspace_path) {
  LeaseInfo info = this_process();
  ASSAY_ASSIGN_OR_RETURN(info.writer_id, make_ulid());
  const std::string writers = workspace_path + "/writers";
  const std::string folder = fmt::format("{}/{}", writers, info.writer_id);
  const std::string born = folder + std::string(kBornMark);
  // From here the destructor cleans up, also after a failure half-way.
  std::unique_ptr<WriterLease> lease(new WriterLease(files, born, std::move(info)));
  // A workspace that was copied without its empty folders lacks this one.
  Status made = files.make_folder(writers);
  // A file or a link to nothing has its name.
  if (!made && made.error().code == StatusCode::kAlreadyExists) made.error().code = StatusCode::kIo;
  ASSAY_RETURN_IF_ERROR(made);
  ASSAY_RETURN_IF_ERROR(files.make_folder(born));
  ASSAY_RETURN_IF_ERROR(files.make_folder(lease->tmp_folder()));
  ASSAY_RETURN_IF_ERROR(files.make_folder(lease->pins_folder()));
  ASSAY_RETURN_IF_ERROR(write_lease(files, born, lease->info_));
  ASSAY_RETURN_IF_ERROR(files.sync_folder(born));
  // Fails if somebody took this process for dead meanwhile. After it no folder is made in there.
  ASSAY_RETURN_IF_ERROR(files.rename(born, folder));
  lease->folder_ = folder;
  ASSAY_RETURN_IF_ERROR(files.sync_folder(writers));
  return lease;
}

void WriterLease::release() {
  if (!holds_only_ours(files_, folder_)) return;
  // Killed anywhere in here, this process leaves a folder that has no LEASE or a dead one.
  if (!holds_journal(files_, folder_)) {
    (void)remove_writer_folder(files_, folder_);
    return;
  }
  // Recovery reads the journal. This process lives on: the name says that the writer does not.
  (void)files_.rename(folder_, taken_name(folder_, info_.writer_id));
}

tl::unexpected<Error> WriterLease::taken_error() const {
  const std::string workspace = folder_.substr(0, folder_.rfind("/writers/"));
  if (!files_.exists(workspace)) {
    return fail(StatusCode::kIo,
                "the workspace '{}' is gone: it was moved or removed while writer {} was at work, "
                "which records nothing any more",
                workspace, id());
  }
  return fail(StatusCode::kIo,
              "another process took this writer over (it was asleep too long, or seemed dead): "
              "writer {} records nothing any more",
              id());
}

Status WriterLease::check_held() const {
  const auto lease = files_.stat(folder_ + "/LEASE");
  if (lease) return {};
  if (lease.error().code == StatusCode::kNotFound) return taken_error();
  return tl::unexpected<Error>(lease.error());
}

Status WriterLease::heartbeat(int64_t min_age_ns) {
  const std::scoped_lock lock(mutex_);
  const int64_t now_ns = wall_time_ns();
  // A clock that was set back must not silence the heart.
  const int64_t age_ns = now_ns - info_.heartbeat_ns;
  if (age_ns >= 0 && age_ns < min_age_ns) return {};
  LeaseInfo renewed = info_;
  renewed.heartbeat_ns = now_ns;
  const std::string text = to_json(renewed);
  ASSAY_RETURN_IF_ERROR(
      publish_file(files_, tmp_folder(), folder_ + "/LEASE", std::as_bytes(std::span(text))));
  info_.heartbeat_ns = now_ns;
  return {};
}

Result<std::vector<WriterFolder>> writer_folders(FileLayer& files,
                                                 const std::string& workspace_path) {
  const std::string writers = workspace_path + "/writers";
  ASSAY_ASSIGN_OR_RETURN(const std::vector<FolderEntry> entries, files.scan(writers));
  std::vector<WriterFolder> folders;
  for (const FolderEntry& entry : entries) {
    if (!entry.info.folder) continue;  // nothing of ours
    const std::string& name = entry.name;
    const size_t mark = name.find(kTakenMark);
    const std::string writer = name.substr(0, mark);
    if (!is_ulid(writer)) continue;
    folders.push_back({writers + "/" + name, writer, mark != std::string::npos});
  }
  return folders;
}

namespace {

// Removes what writers left that died before they had a name. They are renamed first: one that was
// only asleep then fails to get its name.
void bury_unborn(FileLayer& files, const std::string& writers, const std::string& taker) {
  const auto names = files.list(writers);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!name.ends_with(kBornMark)) continue;
    const std::string id = name.substr(0, name.size() - kBornMark.size());
    const std::string folder = writers + "/" + name;
    if (!is_ulid(id) || !holds_only_ours(files, folder)) continue;
    const int64_t age_ms = wall_time_ns() / 1'000'000 - ulid_time_ms(id);
    const auto without_lease = age_ms > kBirthMs ? Liveness::kDead : Liveness::kElsewhere;
    if (liveness_in(files, folder).value_or(without_lease) != Liveness::kDead) continue;
    const std::string taken = taken_name(writers + "/" + id, taker);
    if (files.rename(folder, taken)) (void)remove_writer_folder(files, taken);
  }
}

}  // namespace

Result<std::vector<std::string>> take_over_dead_writers(FileLayer& files,
                                                        const std::string& workspace_path,
                                                        const std::string& own_writer_id) {
  ASSAY_ASSIGN_OR_RETURN(const auto folders, writer_folders(files, workspace_path));
  std::vector<std::string> held;
  Status full;
  bury_unborn(files, workspace_path + "/writers", own_writer_id);
  for (const WriterFolder& folder : folders) {
    // `<orphan>` is free when it is dead, `<orphan>.taken-<taker>` when the taker is.
    std::string owner = folder.writer_id;
    if (folder.taken) owner = folder.path.substr(folder.path.rfind(kTakenMark) + kTakenMark.size());
    if (!is_ulid(owner)) continue;
    const bool ours = folder.taken && owner == own_writer_id;
    if (!ours && (owner == own_writer_id ||
                  writer_liveness(files, workspace_path, owner) != Liveness::kDead)) {
      continue;
    }
    if (!holds_only_ours(files, folder.path)) continue;
    const std::string taken =
        taken_name(fmt::format("{}/writers/{}", workspace_path, folder.writer_id), own_writer_id);
    const Status renamed = ours ? Status() : files.rename(folder.path, taken);
    // What is in there is missing for want of room, and not because there is nothing.
    if (!renamed && is_full_disk(renamed.error())) full = renamed;
    if (!renamed) continue;  // somebody else took it
    held.push_back(taken);
  }
  if (!full) return tl::unexpected<Error>(std::move(full.error()));
  return held;
}

bool remove_writer_folder(FileLayer& files, const std::string& folder) {
  if (holds_journal(files, folder)) return false;
  for (const char* part : {"tmp", "pins"}) {
    const std::string path = fmt::format("{}/{}", folder, part);
    const auto names = files.list(path);
    if (names) {
      for (const std::string& name : *names) (void)files.unlink(path + "/" + name);
    }
    (void)files.remove_folder(path);
  }
  (void)files.unlink(folder + "/LEASE");
  return files.remove_folder(folder).has_value();
}

}  // namespace assay::tracking
