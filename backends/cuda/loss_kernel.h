// The kernels of loss_gradients and loss_value: a thread a row, in the order of operations of
// kernels/loss.h. loss_ranking_kernels.h has those of rankings.
#pragma once

#include "backends/cuda/block.h"
#include "kernels/exact_math.h"
#include "kernels/loss_kind.h"

namespace assay::backends::cuda {

// What the kernels of all losses read. Addresses of the GPU.
struct LossInputs {
  kernels::Loss loss;
  int32_t output_count;
  double parameter;
  int64_t row_count;
  int64_t sample_count;
  const uint32_t* rows;  // or null
  const double* scores;
  const double* targets;
  const int32_t* classes;
  const float* weights;  // or null

  ASSAY_DEVICE int64_t row_at(int64_t i) const { return rows == nullptr ? i : int64_t{rows[i]}; }
  ASSAY_DEVICE double weight_at(int64_t row) const {
    return weights == nullptr ? 1.0 : static_cast<double>(weights[row]);
  }
  ASSAY_DEVICE double target_at(int64_t row) const {
    return kernels::takes_classes(loss) ? static_cast<double>(classes[row]) : targets[row];
  }
};

struct Derivatives {
  double gradient;
  double hessian;
};

ASSAY_DEVICE inline double size_of(double x) { return x < 0 ? -x : x; }

ASSAY_DEVICE inline double capped_exp(double x) {
  return kernels::exact_exp(x > kernels::kGreatestExponent ? kernels::kGreatestExponent : x);
}

ASSAY_DEVICE inline Derivatives derivatives_of(const LossInputs& in, double s, double y) {
  using kernels::Loss;
  const double d = s - y;
  switch (in.loss) {
    case Loss::kAbsolute:
      return {d > 0 ? 1.0 : (d < 0 ? -1.0 : 0.0), 1.0};
    case Loss::kHuber:
      return {size_of(d) <= in.parameter ? d : (d > 0 ? in.parameter : -in.parameter), 1.0};
    case Loss::kQuantile:
      return {d > 0 ? 1.0 - in.parameter : (d < 0 ? -in.parameter : 0.0), 1.0};
    case Loss::kPoisson: {
      const double mean = capped_exp(s);
      return {mean - y, mean};
    }
    case Loss::kTweedie: {
      const double a = 1.0 - in.parameter;
      const double b = 2.0 - in.parameter;
      const double u = capped_exp(b * s);
      const double v = capped_exp(a * s);
      return {u - y * v, b * u - (a * y) * v};
    }
    case Loss::kLogistic:
    case Loss::kCrossEntropy: {
      const double p = kernels::exact_sigmoid(s);
      return {p - y, p * (1.0 - p)};
    }
    case Loss::kSquared:
    case Loss::kSoftmax:
    case Loss::kLambdaRank:
      break;
  }
  return {d, 1.0};
}

ASSAY_DEVICE inline double deviance_of(const LossInputs& in, double s, double y) {
  const double log_y = y < kernels::kLeastLogTarget ? 0.0 : kernels::exact_log(y);
  double value = 0;
  if (in.loss == kernels::Loss::kPoisson) {
    value = (capped_exp(s) - y) - y * (s - log_y);
  } else {
    const double a = 1.0 - in.parameter;
    const double b = 2.0 - in.parameter;
    const double power = y < kernels::kLeastLogTarget ? 0.0 : kernels::exact_exp(b * log_y);
    value = (capped_exp(b * s) / b - (y / a) * capped_exp(a * s)) + power / (a * b);
  }
  return value < 0 ? 0.0 : value;
}

// The loss of a score s and a target y; kLogistic has classes for targets.
ASSAY_DEVICE inline double target_loss_of(const LossInputs& in, double s, double y) {
  using kernels::exact_exp;
  using kernels::exact_log;
  using kernels::Loss;
  const double d = s - y;
  switch (in.loss) {
    case Loss::kAbsolute:
      return size_of(d);
    case Loss::kHuber:
      return size_of(d) <= in.parameter ? (d * d) * 0.5
                                        : in.parameter * (size_of(d) - in.parameter * 0.5);
    case Loss::kQuantile:
      return size_of(d) * (d > 0 ? 1.0 - in.parameter : in.parameter);
    case Loss::kPoisson:
    case Loss::kTweedie:
      return deviance_of(in, s, y);
    case Loss::kCrossEntropy:
      return y * exact_log(1.0 + exact_exp(-s)) + (1.0 - y) * exact_log(1.0 + exact_exp(s));
    case Loss::kLogistic:
      return exact_log(1.0 + exact_exp(y == 1.0 ? -s : s));
    case Loss::kSquared:
    case Loss::kSoftmax:
    case Loss::kLambdaRank:
      break;
  }
  return (d * d) * 0.5;
}

// The greatest of a row's scores, and the sum of e^(score - greatest) in ascending order.
struct SoftmaxSum {
  double greatest;
  double sum;
};

ASSAY_DEVICE inline SoftmaxSum softmax_sum_of(const double* scores, int32_t count) {
  SoftmaxSum result{scores[0], 0.0};
  for (int32_t k = 1; k < count; ++k) {
    if (scores[k] > result.greatest) result.greatest = scores[k];
  }
  for (int32_t k = 0; k < count; ++k) {
    result.sum = result.sum + kernels::exact_exp(scores[k] - result.greatest);
  }
  return result;
}

// A derivative as it is stored.
ASSAY_DEVICE inline float weighted_float(double x, double weight) {
  const double product = x * weight;
  const double high = kernels::kGreatestGradient;
  return static_cast<float>(product < -high ? -high : (high < product ? high : product));
}

// The bits of a number that is not negative order as the numbers do.
ASSAY_DEVICE inline uint32_t order_bits(float x) { return std::bit_cast<uint32_t>(x); }
ASSAY_DEVICE inline uint64_t order_bits(double x) { return std::bit_cast<uint64_t>(x); }

// What loss_gradients writes.
struct GradientOutputs {
  float* gradients;
  float* hessians;
  uint32_t* maxima;  // [2, output_count]: bits of the greatest |gradient| and hessian, from 0

