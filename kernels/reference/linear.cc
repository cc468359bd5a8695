#include "kernels/linear.h"

#include <algorithm>
#include <vector>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {
namespace {

int64_t linear_row(const uint32_t* rows, int64_t i) { return rows == nullptr ? i : rows[i]; }

}  // namespace

Status linear_scores(const OpContext&, const LinearProblem& problem, const LinearScoresArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  const int64_t columns = problem.column_count;
  const int64_t outputs = problem.output_count;
  for (int64_t i = 0; i < problem.sample_count; ++i) {
    const int64_t row = linear_row(args.rows, i);
    for (int64_t k = 0; k < outputs; ++k) {
      double score = args.parameters[columns * outputs + k];
      for (int64_t j = 0; j < columns; ++j) {
        score = score + double{args.features[row * columns + j]} * args.parameters[j * outputs + k];
      }
      args.scores[row * outputs + k] = score;
    }
  }
  return {};
}

Status linear_gradient(const OpContext&, const LinearProblem& problem,
                       const LinearGradientArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  const int64_t columns = problem.column_count;
  const int64_t outputs = problem.output_count;
  const int64_t cells = (columns + 1) * outputs;
  std::fill_n(args.sums, cells, 0.0);
  for (int64_t chunk = 0; chunk < chunk_count_of(problem.sample_count, kLinearChunkRows); ++chunk) {
    const auto [begin, end] = chunk_range(problem.sample_count, kLinearChunkRows, chunk);
    std::vector<double> sums(static_cast<size_t>(cells), 0.0);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = linear_row(args.rows, i);
      for (int64_t cell = 0; cell < cells; ++cell) {
        const int64_t j = cell / outputs;
        const double x = j < columns ? double{args.features[row * columns + j]} : 1.0;
        const double g = args.gradients[cell % outputs * problem.row_count + row];
        sums[static_cast<size_t>(cell)] = sums[static_cast<size_t>(cell)] + x * g;
      }
    }
    for (int64_t cell = 0; cell < cells; ++cell) {
      args.sums[cell] = args.sums[cell] + sums[static_cast<size_t>(cell)];
    }
  }
  return {};
}

}  // namespace assay::kernels::reference
