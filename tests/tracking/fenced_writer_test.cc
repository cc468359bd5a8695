// A writer that is taken over in the middle of a call on the registry, the blobs or the trash, at
// every file operation of the call: it acknowledges nothing, and what it published before that is
// all that it publishes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>

#include "tests/bytes_of.h"
#include "tests/tracking/hooked_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/garbage.h"
#include "tracking/model_registry.h"
#include "tracking/run.h"
#include "tracking/run_query.h"
#include "tracking/run_scratch.h"
#include "tracking/run_tags.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

// A store with a model of two versions (one has an alias, one is deleted), a run, a deleted run.
class Store {
 public:
  Store() {
    workspace = *Workspace::create(path(), "a", &files_);
    ModelRegistry models(workspace);
    for (const char* bytes : {"1", "2"}) {
      EXPECT_TRUE(models.register_model({.name = "credit"}, bytes_of(bytes)));
    }
    EXPECT_TRUE(models.set_alias("credit", "champion", 1));
    EXPECT_TRUE(models.delete_version("credit", 2));
    for (std::string* id : {&run, &deleted_run}) {
      const auto made = Run::create(workspace, {.name = "r"});
      EXPECT_TRUE((*made)->finish(RunStatus::kCompleted));
      *id = (*made)->id();
    }
    EXPECT_TRUE(delete_run(*workspace, deleted_run));
    writer_ = (*workspace->writer())->id();
  }

  std::string path() const { return folder_ / "store"; }

  // Takes the writer over before its n-th operation from now.
  void take_over_at(int64_t n) {
    count_ = 0;
    at_ = n;
  }
  int64_t count() const { return count_; }
  // What readers saw when that happened; nothing if it did not.
  const std::optional<std::map<std::string, std::string>>& before() const { return before_; }

  std::map<std::string, std::string> published() const {
    std::map<std::string, std::string> content;
    for (const char* part : {"models", "blobs", "runs"}) {
      for (const std::string& file : files_below(path() + "/" + part)) {
        content[part + ("/" + file)] = slurp(path() + "/" + part + "/" + file);
      }
    }
    return content;
  }

 private:
  Status at_call(std::string_view, const std::string& at_path) {
    // The catalog is a cache that anybody may write.
    if (at_path.find("/catalog") != std::string::npos) return {};
    if (at_ < 0 || count_++ != at_) return {};
    before_ = published();
    const std::string folder = path() + "/writers/" + writer_;
    fs::rename(folder, folder + ".taken-01HZY0J8Q0ABCDEFGHJKMNPQRS");
    return {};
  }

  const TestFolder folder_{memory_folder()};
  int64_t count_ = 0;
  int64_t at_ = -1;
  std::optional<std::map<std::string, std::string>> before_;
  std::string writer_;
  HookedFiles files_{[this](std::string_view operation, const std::string& at_path) {
    return at_call(operation, at_path);
  }};

 public:
  std::shared_ptr<Workspace> workspace;
  std::string run;
  std::string deleted_run;
};

struct FencedCall {
  const char* name;
  std::function<Status(Store&)> call;
  // Moves or removes files of the store itself: that cannot be tied to the writer's folder, and is
  // safe in any number of processes at once.
  bool moves = false;
};

template <class T>
Status status_of(const Result<T>& result) {
  if (result) return {};
  return tl::unexpected<Error>(result.error());
}

std::vector<FencedCall> calls() {
  const auto models = [](Store& store) { return ModelRegistry(store.workspace); };
  return {
      {"register_model",
       [=](Store& store) {
         return status_of(models(store).register_model({.name = "new"}, bytes_of("3")));
       }},
      {"edit",
       [=](Store& store) {
         return status_of(models(store).edit("credit", 1, {.stage = "staging"}));
       }},
      {"set_alias", [=](Store& store) { return models(store).set_alias("credit", "next", 1); }},
      {"remove_alias",
       [=](Store& store) { return models(store).remove_alias("credit", "champion"); }},
      {"restore_version",
       [=](Store& store) { return status_of(models(store).restore_version("credit", 2)); }},
      {"purge", [=](Store& store) { return status_of(models(store).purge(INT64_MAX)); }},
      {"put", [](Store& store) { return status_of(BlobStore(*store.workspace).put("4")); }},
      {"put again", [](Store& store) { return status_of(BlobStore(*store.workspace).put("1")); }},
      {"tag_run",
       [](Store& store) {
         return status_of(tag_run(*store.workspace, store.run, {.set = {{"a", "b"}}}));
       }},
      {"delete_run",
       [](Store& store) { return status_of(delete_run(*store.workspace, store.run)); }, true},
      {"restore_run",
       [](Store& store) { return status_of(restore_run(*store.workspace, store.deleted_run)); },
       true},
      {"purge_runs",
       [](Store& store) { return status_of(purge_runs(*store.workspace, INT64_MAX, false)); },
       true},
      {"collect_garbage",
       [](Store& store) {
         return status_of(collect_garbage(*store.workspace, {.grace_ns = 0, .retention_ns = 0}));
       },
       true},
  };
}

class FencedWriter : public testing::TestWithParam<size_t> {};

TEST_P(FencedWriter, NeitherPublishesNorAcknowledges) {
  const FencedCall fenced = calls()[GetParam()];
  for (int64_t at = 0;; ++at) {
    Store store;
    store.take_over_at(at);
    const Status status = fenced.call(store);
    if (!store.before()) {
      EXPECT_TRUE(status) << fenced.name << ": " << status.error().message;
      EXPECT_GT(at, 1) << fenced.name << " was never taken over";
      return;
    }
    ASSERT_FALSE(status) << fenced.name << " was acknowledged, operation " << at;
    EXPECT_THAT(status.error().message, testing::HasSubstr("took this writer over"))
        << fenced.name << ", operation " << at;
    if (fenced.moves) continue;
    EXPECT_TRUE(store.published() == *store.before()) << fenced.name << ", operation " << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, FencedWriter, testing::Range<size_t>(0, calls().size()),
                         [](const auto& tested) {
                           std::string name = calls()[tested.param].name;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

// It was taken over long before the call.
TEST(FencedWriters, FailEveryCall) {
  for (const FencedCall& fenced : calls()) {
    Store store;
    const std::string folder = store.path() + "/writers/" + (*store.workspace->writer())->id();
    fs::rename(folder, folder + ".taken-01HZY0J8Q0ABCDEFGHJKMNPQRS");
    const auto before = store.published();
    const Status status = fenced.call(store);
    ASSERT_FALSE(status) << fenced.name;
    EXPECT_THAT(status.error().message, testing::HasSubstr("took this writer over")) << fenced.name;
    EXPECT_TRUE(store.published() == before) << fenced.name;
  }
}

TEST(FencedWriters, LeaveFilesToGoOnFromAlone) {
  Store store;
  RunScratch scratch(*store.workspace, store.run);
  ASSERT_TRUE(scratch.write("1.outcome", bytes_of("5")));
  const std::string folder = store.path() + "/writers/" + (*store.workspace->writer())->id();
  fs::rename(folder, folder + ".taken-01HZY0J8Q0ABCDEFGHJKMNPQRS");
  const Status removed = scratch.remove("1.outcome");
  ASSERT_FALSE(removed);
  EXPECT_THAT(removed.error().message, testing::HasSubstr("took this writer over"));
  EXPECT_TRUE(scratch.read("1.outcome", 100));
}

}  // namespace
}  // namespace assay::tracking
