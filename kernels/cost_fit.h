// CostFit: what the predicted costs of an implementation are worth on a machine, from problems that
// were timed there. An implementation's own cost is in logical units, which a machine may be off
// from by any factor, and a GPU by a fixed wait besides.
#pragma once

#include <optional>
#include <span>

namespace assay::kernels {

// Nanoseconds of a problem = wait_ns + factor * its cost.
struct CostFit {
  double wait_ns = 0;  // >= 0
  double factor = 1;   // > 0
  double nanoseconds(double cost) const { return wait_ns + factor * cost; }
  bool operator==(const CostFit&) const = default;
};

// A problem that was timed.
struct CostSample {
  double cost = 0;
  double nanoseconds = 0;
};

// The least squares of the logarithms of predicted over measured times: being off by half counts
// like being off by twice, for small problems as for large ones. The wait is at most the shortest
// time, and 0 where all costs are the same. Samples that are not positive and finite are left out;
// nothing if none is left. Deterministic.
std::optional<CostFit> fit_cost(std::span<const CostSample> samples);

// How many times too long or too short predictions are, typically: exp of the root mean square of
// those logarithms. 1 is exact; of no sample 1.
double misfit(const CostFit& fit, std::span<const CostSample> samples);

}  // namespace assay::kernels
