#include "backends/cpu/grow_tree_quantise.h"

#include <cmath>

#include "backends/cpu/grow_tree_numbers.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

constexpr int64_t kChunkRows = 4096;

}  // namespace

GainRules gain_rules(const kernels::GrowTreeProblem& problem, const kernels::GrowTreeArgs& args) {
  const int64_t n = problem.sample_count;
  const int32_t bits = problem.params.gradient_bits;
  GainRules rules;
  rules.params = problem.params;
  rules.class_mode = problem.class_count > 0;
  rules.monotone = args.monotone;
  rules.interactions = args.interactions;
  rules.lanes = rules.class_mode ? problem.class_count : 1;
  rules.unit = std::ldexp(1.0, -kernels::scale_exponent(double{args.max_abs_gradient},
                                                        kernels::gradient_limit(n, bits)));
  rules.hessian_unit = std::ldexp(
      1.0, -kernels::scale_exponent(double{args.max_hessian}, kernels::hessian_limit(n, bits)));
  return rules;
}

Status quantise_rows(Executor& executor, const kernels::GrowTreeProblem& problem,
                     const kernels::GrowTreeArgs& args, uint32_t* packed) {
  const GainRules rules = gain_rules(problem, args);
  const std::span<const uint32_t> rows(args.rows, static_cast<size_t>(problem.sample_count));
  return executor.parallel_for(
      chunk_count_of(problem.sample_count, kChunkRows), [&](int64_t chunk, int) {
        const ChunkRange range = chunk_range(problem.sample_count, kChunkRows, chunk);
        quantise_span(problem, args, rules,
                      rows.subspan(static_cast<size_t>(range.begin),
                                   static_cast<size_t>(range.end - range.begin)),
                      packed);
      });
}

}  // namespace assay::backends::cpu
