// A workspace as a process leaves it that is killed now: a copy of its folder whose leases name a
// process that is no more.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include "tests/tracking/test_folder.h"
#include "tracking/records_internal.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {

// Journals first and run files last, as readers go: what is published meanwhile is in one of them.
inline void copy_as_killed(const std::string& from, const std::string& to) {
  namespace fs = std::filesystem;
  std::error_code ignored;  // files come and go while threads are at work
  for (const char* part : {"scratch", "writers", "models", "datasets", "blobs", "runs"}) {
    fs::create_directories(to + "/" + part);
    fs::recursive_directory_iterator it(from + "/" + part, ignored);
    for (; it != fs::recursive_directory_iterator(); it.increment(ignored)) {
      const std::string target = to + "/" + fs::relative(it->path(), from, ignored).string();
      if (it->is_directory(ignored)) {
        fs::create_directories(target);
      } else {
        fs::copy_file(it->path(), target, ignored);
      }
    }
  }
  fs::copy_file(from + "/WORKSPACE", to + "/WORKSPACE");
  for (const auto& writer : fs::directory_iterator(to + "/writers")) {
    const std::string path = writer.path().string() + "/LEASE";
    if (!fs::exists(path)) continue;
    auto lease = parse_lease(slurp(path), path);
    if (!lease) continue;
    lease->start_ticks += 1;  // this pid, but another process
    spill(path, to_json(*lease));
  }
}

// Makes the journal of such a folder's last writer unreadable from its beginning. Gives the path of
// the damaged segment in the folder; empty if there is none.
inline std::string damage_killed_journal(const std::string& folder) {
  std::string segment;
  for (const std::string& path : files_below(folder)) {
    if (path.ends_with(".wal") && path.starts_with("writers/")) segment = path;
  }
  if (segment.empty()) return segment;
  std::string bytes = slurp(folder + "/" + segment);
  bytes.replace(0, 64, 64, 'x');  // the header, without whose salt no frame checks
  spill(folder + "/" + segment, bytes);
  return segment;
}

}  // namespace assay::tracking
