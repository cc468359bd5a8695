#include "kernels/loss.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "kernels/base/fixed_point.h"
#include "kernels/exact_math.h"
#include "kernels/rank_rules.h"
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
    case Loss::kLambdaRank:
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
    case Loss::kLambdaRank:
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

// One group of kLambdaRank.
class RankedGroup {
 public:
  template <class Args>
  RankedGroup(const LossProblem& problem, const Args& args, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      rows.push_back(row_at(args.rows, i));
      scores_.push_back(args.scores[rows.back()]);
      targets_.push_back(args.targets[rows.back()]);
    }
    std::vector<double> ideal = targets_;
    std::sort(ideal.begin(), ideal.end(), std::greater<>());
    for (size_t i = 0; i < ideal.size(); ++i) {
      best_ += rank_gain(ideal[i]) * rank_discount(static_cast<int64_t>(i), problem.parameter);
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      int64_t rank = 0;
      for (size_t j = 0; j < rows.size(); ++j) {
        if (scores_[j] > scores_[i] || (scores_[j] == scores_[i] && j < i)) ++rank;
      }
      discounts_.push_back(rank_discount(rank, problem.parameter));
    }
  }

  Derivatives derivatives(size_t i) const {
    Derivatives sum;
    visit(i, [&](double delta, double behind, bool first) {
      const double p = exact_sigmoid(behind);
      const double pull = delta * p;
      sum.gradient = first ? sum.gradient - pull : sum.gradient + pull;
      sum.hessian = sum.hessian + pull * (1.0 - p);
    });
    return sum;
  }

  double loss(size_t i) const {
    double sum = 0;
    visit(i, [&](double delta, double behind, bool) {
      sum = sum + delta * exact_log(1.0 + exact_exp(behind));
    });
    return 0.5 * sum;
  }

  std::vector<int64_t> rows;

 private:
  // Calls each(delta, how far the more relevant row's score is behind, whether it is row i).
  template <class Each>
  void visit(size_t i, Each&& each) const {
    for (size_t j = 0; j < rows.size(); ++j) {
      if (targets_[i] == targets_[j]) continue;
      const double delta = swap_change(rank_gain(targets_[i]), rank_gain(targets_[j]),
                                       discounts_[i], discounts_[j], best_);
      if (!(delta > 0)) continue;
      const bool first = targets_[i] > targets_[j];
      each(delta, first ? scores_[j] - scores_[i] : scores_[i] - scores_[j], first);
    }
  }

  std::vector<double> scores_;
  std::vector<double> targets_;
  std::vector<double> discounts_;
  double best_ = 0;
};

// Calls visit for each group.
template <class Args, class Visit>
void for_groups(const LossProblem& problem, const Args& args, Visit&& visit) {
  for (int64_t g = 0; g < problem.group_count; ++g) {
    visit(RankedGroup(problem, args, g == 0 ? 0 : args.group_ends[g - 1], args.group_ends[g]));
  }
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
  if (problem.loss == Loss::kLambdaRank) {
    for_groups(problem, args, [&](const RankedGroup& group) {
      for (size_t i = 0; i < group.rows.size(); ++i) {
        store(problem, args, group.rows[i], 0, group.derivatives(i));
      }
    });
    return {};
  }
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
  const auto add = [&](int64_t row, double loss) {
    const double weight = weight_at(args.weights, row);
    terms.push_back((loss <= kGreatestLoss ? loss : kGreatestLoss) * weight);
    weights.push_back(weight);
  };
  if (problem.loss == Loss::kLambdaRank) {
    for_groups(problem, args, [&](const RankedGroup& group) {
      for (size_t i = 0; i < group.rows.size(); ++i) add(group.rows[i], group.loss(i));
    });
  } else {
    for (int64_t i = 0; i < problem.sample_count; ++i) {
      const int64_t row = row_at(args.rows, i);
      add(row, loss_of(problem, args, row));
    }
  }
  const double weight_sum = fixed_sum(weights);
  *args.value = weight_sum > 0 ? fixed_sum(terms) / weight_sum : 0;
  return {};
}

}  // namespace assay::kernels::reference
