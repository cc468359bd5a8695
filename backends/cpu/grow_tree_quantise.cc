#include "backends/cpu/grow_tree_quantise.h"

#include <array>
#include <cmath>

#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

constexpr int64_t kChunkRows = 32768;

}  // namespace

GainRules gain_rules(const kernels::GrowTreeProblem& problem, const kernels::GrowTreeArgs& args) {
  const int64_t n = problem.sample_count;
  const int32_t bits = problem.params.gradient_bits;
  GainRules rules;
  rules.params = problem.params;
  rules.class_mode = problem.class_count > 0;
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
  const double scale = 1 / rules.unit;
  const double hessian_scale = 1 / rules.hessian_unit;
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(problem.seed),
                                       static_cast<uint32_t>(problem.seed >> 32)};
  return executor.parallel_for(
      chunk_count_of(problem.sample_count, kChunkRows), [&](int64_t chunk, int) {
        const ChunkRange range = chunk_range(problem.sample_count, kChunkRows, chunk);
        uint32_t block = UINT32_MAX;
        std::array<uint32_t, 4> words{};
        for (int64_t i = range.begin; i < range.end; ++i) {
          const uint32_t row = args.rows[i];
          if (row / 4 != block) {
            block = row / 4;
            words = philox_block(key, {block, 0, 0, 1});
          }
          const uint32_t word = words[row % 4];
          if (rules.class_mode) {
            const double weight = args.weights == nullptr ? 1.0 : double{args.weights[row]};
            const auto q = static_cast<uint32_t>(kernels::quantise(weight, scale, word & 0xffff));
            packed[row] = (q << 16) | static_cast<uint32_t>(args.classes[row]);
          } else {
            const auto g = static_cast<uint32_t>(
                kernels::quantise(double{args.gradients[row]}, scale, word & 0xffff));
            const auto h = static_cast<uint32_t>(
                kernels::quantise(double{args.hessians[row]}, hessian_scale, word >> 16));
            packed[row] = (g << 16) | h;
          }
        }
      });
}

}  // namespace assay::backends::cpu
