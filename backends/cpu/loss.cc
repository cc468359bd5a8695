// loss_gradients and loss_value on the host. A chunk of rows is cut into blocks; a block's scores,
// targets and weights are gathered into arrays of doubles, one plane an output, padded to whole
// vectors; the arithmetic runs on those with Highway, with the operations of exact_math.h; results
// are scattered back. What a block computes does not depend on how rows are cut.
#include "kernels/loss.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <vector>

#include "backends/cpu/chunk_loop.h"
#include "backends/cpu/cpu_kernels.h"
#include "kernels/base/fixed_point.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/loss.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target

#include "backends/cpu/exact_math_simd.h"

#ifndef ASSAY_BACKENDS_CPU_LOSS_BLOCK_
#define ASSAY_BACKENDS_CPU_LOSS_BLOCK_
namespace assay::backends::cpu {
namespace {

// The arrays of a block. Planes are [output_count, capacity], capacity a multiple of 8, of which
// `padded` are in use: rows of the block, and whatever was there behind them.
struct LossBlock {
  kernels::Loss loss = kernels::Loss::kSquared;
  double parameter = 0;
  int32_t output_count = 1;
  int64_t capacity = 0;
  int64_t padded = 0;
  std::vector<double> scores;  // planes; softmax: becomes e^(s - m)
  // [capacity]; kLogistic: the class; kSoftmax: the class, or its score for values
  std::vector<double> targets;
  std::vector<double> weights;
  std::vector<double> sums;      // softmax
  std::vector<double> greatest;  // softmax
  std::vector<double> terms;     // loss_value's results
  std::vector<float> gradients;  // planes
  std::vector<float> hessians;   // planes
};

}  // namespace
}  // namespace assay::backends::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

// Weights, clamps and rounds the derivatives of a vector of rows.
HWY_INLINE void store_derivatives(VecF64 gradient, VecF64 hessian, VecF64 weight, float* g,
                                  float* h) {
  const F64 d;
  const hn::Rebind<float, F64> df;
  const auto top = hn::Set(d, kernels::kGreatestGradient);
  const auto bottom = hn::Neg(top);
  const auto least = hn::Set(d, kernels::kLeastHessian);
  hessian = hn::IfThenElse(hn::Lt(hessian, least), least, hessian);
  auto wg = hn::Mul(gradient, weight);
  wg = hn::IfThenElse(hn::Lt(wg, bottom), bottom, wg);
  wg = hn::IfThenElse(hn::Gt(wg, top), top, wg);
  auto wh = hn::Mul(hessian, weight);
  wh = hn::IfThenElse(hn::Gt(wh, top), top, wh);
  hn::StoreU(hn::DemoteTo(df, wg), df, g);
  hn::StoreU(hn::DemoteTo(df, wh), df, h);
}

// scores -> e^(s - m) in place; fills sums and greatest.
void softmax(LossBlock& block) {
  const F64 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < block.padded; i += lanes) {
    double* scores = block.scores.data() + i;
    auto greatest = hn::LoadU(d, scores);
    for (int32_t k = 1; k < block.output_count; ++k) {
      greatest = greater_of(hn::LoadU(d, scores + k * block.capacity), greatest);
    }
    auto sum = hn::Zero(d);
    for (int32_t k = 0; k < block.output_count; ++k) {
      double* plane = scores + k * block.capacity;
      const auto e = exact_exp(hn::Sub(hn::LoadU(d, plane), greatest));
      hn::StoreU(e, d, plane);
      sum = hn::Add(sum, e);
    }
    hn::StoreU(sum, d, block.sums.data() + i);
    hn::StoreU(greatest, d, block.greatest.data() + i);
  }
}

void softmax_gradients(LossBlock& block) {
  const F64 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0);
  const double count = block.output_count;
  const auto factor = hn::Set(d, count / (count - 1.0));
  softmax(block);
  for (int32_t k = 0; k < block.output_count; ++k) {
    const int64_t plane = k * block.capacity;
    const auto number = hn::Set(d, double(k));
    for (int64_t i = 0; i < block.padded; i += lanes) {
      const auto p = hn::Div(hn::LoadU(d, block.scores.data() + plane + i),
                             hn::LoadU(d, block.sums.data() + i));
      const auto is_class = hn::Eq(hn::LoadU(d, block.targets.data() + i), number);
      const auto hit = hn::IfThenElseZero(is_class, one);
      const auto hessian = hn::Mul(hn::Mul(p, hn::Sub(one, p)), factor);
      store_derivatives(hn::Sub(p, hit), hessian, hn::LoadU(d, block.weights.data() + i),
                        block.gradients.data() + plane + i, block.hessians.data() + plane + i);
    }
  }
}

