#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "datasets/byte_source_internal.h"

namespace assay::datasets {
namespace {

std::string reason_of(int code) { return std::generic_category().message(code); }

class FileSource final : public ByteSource {
 public:
  FileSource(std::string name, int fd, const struct stat& opened)
      : name_(std::move(name)), fd_(fd), opened_(opened) {}
  ~FileSource() override { ::close(fd_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  Result<int64_t> read(char* bytes, int64_t count) override {
    // What was there at open() is what is read, also when the file grows meanwhile.
    count = std::min<int64_t>(count, opened_.st_size - offset_);
    int64_t done = 0;
    while (done < count) {
      const ssize_t got =
          ::pread(fd_, bytes + done, static_cast<size_t>(count - done), offset_ + done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(StatusCode::kIo, "cannot read '{}': {}", name_, reason_of(errno));
      if (got == 0) {
        return fail(StatusCode::kIo, "'{}' shrank to {} bytes while it was read (it had {})", name_,
                    offset_ + done, opened_.st_size);
      }
      done += got;
    }
    offset_ += done;
    return done;
  }

  Status rewind() override {
    offset_ = 0;
    return {};
  }

  Status check_unchanged() const override {
    struct stat now = {};
    if (::fstat(fd_, &now) != 0) {
      return fail(StatusCode::kIo, "cannot read '{}': {}", name_, reason_of(errno));
    }
    if (now.st_size != opened_.st_size || now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec) {
      return fail(StatusCode::kIo, "'{}' changed while it was read ({} bytes, now {})", name_,
                  opened_.st_size, now.st_size);
    }
    return {};
  }

  double progress() const override {
    return opened_.st_size > 0 ? static_cast<double>(offset_) / static_cast<double>(opened_.st_size)
                               : 1.0;
  }
  const std::string& name() const override { return name_; }

 private:
  std::string name_;
  int fd_;
  struct stat opened_ = {};
  int64_t offset_ = 0;
};

// A pipe, socket or terminal: bytes come once. The first two are kept, for telling gzip.
class PipeSource final : public ByteSource {
 public:
  // `stop` may be null; it is asked while nothing comes.
  PipeSource(std::string name, int fd, const StopToken* stop)
      : name_(std::move(name)), fd_(fd), stop_(stop) {}
  ~PipeSource() override { ::close(fd_); }
  PipeSource(const PipeSource&) = delete;
  PipeSource& operator=(const PipeSource&) = delete;

  Result<int64_t> read(char* bytes, int64_t count) override {
    int64_t done = 0;
    while (done < count && offset_ + done < static_cast<int64_t>(first_.size())) {
      bytes[done] = first_[static_cast<size_t>(offset_ + done)];
      ++done;
    }
    while (done < count && !ended_) {
      ASSAY_RETURN_IF_ERROR(wait());
      const ssize_t got = ::read(fd_, bytes + done, static_cast<size_t>(count - done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(StatusCode::kIo, "cannot read '{}': {}", name_, reason_of(errno));
      ended_ = got == 0;
      done += got;
    }
    for (int64_t at = static_cast<int64_t>(first_.size()); at < std::min(kKept, offset_ + done);) {
      first_ += bytes[at++ - offset_];
    }
    offset_ += done;
    return done;
  }
  Status rewind() override {
    if (offset_ > static_cast<int64_t>(first_.size())) {
      return fail(StatusCode::kIo, "'{}' is no file and cannot be read a second time", name_);
    }
    offset_ = 0;
    return {};
  }
  Status check_unchanged() const override { return {}; }
  double progress() const override { return ended_ ? 1.0 : 0.0; }
  const std::string& name() const override { return name_; }

 private:
  static constexpr int64_t kKept = 2;

  Status wait() const {
    constexpr int kMilliseconds = 50;
    while (true) {
      if (stop_ != nullptr && stop_->requested()) {
        return fail(StatusCode::kCancelled, "reading '{}' was stopped", name_);
      }
      pollfd waiting = {fd_, POLLIN, 0};
      if (::poll(&waiting, 1, kMilliseconds) > 0) return {};
    }
  }

  std::string name_;
  int fd_;
  const StopToken* stop_;
  std::string first_;
  int64_t offset_ = 0;
  bool ended_ = false;
};

struct Opened {
  std::string name;
  int fd = -1;
  struct stat status = {};
  bool is_regular() const { return S_ISREG(status.st_mode); }
};

// A named pipe is not waited for until somebody writes to it: reading does that, and can be
// stopped.
Result<Opened> open_path(const std::string& path) {
  Opened opened;
  opened.name = path == "-" ? "standard input" : path;
  opened.fd = path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                          : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (opened.fd < 0) {
    const int code = errno;
    return fail(code == ENOENT ? StatusCode::kNotFound : StatusCode::kIo, "cannot open '{}': {}",
                opened.name, reason_of(code));
  }
  std::string problem;
  if (::fstat(opened.fd, &opened.status) != 0) {
    problem = reason_of(errno);
  } else if (S_ISDIR(opened.status.st_mode)) {
    problem = "it is a folder (must be a file)";
  } else if (!opened.is_regular() && !S_ISFIFO(opened.status.st_mode) &&
             !S_ISSOCK(opened.status.st_mode) && ::isatty(opened.fd) == 0) {
    problem = "it is neither a file nor a pipe";
  }
  if (problem.empty() && path != "-") {
    const int flags = ::fcntl(opened.fd, F_GETFL);
    if (flags < 0 || ::fcntl(opened.fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
      problem = reason_of(errno);
    }
  }
  if (problem.empty()) return opened;
  ::close(opened.fd);
  return fail(StatusCode::kIo, "cannot read '{}': {}", opened.name, problem);
}

std::unique_ptr<ByteSource> raw_source(Opened opened, const StopToken* stop) {
  if (opened.is_regular()) {
    return std::make_unique<FileSource>(std::move(opened.name), opened.fd, opened.status);
  }
  return std::make_unique<PipeSource>(std::move(opened.name), opened.fd, stop);
}

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string bytes, std::string name)
      : bytes_(std::move(bytes)), name_(std::move(name)) {}
  Result<int64_t> read(char* bytes, int64_t count) override {
    const auto got = std::min<int64_t>(count, static_cast<int64_t>(bytes_.size()) - offset_);
    if (got > 0) std::memcpy(bytes, bytes_.data() + offset_, static_cast<size_t>(got));
    offset_ += got;
    return got;
  }
  Status rewind() override {
    offset_ = 0;
    return {};
  }
  Status check_unchanged() const override { return {}; }
  double progress() const override {
    return bytes_.empty() ? 1.0 : static_cast<double>(offset_) / static_cast<double>(bytes_.size());
  }
  const std::string& name() const override { return name_; }

 private:
  std::string bytes_;
  std::string name_;
  int64_t offset_ = 0;
};

// Inflates what another source reads.
class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<ByteSource> raw) : raw_(std::move(raw)), input_(kInput) {}
  ~GzipSource() override { stop(); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  Result<int64_t> read(char* bytes, int64_t count) override {
    int64_t done = 0;
    while (done < count && !finished_) {
      if (stream_.avail_in == 0) ASSAY_RETURN_IF_ERROR(refill());
      if (!started_) {
        if (stream_.avail_in == 0) {
          if (members_ == 0) return damaged("is not a gzip file");
          finished_ = true;
          break;
        }
        if (members_ > 0 && only_padding()) break;
        ASSAY_RETURN_IF_ERROR(start());
      }
      if (stream_.avail_in == 0) return damaged("is truncated");
      const auto room = static_cast<uInt>(std::min<int64_t>(count - done, 1 << 30));
      stream_.next_out = reinterpret_cast<Bytef*>(bytes + done);
      stream_.avail_out = room;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      done += room - stream_.avail_out;
      produced_ += room - stream_.avail_out;
      if (code == Z_STREAM_END) {
        stop();
        ++members_;
      } else if (code == Z_MEM_ERROR) {
        return fail(StatusCode::kResourceExhausted, "out of memory inflating '{}'", name());
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return damaged("is damaged");
      }
    }
    return done;
  }

  Status rewind() override {
    stop();
    finished_ = false;
    members_ = 0;
    produced_ = 0;
    consumed_ = 0;
    stream_.avail_in = 0;
    return raw_->rewind();
  }
  Status check_unchanged() const override { return raw_->check_unchanged(); }
  double progress() const override { return raw_->progress(); }
  const std::string& name() const override { return raw_->name(); }

 private:
  static constexpr size_t kInput = 256 << 10;

  Status refill() {
    ASSAY_ASSIGN_OR_RETURN(const int64_t got,
                           raw_->read(input_.data(), static_cast<int64_t>(input_.size())));
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(got);
    consumed_ += got;
    return {};
  }

  // Zeros after the last member are what tapes and block devices add.
  bool only_padding() {
    while (stream_.avail_in > 0 && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
    }
    return stream_.avail_in == 0;
  }

  Status start() {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) {
      return fail(StatusCode::kResourceExhausted, "out of memory inflating '{}'", name());
    }
    started_ = true;
    return {};
  }
  void stop() {
    if (started_) inflateEnd(&stream_);
    started_ = false;
  }

  tl::unexpected<Error> damaged(std::string_view how) {
    return fail(StatusCode::kData, "'{}' {} after {} compressed bytes ({} bytes of text were read)",
                name(), how, consumed_ - stream_.avail_in, produced_);
  }

  std::unique_ptr<ByteSource> raw_;
  std::vector<char> input_;
  z_stream stream_ = {};
  bool started_ = false;   // inside a member
  bool finished_ = false;  // past the last one
  int64_t members_ = 0;
  int64_t produced_ = 0;
  int64_t consumed_ = 0;
};

Result<std::unique_ptr<ByteSource>> uncompressed(std::unique_ptr<ByteSource> raw) {
  char magic[2] = {0, 0};
  ASSAY_ASSIGN_OR_RETURN(const int64_t got, raw->read(magic, 2));
  ASSAY_RETURN_IF_ERROR(raw->rewind());
  if (got == 2 && magic[0] == '\x1f' && magic[1] == '\x8b') {
    return std::unique_ptr<ByteSource>(std::make_unique<GzipSource>(std::move(raw)));
  }
  return raw;
}

}  // namespace

Result<std::unique_ptr<ByteSource>> ByteSource::open(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(Opened opened, open_path(path));
  return uncompressed(raw_source(std::move(opened), nullptr));
}

Result<std::unique_ptr<ByteSource>> ByteSource::open_kept(const std::string& path,
                                                          int64_t max_bytes,
                                                          const StopToken& stop) {
  ASSAY_ASSIGN_OR_RETURN(Opened opened, open_path(path));
  const bool regular = opened.is_regular();
  auto raw = raw_source(std::move(opened), &stop);
  if (regular) return uncompressed(std::move(raw));
  constexpr int64_t kStep = 1 << 20;
  std::string bytes;
  for (int64_t got = kStep; got == kStep;) {
    const size_t have = bytes.size();
    bytes.resize(have + kStep);
    ASSAY_ASSIGN_OR_RETURN(got, raw->read(bytes.data() + have, kStep));
    bytes.resize(have + static_cast<size_t>(got));
    if (max_bytes > 0 && static_cast<int64_t>(bytes.size()) > max_bytes) {
      return fail(StatusCode::kResourceExhausted,
                  "'{}' is no file, so that it must be kept in memory, and is longer than the {} "
                  "MiB that are allowed",
                  raw->name(), max_bytes >> 20);
    }
  }
  return uncompressed(std::make_unique<MemorySource>(std::move(bytes), raw->name()));
}

std::unique_ptr<ByteSource> ByteSource::from_memory(std::string bytes, std::string name) {
  return *uncompressed(std::make_unique<MemorySource>(std::move(bytes), std::move(name)));
}

}  // namespace assay::datasets
