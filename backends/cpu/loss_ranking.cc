// loss_gradients and loss_value of kLambdaRank on the host: groups in parallel. Each pair of a
// group is visited once, (0, 1), (0, 2), ..., (1, 2), ...: so the terms of every row come in order
// of its partners.
#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <numeric>
#include <vector>

#include "backends/cpu/chunk_loop.h"
#include "backends/cpu/cpu_kernels.h"
#include "kernels/base/fixed_point.h"
#include "kernels/exact_math.h"
#include "kernels/loss.h"
#include "kernels/rank_rules.h"

namespace assay::backends::cpu {
namespace {

using kernels::Loss;
using kernels::LossGradientsArgs;
using kernels::LossProblem;
using kernels::LossValueArgs;
using kernels::OpContext;

constexpr int64_t kChunkGroups = 8;

// A group's rows, in order of place. Kept between groups by a chunk.
class RankedGroup {
 public:
  template <class Args>
  void load(const LossProblem& problem, const Args& args, int64_t group) {
    begin_ = group == 0 ? 0 : args.group_ends[group - 1];
    const auto count = static_cast<size_t>(args.group_ends[group] - begin_);
    rows.resize(count);
    scores_.resize(count);
    targets_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      const int64_t place = begin_ + static_cast<int64_t>(i);
      rows[i] = args.rows == nullptr ? place : int64_t{args.rows[place]};
      scores_[i] = args.scores[rows[i]];
      targets_[i] = args.targets[rows[i]];
    }
    rank(problem.parameter);
  }

  // Calls visit(more relevant row, the other, delta, how far the first's score is behind) for every
  // pair that counts; a row is its place in the group.
  template <class Visit>
  void visit_pairs(Visit&& visit) const {
    for (size_t a = 0; a < rows.size(); ++a) {
      for (size_t b = a + 1; b < rows.size(); ++b) {
        if (targets_[a] == targets_[b]) continue;
        if (discounts_[a] == discounts_[b]) continue;  // no change
        const double delta =
            kernels::swap_change(gains_[a], gains_[b], discounts_[a], discounts_[b], best_);
        if (!(delta > 0)) continue;
        const bool in_order = targets_[a] > targets_[b];
        const size_t first = in_order ? a : b;
        const size_t second = in_order ? b : a;
        visit(first, second, delta, scores_[second] - scores_[first]);
      }
    }
  }

  int64_t begin() const { return begin_; }
  std::vector<int64_t> rows;

 private:
  void rank(double cut) {
    const size_t count = rows.size();
    gains_.resize(count);
    discounts_.resize(count);
    for (size_t i = 0; i < count; ++i) gains_[i] = kernels::rank_gain(targets_[i]);
    order_.resize(count);
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](size_t a, size_t b) { return scores_[a] > scores_[b]; });
    ideal_ = gains_;
    std::sort(ideal_.begin(), ideal_.end(), std::greater<>());
    best_ = 0;
    for (size_t i = 0; i < count; ++i) {
      const double discount = kernels::rank_discount(static_cast<int64_t>(i), cut);
      discounts_[order_[i]] = discount;
      best_ += ideal_[i] * discount;
    }
  }

  int64_t begin_ = 0;
  std::vector<double> scores_;
  std::vector<double> targets_;
  std::vector<double> gains_;
  std::vector<double> discounts_;
  std::vector<double> ideal_;
  std::vector<size_t> order_;
  double best_ = 0;
};

// Calls visit(group, chunk) for the groups of every chunk, chunks in parallel.
template <class Args, class Visit>
Status for_groups(const OpContext& context, const LossProblem& problem, const Args& args,
                  Visit&& visit) {
  const int64_t chunks = chunk_count_of(problem.group_count, kChunkGroups);
  return for_chunks(context, chunks, [&](int64_t chunk, int) {
    const ChunkRange range = chunk_range(problem.group_count, kChunkGroups, chunk);
    RankedGroup group;
    for (int64_t g = range.begin; g < range.end; ++g) {
      group.load(problem, args, g);
      visit(group);
    }
  });
}

