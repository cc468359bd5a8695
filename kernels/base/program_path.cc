#include "kernels/base/program_path.h"

#include <filesystem>

namespace assay {
namespace {

std::filesystem::path program() {
  std::error_code failed;
  return std::filesystem::read_symlink("/proc/self/exe", failed);
}

}  // namespace

std::string program_path() { return program().string(); }

std::string program_folder() { return program().parent_path().string(); }

}  // namespace assay
