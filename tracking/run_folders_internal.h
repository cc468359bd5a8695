// The folders of run files as they are now: what the catalog is compared with.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"
#include "tracking/catalog_entry_internal.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct RunFile {
  std::string run_id{};
  FileIdentity identity{};
};

struct ShardScan {
  FolderStamp stamp{};
  // The stamp vouches for the files: nothing changed while they were listed, and the last change is
  // so long ago (two seconds) that a later one must show in the folder's times.
  bool settled = false;
  std::vector<RunFile> files{};    // by run id
  std::vector<std::string> odd{};  // a message for each name ending in .h5 that is no run's file
  std::vector<std::string> no_file{};  // the runs among them: what has their file's name is none
  std::string failure{};               // why the folder could not be listed, or empty
};

// All zero if the folder is not there. Fails: io.
Result<FolderStamp> shard_stamp(const Workspace& workspace, size_t shard);

// Lists some folders, on several threads if there are many.
std::vector<ShardScan> scan_shards(const Workspace& workspace, const std::vector<size_t>& shards);

// The entry of each file, on several threads if there are many. Fails: not_found, io, data if the
// file is damaged or is another run's.
std::vector<Result<CatalogEntry>> read_entries(const Workspace& workspace,
                                               const std::vector<RunFile>& files);

// Why what a listing shows in place of a file is none (a folder, a pipe, a device), or empty. A
// link may be one to a file.
std::string why_no_file(const std::string& path, const FileInfo& entry);
// The same of a listed file that was not found when it was opened: a link to no file. Empty if it
// was removed or replaced meanwhile.
std::string why_not_found(FileLayer& files, const std::string& path, const FileInfo& entry);
// The same of whatever has the name: empty if that is a file, or nothing has it.
std::string why_no_file_at(FileLayer& files, const std::string& path);
// Whether `path` is where the workspace has the file of a run.
bool is_place_of_run(const Workspace& workspace, const std::string& path);
// Whether `path` is where the workspace has the file of a deleted run.
bool is_place_of_deleted(const Workspace& workspace, const std::string& path);
// Whether `name` is that of a folder of runs or blobs: two hex digits.
bool is_shard_name(const std::string& name);
// Whether an entry of a listing is a folder, or a link to one: who moves folders of a workspace to
// another disk leaves links. Fails: io if it is a link that leads nowhere now: that disk may be
// away, and with it what only looks absent.
Result<bool> leads_to_folder(FileLayer& files, const std::string& path, const FileInfo& entry);

// body(i) for each i below `count`, in any order and on several threads if there are many: for work
// that mostly waits for the file system.
void for_each_index(size_t count, FunctionRef<void(size_t)> body);

}  // namespace assay::tracking