  // A row's derivatives of output k; `greatest` are the block's maxima of that output.
  ASSAY_DEVICE void put(const LossInputs& in, int64_t row, int32_t k, const Derivatives& d,
                        uint32_t* greatest) const {
    const double weight = in.weight_at(row);
    const double least = kernels::kLeastHessian;
    const float gradient = weighted_float(d.gradient, weight);
    const float hessian = weighted_float(d.hessian < least ? least : d.hessian, weight);
    gradients[k * in.row_count + row] = gradient;
    hessians[k * in.row_count + row] = hessian;
    raise_to(greatest, order_bits(gradient < 0 ? -gradient : gradient) & 0x7fffffffu);
    raise_to(greatest + 1, order_bits(hessian) & 0x7fffffffu);
  }
};

// What loss_value adds up.
struct LossTerms {
  double* terms;     // [sample_count]
  double* weights;   // [sample_count]
  uint64_t* maxima;  // [2]: bits of the greatest term and weight, from 0

  // Of the i-th row of the sample; `greatest` are the block's maxima.
  ASSAY_DEVICE void put(const LossInputs& in, int64_t i, double loss, uint64_t* greatest) const {
    const double weight = in.weight_at(in.row_at(i));
    const double term = (loss <= kernels::kGreatestLoss ? loss : kernels::kGreatestLoss) * weight;
    terms[i] = term;
    weights[i] = weight;
    if (term > 0) raise_to(greatest, order_bits(term));
    if (weight > 0) raise_to(greatest + 1, order_bits(weight));
  }
};

// Calls each(thread, two maxima of the block, from 0), then raises those of the launch, which are
// `stride` apart, to them. The block has two numbers of shared memory for it.
template <class Number, class Block, class Each>
ASSAY_DEVICE inline void keep_maxima(Block& block, Number* maxima, int32_t stride, Each&& each) {
  auto* greatest = block.template shared<Number>();
  block.each([&](int32_t thread) {
    if (thread < 2) greatest[thread] = 0;
  });
  block.each([&](int32_t thread) { each(thread, greatest); });
  block.each([&](int32_t thread) {
    if (thread < 2) raise_to(maxima + thread * stride, greatest[thread]);
  });
}

struct LossGradientsKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kSharedBytes = 2 * sizeof(uint32_t);

  // Grid: x blocks of kThreads rows.
  struct Params {
    LossInputs in;
    GradientOutputs out;
  };

