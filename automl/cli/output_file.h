// A file that a user names for output. A regular file (or a name that is free) appears whole or not
// at all: it is written beside its place and renamed. A symbolic link stays, and what it points to
// is replaced; a device or pipe is written through. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"

namespace assay::automl::cli {

class OutputFile {
 public:
  // Fails: invalid_argument for an empty path; io, naming the path, if nothing can be written
  // there.
  static Result<OutputFile> open(const std::string& path);
  // Checks what open checks, and leaves nothing behind.
  static Status check(const std::string& path);
  // Checks that it is no file that is read, by whatever name: `what` is what a message calls that.
  // Fails: invalid_argument.
  static Status check_differs(const std::string& path, const std::string& input,
                              std::string_view what);
  ~OutputFile();
  OutputFile(OutputFile&&) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  Status write(std::string_view text);
  // Makes what was written appear. Without it nothing does.
  Status close();

 private:
  OutputFile() = default;
  std::string target_;     // with links followed
  std::string temporary_;  // empty when writing through
  std::unique_ptr<File> file_;
};

}  // namespace assay::automl::cli
