#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "automl/config/experiment_config.h"
#include "automl/search/sample_points.h"
#include "automl/search/sampler.h"
#include "kernels/base/rng.h"
#include "tests/automl/search_functions.h"

namespace assay::automl {
namespace {

using State = SamplePoint::State;

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double square = 0;
  for (size_t i = 0; i < a.size(); ++i) square += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(square);
}

// `count` points of a space of two numbers whose loss is the distance from (0.2, 0.8).
std::vector<SamplePoint> bowl(int count) {
  Rng rng(9);
  std::vector<SamplePoint> points;
  for (int i = 0; i < count; ++i) {
    std::vector<double> unit = {rng.next_double(), rng.next_double()};
    const double loss = distance(unit, {0.2, 0.8});
    points.push_back({std::move(unit), State::kScored, loss, 0});
  }
  return points;
}

SampleRequest request_at(const SearchFunction& function, std::span<const SamplePoint> points,
                         uint64_t seed, int attempt = 0) {
  return {&function.space, points, seed, derive_seed(seed, "point", points.size()), attempt};
}

TEST(SamplerList, IsWhatTheConfigOffers) {
  const OptionInfo* strategy = find_option(SearchOptions::table().options(), "strategy");
  ASSERT_NE(strategy, nullptr);
  for (const std::string_view name : sampler_names()) {
    EXPECT_NE(make_sampler(name), nullptr) << name;
    const auto& choices = strategy->choices;
    EXPECT_NE(std::find(choices.begin(), choices.end(), name), choices.end()) << name;
  }
  EXPECT_EQ(make_sampler("nope"), nullptr);
}

TEST(EverySampler, StaysInTheCubeAndIsAPureFunction) {
  const SearchFunction function = mixed();
  for (const std::string_view name : sampler_names()) {
    const auto sampler = make_sampler(name);
    Rng rng(4);
    std::vector<SamplePoint> points;
    for (int i = 0; i < 30; ++i) {
      const SampleRequest request = request_at(function, points, 11, 0);
      const auto unit = sampler->sample(request);
      ASSERT_EQ(unit.size(), function.space.size()) << name;
      for (const double x : unit) {
        ASSERT_GE(x, 0) << name;
        ASSERT_LE(x, 1) << name;
      }
      EXPECT_EQ(unit, make_sampler(name)->sample(request)) << name;
      const auto state = static_cast<State>(rng.below(4));
      points.push_back({unit, state, rng.next_double(), static_cast<int>(rng.below(3))});
    }
    if (name == "gp") continue;  // finds the same maximum whatever it begins with
    const auto again = sampler->sample(request_at(function, points, 11, 1));
    EXPECT_NE(again, sampler->sample(request_at(function, points, 11, 0))) << name;
    EXPECT_NE(again, sampler->sample(request_at(function, points, 12, 1))) << name;
  }
}

TEST(EverySampler, CopesWithFailuresOnly) {
  const SearchFunction function = branin();
  for (const std::string_view name : sampler_names()) {
    const auto sampler = make_sampler(name);
    std::vector<SamplePoint> points;
    for (int i = 0; i < 25; ++i) {
      points.push_back({sampler->sample(request_at(function, points, 1, 0)), State::kFailed, 0, 0});
    }
    for (size_t i = 6; i < points.size(); ++i) {
      EXPECT_NE(points[i].unit, points[i - 1].unit) << name << " " << i;
    }
  }
}

TEST(GuidedSampler, LooksNearTheBest) {
  const SearchFunction function = branin();  // for its space of two numbers
  for (const std::string_view name : {"tpe", "gp"}) {
    const auto sampler = make_sampler(name);
    EXPECT_TRUE(sampler->guided());
    double sum = 0;
    for (uint64_t seed = 0; seed < 8; ++seed) {
      sum += distance(sampler->sample(request_at(function, bowl(80), seed, 0)), {0.2, 0.8});
    }
    EXPECT_LT(sum / 8, 0.25) << name;
  }
}

TEST(TpeSampler, KeepsAwayFromWhatRuns) {
  const SearchFunction function = branin();
  const auto tpe = make_sampler("tpe");
  std::vector<SamplePoint> points = bowl(40);
  const auto first = tpe->sample(request_at(function, points, 5, 0));
  double alone = 0;
  double beside = 0;
  std::vector<SamplePoint> more = points;
  for (int i = 0; i < 15; ++i) more.push_back({first, State::kOpen, 0, 0});
  for (uint64_t seed = 0; seed < 20; ++seed) {
    alone += distance(tpe->sample(request_at(function, points, seed, 0)), first);
    beside += distance(tpe->sample(request_at(function, more, seed, 0)), first);
  }
  EXPECT_GT(beside, 1.2 * alone);
}

TEST(GpSampler, DoesNotRepeatWhatRuns) {
  const SearchFunction function = branin();
  const auto gp = make_sampler("gp");
  std::vector<SamplePoint> points = bowl(15);
  for (int i = 0; i < 5; ++i) {
    const auto next = gp->sample(request_at(function, points, 5, 0));
    for (const SamplePoint& point : points) EXPECT_GT(distance(point.unit, next), 1e-4);
    points.push_back({next, State::kOpen, 0, 0});
  }
}

TEST(CfoSampler, StepsOneWayThenTheOther) {
  const SearchFunction function = branin();
  const auto cfo = make_sampler("cfo");
  std::vector<SamplePoint> points = {{{0.5, 0.5}, State::kScored, 1, 0}};
  const auto first = cfo->sample(request_at(function, points, 3, 0));
  EXPECT_NEAR(distance(first, points[0].unit), 0.1 * std::sqrt(2), 1e-12);
  points.push_back({first, State::kScored, 2, 0});
  const auto second = cfo->sample(request_at(function, points, 3, 0));
  for (size_t j = 0; j < 2; ++j) EXPECT_NEAR(first[j] + second[j], 1, 1e-12);
  points.push_back({second, State::kScored, 0.5, 0});
  // Two proposals after the centre, the second of them better: sqrt(3 / 1) times the step.
  const auto third = cfo->sample(request_at(function, points, 3, 0));
  EXPECT_NEAR(distance(third, second), 0.1 * std::sqrt(2) * std::sqrt(3), 1e-9);
}

TEST(CfoSampler, BeginsAnewWhenItsStepsAreTooShort) {
  const SearchFunction function = branin();
  const auto cfo = make_sampler("cfo");
  std::vector<SamplePoint> points = {{{0.5, 0.5}, State::kScored, 0, 0}};
  double farthest = 0;
  for (int i = 0; i < 60; ++i) {
    const auto next = cfo->sample(request_at(function, points, 3, 0));
    if (i > 20) farthest = std::max(farthest, distance(next, points[0].unit));
    points.push_back({next, State::kScored, 1.0 + i, 0});
  }
  EXPECT_GT(farthest, 0.2);
}

TEST(RankedPoints, PutsScoredBeforePrunedBeforeFailed) {
  const std::vector<SamplePoint> points = {{{}, State::kFailed, 0, 0}, {{}, State::kPruned, 1, 1},
                                           {{}, State::kPruned, 5, 2}, {{}, State::kOpen, 0, 0},
                                           {{}, State::kScored, 9, 0}, {{}, State::kScored, 8, 0},
                                           {{}, State::kPruned, 2, 1}};
  EXPECT_EQ(ranked_points(points), (std::vector<size_t>{5, 4, 2, 1, 6, 0}));
  EXPECT_EQ(known_count(points), 6u);
}

TEST(KnownLosses, DrawsOutliersInAndGivesFailuresTheWorst) {
  std::vector<SamplePoint> points;
  for (const double loss : {1.0, 2.0, 3.0, 4.0, 1e9}) {
    points.push_back({{}, State::kScored, loss, 0});
  }
  points.push_back({{}, State::kFailed, 0, 0});
  points.push_back({{}, State::kOpen, 0, 0});
  // Median 3, best 1, upper quartile 4: 4 + 3 * 2.
  EXPECT_EQ(known_losses(points).losses, (std::vector<double>{1, 2, 3, 4, 10, 10}));
  EXPECT_TRUE(known_losses(std::span(points).last(2)).losses.empty());
}

}  // namespace
}  // namespace assay::automl
