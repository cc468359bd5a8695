#include <algorithm>
#include <cmath>

#include "datasets/number_sample_internal.h"

namespace assay::datasets {
namespace {

int64_t finite_count(NumberView numbers) {
  int64_t count = 0;
  numbers.for_each([&](double x) { count += std::isfinite(x) ? 1 : 0; });
  return count;
}

// Which of the finite numbers are taken, ascending.
std::vector<int64_t> sampled_positions(const kernels::QuantileEdgesProblem& problem,
                                       int64_t finite) {
  std::vector<int64_t> positions;
  positions.reserve(static_cast<size_t>(problem.sample_limit));
  for (int64_t j = 0; j < problem.sample_limit; j += 4) {
    const auto drawn = kernels::sample_positions(problem, finite, j / 4);
    const auto count = std::min<int64_t>(4, problem.sample_limit - j);
    positions.insert(positions.end(), drawn.begin(), drawn.begin() + count);
  }
  if (!std::is_sorted(positions.begin(), positions.end())) {
    std::sort(positions.begin(), positions.end());
  }
  return positions;
}

}  // namespace

std::vector<double> sample_numbers(NumberView numbers,
                                   const kernels::QuantileEdgesProblem& problem) {
  std::vector<double> sample;
  const int64_t finite = finite_count(numbers);
  if (finite <= problem.sample_limit) {
    sample.reserve(static_cast<size_t>(finite));
    numbers.for_each([&](double x) {
      if (std::isfinite(x)) sample.push_back(x);
    });
    return sample;
  }
  const std::vector<int64_t> positions = sampled_positions(problem, finite);
  sample.reserve(positions.size());
  if (finite == static_cast<int64_t>(numbers.size())) {
    for (const int64_t at : positions) sample.push_back(numbers[static_cast<size_t>(at)]);
    return sample;
  }
  auto next = positions.begin();
  int64_t seen = 0;
  numbers.for_each([&](double x) {
    if (!std::isfinite(x)) return;
    // A number may be drawn twice.
    for (; next != positions.end() && *next == seen; ++next) sample.push_back(x);
    ++seen;
  });
  return sample;
}

}  // namespace assay::datasets
