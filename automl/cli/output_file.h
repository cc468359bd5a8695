// A file that a user names for output, and the one rule for all of them: a file that is there is
// replaced only with --force, but for what is made anew at each call (predictions, pictures) if the
// file is such a thing; and one that the command reads, or that lies in a workspace, not even then.
// A regular file (or a name that is free) appears whole or not at all: it is written beside its
// place and moved there. A symbolic link stays, and what it points to is replaced; a device or pipe
// is written through. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace assay::automl::cli {

// What a user says about a file to write.
struct OutputPlace {
  std::string path;
  bool force = false;
  // How a file begins that an earlier call wrote and that may be replaced; empty: no file may.
  std::string_view made_anew;
  bool needs_file = false;  // it cannot be written through a device or pipe
};

// --force.
CLI::Option* add_force_option(CLI::App& command, OutputPlace& place);

class OutputFile {
 public:
  // Fails: invalid_argument for an empty path, one in a workspace, and a device or pipe where a
  // file is needed; already_exists if there is a file that may not be replaced; io, naming the
  // path, if nothing can be written there.
  static Result<OutputFile> open(const OutputPlace& place);
  // Checks what open checks, and leaves nothing behind.
  static Status check(const OutputPlace& place);
  // Checks that it is no file that is read, by whatever name: `what` is what a message calls that.
  // Fails: invalid_argument.
  static Status check_differs(const std::string& path, const std::string& input,
                              std::string_view what);
  ~OutputFile();
  OutputFile(OutputFile&&) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  Status write(std::string_view text);
  // Makes what was written appear. Without it nothing does.
  // Fails: io; already_exists if a file came to be there meanwhile and may not be replaced.
  Status close();

 private:
  OutputFile() = default;
  Status publish();
  std::string target_;     // with links followed
  std::string temporary_;  // empty when writing through
  bool replaces_ = false;
  std::unique_ptr<File> file_;
};

}  // namespace assay::automl::cli
