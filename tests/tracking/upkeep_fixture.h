// A workspace with a sweep of two trials, an artifact each, a registered model, and another run.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/garbage.h"
#include "tracking/model_registry.h"
#include "tracking/run.h"
#include "tracking/run_query.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// Collects at once what nothing needs.
inline constexpr GarbageOptions kAtOnce = {.grace_ns = 0, .retention_ns = 0};

class UpkeepTest : public testing::Test {
 protected:
  void SetUp() override {
    workspace_ = *Workspace::create(folder_ / "store", "shop");
    sweep_ = make_run("sweep", "", "sweep bytes");
    trials_ = {make_run("trial", sweep_, "trial bytes 1"), make_run("trial", sweep_, "shared")};
    other_ = make_run("job", "", "shared");
    ModelRegistry registry(workspace_);
    const std::string model = "model bytes";
    auto version = registry.register_model({.name = "credit", .run_id = sweep_},
                                           std::as_bytes(std::span(model)));
    ASSERT_TRUE(version) << version.error().message;
    // Pins go with the writer; blobs are then held by names alone.
    reopen();
  }

  void reopen() {
    workspace_.reset();
    workspace_ = *Workspace::open(folder_ / "store");
  }

  std::string make_run(const std::string& kind, const std::string& parent,
                       const std::string& bytes) {
    auto run = Run::create(workspace_, {.kind = kind, .parent_run_id = parent});
    EXPECT_TRUE(run) << run.error().message;
    EXPECT_TRUE((*run)->log_artifact("a.txt", std::as_bytes(std::span(bytes)), "text/plain"));
    EXPECT_TRUE((*run)->log_metric("auc", 0.5, 1, 2.0));
    EXPECT_TRUE((*run)->finish(RunStatus::kCompleted));
    return (*run)->id();
  }

  std::vector<std::string> run_ids() {
    std::vector<std::string> ids;
    const auto list = list_runs(*workspace_);
    EXPECT_TRUE(list);
    if (!list) return ids;
    EXPECT_THAT(list->damaged, testing::IsEmpty());
    for (const RunInfo& info : list->runs) ids.push_back(info.run_id);
    return ids;
  }

  std::string put(const std::string& bytes) {
    auto ref = BlobStore(*workspace_).put(bytes);
    EXPECT_TRUE(ref) << ref.error().message;
    return ref->sha256;
  }
  bool holds(const std::string& sha256) { return BlobStore(*workspace_).contains(sha256); }

  const TestFolder folder_{memory_folder()};
  std::shared_ptr<Workspace> workspace_;
  std::string sweep_;
  std::vector<std::string> trials_;
  std::string other_;
};

}  // namespace assay::tracking
