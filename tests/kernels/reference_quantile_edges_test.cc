#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <vector>

#include "kernels/reference/reference_ops.h"
#include "tests/special_numbers.h"

namespace assay::kernels {
namespace {

std::vector<double> edges_of(const std::vector<double>& values, int32_t max_value_bins = 254,
                             int64_t sample_limit = 200'000, uint64_t seed = 0) {
  std::vector<double> edges{-77};
  const QuantileEdgesProblem problem{static_cast<int64_t>(values.size()), max_value_bins,
                                     sample_limit, seed};
  EXPECT_TRUE(reference::quantile_edges({}, problem, {values.data(), &edges}).has_value());
  return edges;
}

using Edges = std::vector<double>;

TEST(ReferenceQuantileEdges, FewDistinctValuesGetEdgesMidway) {
  EXPECT_EQ(edges_of({3, 1, kNan, 2, 2, kInf, -kInf}), (Edges{1.5, 2.5}));
}

TEST(ReferenceQuantileEdges, AtMostOneValueGivesNoEdges) {
  EXPECT_EQ(edges_of({}), Edges{});
  EXPECT_EQ(edges_of({kNan, kNan}), Edges{});
  EXPECT_EQ(edges_of({4, 4, 4}), Edges{});
  EXPECT_EQ(edges_of({0.0, -0.0}), Edges{});
}

TEST(ReferenceQuantileEdges, EqualCountsFillBinsEqually) {
  // 8 values in 4 bins of 2.
  EXPECT_EQ(edges_of({0, 1, 2, 3, 4, 5, 6, 7}, 4), (Edges{1.5, 3.5, 5.5}));
}

TEST(ReferenceQuantileEdges, HeavyValueGetsABinAlone) {
  // n = 12, 3 bins: 5 occurs 4 >= 12 / 3 times. Light: 1 2 3 4 | 6 7 8 9 with 2 bins; the first is
  // closed at 4 (8 / 2), the second holds the rest.
  EXPECT_EQ(edges_of({1, 2, 3, 4, 5, 5, 5, 5, 6, 7, 8, 9}, 3), (Edges{4.5, 5.5}));
}

TEST(ReferenceQuantileEdges, TargetOfABinFollowsWhatIsLeft) {
  // n = 10, 3 bins, none heavy (10 / 3 > 3): 0 0 0 | 1 1 1 | 2 3 4 5. The first bin needs
  // 10 / 3, so 1 joins it (6); the second needs 4 / 2.
  EXPECT_EQ(edges_of({0, 0, 0, 1, 1, 1, 2, 3, 4, 5}, 3), (Edges{1.5, 3.5}));
}

TEST(ReferenceQuantileEdges, LightValuesWithoutABinJoinTheOneBefore) {
  // n = 20, 4 bins: 10 and 20 are heavy (8 and 5 >= 5), two light bins. 1 is closed by 10, 15 by
  // 20; 30..34 have no bin left and join that of 20.
  EXPECT_EQ(
      edges_of({1, 10, 10, 10, 10, 10, 10, 10, 10, 15, 20, 20, 20, 20, 20, 30, 31, 32, 33, 34}, 4),
      (Edges{5.5, 12.5, 17.5}));
}

TEST(ReferenceQuantileEdges, EdgeStaysBelowItsUpperNeighbour) {
  const double next = std::nextafter(1.0, 2.0);
  EXPECT_EQ(edges_of({1.0, next}), (Edges{1.0}));
  EXPECT_EQ(edges_of({-1.5e308, 1.5e308}), (Edges{-1.5e308}));
}

TEST(ReferenceQuantileEdges, SampleDependsOnTheSeedAndCoversTheRange) {
  std::vector<double> values;
  for (int i = 0; i < 5000; ++i) values.push_back((i * 2654435761u) % 5000);
  const Edges one = edges_of(values, 10, 500, 1);
  EXPECT_EQ(one, edges_of(values, 10, 500, 1));
  EXPECT_NE(one, edges_of(values, 10, 500, 2));
  ASSERT_EQ(one.size(), 9u);
  for (size_t k = 0; k < 9; ++k) EXPECT_NEAR(one[k], 500.0 * double(k + 1), 250) << k;
}

TEST(SamplePosition, TakesOneOfEachStratum) {
  const QuantileEdgesProblem problem{1'000'000, 254, 1000, 7};
  std::set<int64_t> seen;
  for (int64_t j = 0; j < 1000; ++j) {
    const int64_t position = sample_position(problem, 1'000'000, j);
    EXPECT_GE(position, j * 1000);
    EXPECT_LT(position, (j + 1) * 1000);
    seen.insert(position % 1000);
  }
  EXPECT_GT(seen.size(), 550u);  // uniform draws leave about 1 / e unseen
}

TEST(ReferenceQuantileEdges, RefusesParametersOutOfRange) {
  std::vector<double> edges;
  const auto message = [&](QuantileEdgesProblem problem) {
    const Status status = reference::quantile_edges({}, problem, {nullptr, &edges});
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(message({0, 1, 10, 0}), "quantile_edges: max_value_bins=1 (must be 2..254)");
  EXPECT_EQ(message({0, 255, 10, 0}), "quantile_edges: max_value_bins=255 (must be 2..254)");
  EXPECT_EQ(message({0, 10, 0, 0}), "quantile_edges: sample_limit=0 (must be 1..2^31)");
  EXPECT_EQ(message({-1, 10, 1, 0}), "quantile_edges: row_count=-1 (must be at least 0)");
}

}  // namespace
}  // namespace assay::kernels
