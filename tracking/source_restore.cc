#include "tracking/source_restore.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include "kernels/base/hash.h"
#include "kernels/base/names.h"
#include "tracking/blob_store.h"
#include "tracking/output_guard.h"
#include "tracking/source_tree_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamedInMessage = 8;
constexpr size_t kPartLimitBytes = 255;
constexpr size_t kBlockBytes = size_t{1} << 20;
constexpr int64_t kLinkLimitBytes = 64 * 1024;

tl::unexpected<Error> io_failure(const char* doing, const fs::path& path,
                                 const std::error_code& error) {
  return fail(StatusCode::kIo, "cannot {} '{}': {}", doing, path.string(), error.message());
}

// The hash of a file outside the workspace.
Result<std::string> hash_of(FileLayer& files, const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(auto file, files.open(path));
  Sha256 hash;
  std::vector<std::byte> block(kBlockBytes);
  for (int64_t at = 0;;) {
    ASSAY_ASSIGN_OR_RETURN(const int64_t count, file->read_at(at, block));
    if (count == 0) return hash.finish();
    hash.update(std::span<const std::byte>(block).first(static_cast<size_t>(count)));
    at += count;
  }
}

// No path twice, and none that another one needs as a folder.
Status check_collisions(const std::vector<SourceFile>& files) {
  std::set<std::string_view> paths;
  for (const SourceFile& file : files) {
    if (!paths.insert(file.path).second) {
      return fail(StatusCode::kData, "the snapshot is damaged: it has '{}' twice", file.path);
    }
  }
  for (const std::string_view path : paths) {
    for (size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1)) {
      if (!paths.contains(path.substr(0, at))) continue;
      return fail(StatusCode::kData, "the snapshot is damaged: '{}' is a file and a folder",
                  path.substr(0, at));
    }
  }
  return {};
}

// Whether a link at `path` stays inside the folder.
bool stays_inside(const std::string& path, const std::string& target) {
  const fs::path goal(target);
  if (target.empty() || goal.is_absolute()) return false;
  const fs::path inside = (fs::path(path).parent_path() / goal).lexically_normal();
  return inside.empty() || *inside.begin() != "..";
}

class Restorer {
 public:
  Restorer(Workspace& workspace, const RestoreRequest& request)
      : workspace_(workspace), request_(request), root_(request.folder) {}

  Result<RestoreReport> run(const std::vector<SourceFile>& files) {
    ASSAY_RETURN_IF_ERROR(check_collisions(files));
    std::vector<const SourceFile*> good;
    for (const SourceFile& file : files) {
      Status checked = check(file);
      if (!checked && request_.partial && checked.error().code == StatusCode::kData) {
        report_.damaged.push_back(std::move(checked.error().message));
        continue;
      }
      ASSAY_RETURN_IF_ERROR(checked);
      good.push_back(&file);
    }
    if (!differing_.empty() && !request_.force) return refuse();
    for (const SourceFile* file : good) {
      if (file->mode != kLinkMode) ASSAY_RETURN_IF_ERROR(write(*file));
    }
    for (const SourceFile* file : good) {
      if (file->mode == kLinkMode) ASSAY_RETURN_IF_ERROR(make_link(*file));
    }
    return std::move(report_);
  }

 private:
  // The path, the blob, and what is in its place.
  Status check(const SourceFile& file) {
    ASSAY_RETURN_IF_ERROR(check_inside("snapshot", file.path));
    BlobStore blobs(workspace_);
    Status whole = blobs.verify(file.sha256);
    if (!whole) return fail_with(std::move(whole.error()), file.path);
    if (file.mode == kLinkMode) {
      ASSAY_ASSIGN_OR_RETURN(links_[file.path], blobs.read(file.sha256, kLinkLimitBytes));
    }
    ASSAY_RETURN_IF_ERROR(check_parents(file.path));
    return check_place(file);
  }

