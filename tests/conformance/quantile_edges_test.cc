#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"

namespace assay::conformance {
namespace {

using kernels::QuantileEdges;
using kernels::QuantileEdgesArgs;
using kernels::QuantileEdgesProblem;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

OpCase<QuantileEdges> make_case(std::string name, const std::vector<double>& values,
                                QuantileEdgesProblem problem) {
  problem.row_count = static_cast<int64_t>(values.size());
  OpCase<QuantileEdges> item;
  item.name = std::move(name);
  item.problem = problem;
  item.place = [values](CaseBuffers& buffers) {
    auto* edges = buffers.host_object<std::vector<double>>(
        "edges", {1, 2, 3}, [](const std::vector<double>& found) {
          const auto bytes = std::as_bytes(std::span(found));
          return std::vector<std::byte>(bytes.begin(), bytes.end());
        });
    return QuantileEdgesArgs{buffers.input("values", values), edges};
  };
  return item;
}

std::vector<double> draw(int64_t count, uint64_t seed, double (*shape)(Rng&)) {
  Rng rng(seed);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(shape(rng));
  return values;
}

double uniform(Rng& rng) { return rng.next_double(); }
double skewed(Rng& rng) { return -std::log(1 - rng.next_double()); }
double small_integers(Rng& rng) { return static_cast<double>(rng.below(300)); }
// A few heavy values among light ones.
double heavy(Rng& rng) {
  const uint64_t kind = rng.below(10);
  return kind < 6 ? static_cast<double>(kind * 100) : 1000 * rng.next_double() - 200;
}
double with_holes(Rng& rng) {
  const uint64_t kind = rng.below(10);
  if (kind < 3) return kNan;
  if (kind == 3) return std::numeric_limits<double>::infinity();
  return rng.next_double() - 0.5;
}
// Any bits: NaNs, denormals, infinities, both zeros.
double any_bits(Rng& rng) {
  return rng.below(8) == 0 ? -0.0 : std::bit_cast<double>(rng.next_u64());
}

TEST(QuantileEdgesConformance, EveryImplementationMatchesTheReference) {
  std::vector<OpCase<QuantileEdges>> cases;
  const struct {
    const char* name;
    double (*shape)(Rng&);
  } shapes[] = {{"uniform", uniform}, {"skewed", skewed},         {"integers", small_integers},
                {"heavy", heavy},     {"with holes", with_holes}, {"any bits", any_bits}};
  for (const auto& shape : shapes) {
    for (const int64_t count : {0, 1, 2, 3, 253, 254, 255, 256, 1009, 9973}) {
      for (const int32_t bins : {2, 3, 16, 254}) {
        cases.push_back(make_case(fmt::format("{} {} in {} bins", count, shape.name, bins),
                                  draw(count, 1 + static_cast<uint64_t>(count), shape.shape),
                                  {0, bins, 200'000, 0}));
      }
    }
    // Sampled: the limit just below the count, at it, and far below.
    for (const int64_t limit : {1, 7, 1000, 9972, 9973}) {
      cases.push_back(make_case(fmt::format("sample {} of 9973 {}", limit, shape.name),
                                draw(9973, 5, shape.shape), {0, 50, limit, 0x123456789abcdefULL}));
    }
  }
  cases.push_back(make_case("one value", std::vector<double>(1000, 4.5), {}));
  cases.push_back(make_case("nothing finite", std::vector<double>(1000, kNan), {}));
  cases.push_back(make_case("200000 skewed", draw(200'000, 9, skewed), {}));
  check_op<QuantileEdges>(kernels::reference::quantile_edges, cases);
}

}  // namespace
}  // namespace assay::conformance
