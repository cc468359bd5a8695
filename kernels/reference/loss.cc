#include "kernels/loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/fixed_point.h"
#include "kernels/exact_math.h"
#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {
namespace {

int64_t row_at(const uint32_t* rows, int64_t i) { return rows == nullptr ? i : rows[i]; }
double weight_at(const float* weights, int64_t row) {
  return weights == nullptr ? 1.0 : double{weights[row]};
}

// e^(s_k - m) of a row, ascending, and their sum.
struct Softmax {
  std::vector<double> exps;
  double greatest = 0;
  double sum = 0;
};

Softmax softmax_of(const double* scores, int32_t count) {
  Softmax result;
  result.greatest = scores[0];
  for (int32_t k = 1; k < count; ++k) {
    if (scores[k] > result.greatest) result.greatest = scores[k];
  }
  for (int32_t k = 0; k < count; ++k) {
    result.exps.push_back(exact_exp(scores[k] - result.greatest));
    result.sum = result.sum + result.exps.back();
  }
  return result;
}

struct Derivatives {
  double gradient = 0;
  double hessian = 0;
};

void store(const LossProblem& problem, const LossGradientsArgs& args, int64_t row, int32_t output,
           Derivatives d) {
  const double weight = weight_at(args.weights, row);
  const auto rounded = [&](double x) {
    const double weighted = x * weight;
    return static_cast<float>(std::clamp(weighted, -kGreatestGradient, kGreatestGradient));
  };
  const float gradient = rounded(d.gradient);
  const float hessian = rounded(d.hessian < kLeastHessian ? kLeastHessian : d.hessian);
  args.gradients[output * problem.row_count + row] = gradient;
  args.hessians[output * problem.row_count + row] = hessian;
  args.max_abs_gradients[output] = std::max(args.max_abs_gradients[output], std::fabs(gradient));
  args.max_hessians[output] = std::max(args.max_hessians[output], hessian);
}

void visit_softmax(const LossProblem& problem, const LossGradientsArgs& args, int64_t row) {
  const int32_t count = problem.output_count;
  const Softmax softmax = softmax_of(args.scores + row * count, count);
  const double factor = double(count) / double(count - 1);
  for (int32_t k = 0; k < count; ++k) {
    const double p = softmax.exps[static_cast<size_t>(k)] / softmax.sum;
    const double hit = args.classes[row] == k ? 1.0 : 0.0;
    store(problem, args, row, k, {p - hit, (p * (1.0 - p)) * factor});
  }
}

double capped_exp(double x) { return exact_exp(x > kGreatestExponent ? kGreatestExponent : x); }

// The derivatives at score s of a loss of one score and target y.
Derivatives derivatives_of(const LossProblem& problem, double s, double y) {
  const double d = s - y;
  switch (problem.loss) {
    case Loss::kAbsolute:
      return {d > 0 ? 1.0 : (d < 0 ? -1.0 : 0.0), 1.0};
    case Loss::kHuber: {
      const double delta = problem.parameter;
      return {std::fabs(d) <= delta ? d : (d > 0 ? delta : -delta), 1.0};
    }
    case Loss::kQuantile: {
      const double alpha = problem.parameter;
      return {d > 0 ? 1.0 - alpha : (d < 0 ? -alpha : 0.0), 1.0};
    }
    case Loss::kPoisson: {
      const double mean = capped_exp(s);
      return {mean - y, mean};
    }
    case Loss::kTweedie: {
      const double a = 1.0 - problem.parameter;
      const double b = 2.0 - problem.parameter;
      const double u = capped_exp(b * s);
      const double v = capped_exp(a * s);
      return {u - y * v, b * u - (a * y) * v};
    }
    case Loss::kLogistic:
    case Loss::kCrossEntropy: {
      const double p = exact_sigmoid(s);
      return {p - y, p * (1.0 - p)};
    }
    case Loss::kSquared:
    case Loss::kSoftmax:
      break;
  }
  return {d, 1.0};
}

// Half the unit deviance of a mean e^s.
double deviance(const LossProblem& problem, double s, double y) {
  const double log_y = y < kLeastLogTarget ? 0.0 : exact_log(y);
  double value = 0;
  if (problem.loss == Loss::kPoisson) {
    value = (capped_exp(s) - y) - y * (s - log_y);
  } else {
    const double a = 1.0 - problem.parameter;
    const double b = 2.0 - problem.parameter;
    const double power = y < kLeastLogTarget ? 0.0 : exact_exp(b * log_y);
    value = (capped_exp(b * s) / b - (y / a) * capped_exp(a * s)) + power / (a * b);
  }
  return value < 0 ? 0.0 : value;
}

double target_loss(const LossProblem& problem, double s, double y) {
  const double d = s - y;
  const double size = std::fabs(d);
  switch (problem.loss) {
    case Loss::kAbsolute:
      return size;
    case Loss::kHuber: {
      const double delta = problem.parameter;
      return size <= delta ? (d * d) * 0.5 : delta * (size - delta * 0.5);
    }
    case Loss::kQuantile:
      return size * (d > 0 ? 1.0 - problem.parameter : problem.parameter);
    case Loss::kPoisson:
    case Loss::kTweedie:
      return deviance(problem, s, y);
    case Loss::kCrossEntropy:
      return y * exact_log(1.0 + exact_exp(-s)) + (1.0 - y) * exact_log(1.0 + exact_exp(s));
    case Loss::kSquared:
    case Loss::kLogistic:
    case Loss::kSoftmax:
      break;
  }
  return (d * d) * 0.5;
}

double loss_of(const LossProblem& problem, const LossValueArgs& args, int64_t row) {
  if (problem.loss == Loss::kSoftmax) {
    const double* scores = args.scores + row * problem.output_count;
    const Softmax softmax = softmax_of(scores, problem.output_count);
    return exact_log(softmax.sum) - (scores[args.classes[row]] - softmax.greatest);
  }
  const double score = args.scores[row];
  if (problem.loss == Loss::kLogistic) {
    return exact_log(1.0 + exact_exp(args.classes[row] == 1 ? -score : score));
  }
  return target_loss(problem, score, args.targets[row]);
}

double fixed_sum(const std::vector<double>& terms) {
  double greatest = 0;
  for (const double term : terms) greatest = std::max(greatest, term);
  const FixedPoint fixed = FixedPoint::for_sum(greatest, static_cast<int64_t>(terms.size()));
  int64_t sum = 0;
  for (const double term : terms) sum += fixed.encode(term);
  return fixed.decode(sum);
}

}  // namespace

