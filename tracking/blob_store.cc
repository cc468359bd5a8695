#include "tracking/blob_store.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "kernels/base/hash.h"
#include "tracking/quarantine.h"
#include "tracking/ulid.h"
#include "tracking/workspace.h"

namespace assay::tracking {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;

// Reads `path` block by block into `take`; gives hash and size of what was read.
template <class Take>
Result<BlobRef> stream(FileLayer& files, const std::string& path, Take take) {
  ASSAY_ASSIGN_OR_RETURN(auto file, files.open(path));
  Sha256 hash;
  BlobRef ref;
  ASSAY_ASSIGN_OR_RETURN(const int64_t size, file->size());
  std::vector<std::byte> block(std::clamp<size_t>(static_cast<size_t>(size), 1, kBlockBytes));
  while (true) {
    ASSAY_ASSIGN_OR_RETURN(const int64_t count, file->read_at(ref.size, block));
    if (count == 0) break;
    const auto bytes = std::span<const std::byte>(block).first(static_cast<size_t>(count));
    hash.update(bytes);
    ASSAY_RETURN_IF_ERROR(take(bytes));
    ref.size += count;
  }
  ref.sha256 = hash.finish();
  return ref;
}

// Whether the blob is in its place with the bytes that its name says. What cannot be read is not.
bool is_whole(Workspace& workspace, const BlobRef& ref) {
  FileLayer& files = workspace.files();
  const std::string path = workspace.path() + "/" + blob_path(ref.sha256);
  const auto info = files.stat(path);
  if (!info || info->folder || info->special || info->size != ref.size) return false;
  if (workspace.verified_blobs().holds(ref.sha256, *info)) return true;
  const auto found = stream(files, path, [](std::span<const std::byte>) { return Status(); });
  if (!found || found->sha256 != ref.sha256) return false;
  workspace.verified_blobs().add(ref.sha256, *info);
  return true;
}

Status allow_existing(Status status) {
  if (!status && status.error().code == StatusCode::kAlreadyExists) return {};
  return status;
}

// What names a blob relies on it: that it is not there is damage, as other bytes would be.
tl::unexpected<Error> missing(const std::string& sha256) {
  return fail(StatusCode::kData, "blob {} is missing in the workspace", sha256);
}

tl::unexpected<Error> damaged(const std::string& sha256, const std::string& found) {
  return fail(StatusCode::kData, "blob {} is damaged: its bytes hash to {}", sha256, found);
}

// A temporary file of the writer, gone when this is.
class TemporaryFile {
 public:
  TemporaryFile(FileLayer& files, std::string path) : files_(files), path_(std::move(path)) {}
  ~TemporaryFile() { (void)files_.unlink(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  FileLayer& files_;
  std::string path_;
};

Result<std::string> temporary_path(const WriterLease& writer) {
  ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
  return fmt::format("{}/blob-{}", writer.tmp_folder(), id);
}

// Pins the blob if it is there and whole.
Result<bool> reuse(Workspace& workspace, const WriterLease& writer, const BlobRef& ref) {
  FileLayer& files = workspace.files();
  const std::string folder = workspace.path() + "/" + blob_folder(ref.sha256);
  const std::string target = workspace.path() + "/" + blob_path(ref.sha256);
  if (!is_whole(workspace, ref)) return false;
  const Status pinned = allow_existing(files.link(target, writer.pins_folder() + "/" + ref.sha256));
  if (!pinned && pinned.error().code == StatusCode::kNotFound) return false;
  if (!pinned) return tl::unexpected<Error>(pinned.error());
  // Whoever stored it may not have synced the folder yet.
  ASSAY_RETURN_IF_ERROR(files.sync_folder(folder));
  return true;
}

// A folder that stands in the blob's place cannot be replaced by a file: it goes to quarantine.
Status put_folder_away(Workspace& workspace, const BlobRef& ref) {
  const auto info = workspace.files().stat(workspace.path() + "/" + blob_path(ref.sha256));
  if (!info || !info->folder) return {};
  const DamagedFile folder{DamagedFile::Kind::kBlob, blob_path(ref.sha256),
                           "a folder stood in the place of this blob when it was stored again"};
  ASSAY_ASSIGN_OR_RETURN([[maybe_unused]] const auto away,
                         quarantine_files(workspace, std::span(&folder, 1)));
  return {};
}

// Links a synced temporary file into pins and blobs.
Status adopt(Workspace& workspace, const WriterLease& writer, const std::string& temporary,
             const BlobRef& ref) {
  FileLayer& files = workspace.files();
  const std::string folder = workspace.path() + "/" + blob_folder(ref.sha256);
  const std::string target = workspace.path() + "/" + blob_path(ref.sha256);
  const std::string pin = writer.pins_folder() + "/" + ref.sha256;
  const Status pinned = files.link(temporary, pin);
  ASSAY_RETURN_IF_ERROR(allow_existing(pinned));
  const Status linked = files.link(temporary, target);
  ASSAY_RETURN_IF_ERROR(allow_existing(linked));
  // What something outside damaged or cut short, or a link to nothing.
  const bool damaged = !linked && !is_whole(workspace, ref);
  if (damaged || (linked && !pinned)) {
    // The pin is of other bytes, in place now or before: it would not hold this file.
    (void)files.unlink(pin);
    ASSAY_RETURN_IF_ERROR(allow_existing(files.link(temporary, pin)));
  }
  if (damaged) {
    ASSAY_RETURN_IF_ERROR(put_folder_away(workspace, ref));
    ASSAY_RETURN_IF_ERROR(files.rename(temporary, target));
  }
  return files.sync_folder(folder);
}

Result<BlobRef> store(Workspace& workspace, const WriterLease& writer,
                      std::span<const std::byte> bytes) {
  const BlobRef ref{sha256_hex(bytes), static_cast<int64_t>(bytes.size())};
  ASSAY_RETURN_IF_ERROR(workspace.ensure_folder(blob_folder(ref.sha256)));
  ASSAY_ASSIGN_OR_RETURN(const bool reused, reuse(workspace, writer, ref));
  if (reused) return ref;
  ASSAY_ASSIGN_OR_RETURN(std::string path, temporary_path(writer));
  const TemporaryFile temporary(workspace.files(), std::move(path));
  ASSAY_ASSIGN_OR_RETURN(auto file, workspace.files().create(temporary.path()));
  ASSAY_RETURN_IF_ERROR(file->append(bytes));
  ASSAY_RETURN_IF_ERROR(file->sync());
  ASSAY_RETURN_IF_ERROR(adopt(workspace, writer, temporary.path(), ref));
  return ref;
}

Result<BlobRef> store_blocks(Workspace& workspace, const WriterLease& writer, ByteSource source) {
  FileLayer& files = workspace.files();
  ASSAY_ASSIGN_OR_RETURN(std::string temporary_name, temporary_path(writer));
  const TemporaryFile temporary(files, std::move(temporary_name));
  ASSAY_ASSIGN_OR_RETURN(auto file, files.create(temporary.path()));
  Sha256 hash;
  BlobRef ref;
  ASSAY_RETURN_IF_ERROR(source([&](std::span<const std::byte> block) {
    hash.update(block);
    ref.size += static_cast<int64_t>(block.size());
    return file->append(block);
  }));
  ref.sha256 = hash.finish();
  ASSAY_RETURN_IF_ERROR(workspace.ensure_folder(blob_folder(ref.sha256)));
  ASSAY_ASSIGN_OR_RETURN(const bool reused, reuse(workspace, writer, ref));
  if (reused) return ref;
  ASSAY_RETURN_IF_ERROR(file->sync());
  ASSAY_RETURN_IF_ERROR(adopt(workspace, writer, temporary.path(), ref));
  return ref;
}

// The outcome, unless the writer was taken over: then nothing pins the blob any more.
Result<BlobRef> if_held(const WriterLease& writer, Result<BlobRef> stored) {
  if (Status held = writer.check_held(); !held) {
    return tl::unexpected<Error>(std::move(held.error()));
  }
  return stored;
}

}  // namespace

bool is_blob_name(std::string_view text) {
  constexpr size_t kHexDigits = 64;
  return text.size() == kHexDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string blob_folder(std::string_view sha256) {
  return fmt::format("blobs/{}", sha256.substr(0, 2));
}

std::string blob_path(std::string_view sha256) {
  return fmt::format("{}/{}", blob_folder(sha256), sha256);
}

Result<BlobRef> BlobStore::put(std::span<const std::byte> bytes) {
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_.writer());
  return if_held(*writer, store(workspace_, *writer, bytes));
}

Result<BlobRef> BlobStore::put(std::string_view text) {
  return put(std::as_bytes(std::span(text.data(), text.size())));
}

Result<BlobRef> BlobStore::put(ByteSource source) {
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_.writer());
  return if_held(*writer, store_blocks(workspace_, *writer, source));
}

Result<BlobRef> BlobStore::put_file(const std::string& path) {
  return put([&](ByteSink sink) -> Status {
    ASSAY_RETURN_IF_ERROR(stream(workspace_.files(), path, sink));
    return {};
  });
}

Result<std::string> BlobStore::path_of(const std::string& sha256) {
  if (!is_blob_name(sha256)) {
    return fail(StatusCode::kInvalidArgument,
                "'{}' is not a content hash (must be 64 lower-case hex digits)", sha256);
  }
  std::string path = workspace_.path() + "/" + blob_path(sha256);
  if (workspace_.files().exists(path)) return path;
  // A collection that took it and died before it looked again: the next one puts it back.
  std::string taken = fmt::format("{}/{}/{}", workspace_.path(), kBlobTrash, sha256);
  return workspace_.files().exists(taken) ? taken : path;
}

Result<std::string> BlobStore::read(const std::string& sha256, int64_t limit_bytes) {
  ASSAY_ASSIGN_OR_RETURN(const std::string path, path_of(sha256));
  auto text = read_file(workspace_.files(), path, limit_bytes);
  if (!text && text.error().code == StatusCode::kNotFound) return missing(sha256);
  if (!text) return text;
  const std::string found = sha256_hex(*text);
  if (found != sha256) return damaged(sha256, found);
  return text;
}

Status BlobStore::copy_to(const std::string& sha256, const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const std::string source, path_of(sha256));
  FileLayer& files = workspace_.files();
  if (!files.exists(source)) return missing(sha256);
  ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
  const TemporaryFile temporary(files, fmt::format("{}.{}.part", path, id));
  ASSAY_ASSIGN_OR_RETURN(auto file, files.create(temporary.path()));
  ASSAY_ASSIGN_OR_RETURN(
      const BlobRef ref,
      stream(files, source, [&](std::span<const std::byte> bytes) { return file->append(bytes); }));
  if (ref.sha256 != sha256) return damaged(sha256, ref.sha256);
  ASSAY_RETURN_IF_ERROR(file->sync());
  ASSAY_RETURN_IF_ERROR(files.rename(temporary.path(), path));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return files.sync_folder(folder.empty() ? "." : folder);
}

Status BlobStore::verify(const std::string& sha256) {
  ASSAY_ASSIGN_OR_RETURN(const std::string path, path_of(sha256));
  if (!workspace_.files().exists(path)) return missing(sha256);
  ASSAY_ASSIGN_OR_RETURN(
      const BlobRef ref,
      stream(workspace_.files(), path, [](std::span<const std::byte>) { return Status(); }));
  if (ref.sha256 != sha256) return damaged(sha256, ref.sha256);
  return {};
}

bool BlobStore::contains(const std::string& sha256) {
  const auto path = path_of(sha256);
  return path && workspace_.files().exists(*path);
}

}  // namespace assay::tracking
