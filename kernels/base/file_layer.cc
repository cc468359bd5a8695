#include "kernels/base/file_layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace assay {
namespace {

tl::unexpected<Error> io_error(const char* doing, const std::string& path, int error) {
  const StatusCode code = error == ENOENT   ? StatusCode::kNotFound
                          : error == EEXIST ? StatusCode::kAlreadyExists
                                            : StatusCode::kIo;
  return fail(code, "cannot {} '{}': {}", doing, path, std::generic_category().message(error));
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Status append(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return io_error("write", path_, errno);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return {};
  }

  Status sync() override {
    if (::fdatasync(fd_) != 0) return io_error("sync", path_, errno);
    return {};
  }

  Result<int64_t> read_at(int64_t offset, std::span<std::byte> bytes) override {
    while (true) {
      const ssize_t count = ::pread(fd_, bytes.data(), bytes.size(), offset);
      if (count >= 0) return count;
      if (errno != EINTR) return io_error("read", path_, errno);
    }
  }

  Result<int64_t> size() override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return io_error("stat", path_, errno);
    return int64_t{info.st_size};
  }

 private:
  int fd_;
  std::string path_;
};

bool is_special(const struct stat& info) {
  return !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode) && !S_ISLNK(info.st_mode);
}

// A link that leads back to itself leads to no file, and nobody can read what was in its place.
tl::unexpected<Error> no_file_error(const char* doing, const std::string& path, int error) {
  auto failure = io_error(doing, path, error);
  if (error == ELOOP) failure.value().code = StatusCode::kNotFound;
  return failure;
}

// A file that is there. Opening a pipe would wait for its other end; without a wait it is harmless.
Result<std::unique_ptr<File>> open_existing(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  struct stat info {};
  const bool is_folder = fd < 0 && errno == EISDIR;
  const bool is_pipe = fd < 0 && errno == ENXIO;  // that nobody reads, or a socket
  if (fd < 0 && !is_folder && !is_pipe) return no_file_error("open", path, errno);
  auto file = fd < 0 ? nullptr : std::make_unique<PosixFile>(fd, path);
  if (file && ::fstat(fd, &info) != 0) return io_error("stat", path, errno);
  if (file && S_ISREG(info.st_mode)) return file;
  return fail(StatusCode::kNotFound, "cannot open '{}': it is no file but {}", path,
              is_folder || S_ISDIR(info.st_mode) ? "a folder" : "a pipe, a socket or a device");
}

int64_t nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileInfo info_from(const struct stat& info) {
  return {.inode = info.st_ino,
          .size = info.st_size,
          .modified_ns = nanoseconds(info.st_mtim),
          .changed_ns = nanoseconds(info.st_ctim),
          .links = info.st_nlink,
          .folder = S_ISDIR(info.st_mode),
          .special = is_special(info)};
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

}  // namespace

Result<std::unique_ptr<File>> PosixFileLayer::create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return io_error("create", path, errno);
  return std::make_unique<PosixFile>(fd, path);
}

Result<std::unique_ptr<File>> PosixFileLayer::open(const std::string& path) {
  return open_existing(path, O_RDONLY);
}

Result<std::unique_ptr<File>> PosixFileLayer::open_append(const std::string& path) {
  return open_existing(path, O_WRONLY | O_APPEND);
}

Status PosixFileLayer::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return io_error("rename to", to, errno);
  return {};
}

Status PosixFileLayer::link(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) != 0) return io_error("link", to, errno);
  return {};
}

Status PosixFileLayer::unlink(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return io_error("remove", path, errno);
  return {};
}

Status PosixFileLayer::make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directory(path, error);
  if (error) return io_error("create folder", path, error.value());
  return {};
}

Status PosixFileLayer::sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error("open folder", path, errno);
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  if (result != 0) return io_error("sync folder", path, error);
  return {};
}

Result<std::vector<std::string>> PosixFileLayer::list(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return io_error("list folder", path, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

bool PosixFileLayer::exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

Result<FileInfo> PosixFileLayer::stat(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return no_file_error("stat", path, errno);
  return info_from(info);
}

Result<std::vector<FolderEntry>> PosixFileLayer::scan(const std::string& path) {
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
  if (folder == nullptr) return io_error("list folder", path, errno);
  std::vector<FolderEntry> entries;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr && errno != 0) return io_error("list folder", path, errno);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info {};
    if (::fstatat(::dirfd(folder.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return io_error("stat", path + "/" + entry->d_name, errno);
    }
    entries.push_back({std::string(name), info_from(info)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  return entries;
}

Status PosixFileLayer::remove_folder(const std::string& path) {
  if (::rmdir(path.c_str()) != 0) return io_error("remove folder", path, errno);
  return {};
}

Status make_folders(FileLayer& files, const std::string& path) {
  Status made = files.make_folder(path);
  if (made || made.error().code != StatusCode::kNotFound) return made;
  const std::filesystem::path whole = std::filesystem::path(path).lexically_normal();
  const std::string parent =
      (whole.has_filename() ? whole : whole.parent_path()).parent_path().string();
  if (!parent.empty() && !files.exists(parent)) {
    ASSAY_RETURN_IF_ERROR(make_folders(files, parent));
    made = files.make_folder(path);
  }
  // The parent is there: what is missing is a file system that takes folders.
  if (!made && made.error().code == StatusCode::kNotFound) made.error().code = StatusCode::kIo;
  return made;
}

Result<std::string> read_file(FileLayer& files, const std::string& path, int64_t limit_bytes) {
  ASSAY_ASSIGN_OR_RETURN(auto file, files.open(path));
  ASSAY_ASSIGN_OR_RETURN(const int64_t size, file->size());
  if (size > limit_bytes) {
    return fail(StatusCode::kResourceExhausted, "'{}' has {} bytes (must be at most {})", path,
                size, limit_bytes);
  }
  std::string text(static_cast<size_t>(size), '\0');
  int64_t done = 0;
  while (done < size) {
    ASSAY_ASSIGN_OR_RETURN(
        const int64_t count,
        file->read_at(done, std::as_writable_bytes(std::span(text).subspan(size_t(done)))));
    if (count == 0) break;
    done += count;
  }
  text.resize(static_cast<size_t>(done));
  return text;
}

Status publish_file(FileLayer& files, const std::string& temporary_folder, const std::string& path,
                    std::span<const std::byte> bytes) {
  static std::atomic<uint64_t> counter{0};
  const std::string temporary =
      fmt::format("{}/{}-{}.tmp", temporary_folder, ::getpid(), counter.fetch_add(1));
  ASSAY_ASSIGN_OR_RETURN(auto file, files.create(temporary));
  Status status = file->append(bytes);
  if (status) status = file->sync();
  if (status) status = files.rename(temporary, path);
  if (!status) {
    (void)files.unlink(temporary);
    return status;
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return files.sync_folder(folder.empty() ? "." : folder);
}

}  // namespace assay
