// That the samplers search: regrets on standard functions that plain draws do not reach.
#include <gtest/gtest.h>

#include "tests/automl/search_functions.h"

namespace assay::automl {
namespace {

constexpr int kSeeds = 7;

TEST(SearchFunctions, HaveTheirPublishedMinima) {
  const SearchFunction b = branin();
  EXPECT_NEAR(b.value({{"x0", 3.14159265}, {"x1", 2.275}}), b.least, 1e-7);
  EXPECT_NEAR(b.value({{"x0", -3.14159265}, {"x1", 12.275}}), b.least, 1e-7);
  const SearchFunction h = hartmann6();
  EXPECT_NEAR(h.value({{"x0", 0.20169},
                       {"x1", 0.150011},
                       {"x2", 0.476874},
                       {"x3", 0.275332},
                       {"x4", 0.311652},
                       {"x5", 0.6573}}),
              h.least, 1e-5);
  const SearchFunction r = rosenbrock(3);
  EXPECT_EQ(r.value({{"x0", 1.0}, {"x1", 1.0}, {"x2", 1.0}}), 0);
  const SearchFunction m = mixed();
  EXPECT_NEAR(m.value({{"rate", 0.01}, {"size", int64_t{7}}, {"kind", "b"}, {"on", true}}), 0,
              1e-12);
}

// Regret that a sampler must come below, and that plain draws stay above, at the same count.
struct Case {
  SearchFunction function;
  std::string_view sampler;
  int count;
  double below;
  double draws_above;
};

void expect_better(const Case& c, int seeds) {
  EXPECT_LT(median_regret(c.sampler, c.function, c.count, seeds), c.below)
      << c.sampler << " on " << c.function.name;
  EXPECT_GT(median_regret("random", c.function, c.count, seeds), c.draws_above) << c.function.name;
}

TEST(Regret, OfSobolPointsIsLessThanOfDraws) {
  expect_better({branin(), "sobol", 100, 0.3, 0.5}, kSeeds);
}

TEST(Regret, OfTpeIsLessThanOfDraws) {
  expect_better({branin(), "tpe", 50, 0.5, 0.8}, kSeeds);
  expect_better({rosenbrock(4), "tpe", 100, 9, 15}, kSeeds);
  expect_better({mixed(), "tpe", 100, 0.02, 0.05}, kSeeds);
}

TEST(Regret, OfGaussianProcessesIsLessThanOfDraws) {
  expect_better({branin(), "gp", 40, 0.05, 0.5}, 3);
  expect_better({hartmann6(), "gp", 50, 0.3, 1}, 3);
  expect_better({mixed(), "gp", 40, 0.05, 0.2}, 3);
}

TEST(Regret, OfCovarianceAdaptationIsLessThanOfDraws) {
  expect_better({branin(), "cmaes", 100, 0.1, 0.5}, kSeeds);
  expect_better({hartmann6(), "cmaes", 200, 0.4, 0.6}, kSeeds);
  expect_better({rosenbrock(4), "cmaes", 200, 6, 9}, kSeeds);
}

TEST(Regret, OfLocalSearchIsLessThanOfDraws) {
  expect_better({branin(), "cfo", 100, 0.3, 0.5}, kSeeds);
  expect_better({hartmann6(), "cfo", 200, 0.4, 0.6}, kSeeds);
  expect_better({rosenbrock(4), "cfo", 200, 6, 9}, kSeeds);
}

// As in logical mode, and with many slots.
TEST(Regret, StaysLowWhenTheNewestResultsAreNotKnown) {
  for (const std::string_view sampler : {"tpe", "cmaes", "cfo"}) {
    EXPECT_LT(median_regret(sampler, rosenbrock(4), 200, kSeeds, 15), 10) << sampler;
    EXPECT_LT(median_regret(sampler, hartmann6(), 200, kSeeds, 15), 0.6) << sampler;
  }
  EXPECT_LT(median_regret("gp", mixed(), 50, 3, 15), 0.1);
}

}  // namespace
}  // namespace assay::automl
