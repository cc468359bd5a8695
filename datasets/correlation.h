// How far two lists of numbers go together. Pure.
#pragma once

#include <span>

namespace assay::datasets {

// Pearson's correlation of two lists of one length, -1..1 but for rounding; 0 if one of them is
// constant or empty. Sums run in order: the same bits everywhere.
double correlation(std::span<const double> a, std::span<const double> b);

}  // namespace assay::datasets
