// Runs are copied object by object with H5Ocopy, so nothing is decoded and encoded again, from
// images whose seal was verified. A file's root group cannot be the target of a copy, hence its
// members and attributes are copied one at a time. HDF5 1.10 crashes where a write fails in the
// middle of a copy, so room for each part is taken before it.
#include "tracking/run_bundle.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "tracking/blob_references.h"
#include "tracking/blob_store.h"
#include "tracking/disk_room_internal.h"
#include "tracking/environment.h"
#include "tracking/folded_run.h"
#include "tracking/hdf5_internal.h"
#include "tracking/records_internal.h"
#include "tracking/run_links.h"
#include "tracking/run_query.h"
#include "tracking/run_seal_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

// Removes the unfinished file.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  ~Unfinished() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const std::string& path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

// The bundle while it is written. All HDF5 calls, closing too, are made within a session.
class BundleFile {
 public:
  static Result<BundleFile> create(const std::string& path) {
    const Hdf5Session session;
    const Hdf5Property access(H5Pcreate(H5P_FILE_ACCESS));
    if (H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110) < 0) {
      return hdf5_failure("prepare a bundle");
    }
    BundleFile file;
    file.file_ = Hdf5File(H5Fcreate(path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, access.get()));
    if (!file.file_.valid()) return hdf5_failure(fmt::format("create '{}'", path));
    file.room_ = std::make_unique<DiskRoom>(path);
    return file;
  }
  ~BundleFile() {
    // What was moved from holds nothing, and may go while a session is held.
    if (file_.valid()) (void)close();
  }
  BundleFile(BundleFile&&) = default;
  BundleFile& operator=(BundleFile&&) = delete;

  hid_t id() const { return file_.get(); }
  // Before so many bytes more are written, with what HDF5 says of them. Fails: io.
  Status reserve(size_t bytes) {
    constexpr size_t kOfHdf5 = size_t{128} << 10;
    hsize_t size = 0;
    {
      const Hdf5Session session;
      if (H5Fget_filesize(id(), &size) < 0) return hdf5_failure("measure the bundle");
    }
    return room_->reserve(static_cast<int64_t>(size + bytes + bytes / 64 + kOfHdf5));
  }
  Status close() {
    const Hdf5Session session;
    if (!file_.reset()) return hdf5_failure("finish the bundle");
    room_->give_back();
    return {};
  }

 private:
  BundleFile() = default;
  Hdf5File file_;
  std::unique_ptr<DiskRoom> room_;
};

// Copies one attribute of `object_id` to the group that `data` points at.
herr_t copy_attribute(hid_t object_id, const char* name, const H5A_info_t*, void* data) {
  const hid_t target = *static_cast<const hid_t*>(data);
  const Hdf5Attribute from(H5Aopen(object_id, name, H5P_DEFAULT));
  if (!from.valid()) return -1;
  const Hdf5Type type(H5Aget_type(from.get()));
  // No run file has any; its bytes would be addresses.
  if (H5Tdetect_class(type.get(), H5T_VLEN) > 0 || H5Tis_variable_str(type.get()) > 0) return -1;
  const Hdf5Space space(H5Aget_space(from.get()));
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  if (!type.valid() || count < 0) return -1;
  std::vector<char> bytes(H5Tget_size(type.get()) * static_cast<size_t>(count) + 1);
  const Hdf5Attribute to(
      H5Acreate2(target, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
  const bool copied = to.valid() && H5Aread(from.get(), type.get(), bytes.data()) >= 0 &&
                      H5Awrite(to.get(), type.get(), bytes.data()) >= 0;
  return copied ? 0 : -1;
}

Status copy_run(hid_t file, const std::string& run_id, std::string_view image) {
  const Hdf5Session session;
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group runs, open_group(file, "runs"));
  ASSAY_ASSIGN_OR_RETURN(const Hdf5File source, open_image(image));
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group root, open_group(source.get(), "/"));
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(runs.get(), run_id));
  hid_t target = group.get();
  hsize_t start = 0;
  if (H5Aiterate2(root.get(), H5_INDEX_NAME, H5_ITER_INC, &start, &copy_attribute, &target) < 0) {
    return hdf5_failure(fmt::format("copy the attributes of run {}", run_id));
  }
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, link_names(root.get()));
  for (const std::string& name : names) {
    H5L_info_t link{};
    if (H5Lget_info(root.get(), name.c_str(), &link, H5P_DEFAULT) < 0 ||
        link.type != H5L_TYPE_HARD) {
      return fail(StatusCode::kData, "run {} is damaged: '{}' in its file leads elsewhere", run_id,
                  name);
    }
    if (H5Ocopy(root.get(), name.c_str(), target, name.c_str(), H5P_DEFAULT, H5P_DEFAULT) < 0) {
      return hdf5_failure(fmt::format("copy '{}' of run {}", name, run_id));
    }
  }
  return {};
}

Status write_head(hid_t file, const Workspace& workspace) {
  const Hdf5Session session;
  ASSAY_RETURN_IF_ERROR(write_value(file, "schema", Value("assay.bundle")));
  ASSAY_RETURN_IF_ERROR(write_value(file, "schema_version", Value(int64_t{1})));
  ASSAY_RETURN_IF_ERROR(write_value(file, "workspace", Value(workspace.display_name())));
  return write_value(file, "created_ns", Value(wall_time_ns()));
}

Status write_blob(hid_t file, const std::string& sha256, const std::string& bytes) {
  const Hdf5Session session;
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group blobs, open_group(file, "blobs"));
  const hsize_t size = bytes.size();
  return write_array(blobs.get(), sha256, H5T_STD_U8LE, {&size, 1}, bytes.data(),
                     {.deflate = true});
}

