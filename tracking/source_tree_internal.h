// The files of a scripts folder that a snapshot keeps. Symbolic links are kept as links and never
// followed; what is neither file, folder nor link (pipes, sockets, devices) and what cannot be
// named in UTF-8 is left out and said so. Folders of repositories (.git) and workspaces are left
// out. Only reads. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"

namespace assay::tracking {

inline constexpr uint32_t kPlainMode = 0100644;
inline constexpr uint32_t kProgramMode = 0100755;
inline constexpr uint32_t kLinkMode = 0120000;

struct TreeFile {
  std::string path{};  // relative to the folder, '/' between names
  uint32_t mode = kPlainMode;
  int64_t size = 0;
  std::string link{};  // where a symbolic link points
};

struct SourceTree {
  std::vector<TreeFile> files{};  // by path
  std::string ignore_kind{};      // which ignore rules it went by
  std::vector<std::string> notes{};
};

struct TreeRequest {
  std::string folder{};
  std::string workspace{};     // left out if it lies in the folder
  std::string empty_folder{};  // see IgnoreRules
  int64_t max_bytes = 0;
  int64_t max_files = 0;
  const StopToken* stop = nullptr;  // may be null
};

// Fails: not_found if there is no such folder; invalid_argument, naming the largest folders and
// files, if it holds too much; io; cancelled.
Result<SourceTree> read_source_tree(const TreeRequest& request);

}  // namespace assay::tracking
