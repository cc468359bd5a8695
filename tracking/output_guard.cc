#include "tracking/output_guard.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "kernels/base/file_layer.h"
#include "tracking/records_internal.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRecordLimitBytes = 64 * 1024;
constexpr std::array<const char*, 4> kFolders = {"runs", "writers", "blobs", "models"};

// Other programs have files named WORKSPACE, too.
bool is_workspace(const fs::path& folder) {
  PosixFileLayer files;
  const std::string path = (folder / "WORKSPACE").string();
  const auto text = read_file(files, path, kRecordLimitBytes);
  if (!text && text.error().code == StatusCode::kNotFound) return false;
  if (text && parse_workspace(*text, path)) return true;
  return std::all_of(kFolders.begin(), kFolders.end(),
                     [&](const char* name) { return files.exists((folder / name).string()); });
}

}  // namespace

std::string workspace_around(const std::string& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  fs::path folder = fs::weakly_canonical(whole, error);
  if (error) folder = whole.lexically_normal();
  for (;; folder = folder.parent_path()) {
    if (is_workspace(folder)) return folder.string();
    if (folder == folder.parent_path()) return {};
  }
}

Status check_outside_workspaces(const std::string& path) {
  const std::string around = workspace_around(path);
  if (around.empty()) return {};
  return fail(
      StatusCode::kInvalidArgument,
      "'{}' lies in the workspace '{}', where only what belongs to the workspace is written "
      "(give a place outside)",
      path, around);
}

}  // namespace assay::tracking