HWY_INLINE VecF64 capped_exp(VecF64 x) {
  const auto top = hn::Set(F64(), kernels::kGreatestExponent);
  return exact_exp(hn::IfThenElse(hn::Gt(x, top), top, x));
}

// `above` where d > 0, `below` where d < 0, 0 at 0.
HWY_INLINE VecF64 by_side(VecF64 d, double above, double below) {
  const F64 tag;
  const auto zero = hn::Zero(tag);
  const auto negative = hn::IfThenElseZero(hn::Lt(d, zero), hn::Set(tag, below));
  return hn::IfThenElse(hn::Gt(d, zero), hn::Set(tag, above), negative);
}

// Calls formula(score, target, gradient, hessian) for vectors of rows; the hessian comes as 1.
template <class Formula>
void gradients_by(LossBlock& block, Formula&& formula) {
  const F64 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < block.padded; i += lanes) {
    const auto score = hn::LoadU(d, block.scores.data() + i);
    const auto target = hn::LoadU(d, block.targets.data() + i);
    auto gradient = hn::Sub(score, target);
    auto hessian = hn::Set(d, 1.0);
    formula(score, target, gradient, hessian);
    store_derivatives(gradient, hessian, hn::LoadU(d, block.weights.data() + i),
                      block.gradients.data() + i, block.hessians.data() + i);
  }
}

void distance_gradients(LossBlock& block) {
  const double parameter = block.parameter;
  switch (block.loss) {
    case kernels::Loss::kAbsolute:
      return gradients_by(block, [](VecF64, VecF64, VecF64& gradient, VecF64&)
                                     HWY_ATTR { gradient = by_side(gradient, 1.0, -1.0); });
    case kernels::Loss::kHuber:
      return gradients_by(block, [=](VecF64, VecF64, VecF64& gradient, VecF64&) HWY_ATTR {
        const auto inside = hn::Le(hn::Abs(gradient), hn::Set(F64(), parameter));
        gradient = hn::IfThenElse(inside, gradient, by_side(gradient, parameter, -parameter));
      });
    case kernels::Loss::kQuantile:
      return gradients_by(block, [=](VecF64, VecF64, VecF64& gradient, VecF64&) HWY_ATTR {
        gradient = by_side(gradient, 1.0 - parameter, -parameter);
      });
    default:
      return gradients_by(block, [](VecF64, VecF64, VecF64&, VecF64&) HWY_ATTR {});
  }
}

void block_gradients(LossBlock& block) {
  const F64 d;
  switch (block.loss) {
    case kernels::Loss::kSoftmax:
      return softmax_gradients(block);
    case kernels::Loss::kLogistic:
    case kernels::Loss::kCrossEntropy:
      return gradients_by(block, [=](VecF64 score, VecF64 target, VecF64& g, VecF64& h) HWY_ATTR {
        const auto p = exact_sigmoid(score);
        g = hn::Sub(p, target);
        h = hn::Mul(p, hn::Sub(hn::Set(d, 1.0), p));
      });
    case kernels::Loss::kPoisson:
      return gradients_by(block, [](VecF64 score, VecF64 target, VecF64& g, VecF64& h) HWY_ATTR {
        h = capped_exp(score);
        g = hn::Sub(h, target);
      });
    case kernels::Loss::kTweedie: {
      const double a = 1.0 - block.parameter;
      const double b = 2.0 - block.parameter;
      return gradients_by(block, [=](VecF64 score, VecF64 target, VecF64& g, VecF64& h) HWY_ATTR {
        const auto u = capped_exp(hn::Mul(hn::Set(d, b), score));
        const auto v = capped_exp(hn::Mul(hn::Set(d, a), score));
        g = hn::Sub(u, hn::Mul(target, v));
        h = hn::Sub(hn::Mul(hn::Set(d, b), u), hn::Mul(hn::Mul(hn::Set(d, a), target), v));
      });
    }
    default:
      return distance_gradients(block);
  }
}

