#include <gtest/gtest.h>

#include "automl/search/asha_pruner.h"
#include "automl/search/auto_strategy.h"
#include "automl/search/history.h"
#include "automl/search/hyperband_pruner.h"
#include "automl/search/pruner_chain.h"
#include "automl/search/repeat_rule.h"
#include "automl/search/wilcoxon_pruner.h"

namespace assay::automl {
namespace {

TrialResult trial_of(int64_t number, const std::string& learner = "gbt") {
  TrialResult trial;
  trial.spec.number = number;
  trial.spec.learner = learner;
  return trial;
}

// Losses of trials 0, 1, ... at one rung.
History history_at(const Rung& rung, std::initializer_list<double> losses) {
  History history;
  int64_t number = 0;
  for (const double loss : losses) {
    history.start(trial_of(number).spec);
    history.record_rung(number++, {rung, loss});
  }
  return history;
}

TEST(AshaPruner, FollowsTheExampleOfItsHeader) {
  const Rung rung{Rung::Ladder::kFolds, 1};
  const History history = history_at(rung, {0.5, 0.4, 0.7, 0.6});
  TrialResult trial = trial_of(4);
  const AshaPruner pruner(3);
  EXPECT_FALSE(pruner.should_stop(trial, {rung, 0.45}, history.all()));
  EXPECT_TRUE(pruner.should_stop(trial, {rung, 0.55}, history.all()));
  EXPECT_FALSE(pruner.should_stop(trial, {{Rung::Ladder::kFolds, 2}, 0.55}, history.all()))
      << "the first to reach a rung goes on";
  EXPECT_FALSE(pruner.should_stop(trial, {{Rung::Ladder::kRounds, 1}, 0.55}, history.all()));
  EXPECT_FALSE(pruner.should_stop(trial_of(4, "linear"), {rung, 9}, history.all()));
  trial.spec.origin = TrialOrigin::kDefault;
  EXPECT_FALSE(pruner.should_stop(trial, {rung, 9}, history.all())) << "defaults always go on";
  trial.spec.origin = TrialOrigin::kGuided;
  EXPECT_TRUE(pruner.should_stop(trial, {rung, 9}, history.all()));
  trial.spec.origin = TrialOrigin::kPortfolio;
  EXPECT_TRUE(pruner.should_stop(trial, {rung, 9}, history.all()));
}

TEST(RepeatRule, FollowsTheExampleOfItsHeader) {
  const Rung rung{Rung::Ladder::kPartitions, 1};
  History history = history_at(rung, {0.5, 0.4, 0.7});
  history.start(trial_of(3, "linear").spec);
  history.record_rung(3, {rung, 0.9});
  const auto worth = [&](TrialResult trial, double loss) {
    return is_worth_repeating(trial, {rung, loss}, history.all(), 3);
  };
  EXPECT_TRUE(worth(trial_of(4), 0.45));
  EXPECT_FALSE(worth(trial_of(4), 0.55));
  EXPECT_TRUE(worth(trial_of(4, "linear"), 0.8)) << "the best of its learner";
  EXPECT_FALSE(worth(trial_of(4, "linear"), 0.95));
  TrialResult origin = trial_of(4);
  origin.spec.origin = TrialOrigin::kDefault;
  EXPECT_FALSE(worth(origin, 0.55)) << "defaults, too, must be worth it";
  origin.spec.origin = TrialOrigin::kBaseline;
  EXPECT_FALSE(worth(origin, 0.1)) << "a constant is not";
  // What breaks a constraint does not stand before what keeps to it.
  TrialResult over = history.at(1);
  over.status = TrialStatus::kOverLimit;
  history.finish(std::move(over));
  EXPECT_TRUE(worth(trial_of(4), 0.49));
  EXPECT_TRUE(is_worth_repeating(trial_of(0), {rung, 0.5}, History().all(), 3));
}

TEST(AshaPruner, DoesNotCompareWithWhatBreaksAConstraint) {
  const Rung rung{Rung::Ladder::kFolds, 1};
  History history = history_at(rung, {0.5, 0.4, 0.7, 0.6});
  ASSERT_TRUE(AshaPruner(3).should_stop(trial_of(4), {rung, 0.55}, history.all()));
  for (const int64_t number : {0, 1}) {
    TrialResult result = history.at(number);
    result.status = TrialStatus::kOverLimit;
    history.finish(std::move(result));
  }
  EXPECT_FALSE(AshaPruner(3).should_stop(trial_of(4), {rung, 0.55}, history.all()));
  EXPECT_TRUE(AshaPruner(3).should_stop(trial_of(4), {rung, 0.65}, history.all()));
}

TEST(AshaPruner, IsNotAskedAboutSingleFolds) {
  const Rung rung{Rung::Ladder::kSingleFold, 1};
  const History history = history_at(rung, {0.5, 0.4, 0.7, 0.6});
  EXPECT_FALSE(AshaPruner(3).should_stop(trial_of(4), {rung, 9}, history.all()));
}

TEST(HyperbandPruner, OneBracketIsHalving) {
  const Rung rung{Rung::Ladder::kFolds, 1};
  const History history = history_at(rung, {0.5, 0.4, 0.7, 0.6});
  const HyperbandPruner pruner(3, 1);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    TrialResult trial = trial_of(4);
    trial.spec.seed = seed;
    EXPECT_EQ(pruner.bracket_of(trial.spec), 0);
    EXPECT_FALSE(pruner.should_stop(trial, {rung, 0.45}, history.all()));
    EXPECT_TRUE(pruner.should_stop(trial, {rung, 0.55}, history.all()));
  }
}

// Weights 1, 3/2 and 9/3: of 5500 trials 1000, 1500 and 3000.
TEST(HyperbandPruner, SpreadsTrialsOverBrackets) {
  const HyperbandPruner pruner(3, 3);
  int counts[3] = {};
  for (uint64_t seed = 0; seed < 5500; ++seed) {
    TrialSpec spec;
    spec.seed = seed;
    ++counts[pruner.bracket_of(spec)];
  }
  EXPECT_NEAR(counts[0], 1000, 120);
  EXPECT_NEAR(counts[1], 1500, 150);
  EXPECT_NEAR(counts[2], 3000, 150);
}

// A loss of a fit on a share of the rows says nothing of one on all of them.
TEST(AshaPruner, ComparesFitsOnAShareOfTheRowsWithEachOther) {
  const Rung rung{Rung::Ladder::kRows, 1};
  History history = history_at(rung, {0.5, 0.4, 0.7});
  for (int64_t number = 0; number < 3; ++number) {
    history.record_rung(number, {{Rung::Ladder::kRounds, 1}, 0.1});
  }
  const AshaPruner pruner(3);
  EXPECT_FALSE(pruner.should_stop(trial_of(3), {rung, 0.45}, history.all())) << "2nd of 4";
  EXPECT_TRUE(pruner.should_stop(trial_of(3), {rung, 0.6}, history.all()));
  EXPECT_FALSE(pruner.should_stop(trial_of(3), {{Rung::Ladder::kRows, 2}, 0.6}, history.all()));
  EXPECT_TRUE(pruner.should_stop(trial_of(3), {{Rung::Ladder::kRounds, 1}, 0.2}, history.all()));
}

class LowBrackets : public testing::TestWithParam<Rung::Ladder> {};
INSTANTIATE_TEST_SUITE_P(Ladders, LowBrackets,
                         testing::Values(Rung::Ladder::kFolds, Rung::Ladder::kRows));

TEST_P(LowBrackets, SkipEarlyRungs) {
  const Rung first{GetParam(), 1};
  const Rung second{GetParam(), 2};
  const History early = history_at(first, {0.5, 0.4, 0.7, 0.6});
  const History late = history_at(second, {0.5, 0.4, 0.7, 0.6});
  const HyperbandPruner pruner(3, 3);
  bool seen[3] = {};
  for (uint64_t seed = 0; seed < 40; ++seed) {
    TrialResult trial = trial_of(4);
    trial.spec.seed = seed;
    const int bracket = pruner.bracket_of(trial.spec);
    seen[bracket] = true;
    EXPECT_EQ(pruner.should_stop(trial, {first, 9}, early.all()), bracket == 2);
    EXPECT_EQ(pruner.should_stop(trial, {second, 9}, late.all()), bracket >= 1);
  }
  EXPECT_TRUE(seen[0] && seen[1] && seen[2]);
}

// scipy.stats.wilcoxon(x, alternative='greater', method='exact') where there are no ties.
TEST(SignedRankChance, IsExact) {
  const auto chance = [](std::vector<double> x) { return signed_rank_chance(x); };
  EXPECT_EQ(chance({}), 1);
  EXPECT_EQ(chance({0, 0}), 1);
  EXPECT_EQ(chance({0.3}), 0.5);
  EXPECT_EQ(chance({1, 2, 3, 4}), 1.0 / 16);
  EXPECT_EQ(chance({-1, 2, 3, 4, 5}), 2.0 / 32);
  EXPECT_EQ(chance({1, -2, 3, 4, 5}), 3.0 / 32);
  EXPECT_EQ(chance({-1, -2, -3, -4}), 1);
  // 0 does not count; of 2 equal ones either may be the negative one: W- = 1.5, and of the 8
  // patterns none, the one or the other have no more.
  EXPECT_EQ(chance({0, -1, 1, 2}), 3.0 / 8);
}

History with_best(std::initializer_list<double> losses) {
  History history;
  TrialResult best = trial_of(0);
  history.start(best.spec);
  int fold = 0;
  for (const double loss : losses) {
    history.record_rung(0, {{Rung::Ladder::kSingleFold, ++fold}, loss});
  }
  best.status = TrialStatus::kFinished;
  best.loss = 0.5;
  history.finish(best);
  return history;
}

TEST(WilcoxonPruner, StopsWhatIsWorseOnEachFold) {
  const History history = with_best({0.5, 0.9, 0.1, 0.4, 0.6});
  const WilcoxonPruner pruner(0.1);
  TrialResult trial = trial_of(1);
  int fold = 0;
  for (const double loss : {0.51, 0.92, 0.13, 0.44}) {
    const RungValue value{{Rung::Ladder::kSingleFold, ++fold}, loss};
    trial.rungs.push_back(value);
    EXPECT_EQ(pruner.should_stop(trial, value, history.all()), fold == 4) << fold;
  }
  const RungValue last = trial.rungs.back();
  EXPECT_FALSE(WilcoxonPruner(0.05).should_stop(trial, last, history.all()));
  EXPECT_FALSE(pruner.should_stop(trial, last, History().all()));
  TrialResult other = trial;
  other.spec.learner = "linear";
  EXPECT_FALSE(pruner.should_stop(other, last, history.all()));
  other = trial;
  other.spec.origin = TrialOrigin::kDefault;
  EXPECT_FALSE(pruner.should_stop(other, last, history.all()));
  trial.rungs[1].loss = 0.8;
  EXPECT_FALSE(pruner.should_stop(trial, last, history.all()));
}

TEST(MakePruner, MakesWhatTheConfigAsksFor) {
  SearchOptions options;
  options.halving = false;
  EXPECT_EQ(make_pruner(options), nullptr);
  options.fold_test = 0.1;
  const Rung rung{Rung::Ladder::kFolds, 1};
  const History history = history_at(rung, {0.5, 0.4, 0.7, 0.6});
  EXPECT_FALSE(make_pruner(options)->should_stop(trial_of(4), {rung, 9}, history.all()));
  options.halving = true;
  EXPECT_TRUE(make_pruner(options)->should_stop(trial_of(4), {rung, 9}, history.all()));
}

TEST(AutoStrategy, GoesByTheTrialsThatFit) {
  EXPECT_EQ(auto_strategy({50, std::nullopt, 0, 2}), "random");
  EXPECT_EQ(auto_strategy({200, std::nullopt, 0, 2}), "tpe");
  EXPECT_EQ(auto_strategy({0, std::nullopt, 9, 2}), "tpe") << "no clock in logical mode";
  EXPECT_EQ(auto_strategy({0, 60.0, 0.1, 4}), "tpe");
  EXPECT_EQ(auto_strategy({0, 60.0, 3, 4}), "random");
  EXPECT_EQ(auto_strategy({0, 600.0, 3, 4}), "gp");
  EXPECT_EQ(auto_strategy({20, 600.0, 3, 4}), "random");
}

}  // namespace
}  // namespace assay::automl