  Status check_parents(const std::string& path) {
    for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
      const fs::path parent = root_ / path.substr(0, at);
      std::error_code error;
      const fs::file_type type = fs::symlink_status(parent, error).type();
      if (type == fs::file_type::not_found) return {};
      if (type == fs::file_type::directory) continue;
      return fail(StatusCode::kAlreadyExists, "'{}' is {}, not a folder: nothing is written there",
                  parent.string(),
                  type == fs::file_type::symlink ? "a symbolic link" : "in the way");
    }
    return {};
  }

  Status check_place(const SourceFile& file) {
    const fs::path place = root_ / file.path;
    std::error_code error;
    const fs::file_type type = fs::symlink_status(place, error).type();
    if (type == fs::file_type::not_found) return {};
    bool same = false;
    if (file.mode == kLinkMode && type == fs::file_type::symlink) {
      same = fs::read_symlink(place, error) == fs::path(links_[file.path]);
    } else if (file.mode != kLinkMode && type == fs::file_type::regular) {
      ASSAY_ASSIGN_OR_RETURN(const std::string hash, hash_of(files_, place.string()));
      same = hash == file.sha256;
    } else if (type == fs::file_type::directory) {
      return fail(StatusCode::kAlreadyExists, "'{}' is a folder, where the snapshot has a file",
                  place.string());
    }
    (same ? same_ : differing_).insert(file.path);
    return {};
  }

  tl::unexpected<Error> refuse() const {
    std::string list;
    size_t named = 0;
    for (const std::string& path : differing_) {
      if (named++ == kNamedInMessage) break;
      list += (list.empty() ? "" : ", ") + path;
    }
    if (differing_.size() > kNamedInMessage) list += ", ...";
    return fail(StatusCode::kAlreadyExists,
                "{} of the snapshot's files are in '{}' and differ: {}; nothing was written "
                "(--force replaces them)",
                differing_.size(), request_.folder, list);
  }

  Status write(const SourceFile& file) {
    const fs::path place = root_ / file.path;
    if (same_.contains(file.path)) {
      ++report_.unchanged;
    } else {
      std::error_code error;
      fs::create_directories(place.parent_path(), error);
      if (error) return io_failure("create folder", place.parent_path(), error);
      ASSAY_RETURN_IF_ERROR(BlobStore(workspace_).copy_to(file.sha256, place.string()));
      ++report_.written;
      report_.bytes += file.size;
    }
    return set_mode(place, file.mode == kProgramMode);
  }

  // Whoever may read a program may run it.
  static Status set_mode(const fs::path& place, bool program) {
    std::error_code error;
    const fs::perms now = fs::status(place, error).permissions();
    if (error) return io_failure("look at", place, error);
    constexpr fs::perms kRun =
        fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
    const auto readers = static_cast<unsigned>(now) & 0444U;
    const fs::perms wanted = program ? now | static_cast<fs::perms>(readers >> 2U) : now & ~kRun;
    if (wanted == now) return {};
    fs::permissions(place, wanted, error);
    if (error) return io_failure("set the mode of", place, error);
    return {};
  }

  Status make_link(const SourceFile& file) {
    const std::string& target = links_[file.path];
    if (!stays_inside(file.path, target)) {
      report_.left_out.push_back(fmt::format("link '{}' to '{}': it leads out of the folder",
                                             file.path, clean_utf8(target)));
      return {};
    }
    if (same_.contains(file.path)) {
      ++report_.unchanged;
      return {};
    }
    const fs::path place = root_ / file.path;
    std::error_code error;
    fs::create_directories(place.parent_path(), error);
    if (error) return io_failure("create folder", place.parent_path(), error);
    fs::remove(place, error);  // differs, and force is set
    fs::create_symlink(target, place, error);
    if (error) return io_failure("make link", place, error);
    ++report_.written;
    return {};
  }

  Workspace& workspace_;
  const RestoreRequest& request_;
  const fs::path root_;
  PosixFileLayer files_;
  RestoreReport report_;
  std::set<std::string> same_;
  std::set<std::string> differing_;
  std::map<std::string, std::string> links_;  // where each link points
};

}  // namespace

Status check_inside(std::string_view what, std::string_view path) {
  bool good = !path.empty() && path.find('\0') == std::string_view::npos;
  for (size_t at = 0; good && at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    good = !part.empty() && part != "." && part != ".." && part.size() <= kPartLimitBytes &&
           lower_case(part) != ".git";
    at = end + 1;
  }
  if (good) return {};
  return fail(StatusCode::kData,
              "the {} has a file '{}', which is not written (must be a relative path without '..' "
              "and '.git')",
              what, clean_utf8(cut_utf8(std::string(path), 200)));
}

Result<RestoreReport> restore_source(Workspace& workspace, const SourceManifest& manifest,
                                     const RestoreRequest& request) {
  ASSAY_RETURN_IF_ERROR(check_outside_workspaces(request.folder));
  std::error_code error;
  fs::create_directories(request.folder, error);
  if (error) return io_failure("create folder", request.folder, error);
  return Restorer(workspace, request).run(manifest.files);
}

}  // namespace assay::tracking
