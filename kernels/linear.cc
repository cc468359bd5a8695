#include "kernels/linear.h"

namespace assay::kernels {
namespace {

Status check_linear_sizes(std::string_view op, const LinearProblem& problem, bool picks_rows) {
  if (problem.row_count < 0 || problem.column_count < 0 || problem.output_count < 1) {
    return fail(StatusCode::kInvalidArgument,
                "{}: row_count={}, column_count={}, output_count={} (must be at least 0, 0 and 1)",
                op, problem.row_count, problem.column_count, problem.output_count);
  }
  if (problem.sample_count < 0 || (!picks_rows && problem.sample_count > problem.row_count)) {
    return fail(StatusCode::kInvalidArgument, "{}: sample_count={} (must be 0..{})", op,
                problem.sample_count, problem.row_count);
  }
  return {};
}

Status check_linear_array(std::string_view op, std::string_view name, const void* array,
                          bool is_read) {
  if (!is_read || array != nullptr) return {};
  return fail(StatusCode::kInvalidArgument, "{}: {} is null", op, name);
}

}  // namespace

Status check_problem(const LinearProblem& problem, const LinearScoresArgs& args) {
  constexpr std::string_view kOp = LinearScores::kName;
  ASSAY_RETURN_IF_ERROR(check_linear_sizes(kOp, problem, args.rows != nullptr));
  const bool works = problem.sample_count > 0;
  ASSAY_RETURN_IF_ERROR(
      check_linear_array(kOp, "features", args.features, works && problem.column_count > 0));
  ASSAY_RETURN_IF_ERROR(check_linear_array(kOp, "parameters", args.parameters, works));
  return check_linear_array(kOp, "scores", args.scores, works);
}

Status check_problem(const LinearProblem& problem, const LinearGradientArgs& args) {
  constexpr std::string_view kOp = LinearGradient::kName;
  ASSAY_RETURN_IF_ERROR(check_linear_sizes(kOp, problem, args.rows != nullptr));
  const bool works = problem.sample_count > 0;
  ASSAY_RETURN_IF_ERROR(
      check_linear_array(kOp, "features", args.features, works && problem.column_count > 0));
  ASSAY_RETURN_IF_ERROR(check_linear_array(kOp, "gradients", args.gradients, works));
  return check_linear_array(kOp, "sums", args.sums, true);
}

}  // namespace assay::kernels
