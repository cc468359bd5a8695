#include "automl/cli/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <span>
#include <system_error>
#include <utility>

#include "tracking/output_guard.h"

namespace assay::automl::cli {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> write_error(const std::string& path, std::string_view reason) {
  return fail(StatusCode::kIo, "cannot write '{}': {}", path, reason);
}

tl::unexpected<Error> there_already(const std::string& path) {
  return fail(StatusCode::kAlreadyExists, "'{}' is there already (--force replaces it)", path);
}

bool begins_with(const std::string& path, std::string_view start) {
  std::ifstream file(path, std::ios::binary);
  std::string begin(start.size(), '\0');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return file.gcount() == static_cast<std::streamsize>(begin.size()) && begin == start;
}

// A device or pipe, opened for writing.
class ThroughFile final : public File {
 public:
  ThroughFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~ThroughFile() override { ::close(fd_); }
  ThroughFile(const ThroughFile&) = delete;
  ThroughFile& operator=(const ThroughFile&) = delete;

  Status append(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return write_error(path_, std::generic_category().message(errno));
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return {};
  }
  Status sync() override { return {}; }
  Result<int64_t> read_at(int64_t, std::span<std::byte>) override {
    return fail(StatusCode::kInternal, "'{}' is only written", path_);
  }
  Result<int64_t> size() override { return int64_t{0}; }

 private:
  int fd_;
  std::string path_;
};

}  // namespace

CLI::Option* add_force_option(CLI::App& command, OutputPlace& place) {
  return command.add_flag("--force", place.force,
                          place.made_anew.empty()
                              ? "Replace the file if it is there"
                              : "Replace the file even if it is not what this command writes");
}

Result<OutputFile> OutputFile::open(const OutputPlace& place) {
  const std::string& path = place.path;
  if (path.empty()) return fail(StatusCode::kInvalidArgument, "the name of the file is empty");
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  OutputFile output;
  ASSAY_RETURN_IF_ERROR(tracking::check_outside_workspaces(path));
  if (fs::is_directory(status)) return write_error(path, "it is a folder");
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    if (place.needs_file) {
      return fail(StatusCode::kInvalidArgument,
                  "'{}' is a device or pipe, and what is written here must be a file", path);
    }
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return write_error(path, std::generic_category().message(errno));
    output.file_ = std::make_unique<ThroughFile>(fd, path);
    return output;
  }
  // A link to nothing is there, too.
  const bool there = fs::exists(fs::symlink_status(path, error));
  output.replaces_ =
      place.force || (there && !place.made_anew.empty() && begins_with(path, place.made_anew));
  if (there && !output.replaces_) return there_already(path);
  error.clear();  // nothing there is no error
  output.target_ = fs::exists(status) ? fs::canonical(path, error).string() : path;
  if (error) return write_error(path, error.message());
  PosixFileLayer files;
  output.temporary_ = fmt::format("{}.{}.tmp", output.target_, ::getpid());
  auto file = files.create(output.temporary_);
  if (!file) {
    const fs::path folder = fs::path(output.target_).parent_path();
    output.temporary_.clear();
    if (!folder.empty() && !fs::is_directory(folder, error)) {
      return write_error(path, fmt::format("there is no folder '{}'", folder.string()));
    }
    return write_error(path, file.error().message);
  }
  output.file_ = std::move(*file);
  return output;
}

Status OutputFile::check(const OutputPlace& place) {
  auto output = open(place);
  if (!output) return tl::unexpected<Error>(std::move(output.error()));
  return {};
}

Status OutputFile::check_differs(const std::string& path, const std::string& input,
                                 std::string_view what) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || !fs::equivalent(path, input, error)) return {};
  return fail(StatusCode::kInvalidArgument, "'{}' is the file of {} and would be overwritten", path,
              what);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      replaces_(other.replaces_),
      file_(std::move(other.file_)) {}

OutputFile::~OutputFile() {
  PosixFileLayer files;
  if (!temporary_.empty()) (void)files.unlink(temporary_);
}

Status OutputFile::write(std::string_view text) {
  return file_->append(std::as_bytes(std::span<const char>(text.data(), text.size())));
}

Status OutputFile::close() {
  if (temporary_.empty()) return {};
  ASSAY_RETURN_IF_ERROR(file_->sync());
  return publish();
}

Status OutputFile::publish() {
  PosixFileLayer files;
  if (!replaces_) {
    // A link takes no name that is taken; not every file system has links.
    const Status linked = files.link(temporary_, target_);
    if (linked) return {};
    if (linked.error().code == StatusCode::kAlreadyExists) return there_already(target_);
  }
  ASSAY_RETURN_IF_ERROR(files.rename(temporary_, target_));
  temporary_.clear();
  return {};
}

}  // namespace assay::automl::cli
