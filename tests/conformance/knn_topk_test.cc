#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"

namespace assay::conformance {
namespace {

using kernels::KnnTopk;
using kernels::KnnTopkArgs;
using kernels::KnnTopkProblem;

enum class Numbers {
  kAny,     // in (-1, 1)
  kWhole,   // 0, 1 or 2, so that many distances are equal
  kStrange  // also infinite, huge, tiny, and no numbers at all
};

float draw_number(Numbers numbers, Rng& rng) {
  if (numbers == Numbers::kWhole) return static_cast<float>(rng.below(3));
  const auto plain = static_cast<float>(2 * rng.next_double() - 1);
  if (numbers == Numbers::kAny) return plain;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float strange[] = {kInfinity, -kInfinity, std::nanf(""), -std::nanf(""),
                           3e38f,     -2e19f,     1e-30f,        -0.0f};
  return rng.below(8) == 0 ? strange[rng.below(std::size(strange))] : plain;
}

std::vector<float> draw(int64_t count, Numbers numbers, Rng& rng) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(draw_number(numbers, rng));
  return values;
}

OpCase<KnnTopk> make_case(const KnnTopkProblem& p, Numbers numbers) {
  struct Data {
    std::vector<float> points;
    std::vector<float> queries;
  };
  Rng rng(static_cast<uint64_t>(p.point_count * 31 + p.query_count * 17 + p.dim * 5 + p.k));
  auto data = std::make_shared<Data>();
  data->points = draw(p.point_count * p.dim, numbers, rng);
  data->queries = draw(p.query_count * p.dim, numbers, rng);
  OpCase<KnnTopk> item;
  item.name = fmt::format("{} of {} points of {} for {} queries, numbers {}", p.k, p.point_count,
                          p.dim, p.query_count, static_cast<int>(numbers));
  item.problem = p;
  item.place = [data, p](CaseBuffers& buffers) {
    return KnnTopkArgs{buffers.input("points", data->points),
                       buffers.input("queries", data->queries),
                       buffers.output<int32_t>("indices", p.query_count * p.k),
                       buffers.output<float>("distances", p.query_count * p.k)};
  };
  return item;
}

TEST(KnnTopkConformance, SizesGiveTheReferencesBits) {
  std::vector<OpCase<KnnTopk>> cases;
  // Points, queries, dim, k.
  const int64_t sizes[][4] = {{67, 35, 13, 64}, {0, 3, 4, 2},  {5, 0, 4, 2},     {1, 1, 1, 1},
                              {64, 17, 8, 9},   {63, 5, 7, 3}, {65, 33, 9, 5},   {130, 2, 16, 200},
                              {0, 18, 3, 5},    {7, 5, 0, 3},  {300, 1, 1, 4096}};
  for (const auto& size : sizes) {
    cases.push_back(
        make_case({size[0], size[1], static_cast<int32_t>(size[2]), static_cast<int32_t>(size[3])},
                  Numbers::kAny));
  }
  // Points in several parts, and blocks of queries.
  if (!with_thread_sanitizer()) {
    cases.push_back(make_case({5003, 3, 31, 10}, Numbers::kAny));
    cases.push_back(make_case({2500, 67, 5, 17}, Numbers::kAny));
  } else {
    cases.push_back(make_case({2100, 33, 2, 3}, Numbers::kAny));
  }
  check_op<KnnTopk>(kernels::reference::knn_topk, cases);
}

TEST(KnnTopkConformance, TiesAndStrangeNumbersGiveTheReferencesBits) {
  std::vector<OpCase<KnnTopk>> cases = {make_case({150, 16, 3, 40}, Numbers::kWhole),
                                        make_case({90, 20, 11, 60}, Numbers::kStrange),
                                        make_case({3000, 2, 2, 30}, Numbers::kWhole)};
  check_op<KnnTopk>(kernels::reference::knn_topk, cases);
}

}  // namespace
}  // namespace assay::conformance