// The greatest magnitude of finite numbers; 0 of none.
float greatest_size(const float* values, int64_t count) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto greatest = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    greatest = hn::Max(greatest, hn::Abs(hn::LoadU(d, values + i)));
  }
  float all = hn::GetLane(hn::MaxOfLanes(d, greatest));
  for (; i < count; ++i) all = std::max(all, std::fabs(values[i]));
  return all;
}

// Calls formula(score, target) for vectors of rows: terms = weight * loss.
template <class Formula>
void losses_by(LossBlock& block, Formula&& formula) {
  const F64 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto limit = hn::Set(d, kernels::kGreatestLoss);
  for (int64_t i = 0; i < block.padded; i += lanes) {
    auto value =
        formula(hn::LoadU(d, block.scores.data() + i), hn::LoadU(d, block.targets.data() + i));
    value = hn::IfThenElse(hn::Le(value, limit), value, limit);
    hn::StoreU(hn::Mul(value, hn::LoadU(d, block.weights.data() + i)), d, block.terms.data() + i);
  }
}

void softmax_losses(LossBlock& block) {
  const F64 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto limit = hn::Set(d, kernels::kGreatestLoss);
  softmax(block);
  for (int64_t i = 0; i < block.padded; i += lanes) {
    const auto distance =
        hn::Sub(hn::LoadU(d, block.targets.data() + i), hn::LoadU(d, block.greatest.data() + i));
    auto value = hn::Sub(exact_log(hn::LoadU(d, block.sums.data() + i)), distance);
    value = hn::IfThenElse(hn::Le(value, limit), value, limit);
    hn::StoreU(hn::Mul(value, hn::LoadU(d, block.weights.data() + i)), d, block.terms.data() + i);
  }
}

void distance_losses(LossBlock& block) {
  const F64 d;
  const double parameter = block.parameter;
  const auto half = hn::Set(d, 0.5);
  switch (block.loss) {
    case kernels::Loss::kAbsolute:
      return losses_by(block, [](VecF64 score, VecF64 target)
                                  HWY_ATTR { return hn::Abs(hn::Sub(score, target)); });
    case kernels::Loss::kHuber:
      return losses_by(block, [=](VecF64 score, VecF64 target) HWY_ATTR {
        const auto delta = hn::Set(d, parameter);
        const auto distance = hn::Sub(score, target);
        const auto size = hn::Abs(distance);
        const auto line = hn::Mul(delta, hn::Sub(size, hn::Mul(delta, half)));
        return hn::IfThenElse(hn::Le(size, delta), hn::Mul(hn::Mul(distance, distance), half),
                              line);
      });
    case kernels::Loss::kQuantile:
      return losses_by(block, [=](VecF64 score, VecF64 target) HWY_ATTR {
        const auto distance = hn::Sub(score, target);
        const auto above = hn::Gt(distance, hn::Zero(d));
        const auto slope =
            hn::IfThenElse(above, hn::Set(d, 1.0 - parameter), hn::Set(d, parameter));
        return hn::Mul(hn::Abs(distance), slope);
      });
    default:
      return losses_by(block, [=](VecF64 score, VecF64 target) HWY_ATTR {
        const auto distance = hn::Sub(score, target);
        return hn::Mul(hn::Mul(distance, distance), half);
      });
  }
}

