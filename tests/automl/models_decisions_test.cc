// Decisions with early exit are those of the predictions.
#include <gtest/gtest.h>

#include <thread>

#include "automl/metrics/decision.h"
#include "automl/models/average_model.h"
#include "automl/models/calibrated_model.h"
#include "automl/models/tree_model.h"
#include "kernels/base/rng.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

constexpr int64_t kRows = 3000;

// The classes of all rows by predict_decisions; `changed` counts rows whose numbers are others.
std::vector<size_t> decided(const Model& model, const Problem& problem, double threshold,
                            int threads, size_t* changed = nullptr) {
  const Cpu cpu(threads);
  std::vector<uint32_t> rows(static_cast<size_t>(problem.features->row_count()));
  std::iota(rows.begin(), rows.end(), 0u);
  const auto width = static_cast<size_t>(model.output_count());
  std::vector<float> out(rows.size() * width);
  std::vector<float> all(out.size());
  EXPECT_TRUE(model.predict_decisions(*problem.features, rows, cpu.context, threshold, out));
  EXPECT_TRUE(model.predict_all(*problem.features, cpu.context, all));
  std::vector<size_t> classes;
  for (size_t at = 0; at < out.size(); at += width) {
    const auto row = std::span(std::as_const(out)).subspan(at, width);
    const auto own = std::span(std::as_const(all)).subspan(at, width);
    classes.push_back(decide_class(row, threshold));
    EXPECT_EQ(classes.back(), decide_class(own, threshold)) << "row " << at / width;
    if (changed != nullptr) *changed += std::equal(row.begin(), row.end(), own.begin()) ? 0 : 1;
  }
  return classes;
}

std::unique_ptr<Model> fitted(const std::string& learner, const Problem& problem, ParamMap params) {
  const Cpu cpu;
  return std::move(
      must(must(find_learner(learner))->fit(problem.request(std::move(params)), cpu.context))
          .model);
}

TEST(PredictDecisions, OfBoostedTreesAreThoseOfPredictions) {
  for (const Task task : {Task::kBinary, Task::kMulticlass}) {
    const auto problem = friedman(task, kRows);
    const auto model = fitted("gbt", *problem, {{"rounds", int64_t{120}}});
    size_t changed = 0;
    for (const double threshold : {0.5, 1e-7, 0.07, 0.93, 0.9999999}) {
      if (task != Task::kBinary && threshold != 0.5) continue;
      const auto one = decided(*model, *problem, threshold, 1, &changed);
      EXPECT_EQ(decided(*model, *problem, threshold, 2), one);
      EXPECT_EQ(decided(*model, *problem, threshold, 7), one);
    }
    EXPECT_GT(changed, 0u) << "no row stopped";
  }
}

TEST(PredictDecisions, OfForestsAreThoseOfPredictions) {
  for (const Task task : {Task::kBinary, Task::kMulticlass}) {
    const auto problem = friedman(task, kRows);
    const auto model = fitted("random_forest", *problem, {{"trees", int64_t{60}}});
    size_t changed = 0;
    decided(*model, *problem, 0.5, 3, &changed);
    EXPECT_GT(changed, 0u) << "no row stopped";
    decided(*model, *problem, 0.3, 3);
    model->keep_prepared();
    const int64_t bytes = model->byte_count();
    decided(*model, *problem, 0.5, 3);
    EXPECT_GT(model->byte_count(), bytes);
    decided(*model, *problem, 0.5, 3);
  }
}

// Leaves of a few values, so that many rows tie or come to the very threshold.
TEST(PredictDecisions, KeepTies) {
  const auto problem = friedman(Task::kBinary, kRows);
  Rng rng(5);
  const float values[] = {-1, -0.5f, 0, 0.5f, 1};
  for (const int32_t outputs : {1, 2, 3}) {
    TreeModel::Parts parts;
    parts.forest = kernels::Forest(1, outputs);
    for (int64_t t = 0; t < int64_t{600} * outputs; ++t) {
      kernels::Tree tree;
      tree.nodes.resize(3);
      tree.nodes[0].feature = static_cast<int32_t>(rng.below(7));
      tree.nodes[0].left = 1;
      tree.nodes[0].threshold = static_cast<uint8_t>(rng.below(250));
      tree.nodes[0].missing_left = static_cast<uint8_t>(rng.below(2));
      tree.nodes[2].left = 1;
      tree.leaf_values = {values[rng.below(5)], values[rng.below(5)]};
      tree.gains.assign(3, 0);
      tree.covers.assign(3, 1);
      // Later trees add little, as those of boosting, and are many: stumps cost next to nothing.
      if (t >= int64_t{20} * outputs) {
        for (float& value : tree.leaf_values) value *= 0x1p-10f;
      }
      parts.forest.append(tree);
    }
    parts.base_scores.assign(static_cast<size_t>(outputs), 0.0);
    parts.feature_count = problem->features->feature_count();
    parts.link = outputs == 1 ? Link::kLogistic : Link::kSoftmax;
    const auto model = must(TreeModel::make(std::move(parts)));
    size_t changed = 0;
    decided(*model, *problem, 0.5, 2, &changed);
    EXPECT_GT(changed, 0u) << outputs;
  }
}

