#include <bit>
#include <cmath>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"

namespace assay::conformance {
namespace {

using kernels::Gemm;
using kernels::GemmArgs;
using kernels::GemmProblem;

std::vector<float> draw(int64_t count, Rng& rng) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(2 * rng.next_double() - 1));
  }
  return values;
}

struct GemmData {
  std::vector<float> a;
  std::vector<float> b;
  std::vector<float> c;
  std::vector<double> bounds;  // of the error of each element; 0 in order
};

// The stated bound: k * 2^-23 * sum |a||b|, with tf32 2^-9 more, times |alpha|, and the roundings
// of alpha, beta and c.
void fill_bounds(const GemmProblem& p, GemmData& data) {
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < p.k; ++l) {
        const double a = data.a[static_cast<size_t>(p.transpose_a ? l * p.m + i : i * p.k + l)];
        const double b = data.b[static_cast<size_t>(p.transpose_b ? j * p.k + l : l * p.n + j)];
        sum += std::fabs(a * b);
      }
      const double old = p.beta * double{data.c[static_cast<size_t>(i * p.n + j)]};
      const double terms = p.in_order ? 0 : static_cast<double>(p.k + 4);
      const double cut = p.tf32 ? 0x1p-9 : 0;
      data.bounds.push_back((terms * 0x1p-23 + cut) * (std::fabs(p.alpha) * sum + std::fabs(old)));
    }
  }
}

OpCase<Gemm> make_case(const GemmProblem& p) {
  Rng rng(static_cast<uint64_t>(p.m * 31 + p.n * 17 + p.k));
  auto data = std::make_shared<GemmData>();
  data->a = draw(p.m * p.k, rng);
  data->b = draw(p.k * p.n, rng);
  data->c = draw(p.m * p.n, rng);
  fill_bounds(p, *data);
  OpCase<Gemm> item;
  item.name = fmt::format("{}x{}x{}{}{}, alpha {}, beta {}{}{}", p.m, p.n, p.k,
                          p.transpose_a ? ", A^T" : "", p.transpose_b ? ", B^T" : "", p.alpha,
                          p.beta, p.in_order ? ", in order" : "", p.tf32 ? ", tf32" : "");
  item.problem = p;
  // Tiles, and panels of each (backends/xrt/hls/gemm.h).
  item.card_steps = ((p.m + 63) / 64) * ((p.n + 127) / 128) * ((p.k + 255) / 256);
  item.place = [data, p](CaseBuffers& buffers) {
    return GemmArgs{
        buffers.input("a", data->a), buffers.input("b", data->b),
        p.beta == 0 ? buffers.output<float>("c", p.m * p.n) : buffers.in_out("c", data->c)};
  };
  item.compare = [data, p](const OutputBytes& expected,
                           const OutputBytes& actual) -> std::optional<std::string> {
    for (size_t i = 0; i < data->bounds.size(); ++i) {
      float x = 0;
      float y = 0;
      std::memcpy(&x, expected.bytes.data() + i * sizeof(float), sizeof(float));
      std::memcpy(&y, actual.bytes.data() + i * sizeof(float), sizeof(float));
      const bool fits = p.in_order ? std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y)
                                   : std::fabs(double{x} - double{y}) <= data->bounds[i];
      if (fits) continue;
      return fmt::format("c[{}] is {}, must be {} +- {}", i, y, x, data->bounds[i]);
    }
    return std::nullopt;
  };
  return item;
}

// Small ones, and one for each way in which work is shared: rows of a vector's product, parts of a
// long sum, tiles with parts of k. Races do not depend on numbers.
std::vector<OpCase<Gemm>> thread_cases() {
  std::vector<OpCase<Gemm>> cases;
  const int64_t sizes[][3] = {{0, 3, 4},     {1, 1, 1},       {2, 3, 5},     {17, 19, 23},
                              {4099, 1, 67}, {1, 1, 200'003}, {13, 11, 8209}};
  for (const auto& size : sizes) {
    cases.push_back(make_case({size[0], size[1], size[2], false, false}));
    cases.push_back(make_case({size[0], size[1], size[2], true, true, -1.5f, 0.25f}));
    cases.push_back(make_case({size[0], size[1], size[2], false, true, 1, 0, true}));
  }
  return cases;
}

TEST(GemmConformance, EveryImplementationIsWithinTheBound) {
  if (with_thread_sanitizer()) return check_op<Gemm>(kernels::reference::gemm, thread_cases());
  std::vector<OpCase<Gemm>> cases;
  const int64_t sizes[][3] = {{0, 3, 4},      {3, 0, 4},       {3, 4, 0},       {1, 1, 1},
                              {1, 1, 1000},   {2, 3, 5},       {7, 1, 13},      {1, 7, 13},
                              {17, 19, 23},   {64, 64, 64},    {1, 5000, 31},   {5000, 1, 31},
                              {3, 1, 9001},   {1, 3, 70001},   {31, 29, 8209},  {127, 131, 137},
                              {257, 65, 300}, {10, 6, 40'009}, {1, 1, 200'003}, {4099, 1, 67}};
  for (const auto& size : sizes) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        cases.push_back(make_case({size[0], size[1], size[2], transpose_a, transpose_b}));
        cases.push_back(
            make_case({size[0], size[1], size[2], transpose_a, transpose_b, 1, 0, true}));
      }
    }
    cases.push_back(make_case({size[0], size[1], size[2], false, false, -1.5f, 0.25f}));
    cases.push_back(make_case({size[0], size[1], size[2], true, false, 0.5f, 1.0f}));
  }
  check_op<Gemm>(kernels::reference::gemm, cases);
}

TEST(GemmConformance, Tf32IsWithinItsBound) {
  std::vector<OpCase<Gemm>> cases;
  const int64_t sizes[][3] = {{1, 1, 1}, {17, 19, 23}, {64, 64, 64}, {127, 131, 137}};
  for (const auto& size : sizes) {
    cases.push_back(make_case({size[0], size[1], size[2], false, true, 1, 0, false, true}));
    cases.push_back(make_case({size[0], size[1], size[2], true, false, -1.5f, 0.25f, false, true}));
  }
  check_op<Gemm>(kernels::reference::gemm, cases);
}

TEST(GemmConformance, SumsInOrderAreNotTf32) {
  const Status refused = check_problem(GemmProblem{1, 1, 1, false, false, 1, 0, true, true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "gemm: in_order with tf32 (must be one of them)");
}

TEST(GemmConformance, SumsInOrderTakeNoFactors) {
  const float one = 1;
  float c = 0;
  for (const auto& [alpha, beta] : {std::pair{2.0F, 0.0F}, std::pair{1.0F, 1.0F}}) {
    const GemmProblem problem{1, 1, 1, false, false, alpha, beta, true};
    const Status status =
        kernels::reference::gemm(kernels::OpContext{}, problem, GemmArgs{&one, &one, &c});
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace assay::conformance
