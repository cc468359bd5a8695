// A sweep begins with what did well in earlier ones on the same table.
#include <gmock/gmock.h>

#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class EarlierRunsTest : public testing::Test {
 protected:
  EarlierRunsTest() {
    bench_.add(std::make_unique<FakeLearner>("constant"));
    gbt_ = &bench_.add(std::make_unique<FakeLearner>("gbt"));
    const auto table = small_table(60, false);
    auto named = datasets::Table::make({table->columns().begin(), table->columns().end()},
                                       "memory.csv", std::string(64, 'a'));
    EXPECT_TRUE(named) << named.error().message;
    bench_.request.table = *named;
    bench_.request.config.search.halving = false;
    bench_.request.threads = 1;
  }

  SweepOutcome run(int64_t trials, int64_t seed, const std::string& earlier_runs) {
    bench_.request.config.budget.trials = trials;
    bench_.request.config.run.seed = seed;
    bench_.request.config.search.earlier_runs = earlier_runs;
    auto outcome = bench_.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? std::move(*outcome) : SweepOutcome();
  }

  static std::vector<std::string> params_of(const SweepOutcome& outcome,
                                            const std::string& origin) {
    std::vector<std::pair<int64_t, std::string>> found;
    for (const LeaderboardRow& row : outcome.leaderboard.rows) {
      if (row.trial >= 0 && row.origin == origin) found.emplace_back(row.trial, row.params);
    }
    std::sort(found.begin(), found.end());
    std::vector<std::string> params;
    for (auto& [trial, text] : found) params.push_back(std::move(text));
    return params;
  }

  // Of the trials with a setting of their own, the best first.
  static std::vector<std::string> best_of(const SweepOutcome& outcome, size_t count) {
    std::vector<std::string> params;
    for (const LeaderboardRow& row : outcome.leaderboard.rows) {
      if (row.trial > 0 && row.score && params.size() < count) params.push_back(row.params);
    }
    return params;
  }

  SweepBench bench_;
  FakeLearner* gbt_ = nullptr;
};

TEST_F(EarlierRunsTest, GiveTheBestSettingsOfTheSameTable) {
  const SweepOutcome first = run(20, 1, "true");
  EXPECT_TRUE(params_of(first, "earlier").empty()) << "there are none";
  const SweepOutcome second = run(20, 2, "true");
  std::vector<std::string> best = best_of(first, 8);
  // The default is tried anyway.
  std::erase_if(
      best, [&](const std::string& text) { return text == params_of(second, "default").at(0); });
  EXPECT_EQ(params_of(second, "earlier"), best);
  EXPECT_THAT(second.notes, Contains(HasSubstr("settings of earlier runs on this table")));
}

TEST_F(EarlierRunsTest, AreNotLookedAtWithoutATimeLimitUnlessAskedFor) {
  (void)run(10, 1, "auto");
  EXPECT_TRUE(params_of(run(10, 2, "auto"), "earlier").empty());
  EXPECT_TRUE(params_of(run(10, 3, "false"), "earlier").empty());
  bench_.request.config.budget.time = 30;
  EXPECT_FALSE(params_of(run(10, 4, "auto"), "earlier").empty());
  EXPECT_TRUE(params_of(run(10, 5, "false"), "earlier").empty());
}

TEST_F(EarlierRunsTest, WhoseModelsAreTooLargeSayNothing) {
  gbt_->with_model_weight({.file_bytes = 5'000});
  const SweepOutcome first = run(10, 1, "true");
  int64_t smallest = INT64_MAX;
  for (const LeaderboardRow& row : first.leaderboard.rows) {
    if (row.trial > 0) smallest = std::min(smallest, row.file_bytes);
  }
  ASSERT_GT(smallest, 0);
  bench_.request.config.constraints.max_model_size = smallest - 1;
  EXPECT_TRUE(params_of(run(10, 2, "true"), "earlier").empty());
  bench_.request.config.constraints.max_model_size = 10 * smallest;
  EXPECT_FALSE(params_of(run(10, 3, "true"), "earlier").empty());
}

TEST_F(EarlierRunsTest, OfAnotherTargetOrMetricSayNothing) {
  (void)run(10, 1, "true");
  bench_.request.config.data.metric = "mae";
  EXPECT_TRUE(params_of(run(10, 2, "true"), "earlier").empty());
  bench_.request.config.data.metric = "mse";
  const SweepOutcome other = run(10, 3, "true");
  EXPECT_THAT(other.notes, Not(Contains(HasSubstr("earlier runs"))));
}

}  // namespace
}  // namespace assay::automl