TEST(PredictDecisions, OfAveragesAreThoseOfPredictions) {
  for (const Task task : {Task::kBinary, Task::kMulticlass}) {
    const auto problem = friedman(task, kRows);
    std::vector<std::shared_ptr<const Model>> members;
    for (const int64_t rounds : {5, 10, 20}) {
      members.push_back(fitted("gbt", *problem, {{"rounds", rounds}}));
    }
    members.push_back(fitted("extra_trees", *problem, {{"trees", int64_t{20}}}));
    const auto model = must(AverageModel::make(members, {3, 1, 2, 1}));
    size_t changed = 0;
    decided(*model, *problem, 0.5, 2, &changed);
    EXPECT_GT(changed, 0u) << "no row left early";
    if (task == Task::kBinary) decided(*model, *problem, 0.2, 2);
    const auto one = must(AverageModel::make({members[0]}));
    decided(*one, *problem, 0.5, 2);
    const auto calibrated = must(CalibratedModel::make(members[2], 0.5));
    decided(*calibrated, *problem, 0.5, 2);
  }
}

TEST(PredictDecisions, RefuseWhatHasNoClasses) {
  const auto problem = friedman(Task::kRegression, 200);
  const auto model = fitted("gbt", *problem, {{"rounds", int64_t{3}}});
  const Cpu cpu;
  const uint32_t row = 0;
  std::vector<float> out(2);
  const auto decide = [&](const Model& of, double threshold, size_t room) {
    return of
        .predict_decisions(*problem->features, {&row, 1}, cpu.context, threshold,
                           std::span(out).first(room))
        .has_value();
  };
  EXPECT_FALSE(decide(*model, 0.5, 1));
  const auto binary = friedman(Task::kBinary, 200);
  const auto classes = fitted("gbt", *binary, {{"rounds", int64_t{3}}});
  EXPECT_TRUE(decide(*classes, 0.5, 2));
  EXPECT_FALSE(decide(*classes, 0.5, 1));
  EXPECT_FALSE(decide(*classes, 0, 2));
  EXPECT_FALSE(decide(*classes, 1, 2));
}

TEST(KeepPrepared, ChangesNoBits) {
  for (const Task task : {Task::kBinary, Task::kMulticlass, Task::kRegression}) {
    const auto problem = friedman(task, 500);
    const auto model = fitted("gbt", *problem, {{"rounds", int64_t{40}}});
    const Cpu cpu;
    const auto width = static_cast<size_t>(model->output_count());
    std::vector<float> wanted(500 * width);
    ASSERT_TRUE(model->predict_all(*problem->features, cpu.context, wanted));
    const int64_t bytes = model->byte_count();
    model->keep_prepared();
    std::vector<float> row(width);
    for (uint32_t r = 0; r < 500; ++r) {  // singly, until a table is made, and from the table
      ASSERT_TRUE(model->predict(*problem->features, {&r, 1}, cpu.context, row));
      for (size_t k = 0; k < width; ++k) ASSERT_EQ(row[k], wanted[r * width + k]) << r;
    }
    EXPECT_GT(model->byte_count(), bytes);
    std::vector<float> all(wanted.size());
    for (int run = 0; run < 2; ++run) {
      ASSERT_TRUE(model->predict_all(*problem->features, cpu.context, all));
      EXPECT_EQ(all, wanted);
    }
  }
}

TEST(KeepPrepared, ServesManyThreadsAtOnce) {
  const auto problem = friedman(Task::kBinary, 600);
  const auto model = fitted("gbt", *problem, {{"rounds", int64_t{40}}});
  const Cpu cpu;
  std::vector<float> wanted(600 * 2);
  ASSERT_TRUE(model->predict_all(*problem->features, cpu.context, wanted));
  model->keep_prepared();
  // Singly and in batches, from before anything is prepared.
  std::vector<std::vector<float>> all(4, std::vector<float>(wanted.size()));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < all.size(); ++t) {
    threads.emplace_back([&, t] {
      const Cpu own(1);
      const bool singly = t % 2 == 0;
      for (uint32_t row = 0; row < 600; row += singly ? 1 : 300) {
        std::vector<uint32_t> rows(singly ? 1 : 300);
        std::iota(rows.begin(), rows.end(), row);
        const auto out = std::span(all[t]).subspan(size_t{row} * 2, rows.size() * 2);
        EXPECT_TRUE(model->predict(*problem->features, rows, own.context, out));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& each : all) EXPECT_EQ(each, wanted);
}

}  // namespace
}  // namespace assay::automl