  ASSAY_DEVICE static Derivatives output_derivatives(const LossInputs& in, int64_t row, int32_t k,
                                                     const SoftmaxSum& softmax) {
    if (in.loss != kernels::Loss::kSoftmax) {
      return derivatives_of(in, in.scores[row], in.target_at(row));
    }
    const double score = in.scores[row * in.output_count + k];
    const double factor =
        static_cast<double>(in.output_count) / static_cast<double>(in.output_count - 1);
    const double p = kernels::exact_exp(score - softmax.greatest) / softmax.sum;
    const double hit = in.classes[row] == k ? 1.0 : 0.0;
    return {p - hit, (p * (1.0 - p)) * factor};
  }

  // One output after the other: a row's exponentials are summed once.
  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const LossInputs& in = params.in;
    typename Block::template PerThread<SoftmaxSum> sums;
    block.each([&](int32_t thread) {
      const int64_t i = block.x() * kThreads + thread;
      if (in.loss != kernels::Loss::kSoftmax || i >= in.sample_count) return;
      sums[thread] = softmax_sum_of(in.scores + in.row_at(i) * in.output_count, in.output_count);
    });
    for (int32_t k = 0; k < in.output_count; ++k) {
      uint32_t* const maxima = params.out.maxima + k;
      keep_maxima(block, maxima, in.output_count, [&](int32_t thread, uint32_t* greatest) {
        const int64_t i = block.x() * kThreads + thread;
        if (i >= in.sample_count) return;
        const int64_t row = in.row_at(i);
        params.out.put(in, row, k, output_derivatives(in, row, k, sums[thread]), greatest);
      });
    }
  }
};

// The terms of loss_value and their maxima, then their sums in fixed point.
struct LossTermsKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kSharedBytes = 2 * sizeof(uint64_t);

  // Grid: x blocks of kThreads rows.
  struct Params {
    LossInputs in;
    LossTerms out;
  };

  ASSAY_DEVICE static double row_loss(const LossInputs& in, int64_t row) {
    if (in.loss != kernels::Loss::kSoftmax) {
      return target_loss_of(in, in.scores[row], in.target_at(row));
    }
    const double* scores = in.scores + row * in.output_count;
    const SoftmaxSum softmax = softmax_sum_of(scores, in.output_count);
    return kernels::exact_log(softmax.sum) - (scores[in.classes[row]] - softmax.greatest);
  }

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    keep_maxima(block, params.out.maxima, 1, [&](int32_t thread, uint64_t* greatest) {
      const int64_t i = block.x() * kThreads + thread;
      if (i >= params.in.sample_count) return;
      params.out.put(params.in, i, row_loss(params.in, params.in.row_at(i)), greatest);
    });
  }
};

// 2^exponent as two factors, because one may lie outside of the range of doubles. Multiplying by
// them is exact unless the result is a tiny share of 1.
struct PowerOfTwo {
  double first;
  double second;

  static PowerOfTwo of(int exponent) {
    return {std::ldexp(1.0, exponent / 2), std::ldexp(1.0, exponent - exponent / 2)};
  }
  ASSAY_DEVICE double times(double x) const { return (x * first) * second; }
};

struct LossSumKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kSharedBytes = 2 * sizeof(uint64_t);

  // Grid: x blocks of kThreads rows.
  struct Params {
    const double* terms;
    const double* weights;
    int64_t sample_count;
    PowerOfTwo term_scale;  // of the FixedPoint of the terms
    PowerOfTwo weight_scale;
    uint64_t* sums;  // [2], from 0
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    auto* sums = block.template shared<uint64_t>();
    block.each([&](int32_t thread) {
      if (thread < 2) sums[thread] = 0;
    });
    block.each([&](int32_t thread) {
      const int64_t i = block.x() * kThreads + thread;
      if (i >= params.sample_count) return;
      add_to(sums, static_cast<uint64_t>(round_to_even(params.term_scale.times(params.terms[i]))));
      add_to(sums + 1,
             static_cast<uint64_t>(round_to_even(params.weight_scale.times(params.weights[i]))));
    });
    block.each([&](int32_t thread) {
      if (thread < 2) add_to(params.sums + thread, sums[thread]);
    });
  }
};

}  // namespace assay::backends::cuda
