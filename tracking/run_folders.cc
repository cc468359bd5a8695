#include "kernels/base/executor.h"
#include "tracking/environment.h"
#include "tracking/run_file.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_trash.h"
#include "tracking/ulid.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

namespace assay::tracking {
namespace {

// Of file systems in use, none has coarser time stamps (FAT: 2 s).
constexpr int64_t kSettleNs = int64_t{2'000'000'000};
constexpr size_t kThreadsFrom = 32;  // items
constexpr int kMostThreads = 8;

std::string folder_path(const Workspace& workspace, size_t shard) {
  return fmt::format("{}/{}", workspace.path(), shard_folder(shard));
}

ShardScan scan_shard(const Workspace& workspace, size_t shard) {
  ShardScan scan;
  const std::string folder = folder_path(workspace, shard);
  const auto before = shard_stamp(workspace, shard);
  if (!before) {
    scan.failure = before.error().message;
    return scan;
  }
  scan.stamp = *before;
  if (!before->known()) {
    std::error_code ignored;
    scan.settled = !std::filesystem::is_symlink(folder, ignored);
    if (!scan.settled) scan.failure = fmt::format("'{}' is a link that leads nowhere", folder);
    return scan;
  }
  auto entries = workspace.files().scan(folder);
  const auto after = shard_stamp(workspace, shard);
  if (!entries || !after) {
    scan.failure = !entries ? entries.error().message : after.error().message;
    return scan;
  }
  for (const FolderEntry& entry : *entries) {
    if (!entry.name.ends_with(".h5")) continue;
    const std::string path = folder + "/" + entry.name;
    const std::string stem = entry.name.substr(0, entry.name.size() - 3);
    const std::string no_file = why_no_file(path, entry.info);
    if (!is_ulid(stem) || shard_of(stem) != shard) {
      if (entry.info.special) continue;
      scan.odd.push_back(fmt::format("run file '{}' has a name that no run here has", path));
    } else if (!no_file.empty()) {
      scan.odd.push_back(no_file);
      scan.no_file.push_back(stem);
    } else {
      scan.files.push_back({stem, identity_of(entry.info)});
    }
  }
  const int64_t last = std::max(before->modified_ns, before->changed_ns);
  scan.settled = *before == *after && last < wall_time_ns() - kSettleNs;
  return scan;
}

Result<CatalogEntry> read_entry(const Workspace& workspace, const RunFile& file) {
  const std::string path = fmt::format("{}/{}", workspace.path(), run_file_path(file.run_id));
  auto read = read_run_summary(workspace.files(), path);
  if (!read) {
    if (read.error().code == StatusCode::kNotFound) {
      const std::string why =
          why_not_found(workspace.files(), path, {.inode = file.identity.inode});
      if (!why.empty()) return fail(StatusCode::kData, "{}", why);
    }
    return tl::unexpected<Error>(std::move(read.error()));
  }
  RunSummary summary = std::move(*read);
  if (summary.info.run_id != file.run_id) {
    return fail(StatusCode::kData, "run file '{}' is damaged: it holds run {}", path,
                summary.info.run_id);
  }
  return CatalogEntry{file.identity, std::move(summary)};
}

}  // namespace

std::string why_no_file(const std::string& path, const FileInfo& entry) {
  if (entry.folder) return fmt::format("'{}' is damaged: it is a folder", path);
  if (!entry.special) return {};
  return fmt::format("'{}' is damaged: it is no file but a pipe, a socket or a device", path);
}

std::string why_not_found(FileLayer& files, const std::string& path, const FileInfo& entry) {
  const size_t slash = path.rfind('/');
  const auto entries = files.scan(path.substr(0, slash));
  if (!entries) return {};
  const auto same = std::find_if(entries->begin(), entries->end(), [&](const FolderEntry& one) {
    return one.name == path.substr(slash + 1) && one.info.inode == entry.inode;
  });
  if (same == entries->end()) return {};
  const auto info = files.stat(path);
  if (!info && info.error().code != StatusCode::kNotFound) return {};
  if (info && !info->special && !info->folder) return {};
  return fmt::format("'{}' is damaged: it is a link to {}", path,
                     !info          ? "nothing"
                     : info->folder ? "a folder"
                                    : "a pipe, a socket or a device");
}

std::string why_no_file_at(FileLayer& files, const std::string& path) {
  const size_t slash = path.rfind('/');
  const auto entries = files.scan(path.substr(0, slash));
  for (size_t i = 0; entries && i < entries->size(); ++i) {
    const FolderEntry& entry = (*entries)[i];
    if (entry.name != path.substr(slash + 1)) continue;
    std::string why = why_no_file(path, entry.info);
    return why.empty() ? why_not_found(files, path, entry.info) : why;
  }
  return {};
}

bool is_place_of_run(const Workspace& workspace, const std::string& path) {
  const std::string root = workspace.path() + "/";
  const std::string id = std::filesystem::path(path).stem().string();
  return path.starts_with(root) && is_ulid(id) && path.substr(root.size()) == run_file_path(id);
}

bool is_place_of_deleted(const Workspace& workspace, const std::string& path) {
  constexpr size_t kIdLength = 26;
  const std::string folder = fmt::format("{}/{}/", workspace.path(), kRunTrash);
  if (!path.starts_with(folder) || !path.ends_with(".h5")) return false;
  const std::string name = path.substr(folder.size());
  return name.size() > kIdLength && name[kIdLength] == '-' && is_ulid(name.substr(0, kIdLength));
}

bool is_shard_name(const std::string& name) {
  return name.size() == 2 && name.find_first_not_of("0123456789abcdef") == name.npos;
}

Result<bool> leads_to_folder(FileLayer& files, const std::string& path, const FileInfo& entry) {
  if (entry.folder || entry.special) return entry.folder;
  const auto info = files.stat(path);
  if (info) return info->folder;
  return fail(StatusCode::kIo, "'{}' is a link that leads nowhere: {}", path, info.error().message);
}

void for_each_index(size_t count, FunctionRef<void(size_t)> body) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) body(i);
  };
  std::vector<std::thread> threads;
  if (count >= kThreadsFrom) {
    const int extra = std::min(usable_cpu_count(), kMostThreads) - 1;
    try {
      for (int i = 0; i < extra; ++i) threads.emplace_back(work);
    } catch (const std::system_error&) {
      // Fewer threads, or this one alone.
    }
  }
  work();
  for (std::thread& thread : threads) thread.join();
}

Result<FolderStamp> shard_stamp(const Workspace& workspace, size_t shard) {
  const auto info = workspace.files().stat(folder_path(workspace, shard));
  if (info && !info->special) return stamp_of(*info);
  if (info) return FolderStamp{};  // nothing of ours has its name
  if (info.error().code == StatusCode::kNotFound) return FolderStamp{};
  return tl::unexpected<Error>(info.error());
}

std::vector<ShardScan> scan_shards(const Workspace& workspace, const std::vector<size_t>& shards) {
  std::vector<ShardScan> scans(shards.size());
  for_each_index(shards.size(), [&](size_t i) { scans[i] = scan_shard(workspace, shards[i]); });
  return scans;
}

std::vector<Result<CatalogEntry>> read_entries(const Workspace& workspace,
                                               const std::vector<RunFile>& files) {
  std::vector<Result<CatalogEntry>> entries(files.size());
  for_each_index(files.size(), [&](size_t i) {
    try {
      entries[i] = read_entry(workspace, files[i]);
    } catch (const std::bad_alloc&) {
      entries[i] =
          fail(StatusCode::kResourceExhausted, "not enough memory to read run {}", files[i].run_id);
    }
  });
  return entries;
}

}  // namespace assay::tracking