void deviance_losses(LossBlock& block) {
  const F64 d;
  const auto least = hn::Set(d, kernels::kLeastLogTarget);
  const auto above_zero = [=](VecF64 value) HWY_ATTR {
    return hn::IfThenElseZero(hn::Not(hn::Lt(value, hn::Zero(d))), value);
  };
  const auto log_of = [=](VecF64 target) HWY_ATTR {
    const auto small = hn::Lt(target, least);
    return hn::IfThenElse(small, hn::Zero(d), exact_log(hn::IfThenElse(small, least, target)));
  };
  if (block.loss == kernels::Loss::kPoisson) {
    return losses_by(block, [=](VecF64 score, VecF64 target) HWY_ATTR {
      const auto linear = hn::Mul(target, hn::Sub(score, log_of(target)));
      return above_zero(hn::Sub(hn::Sub(capped_exp(score), target), linear));
    });
  }
  const auto a = hn::Set(d, 1.0 - block.parameter);
  const auto b = hn::Set(d, 2.0 - block.parameter);
  losses_by(block, [=](VecF64 score, VecF64 target) HWY_ATTR {
    const auto raised = exact_exp(hn::Mul(b, log_of(target)));
    const auto power = hn::IfThenElse(hn::Lt(target, least), hn::Zero(d), raised);
    const auto mean = hn::Div(capped_exp(hn::Mul(b, score)), b);
    const auto share = hn::Mul(hn::Div(target, a), capped_exp(hn::Mul(a, score)));
    return above_zero(hn::Add(hn::Sub(mean, share), hn::Div(power, hn::Mul(a, b))));
  });
}

// terms = weight * loss of every row.
void block_losses(LossBlock& block) {
  const F64 d;
  const auto one = hn::Set(d, 1.0);
  switch (block.loss) {
    case kernels::Loss::kSoftmax:
      return softmax_losses(block);
    case kernels::Loss::kLogistic:
      return losses_by(block, [=](VecF64 score, VecF64 target) HWY_ATTR {
        const auto signed_score = hn::IfThenElse(hn::Eq(target, one), hn::Neg(score), score);
        return exact_log(hn::Add(one, exact_exp(signed_score)));
      });
    case kernels::Loss::kCrossEntropy:
      return losses_by(block, [=](VecF64 score, VecF64 target) HWY_ATTR {
        const auto yes = exact_log(hn::Add(one, exact_exp(hn::Neg(score))));
        const auto no = exact_log(hn::Add(one, exact_exp(score)));
        return hn::Add(hn::Mul(target, yes), hn::Mul(hn::Sub(one, target), no));
      });
    case kernels::Loss::kPoisson:
    case kernels::Loss::kTweedie:
      return deviance_losses(block);
    default:
      return distance_losses(block);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

HWY_EXPORT(block_gradients);
HWY_EXPORT(block_losses);
HWY_EXPORT(greatest_size);

using kernels::DeviceInfo;
using kernels::Loss;
using kernels::LossGradients;
using kernels::LossGradientsArgs;
using kernels::LossProblem;
using kernels::LossValue;
using kernels::LossValueArgs;
using kernels::OpContext;

constexpr int64_t kChunkRows = 4096;
constexpr int64_t kBlockCells = 4096;  // rows * outputs of a block: its planes fit the caches

// The inputs that both ops have.
struct LossInputs {
  const uint32_t* rows;
  const double* scores;
  const double* targets;
  const int32_t* classes;
  const float* weights;

  int64_t row(int64_t i) const { return rows == nullptr ? i : rows[i]; }
};

LossBlock make_block(const LossProblem& problem) {
  LossBlock block;
  block.loss = problem.loss;
  block.parameter = problem.parameter;
  block.output_count = problem.output_count;
  block.capacity = std::clamp<int64_t>(kBlockCells / problem.output_count / 8 * 8, 8, 512);
  const auto capacity = static_cast<size_t>(block.capacity);
  const auto planes = capacity * static_cast<size_t>(problem.output_count);
  block.scores.resize(planes);
  block.targets.resize(capacity);
  block.weights.assign(capacity, 1.0);
  if (problem.loss == Loss::kSoftmax) {
    block.sums.resize(capacity);
    block.greatest.resize(capacity);
  }
  return block;
}

// Whether the rows of a range are next to each other, as most are.
bool is_run(const LossInputs& in, ChunkRange range) {
  if (in.rows == nullptr) return true;
  const int64_t shift = in.row(range.begin) - range.begin;
  for (int64_t i = range.begin; i < range.end; ++i) {
    if (in.rows[i] != i + shift) return false;
  }
  return true;
}

// One score a row, rows next to each other.
void gather_run(const LossInputs& in, int64_t first, size_t count, LossBlock& block) {
  std::copy_n(in.scores + first, count, block.scores.begin());
  if (kernels::takes_classes(block.loss)) {
    std::copy_n(in.classes + first, count, block.targets.begin());
  } else {
    std::copy_n(in.targets + first, count, block.targets.begin());
  }
  if (in.weights != nullptr) std::copy_n(in.weights + first, count, block.weights.begin());
}

void gather(const LossProblem& problem, const LossInputs& in, ChunkRange range, bool class_scores,
            LossBlock& block) {
  const int64_t count = range.end - range.begin;
  block.padded = (count + 7) / 8 * 8;
  if (block.output_count == 1 && is_run(in, range)) {
    return gather_run(in, in.row(range.begin), static_cast<size_t>(count), block);
  }
  const bool takes_classes = kernels::takes_classes(problem.loss);
  const int64_t capacity = block.capacity;
  const int32_t outputs = block.output_count;
  double* planes = block.scores.data();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = in.row(range.begin + i);
    const auto at = static_cast<size_t>(i);
    const double* scores = in.scores + row * outputs;
    for (int32_t k = 0; k < outputs; ++k) planes[k * capacity + i] = scores[k];
    if (!takes_classes) {
      block.targets[at] = in.targets[row];
    } else {
      block.targets[at] = class_scores ? scores[in.classes[row]] : double(in.classes[row]);
    }
    if (in.weights != nullptr) block.weights[at] = double{in.weights[row]};
  }
}

// The maxima of every output, joined from the chunks. Maxima do not depend on order.
class Maxima {
 public:
  explicit Maxima(int32_t output_count)
      : gradients_(static_cast<size_t>(output_count)), hessians_(gradients_) {}
  void add(size_t output, float gradient, float hessian) {
    gradients_[output] = std::max(gradients_[output], gradient);
    hessians_[output] = std::max(hessians_[output], hessian);
  }
  void join(const Maxima& other) {
    for (size_t k = 0; k < gradients_.size(); ++k) add(k, other.gradients_[k], other.hessians_[k]);
  }
  void copy_to(const LossGradientsArgs& args) const {
    std::copy(gradients_.begin(), gradients_.end(), args.max_abs_gradients);
    std::copy(hessians_.begin(), hessians_.end(), args.max_hessians);
  }

 private:
  std::vector<float> gradients_;
  std::vector<float> hessians_;
};

void scatter(const LossProblem& problem, const LossInputs& in, const LossGradientsArgs& args,
             ChunkRange range, const LossBlock& block, Maxima& maxima) {
  const int64_t count = range.end - range.begin;
  const bool run = is_run(in, range);
  for (int32_t k = 0; k < block.output_count; ++k) {
    const float* gradients = block.gradients.data() + k * block.capacity;
    const float* hessians = block.hessians.data() + k * block.capacity;
    float* gradient_plane = args.gradients + k * problem.row_count;
    float* hessian_plane = args.hessians + k * problem.row_count;
    if (run) {
      std::copy_n(gradients, count, gradient_plane + in.row(range.begin));
      std::copy_n(hessians, count, hessian_plane + in.row(range.begin));
    } else {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t row = args.rows[range.begin + i];
        gradient_plane[row] = gradients[i];
        hessian_plane[row] = hessians[i];
      }
    }
    maxima.add(static_cast<size_t>(k), HWY_DYNAMIC_DISPATCH(greatest_size)(gradients, count),
               HWY_DYNAMIC_DISPATCH(greatest_size)(hessians, count));
  }
}