float rounded(double x, double weight) {
  return static_cast<float>(
      std::clamp(x * weight, -kernels::kGreatestGradient, kernels::kGreatestGradient));
}

Status run_gradients(const OpContext& context, const LossProblem& problem,
                     const LossGradientsArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  float max_gradient = 0;
  float max_hessian = 0;
  std::mutex mutex;
  ASSAY_RETURN_IF_ERROR(for_groups(context, problem, args, [&](const RankedGroup& group) {
    std::vector<double> gradients(group.rows.size(), 0.0);
    std::vector<double> hessians(group.rows.size(), 0.0);
    group.visit_pairs([&](size_t first, size_t second, double delta, double behind) {
      const double p = kernels::exact_sigmoid(behind);
      const double pull = delta * p;
      const double bend = pull * (1.0 - p);
      gradients[first] -= pull;
      gradients[second] += pull;
      hessians[first] += bend;
      hessians[second] += bend;
    });
    float own_gradient = 0;
    float own_hessian = 0;
    for (size_t i = 0; i < gradients.size(); ++i) {
      const int64_t row = group.rows[i];
      const double weight = args.weights == nullptr ? 1.0 : double{args.weights[row]};
      args.gradients[row] = rounded(gradients[i], weight);
      args.hessians[row] = rounded(std::max(hessians[i], kernels::kLeastHessian), weight);
      own_gradient = std::max(own_gradient, std::fabs(args.gradients[row]));
      own_hessian = std::max(own_hessian, args.hessians[row]);
    }
    const std::lock_guard lock(mutex);
    max_gradient = std::max(max_gradient, own_gradient);
    max_hessian = std::max(max_hessian, own_hessian);
  }));
  args.max_abs_gradients[0] = max_gradient;
  args.max_hessians[0] = max_hessian;
  return {};
}

double fixed_sum(const std::vector<double>& terms) {
  const double greatest = terms.empty() ? 0 : *std::max_element(terms.begin(), terms.end());
  const FixedPoint fixed = FixedPoint::for_sum(greatest, static_cast<int64_t>(terms.size()));
  int64_t sum = 0;
  for (const double term : terms) sum += fixed.encode(term);
  return fixed.decode(sum);
}

Status run_value(const OpContext& context, const LossProblem& problem, const LossValueArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  std::vector<double> terms(static_cast<size_t>(problem.sample_count), 0.0);
  std::vector<double> weights(terms.size(), 1.0);
  ASSAY_RETURN_IF_ERROR(for_groups(context, problem, args, [&](const RankedGroup& group) {
    double* losses = terms.data() + group.begin();
    group.visit_pairs([&](size_t first, size_t second, double delta, double behind) {
      const double loss = delta * kernels::exact_log(1.0 + kernels::exact_exp(behind));
      losses[first] += loss;
      losses[second] += loss;
    });
    for (size_t i = 0; i < group.rows.size(); ++i) {
      double& weight = weights[static_cast<size_t>(group.begin()) + i];
      if (args.weights != nullptr) weight = double{args.weights[group.rows[i]]};
      const double half = 0.5 * losses[i];
      losses[i] = (half <= kernels::kGreatestLoss ? half : kernels::kGreatestLoss) * weight;
    }
  }));
  const double weight_sum = fixed_sum(weights);
  *args.value = weight_sum > 0 ? fixed_sum(terms) / weight_sum : 0;
  return {};
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const LossProblem& problem) {
  if (problem.loss == Loss::kLambdaRank) return std::nullopt;
  return "only for losses of groups";
}

// Groups of a few dozen rows.
double cost(const kernels::DeviceInfo&, const LossProblem& problem) {
  const auto rows = static_cast<double>(problem.sample_count);
  return 20.0 * rows * rows / static_cast<double>(std::max<int64_t>(1, problem.group_count));
}

}  // namespace

void register_loss_ranking(kernels::KernelSet& kernels) {
  kernels.table<kernels::LossGradients>().add({"cpu.pairs", "cpu", decline, cost, run_gradients});
  kernels.table<kernels::LossValue>().add({"cpu.pairs", "cpu", decline, cost, run_value});
}

}  // namespace assay::backends::cpu
