// The vector loops over rows of grow_tree: rounding draws, quantisation, fixed-point terms. All
// give the bits of their scalar definitions.
#pragma once

#include <cstdint>
#include <span>

#include "backends/cpu/grow_tree_rules.h"
#include "kernels/grow_tree.h"

namespace assay::backends::cpu {

// Writes packed[row] for `rows`, which ascend.
void quantise_span(const kernels::GrowTreeProblem& problem, const kernels::GrowTreeArgs& args,
                   const GainRules& rules, std::span<const uint32_t> rows, uint32_t* packed);

// terms[i] = the whole number nearest to values[rows[i]] * scale, halves to even.
void encode_span(const float* values, std::span<const uint32_t> rows, double scale, int64_t* terms);

}  // namespace assay::backends::cpu
