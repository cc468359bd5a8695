#include "kernels/base/standard_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace assay {
namespace {

// In a process of its own: closes files, opens them again, and tells the number that the next file
// gets.
void open_without(const std::vector<int>& closed) {
  for (const int file : closed) close(file);
  open_standard_files();
  bool all = true;
  for (int file = 0; file <= 2; ++file) all = all && fcntl(file, F_GETFD) >= 0;
  const char byte = 'x';
  char read_back = 0;
  if (closed.size() == 3) {
    all = all && read(0, &read_back, 1) == 0 && write(1, &byte, 1) == 1 && write(2, &byte, 1) == 1;
  }
  const int next = open("/dev/zero", O_RDONLY);
  _exit(all && next > 2 ? 0 : 1);
}

TEST(StandardFiles, AreThereWhateverAShellClosed) {
  for (const std::vector<int>& closed :
       std::vector<std::vector<int>>{{}, {0}, {1}, {2}, {0, 2}, {0, 1, 2}}) {
    EXPECT_EXIT(open_without(closed), testing::ExitedWithCode(0), "") << closed.size();
  }
}

}  // namespace
}  // namespace assay
