// Commit, branch and difference of a folder's repository, read with libgit2. Nothing is written:
// the index is not refreshed on disk, and no repository is ever made.
#include "tracking/git_internal.h"
#include "tracking/snapshot.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kDiffLimitBytes = size_t{16} << 20;

int stop_asked(const git_diff*, const char*, const char*, void* stop) {
  return stop != nullptr && static_cast<const StopToken*>(stop)->requested() ? GIT_EUSER : 0;
}

struct Patch {
  std::string text;
  const StopToken* stop;
  bool too_large = false;
};

int take_line(const git_diff_delta*, const git_diff_hunk*, const git_diff_line* line, void* self) {
  auto* patch = static_cast<Patch*>(self);
  if (patch->stop != nullptr && patch->stop->requested()) return GIT_EUSER;
  if (patch->text.size() + line->content_len + 1 > kDiffLimitBytes) {
    patch->too_large = true;
    return GIT_EUSER;
  }
  const bool content = line->origin == GIT_DIFF_LINE_CONTEXT ||
                       line->origin == GIT_DIFF_LINE_ADDITION ||
                       line->origin == GIT_DIFF_LINE_DELETION;
  if (content) patch->text += line->origin;
  patch->text.append(line->content, line->content_len);
  return 0;
}

void read_diff(git_repository* repository, const StopToken* stop, GitState& state) {
  git_object* raw_tree = nullptr;
  if (git_revparse_single(&raw_tree, repository, "HEAD^{tree}") != 0) {
    state.note = "cannot read the commit's files: " + git_reason();
    return;
  }
  const GitObject tree(raw_tree);
  git_diff_options options;
  git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
  options.flags = GIT_DIFF_SHOW_BINARY;
  // Of submodules another commit and changed files count, as here; files that git does not know
  // do not. What a repository's settings ignore matters to people who commit, not to what ran.
  options.ignore_submodules = GIT_SUBMODULE_IGNORE_UNTRACKED;
  options.progress_cb = stop_asked;
  options.payload = const_cast<StopToken*>(stop);
  git_diff* raw_diff = nullptr;
  if (git_diff_tree_to_workdir_with_index(&raw_diff, repository,
                                          reinterpret_cast<git_tree*>(tree.get()), &options) != 0) {
    const bool stopped = stop != nullptr && stop->requested();
    state.note = stopped ? "no time to compare the files with the commit"
                         : "cannot compare the files with the commit: " + git_reason();
    return;
  }
  const GitDiff diff(raw_diff);
  state.dirty = git_diff_num_deltas(diff.get()) > 0;
  Patch patch{"", stop};
  if (git_diff_print(diff.get(), GIT_DIFF_FORMAT_PATCH, take_line, &patch) == 0) {
    state.diff = std::move(patch.text);
  } else {
    state.note = patch.too_large ? fmt::format(
                                       "the difference from the commit is not kept: it has "
                                       "more than {} bytes",
                                       kDiffLimitBytes)
                                 : "the difference from the commit is not kept: no time";
  }
}

}  // namespace

std::string git_reason() {
  const git_error* error = git_error_last();
  return error != nullptr && error->message != nullptr ? clean_utf8(error->message) : "unknown";
}

std::string git_version() {
  int major = 0;
  int minor = 0;
  int revision = 0;
  git_libgit2_version(&major, &minor, &revision);
  return fmt::format("{}.{}.{}", major, minor, revision);
}

GitState read_git_state(const std::string& folder, const StopToken* stop) {
  const GitLibrary library;
  GitState state;
  git_repository* raw_repository = nullptr;
  const int opened = git_repository_open_ext(&raw_repository, folder.c_str(), 0, nullptr);
  if (opened == GIT_ENOTFOUND) return state;
  if (opened != 0) {
    state.note = "cannot open the git repository: " + git_reason();
    return state;
  }
  const GitRepository repository(raw_repository);
  git_reference* raw_head = nullptr;
  const int found = git_repository_head(&raw_head, repository.get());
  if (found != 0) {
    state.note = found == GIT_EUNBORNBRANCH ? "the git repository has no commit yet"
                                            : "cannot read HEAD: " + git_reason();
    return state;
  }
  const GitReference head(raw_head);
  if (const git_oid* commit = git_reference_target(head.get()); commit != nullptr) {
    std::string hex(GIT_OID_HEXSZ + 1, '\0');
    git_oid_tostr(hex.data(), hex.size(), commit);
    state.commit = hex.c_str();
  }
  if (git_reference_is_branch(head.get()) != 0) {
    state.branch = clean_utf8(git_reference_shorthand(head.get()));
  }
  if (git_repository_is_bare(repository.get()) == 0) read_diff(repository.get(), stop, state);
  return state;
}

}  // namespace assay::tracking
