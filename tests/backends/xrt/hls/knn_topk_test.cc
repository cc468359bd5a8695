// knn_topk called as a function, against a sort of all distances, made in the stated order.
#include "backends/xrt/hls/knn_topk.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/backends/xrt/hls/card_memory.h"

namespace assay::backends::xrt {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct NeighbourShape {
  int64_t points = 10;
  int64_t queries = 3;
  int32_t dim = 4;
  int32_t k = 5;
  int levels = 0;  // whole coordinates in [0, levels), so that distances tie; 0: any numbers
};

float distance(const float* a, const float* b, int32_t dim) {
  float sums[8] = {};
  for (int32_t j = 0; j < dim; ++j) {
    const float difference = a[j] - b[j];
    sums[j % 8] += difference * difference;
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

std::vector<float> draw(int64_t count, int levels, Rng& rng) {
  std::vector<float> numbers;
  for (int64_t i = 0; i < count; ++i) {
    const double any = rng.next_double() * 2 - 1;
    numbers.push_back(levels > 0 ? static_cast<float>(pick(rng, 0, levels - 1))
                                 : static_cast<float>(any));
  }
  return numbers;
}

void check(const NeighbourShape& shape, const std::vector<float>& points,
           const std::vector<float>& queries) {
  SCOPED_TRACE(fmt::format("{} points of {}, {} queries, k {}", shape.points, shape.dim,
                           shape.queries, shape.k));
  const auto places = static_cast<size_t>(shape.queries * shape.k);
  CardArray<int32_t> indices(places, -77);
  CardArray<float> distances(places, -77.0f);
  auto card_points = on_card(points);
  auto card_queries = on_card(queries);
  knn_topk(card_points.lines(), card_queries.lines(), indices.data(), distances.data(),
           shape.points, shape.queries, shape.dim, shape.k);
  for (int64_t q = 0; q < shape.queries; ++q) {
    std::vector<std::pair<float, int32_t>> all;
    for (int64_t p = 0; p < shape.points; ++p) {
      all.emplace_back(
          distance(queries.data() + q * shape.dim, points.data() + p * shape.dim, shape.dim),
          static_cast<int32_t>(p));
    }
    std::sort(all.begin(), all.end());
    all.resize(static_cast<size_t>(shape.k), {kInfinity, -1});
    for (int32_t i = 0; i < shape.k; ++i) {
      const auto at = static_cast<size_t>(q * shape.k + i);
      ASSERT_EQ(indices[at], all[static_cast<size_t>(i)].second) << "query " << q << ", " << i;
      ASSERT_EQ(distances[at], all[static_cast<size_t>(i)].first) << "query " << q << ", " << i;
    }
  }
  for (size_t i = places; i < indices.whole().size(); ++i) ASSERT_EQ(indices.whole()[i], -77);
  for (size_t i = places; i < distances.whole().size(); ++i) ASSERT_EQ(distances.whole()[i], -77);
}

void check(const NeighbourShape& shape, uint64_t seed) {
  Rng rng(seed);
  const auto points = draw(shape.points * shape.dim, shape.levels, rng);
  check(shape, points, draw(shape.queries * shape.dim, shape.levels, rng));
}

TEST(KnnTopk, FindsTheNearestOfHostileSizes) {
  uint64_t seed = 0;
  for (const int64_t points : {0, 1, 2, 63, 64, 65, 211}) {
    for (const int32_t dim : {1, 2, 7, 8, 9, 31}) {
      check({points, 1 + points % 19, dim, 1 + static_cast<int32_t>(points % 64)}, ++seed);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  check({5, 0, 3, 2}, ++seed);
  check({200, 33, 17, assay_hls::kTopK}, ++seed);
  check({3, 17, 5, assay_hls::kTopK}, ++seed);
}

TEST(KnnTopk, GivesTiesToTheLowerIndex) {
  for (uint64_t seed = 100; seed < 108; ++seed) {
    check({150, 16, 3, 40, 2}, seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(KnnTopk, TakesTheMostDimensions) {
  check({70, 2, assay_hls::kKnnDim, 3}, 200);
  check({2, 17, 4093, 3}, 201);
}

// Distances that overflow come before places without a point, and before those that are no number.
TEST(KnnTopk, PutsWhatIsNoNumberLast) {
  const float no_number = std::numeric_limits<float>::quiet_NaN();
  CardArray<float> points(4);
  const float numbers[4] = {no_number, 1e30f, -no_number, 2.0f};
  std::copy(std::begin(numbers), std::end(numbers), points.data());
  CardArray<float> query(1, 0.0f);
  CardArray<int32_t> indices(5);
  CardArray<float> distances(5);
  knn_topk(points.lines(), query.lines(), indices.data(), distances.data(), 4, 1, 1, 5);
  EXPECT_EQ(std::vector(indices.used().begin(), indices.used().end()),
            (std::vector<int32_t>{3, 1, 0, 2, -1}));
  EXPECT_EQ(distances[0], 4.0f);
  EXPECT_EQ(distances[1], kInfinity);
  EXPECT_NE(distances[2], distances[2]);
  EXPECT_NE(distances[3], distances[3]);
  EXPECT_EQ(distances[4], kInfinity);
}

TEST(KnnTopkCosts, FollowTheirFormula) {
  using namespace assay_hls;  // NOLINT: the formulas
  // 640 points of 16: 10 tiles, each a load of 64 lines, 2 chunks of 64 points, and 64 distances.
  const KnnWork work{640, 16, 16, 10};
  EXPECT_EQ(knn_cycles(work), 40 + (16 + 121) + 10 * ((64 + 121) + 128 + 64 + 120) + 160 + 120);
}

}  // namespace
}  // namespace assay::backends::xrt