Status make_group(hid_t file, const std::string& name) {
  const Hdf5Session session;
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Group group, create_group(file, name));
  return {};
}

class Bundler {
 public:
  Bundler(Workspace& workspace, const BundleOptions& options, const StopToken& stop)
      : workspace_(workspace), options_(options), stop_(stop) {}

  Status write(BundleFile& file) {
    ASSAY_RETURN_IF_ERROR(file.reserve(0));
    ASSAY_RETURN_IF_ERROR(write_head(file.id(), workspace_));
    ASSAY_RETURN_IF_ERROR(write_runs(file));
    return options_.blobs ? write_blobs(file) : Status();
  }
  const BundleReport& report() const { return report_; }

 private:
  // Of all runs that can be listed; the others are told as damaged.
  Result<std::vector<std::string>> ids() {
    if (!options_.run_ids.empty()) {
      std::vector<std::string> chosen;
      std::set<std::string_view> seen;
      for (const std::string& id : options_.run_ids) {
        if (seen.insert(id).second) chosen.push_back(id);
      }
      return chosen;
    }
    ASSAY_ASSIGN_OR_RETURN(RunList list, list_runs(workspace_));
    report_.damaged = std::move(list.damaged);
    std::vector<std::string> all;
    for (const RunInfo& info : list.runs) all.push_back(info.run_id);
    return all;
  }

  Status write_runs(BundleFile& file) {
    ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace_));
    ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> run_ids, ids());
    ASSAY_RETURN_IF_ERROR(make_group(file.id(), "runs"));
    for (const std::string& run_id : run_ids) {
      if (stop_.requested()) return fail(StatusCode::kCancelled, "the export was interrupted");
      const auto run = folded_run(workspace_, journals, run_id);
      if (!run) {
        ASSAY_RETURN_IF_ERROR(note_damage(run.error()));
      } else if (*run) {
        ASSAY_RETURN_IF_ERROR(write_run(file, run_id, **run));
      } else if (!options_.run_ids.empty()) {
        return fail(StatusCode::kNotFound, "no run '{}' in the workspace", run_id);
      }
      // Else it began since the journals were read, or was deleted since the list was made.
    }
    return {};
  }

  Status write_run(BundleFile& file, const std::string& run_id, const FoldedRun& run) {
    const std::string path = run_file_of(workspace_, run_id);
    ASSAY_ASSIGN_OR_RETURN(const std::string_view image, verified_image(run.bytes, path));
    ASSAY_RETURN_IF_ERROR(file.reserve(image.size()));
    ASSAY_RETURN_IF_ERROR(copy_run(file.id(), run_id, image));
    ++report_.runs;
    if (run.cut) ++report_.runs_cut;
    if (!options_.blobs) return {};
    std::optional<RunLinks> links = run.links;
    if (!links) {
      ASSAY_ASSIGN_OR_RETURN(const std::string_view summary, sealed_summary(run.bytes, path));
      ASSAY_ASSIGN_OR_RETURN(links, parse_run_links(summary, path));
    }
    if (!links) {
      ASSAY_ASSIGN_OR_RETURN(links, read_run_links(workspace_.files(), path));
    }
    for (const std::string& sha256 : links->blobs) references_.try_emplace(sha256, "run " + run_id);
    return {};
  }

  Status note_damage(const Error& error) {
    if (error.code != StatusCode::kData && error.code != StatusCode::kIo) {
      return tl::unexpected<Error>(error);
    }
    report_.damaged.push_back(error.message);
    return {};
  }

  Status write_blobs(BundleFile& file) {
    ASSAY_RETURN_IF_ERROR(make_group(file.id(), "blobs"));
    BlobStore blobs(workspace_);
    for (const auto& [sha256, who] : references_) {
      if (stop_.requested()) return fail(StatusCode::kCancelled, "the export was interrupted");
      auto bytes = blobs.read(sha256);
      if (!bytes) {
        const Error error{bytes.error().code, fmt::format("{}: {}", who, bytes.error().message)};
        ASSAY_RETURN_IF_ERROR(note_damage(error));
        continue;
      }
      ASSAY_RETURN_IF_ERROR(file.reserve(bytes->size()));
      ASSAY_RETURN_IF_ERROR(write_blob(file.id(), sha256, *bytes));
      ++report_.blobs;
    }
    return {};
  }

  Workspace& workspace_;
  const BundleOptions& options_;
  const StopToken& stop_;
  BlobReferences references_;
  BundleReport report_;
};

}  // namespace

Result<BundleReport> export_bundle(Workspace& workspace, const std::string& path,
                                   const BundleOptions& options, const StopToken& stop) {
  ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
  Unfinished unfinished(fmt::format("{}.{}.part", path, id));
  Bundler bundler(workspace, options, stop);
  {
    ASSAY_ASSIGN_OR_RETURN(BundleFile file, BundleFile::create(unfinished.path()));
    ASSAY_RETURN_IF_ERROR(bundler.write(file));
    ASSAY_RETURN_IF_ERROR(file.close());
  }
  FileLayer& files = workspace.files();
  BundleReport report = bundler.report();
  ASSAY_ASSIGN_OR_RETURN(const FileInfo info, files.stat(unfinished.path()));
  report.bytes = info.size;
  {
    ASSAY_ASSIGN_OR_RETURN(auto file, files.open_append(unfinished.path()));
    ASSAY_RETURN_IF_ERROR(file->sync());
  }
  ASSAY_RETURN_IF_ERROR(files.rename(unfinished.path(), path));
  unfinished.keep();
  const std::string folder = std::filesystem::path(path).parent_path().string();
  ASSAY_RETURN_IF_ERROR(files.sync_folder(folder.empty() ? "." : folder));
  return report;
}

}  // namespace assay::tracking
