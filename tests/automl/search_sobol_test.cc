#include <gtest/gtest.h>

#include <set>

#include "automl/search/sobol.h"
#include "automl/search/sobol_sampler.h"

namespace assay::automl {
namespace {

// Of the paper of Bratley and Fox, but for the order within each power of two (theirs is Gray's).
TEST(Sobol, BeginsWithTheKnownPoints) {
  const Sobol sobol(2);
  const double expected[8][2] = {{0, 0},         {0.5, 0.5},     {0.25, 0.75},   {0.75, 0.25},
                                 {0.125, 0.625}, {0.625, 0.125}, {0.375, 0.375}, {0.875, 0.875}};
  for (uint32_t i = 0; i < 8; ++i) {
    const auto point = sobol.fractions_at(i);
    EXPECT_EQ(point[0] * 0x1p-32, expected[i][0]) << i;
    EXPECT_EQ(point[1] * 0x1p-32, expected[i][1]) << i;
  }
}

TEST(Sobol, EveryIntervalHoldsOnePointInEveryCoordinate) {
  const Sobol sobol(Sobol::kMostDimensions);
  for (const uint32_t count : {16u, 128u, 512u}) {
    std::vector<std::set<int>> plain(Sobol::kMostDimensions);
    std::vector<std::set<int>> mixed(Sobol::kMostDimensions);
    for (uint32_t i = 0; i < count; ++i) {
      const auto fractions = sobol.fractions_at(i);
      const auto point = sobol.at(i, 77);
      for (size_t j = 0; j < plain.size(); ++j) {
        plain[j].insert(static_cast<int>(fractions[j] * 0x1p-32 * count));
        mixed[j].insert(static_cast<int>(point[j] * count));
      }
    }
    for (size_t j = 0; j < plain.size(); ++j) {
      EXPECT_EQ(plain[j].size(), count) << "coordinate " << j;
      EXPECT_EQ(mixed[j].size(), count) << "scrambled coordinate " << j;
    }
  }
}

TEST(Sobol, ProjectionsOnTwoCoordinatesAreEven) {
  constexpr int kDimensions = 12;
  constexpr uint32_t kCount = 256;
  const Sobol sobol(kDimensions);
  for (size_t a = 0; a < kDimensions; ++a) {
    for (size_t b = 0; b < a; ++b) {
      int counts[4][4] = {};
      for (uint32_t i = 0; i < kCount; ++i) {
        const auto point = sobol.fractions_at(i);
        ++counts[point[a] >> 30][point[b] >> 30];
      }
      for (const auto& row : counts) {
        for (const int count : row) EXPECT_EQ(count, 16) << "coordinates " << a << " and " << b;
      }
    }
  }
}

TEST(Sobol, ScramblesBySeed) {
  const Sobol sobol(3);
  EXPECT_EQ(sobol.at(5, 1), sobol.at(5, 1));
  EXPECT_NE(sobol.at(5, 1), sobol.at(5, 2));
  EXPECT_NE(sobol.at(0, 1), std::vector<double>(3, 0.0));
}

TEST(SobolPoint, HasAsManyCoordinatesAsAskedFor) {
  EXPECT_TRUE(sobol_point(0, 3, 1).empty());
  const auto point = sobol_point(60, 3, 1);
  ASSERT_EQ(point.size(), 60u);
  for (const double x : point) {
    EXPECT_GE(x, 0);
    EXPECT_LT(x, 1);
  }
  EXPECT_EQ(point, sobol_point(60, 3, 1));
}

}  // namespace
}  // namespace assay::automl
