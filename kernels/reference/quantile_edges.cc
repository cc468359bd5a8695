#include "kernels/quantile_edges.h"

#include <cmath>
#include <map>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {
namespace {

// Distinct values in order, with the number of times each occurs.
using Counts = std::map<double, int64_t>;

Counts count_values(const QuantileEdgesProblem& problem, const double* values) {
  std::vector<double> finite;
  for (int64_t row = 0; row < problem.row_count; ++row) {
    if (std::isfinite(values[row])) finite.push_back(values[row] + 0.0);  // -0 becomes 0
  }
  Counts counts;
  const auto n = static_cast<int64_t>(finite.size());
  if (n <= problem.sample_limit) {
    for (const double x : finite) ++counts[x];
    return counts;
  }
  for (int64_t j = 0; j < problem.sample_limit; ++j) {
    ++counts[finite[static_cast<size_t>(sample_position(problem, n, j))]];
  }
  return counts;
}

double edge_between(double a, double b) {
  const double middle = a + (b - a) / 2;
  return std::isfinite(middle) && middle < b ? middle : a;
}

// The number of the bin of every distinct value, in order.
std::vector<int> assign_bins(const Counts& counts, int64_t max_bins) {
  int64_t total = 0;
  for (const auto& [value, count] : counts) total += count;
  const auto heavy = [&](int64_t count) { return count * max_bins >= total; };
  int64_t rest_count = 0;
  int64_t rest_bins = max_bins;
  for (const auto& [value, count] : counts) {
    if (heavy(count)) {
      --rest_bins;
    } else {
      rest_count += count;
    }
  }
  std::vector<int> bins;
  int bin = -1;
  int64_t in_bin = -1;  // -1: no light bin is open
  for (const auto& [value, count] : counts) {
    if (heavy(count)) {
      if (in_bin >= 0) {
        rest_count -= in_bin;
        --rest_bins;
        in_bin = -1;
      }
      bins.push_back(++bin);
      continue;
    }
    if (in_bin < 0 && rest_bins > 0) {
      ++bin;
      in_bin = 0;
    }
    bins.push_back(bin);
    if (in_bin < 0) continue;  // no light bin is left: it joined the bin before it
    in_bin += count;
    if (in_bin * rest_bins >= rest_count) {
      rest_count -= in_bin;
      --rest_bins;
      in_bin = -1;
    }
  }
  return bins;
}

}  // namespace

Status quantile_edges(const OpContext&, const QuantileEdgesProblem& problem,
                      const QuantileEdgesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  const Counts counts = count_values(problem, args.values);
  const bool each_alone = static_cast<int64_t>(counts.size()) <= problem.max_value_bins;
  const std::vector<int> bins =
      each_alone ? std::vector<int>() : assign_bins(counts, problem.max_value_bins);
  args.edges->clear();
  size_t i = 0;
  double before = 0;
  for (const auto& [value, count] : counts) {
    if (i > 0 && (each_alone || bins[i] != bins[i - 1])) {
      args.edges->push_back(edge_between(before, value));
    }
    before = value;
    ++i;
  }
  return {};
}

}  // namespace assay::kernels::reference
