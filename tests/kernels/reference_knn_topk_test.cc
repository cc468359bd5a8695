#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <vector>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Found {
  std::vector<int32_t> indices;
  std::vector<float> distances;
};

Found search(const KnnTopkProblem& problem, const std::vector<float>& points,
             const std::vector<float>& queries) {
  const auto places = static_cast<size_t>(problem.query_count * problem.k);
  Found found{std::vector<int32_t>(places, -7), std::vector<float>(places, -7.0f)};
  const Status status = reference::knn_topk(
      {}, problem, {points.data(), queries.data(), found.indices.data(), found.distances.data()});
  EXPECT_TRUE(status) << status.error().message;
  return found;
}

// (0, 0), (3, 4), (1, 0), (0, 1) from (0, 0) and from (3, 3).
TEST(ReferenceKnnTopk, FindsTheNearestInOrder) {
  const Found found = search({4, 2, 2, 3}, {0, 0, 3, 4, 1, 0, 0, 1}, {0, 0, 3, 3});
  EXPECT_EQ(found.indices, (std::vector<int32_t>{0, 2, 3, 1, 2, 3}));
  EXPECT_EQ(found.distances, (std::vector<float>{0, 1, 1, 1, 13, 13}));
}

TEST(ReferenceKnnTopk, HasPlacesWithoutAPoint) {
  const Found found = search({1, 1, 1, 3}, {5}, {2});
  EXPECT_EQ(found.indices, (std::vector<int32_t>{0, -1, -1}));
  EXPECT_EQ(found.distances, (std::vector<float>{9, kInfinity, kInfinity}));
}

TEST(ReferenceKnnTopk, PutsWhatIsNoNumberBehindInfinity) {
  const float no_number = -std::numeric_limits<float>::quiet_NaN();
  const Found found = search({3, 1, 1, 4}, {no_number, 1e30f, 2}, {0});
  EXPECT_EQ(found.indices, (std::vector<int32_t>{2, 1, 0, -1}));
  EXPECT_EQ(found.distances[1], kInfinity);
  EXPECT_EQ(std::bit_cast<uint32_t>(found.distances[2]), 0x7fc00000u);
}

// 2^24 + 1 is 2^24 in f32. s0 has the first and the ninth dimension and stays 2^24, as does s0 +
// s1; s2 + s3 is 2, which counts. In ascending order of dimensions the whole would be 2^24.
TEST(ReferenceKnnTopk, AddsInTheStatedOrder) {
  const Found found = search({1, 1, 9, 1}, {4096, 1, 1, 1, 0, 0, 0, 0, 1}, std::vector<float>(9));
  EXPECT_EQ(found.distances[0], 16777218.0f);
}

TEST(ReferenceKnnTopk, RefusesSizesOutOfRange) {
  const auto message = [](const KnnTopkProblem& problem) {
    return reference::knn_topk({}, problem, {}).error().message;
  };
  EXPECT_EQ(message({-1, 1, 1, 1}), "knn_topk: point_count=-1 (must be at least 0)");
  EXPECT_EQ(message({int64_t{1} << 31, 1, 1, 1}),
            "knn_topk: point_count=2147483648 (must be below 2^31)");
  EXPECT_EQ(message({1, -1, 1, 1}), "knn_topk: query_count=-1 (must be at least 0)");
  EXPECT_EQ(message({1, 1, -1, 1}), "knn_topk: dim=-1 (must be at least 0)");
  EXPECT_EQ(message({1, 1, 1, 0}), "knn_topk: k=0 (must be 1..4096)");
  EXPECT_EQ(message({1, 1, 1, 4097}), "knn_topk: k=4097 (must be 1..4096)");
}

}  // namespace
}  // namespace assay::kernels
