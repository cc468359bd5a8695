// libgit2 with owned handles. Its uses are in git_state.cc and ignore_rules.cc.
#pragma once

#include <git2.h>

#include <memory>
#include <string>

namespace assay::tracking {

// "1.5.1".
std::string git_version();

// Keeps the library open. Counted: several may live at once.
class GitLibrary {
 public:
  GitLibrary() { git_libgit2_init(); }
  ~GitLibrary() { git_libgit2_shutdown(); }
  GitLibrary(const GitLibrary&) = delete;
  GitLibrary& operator=(const GitLibrary&) = delete;
};

template <class T, void (*Free)(T*)>
struct GitFreer {
  void operator()(T* object) const { Free(object); }
};
template <class T, void (*Free)(T*)>
using GitOwned = std::unique_ptr<T, GitFreer<T, Free>>;
using GitRepository = GitOwned<git_repository, git_repository_free>;
using GitReference = GitOwned<git_reference, git_reference_free>;
using GitObject = GitOwned<git_object, git_object_free>;
using GitDiff = GitOwned<git_diff, git_diff_free>;
using GitIndex = GitOwned<git_index, git_index_free>;

// Why the last call failed, as clean UTF-8.
std::string git_reason();

}  // namespace assay::tracking