// Calls visit(range) for the blocks of a chunk.
template <class Visit>
void for_blocks(int64_t sample_count, int64_t chunk, int64_t block_rows, Visit visit) {
  const ChunkRange rows = chunk_range(sample_count, kChunkRows, chunk);
  for (int64_t begin = rows.begin; begin < rows.end; begin += block_rows) {
    visit(ChunkRange{begin, std::min(begin + block_rows, rows.end)});
  }
}

Status run_gradients(const OpContext& context, const LossProblem& problem,
                     const LossGradientsArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  const LossInputs inputs{args.rows, args.scores, args.targets, args.classes, args.weights};
  Maxima maxima(problem.output_count);
  std::mutex mutex;
  const int64_t chunks = chunk_count_of(problem.sample_count, kChunkRows);
  ASSAY_RETURN_IF_ERROR(for_chunks(context, chunks, [&](int64_t chunk, int) {
    LossBlock block = make_block(problem);
    block.gradients.resize(block.scores.size());
    block.hessians.resize(block.scores.size());
    Maxima own(problem.output_count);
    for_blocks(problem.sample_count, chunk, block.capacity, [&](ChunkRange range) {
      gather(problem, inputs, range, false, block);
      HWY_DYNAMIC_DISPATCH(block_gradients)(block);
      scatter(problem, inputs, args, range, block, own);
    });
    const std::lock_guard lock(mutex);
    maxima.join(own);
  }));
  maxima.copy_to(args);
  return {};
}

