#include "kernels/base/executor.h"
#include "tracking/environment.h"
#include "tracking/run_file.h"
#include "tracking/run_folders_internal.h"
#include "tracking/ulid.h"

#include <algorithm>
#include <atomic>
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
    scan.settled = true;
    return scan;
  }
  auto entries = workspace.files().scan(folder);
  const auto after = shard_stamp(workspace, shard);
  if (!entries || !after) {
    scan.failure = !entries ? entries.error().message : after.error().message;
    return scan;
  }
  for (const FolderEntry& entry : *entries) {
    if (!entry.name.ends_with(".h5") || entry.info.special) continue;
    const std::string stem = entry.name.substr(0, entry.name.size() - 3);
    if (!is_ulid(stem) || shard_of(stem) != shard) {
      scan.odd.push_back(
          fmt::format("run file '{}/{}' has a name that no run here has", folder, entry.name));
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
  ASSAY_ASSIGN_OR_RETURN(RunSummary summary, read_run_summary(workspace.files(), path));
  if (summary.info.run_id != file.run_id) {
    return fail(StatusCode::kData, "run file '{}' is damaged: it holds run {}", path,
                summary.info.run_id);
  }
  return CatalogEntry{file.identity, std::move(summary)};
}

}  // namespace

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
