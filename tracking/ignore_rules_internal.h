// Which files of a folder a snapshot leaves out, by the rules of gitignore, which are libgit2's:
//  - a .amlignore in the folder replaces every .gitignore; its lines are read like a .gitignore
//    that stands there (a .amlignore below it is a file like others);
//  - else, if the folder is in a git repository, what git ignores there: .gitignore files in and
//    above the folder, .git/info/exclude, the user's own ignore file; files that are tracked stay
//    in, whatever they match;
//  - else the .gitignore files in the folder and below it.
// Nothing is written to the user's folder, and no repository is made. Not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "kernels/base/status.h"

namespace assay::tracking {

class IgnoreRules {
 public:
  // `folder` is absolute; `empty_folder` is one without any .gitignore.
  // Fails: io if a rule file cannot be read, invalid_argument if it has more than 1 MiB.
  static Result<IgnoreRules> open(const std::string& folder, const std::string& empty_folder);
  ~IgnoreRules();
  IgnoreRules(IgnoreRules&&) noexcept;
  IgnoreRules& operator=(IgnoreRules&&) = delete;

  // `path` is relative to the folder, with '/' between names. A folder is asked about before what
  // is in it; what is in one that is left out is left out too and need not be asked about. Fails:
  // internal with libgit2's reason; as open() for a rule file further down.
  Result<bool> leaves_out(const std::string& path, bool is_folder) const;
  // ".amlignore", "git" or ".gitignore": which of the three it is.
  const std::string& kind() const;

 private:
  struct State;
  explicit IgnoreRules(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace assay::tracking