// Sums of doubles >= 0 in fixed point, first the greatest, then the terms.
double fixed_sum(const OpContext& context, const std::vector<double>& terms, Status& status) {
  const auto count = static_cast<int64_t>(terms.size());
  const double greatest = terms.empty() ? 0 : *std::max_element(terms.begin(), terms.end());
  const FixedPoint fixed = FixedPoint::for_sum(greatest, count);
  // 2^exponent as a product: either may be out of the range of doubles.
  const double scale = std::ldexp(1.0, fixed.exponent() / 2);
  const double scale_rest = std::ldexp(1.0, fixed.exponent() - fixed.exponent() / 2);
  const int64_t chunks = chunk_count_of(count, kChunkRows);
  std::vector<int64_t> sums(static_cast<size_t>(chunks), 0);
  status = for_chunks(context, chunks, [&](int64_t chunk, int) {
    const ChunkRange range = chunk_range(count, kChunkRows, chunk);
    int64_t sum = 0;
    for (int64_t i = range.begin; i < range.end; ++i) {
      sum += std::llrint(terms[static_cast<size_t>(i)] * scale * scale_rest);
    }
    sums[static_cast<size_t>(chunk)] = sum;
  });
  int64_t sum = 0;
  for (const int64_t part : sums) sum += part;
  return fixed.decode(sum);
}

Status run_value(const OpContext& context, const LossProblem& problem, const LossValueArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  const LossInputs inputs{args.rows, args.scores, args.targets, args.classes, args.weights};
  std::vector<double> terms(static_cast<size_t>(problem.sample_count));
  const int64_t chunks = chunk_count_of(problem.sample_count, kChunkRows);
  ASSAY_RETURN_IF_ERROR(for_chunks(context, chunks, [&](int64_t chunk, int) {
    LossBlock block = make_block(problem);
    block.terms.resize(static_cast<size_t>(block.capacity));
    for_blocks(problem.sample_count, chunk, block.capacity, [&](ChunkRange range) {
      gather(problem, inputs, range, problem.loss == Loss::kSoftmax, block);
      HWY_DYNAMIC_DISPATCH(block_losses)(block);
      std::copy_n(block.terms.begin(), range.end - range.begin, terms.begin() + range.begin);
    });
  }));
  Status status;
  const double sum = fixed_sum(context, terms, status);
  ASSAY_RETURN_IF_ERROR(status);
  double weight_sum = static_cast<double>(problem.sample_count);
  if (args.weights != nullptr) {
    for (int64_t i = 0; i < problem.sample_count; ++i) {
      terms[static_cast<size_t>(i)] = args.weights[inputs.row(i)];
    }
    weight_sum = fixed_sum(context, terms, status);
    ASSAY_RETURN_IF_ERROR(status);
  }
  *args.value = weight_sum > 0 ? sum / weight_sum : 0;
  return {};
}

std::optional<std::string> decline(const DeviceInfo&, const LossProblem& problem) {
  if (problem.loss == Loss::kLambdaRank) return "rows of groups are not alone";
  return {};
}

double cost(const DeviceInfo&, const LossProblem& problem) {
  const double cells = static_cast<double>(problem.sample_count) * problem.output_count;
  return (problem.loss == Loss::kSquared ? 2.0 : 6.0) * cells;
}

}  // namespace

void register_loss(kernels::KernelSet& kernels) {
  kernels.table<LossGradients>().add({.name = "cpu.vector",
                                      .device_kind = "cpu",
                                      .decline = decline,
                                      .cost = cost,
                                      .run = run_gradients});
  kernels.table<LossValue>().add({.name = "cpu.vector",
                                  .device_kind = "cpu",
                                  .decline = decline,
                                  .cost = cost,
                                  .run = run_value});
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
