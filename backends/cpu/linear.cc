// linear_scores and linear_gradient on the CPU. Chunks of rows are dealt to threads. A score is a
// chain of additions: with one output eight rows are summed side by side, with several outputs
// those are. A gradient's sums of a chunk lie by output, so that a row adds to neighbours.
#include "kernels/linear.h"

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "backends/cpu/chunk_loop.h"
#include "backends/cpu/cpu_kernels.h"
#include "kernels/base/vector_clones.h"

namespace assay::backends::cpu {
namespace {

using kernels::kLinearChunkRows;
using kernels::LinearGradientArgs;
using kernels::LinearProblem;
using kernels::LinearScoresArgs;

constexpr int64_t kScoredRows = 512;  // of a chunk
constexpr int64_t kRowsSideBySide = 8;
constexpr int64_t kSumCells = 1 << 21;  // of the chunks of a round together

int64_t sampled_row(const uint32_t* rows, int64_t i) {
  return rows == nullptr ? i : int64_t{rows[i]};
}

// sums[k] += features[j] weights[j, k], columns ascending.
ASSAY_VECTOR_CLONES
void add_columns(const float* features, const double* weights, int64_t columns, int64_t outputs,
                 double* __restrict sums) {
  for (int64_t j = 0; j < columns; ++j) {
    const double x = features[j];
    const double* of_column = weights + j * outputs;
    for (int64_t k = 0; k < outputs; ++k) sums[k] += x * of_column[k];
  }
}

// The same for one output of several rows.
ASSAY_VECTOR_CLONES
void add_columns_of_rows(const float* const* rows, const double* weights, int64_t columns,
                         double* __restrict sums) {
  double own[kRowsSideBySide];
  for (int64_t r = 0; r < kRowsSideBySide; ++r) own[r] = sums[r];
  for (int64_t j = 0; j < columns; ++j) {
    const double weight = weights[j];
    for (int64_t r = 0; r < kRowsSideBySide; ++r) own[r] += double{rows[r][j]} * weight;
  }
  for (int64_t r = 0; r < kRowsSideBySide; ++r) sums[r] = own[r];
}

// sums[j] += features[j] gradient.
ASSAY_VECTOR_CLONES
void add_row(const float* features, double gradient, int64_t columns, double* __restrict sums) {
  for (int64_t j = 0; j < columns; ++j) sums[j] += double{features[j]} * gradient;
}

void score_single(const LinearProblem& problem, const LinearScoresArgs& args,
                  const ChunkRange& range) {
  const int64_t columns = problem.column_count;
  for (int64_t i = range.begin; i < range.end; i += kRowsSideBySide) {
    const int64_t count = std::min(kRowsSideBySide, range.end - i);
    const float* rows[kRowsSideBySide];
    double sums[kRowsSideBySide];
    for (int64_t r = 0; r < kRowsSideBySide; ++r) {
      // Where rows run out, the last one again.
      rows[r] = args.features + sampled_row(args.rows, i + std::min(r, count - 1)) * columns;
      sums[r] = args.parameters[columns];
    }
    add_columns_of_rows(rows, args.parameters, columns, sums);
    for (int64_t r = 0; r < count; ++r) args.scores[sampled_row(args.rows, i + r)] = sums[r];
  }
}

void score_several(const LinearProblem& problem, const LinearScoresArgs& args,
                   const ChunkRange& range) {
  const int64_t columns = problem.column_count;
  const int64_t outputs = problem.output_count;
  for (int64_t i = range.begin; i < range.end; ++i) {
    const int64_t row = sampled_row(args.rows, i);
    double* scores = args.scores + row * outputs;
    std::copy_n(args.parameters + columns * outputs, outputs, scores);
    add_columns(args.features + row * columns, args.parameters, columns, outputs, scores);
  }
}

Status run_linear_scores(const kernels::OpContext& context, const LinearProblem& problem,
                         const LinearScoresArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  return for_chunks(context, chunk_count_of(problem.sample_count, kScoredRows),
                    [&](int64_t chunk, int) {
                      const auto range = chunk_range(problem.sample_count, kScoredRows, chunk);
                      if (problem.output_count == 1) {
                        score_single(problem, args, range);
                      } else {
                        score_several(problem, args, range);
                      }
                    });
}

// `sums` [outputs, columns + 1] out.
void sum_chunk(const LinearProblem& problem, const LinearGradientArgs& args,
               const ChunkRange& range, double* sums) {
  const int64_t columns = problem.column_count;
  std::fill_n(sums, problem.output_count * (columns + 1), 0.0);
  for (int64_t i = range.begin; i < range.end; ++i) {
    const int64_t row = sampled_row(args.rows, i);
    for (int64_t k = 0; k < problem.output_count; ++k) {
      const double gradient = args.gradients[k * problem.row_count + row];
      double* of_output = sums + k * (columns + 1);
      add_row(args.features + row * columns, gradient, columns, of_output);
      of_output[columns] += gradient;
    }
  }
}

Status run_linear_gradient(const kernels::OpContext& context, const LinearProblem& problem,
                           const LinearGradientArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  const int64_t columns = int64_t{problem.column_count} + 1;
  const int64_t cells = columns * problem.output_count;
  std::fill_n(args.sums, cells, 0.0);
  const int64_t chunks = chunk_count_of(problem.sample_count, kLinearChunkRows);
  if (chunks == 0) return {};
  const int64_t together = std::clamp<int64_t>(kSumCells / cells, 1, chunks);
  std::vector<double> sums;
  try {
    sums.resize(static_cast<size_t>(together * cells));
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "linear_gradient: no memory for {} sums",
                together * cells);
  }
  for (int64_t first = 0; first < chunks; first += together) {
    const int64_t count = std::min(together, chunks - first);
    ASSAY_RETURN_IF_ERROR(for_chunks(context, count, [&](int64_t chunk, int) {
      sum_chunk(problem, args, chunk_range(problem.sample_count, kLinearChunkRows, first + chunk),
                sums.data() + chunk * cells);
    }));
    for (int64_t chunk = 0; chunk < count; ++chunk) {
      for (int64_t cell = 0; cell < cells; ++cell) {
        const int64_t place = cell % columns * problem.output_count + cell / columns;
        args.sums[place] += sums[static_cast<size_t>(chunk * cells + cell)];
      }
    }
  }
  return {};
}

std::optional<std::string> decline_linear(const kernels::DeviceInfo&, const LinearProblem&) {
  return std::nullopt;
}

double linear_cost(const kernels::DeviceInfo&, const LinearProblem& problem) {
  return 1'000 + static_cast<double>(problem.sample_count) *
                     (5 + 0.5 * static_cast<double>(problem.column_count) * problem.output_count);
}

}  // namespace

void register_linear(kernels::KernelSet& kernels) {
  kernels.table<kernels::LinearScores>().add(
      {"cpu.rows", "cpu", decline_linear, linear_cost, run_linear_scores});
  kernels.table<kernels::LinearGradient>().add(
      {"cpu.chunks", "cpu", decline_linear, linear_cost, run_linear_gradient});
}

}  // namespace assay::backends::cpu
