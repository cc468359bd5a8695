#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tracking/disk_room_internal.h"

namespace assay::tracking {
namespace {

Status no_room(const std::string& path, int64_t bytes, int code) {
  return fail(StatusCode::kIo, "cannot write '{}', of {} bytes or more: {}", path, bytes,
              std::strerror(code));
}

}  // namespace

DiskRoom::DiskRoom(const std::string& path)
    : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)) {}

DiskRoom::~DiskRoom() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status DiskRoom::reserve(int64_t bytes) {
  if (bytes <= reserved_) return {};
  // Room beyond the end of a file is not held against the limit of its size.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      static_cast<rlim_t>(bytes) > limit.rlim_cur) {
    return no_room(path_, bytes, EFBIG);
  }
  int failed = 0;
  do {
    failed = ::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, reserved_, bytes - reserved_) == 0
                 ? 0
                 : errno;
  } while (failed == EINTR);
  if (failed == ENOSPC || failed == EDQUOT || failed == EFBIG || failed == EIO) {
    return no_room(path_, bytes, failed);
  }
  reserved_ = bytes;
  return {};
}

void DiskRoom::give_back() {
  struct stat info {};
  if (::fstat(descriptor_, &info) == 0) (void)::ftruncate(descriptor_, info.st_size);
}

}  // namespace assay::tracking