Status loss_gradients(const OpContext&, const LossProblem& problem, const LossGradientsArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  std::fill_n(args.max_abs_gradients, problem.output_count, 0.0f);
  std::fill_n(args.max_hessians, problem.output_count, 0.0f);
  for (int64_t i = 0; i < problem.sample_count; ++i) {
    const int64_t row = row_at(args.rows, i);
    if (problem.loss == Loss::kSoftmax) {
      visit_softmax(problem, args, row);
      continue;
    }
    const double target =
        takes_classes(problem.loss) ? double(args.classes[row]) : args.targets[row];
    store(problem, args, row, 0, derivatives_of(problem, args.scores[row], target));
  }
  return {};
}

Status loss_value(const OpContext&, const LossProblem& problem, const LossValueArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  std::vector<double> terms;
  std::vector<double> weights;
  for (int64_t i = 0; i < problem.sample_count; ++i) {
    const int64_t row = row_at(args.rows, i);
    const double loss = loss_of(problem, args, row);
    const double weight = weight_at(args.weights, row);
    terms.push_back((loss <= kGreatestLoss ? loss : kGreatestLoss) * weight);
    weights.push_back(weight);
  }
  const double weight_sum = fixed_sum(weights);
  *args.value = weight_sum > 0 ? fixed_sum(terms) / weight_sum : 0;
  return {};
}

}  // namespace assay::kernels::reference
