// A git repository for tests, made with libgit2.
#pragma once

#include <git2.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace assay::tracking {

// A repository in a folder, on branch `main`; commit() commits files on top of what there is. A
// folder that is a repository becomes a submodule if .gitmodules names it.
class TestRepository {
 public:
  explicit TestRepository(const std::string& folder) {
    git_libgit2_init();
    git_repository_init_options options;
    git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_MKPATH;
    options.initial_head = "main";
    EXPECT_EQ(git_repository_init_ext(&repository_, folder.c_str(), &options), 0);
  }
  ~TestRepository() {
    git_repository_free(repository_);
    git_libgit2_shutdown();
  }
  TestRepository(const TestRepository&) = delete;
  TestRepository& operator=(const TestRepository&) = delete;

  std::string commit(const std::string& path) const { return commit(std::vector{path}); }
  std::string commit(const std::vector<std::string>& paths) const {
    git_index* index = nullptr;
    git_oid tree_id;
    git_oid commit_id;
    git_tree* tree = nullptr;
    git_signature* author = nullptr;
    EXPECT_EQ(git_repository_index(&index, repository_), 0);
    for (const std::string& path : paths) {
      EXPECT_EQ(git_index_add_bypath(index, path.c_str()), 0) << path;
    }
    EXPECT_EQ(git_index_write(index), 0);
    EXPECT_EQ(git_index_write_tree(&tree_id, index), 0);
    EXPECT_EQ(git_tree_lookup(&tree, repository_, &tree_id), 0);
    EXPECT_EQ(git_signature_new(&author, "Ada", "ada@example.org", 1'700'000'000, 0), 0);
    git_oid head;
    git_commit* parent = nullptr;
    if (git_reference_name_to_id(&head, repository_, "HEAD") == 0) {
      EXPECT_EQ(git_commit_lookup(&parent, repository_, &head), 0);
    }
    const git_commit* parents[] = {parent};
    EXPECT_EQ(git_commit_create(&commit_id, repository_, "HEAD", author, author, nullptr, "first",
                                tree, parent == nullptr ? 0 : 1, parents),
              0);
    git_commit_free(parent);
    git_signature_free(author);
    git_tree_free(tree);
    git_index_free(index);
    char hex[GIT_OID_HEXSZ + 1];
    return git_oid_tostr(hex, sizeof hex, &commit_id);
  }

 private:
  git_repository* repository_ = nullptr;
};

}  // namespace assay::tracking
