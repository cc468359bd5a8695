#include "kernels/base/standard_files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace assay {

void open_standard_files() {
  for (int file = 0; file <= 2; ++file) {
    if (fcntl(file, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest number that is free, which is this one.
    if (open("/dev/null", file == 0 ? O_RDONLY : O_WRONLY) != file) return;
  }
}

}  // namespace assay
