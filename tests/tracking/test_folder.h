// A folder of a test's own, removed with everything in it.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace assay::tracking {

class TestFolder {
 public:
  explicit TestFolder(const std::string& parent = std::filesystem::temp_directory_path().string()) {
    std::string pattern = parent + "/assay-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Where a folder is in memory if that is possible: for tests that sync a lot.
inline std::string memory_folder() {
  return ::access("/dev/shm", R_OK | W_OK | X_OK) == 0
             ? "/dev/shm"
             : std::filesystem::temp_directory_path().string();
}

inline std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void spill(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Regular files below a folder, as paths relative to it.
inline std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      paths.push_back(std::filesystem::relative(entry.path(), folder).string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace assay::tracking
