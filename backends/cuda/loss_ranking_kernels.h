// The kernels of loss_gradients and loss_value of rankings (kLambdaRank of kernels/loss.h).
//
// A thread has a row and goes over the rows of its group, so that a group of any size keeps as many
// blocks busy as it has rows: first to count the rows that rank before its own, by score and by
// relevance (RankRowsKernel), and then, once each group's best order is summed up
// (BestOrderKernel), over its partners in order of place (RankGradientsKernel, RankTermsKernel).
// Threads side by side have the same partner at a time, mostly, and ask for it once. The work of a
// group grows with the square of its rows, but pairs beyond the cut are passed over.
#pragma once

#include "backends/cuda/block.h"
#include "backends/cuda/loss_kernel.h"
#include "kernels/rank_rules.h"

namespace assay::backends::cuda {

struct PlaceRange {
  int64_t begin;
  int64_t end;
};

// A row as it ranks in its group.
struct RankedRow {
  double gain;
  double discount;
};

// The ranks of a sample, by place in it. Addresses of the GPU.
struct Ranking {
  const int64_t* group_ends;  // [group_count]
  int64_t group_count;
  RankedRow* rows;  // [sample_count]
  // [sample_count]: gain * discount of each group's rows, in order of relevance.
  double* best_order;
  double* bests;  // [group_count]: the sums of these

  ASSAY_DEVICE PlaceRange range_of(int64_t group) const {
    return {group == 0 ? 0 : group_ends[group - 1], group_ends[group]};
  }
  // The first group that ends behind the place.
  ASSAY_DEVICE int64_t group_of(int64_t place) const {
    int64_t low = 0;
    int64_t high = group_count - 1;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (group_ends[middle] > place) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
};

// Gains and discounts of rows, and each group's best order. Of equal numbers the lower place comes
// first.
struct RankRowsKernel {
  static constexpr int32_t kThreads = 128;

  // Grid: x blocks of kThreads rows.
  struct Params {
    LossInputs in;
    Ranking ranking;  // rows and best_order: out
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      const int64_t place = block.x() * kThreads + thread;
      if (place < params.in.sample_count) rank(params.in, params.ranking, place);
    });
  }

 private:
  ASSAY_DEVICE static void rank(const LossInputs& in, const Ranking& ranking, int64_t place) {
    const PlaceRange group = ranking.range_of(ranking.group_of(place));
    const int64_t own = in.row_at(place);
    const double score = in.scores[own];
    const double target = in.targets[own];
    int64_t before = 0;
    int64_t more_relevant = 0;
    for (int64_t i = group.begin; i < group.end; ++i) {
      const int64_t row = in.row_at(i);
      before += comes_before(in.scores[row], i, score, place) ? 1 : 0;
      more_relevant += comes_before(in.targets[row], i, target, place) ? 1 : 0;
    }
    const double gain = kernels::rank_gain(target);
    ranking.rows[place] = {gain, kernels::rank_discount(before, in.parameter)};
    ranking.best_order[group.begin + more_relevant] =
        gain * kernels::rank_discount(more_relevant, in.parameter);
  }

  ASSAY_DEVICE static bool comes_before(double other, int64_t other_place, double own,
                                        int64_t place) {
    return other > own || (other == own && other_place < place);
  }
};

struct BestOrderKernel {
  static constexpr int32_t kThreads = 64;

  // Grid: x blocks of kThreads groups.
  struct Params {
    Ranking ranking;  // bests: out
    double cut;
  };

  // What is behind the cut is 0.
  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      const Ranking& ranking = params.ranking;
      const int64_t group = block.x() * kThreads + thread;
      if (group >= ranking.group_count) return;
      const PlaceRange range = ranking.range_of(group);
      double sum = 0;
      for (int64_t i = range.begin; i < range.end; ++i) {
        if (!(static_cast<double>(i - range.begin) < params.cut)) break;
        sum = sum + ranking.best_order[i];
      }
      ranking.bests[group] = sum;
    });
  }
};

// Calls each(delta, how far the more relevant row's score is behind, whether that is the row at
// `place`) for the partners of a row that count, in order of place.
template <class Each>
ASSAY_DEVICE inline void visit_partners(const LossInputs& in, const Ranking& ranking, int64_t place,
                                        Each&& each) {
  const int64_t group = ranking.group_of(place);
  const PlaceRange range = ranking.range_of(group);
  const double best = ranking.bests[group];
  const RankedRow own = ranking.rows[place];
  const int64_t own_row = in.row_at(place);
  const double score = in.scores[own_row];
  const double target = in.targets[own_row];
  for (int64_t i = range.begin; i < range.end; ++i) {
    const RankedRow other = ranking.rows[i];
    if (own.discount == other.discount) continue;  // no change
    const int64_t row = in.row_at(i);
    const double other_target = in.targets[row];
    if (target == other_target) continue;
    const double delta =
        kernels::swap_change(own.gain, other.gain, own.discount, other.discount, best);
    if (!(delta > 0)) continue;
    const bool first = target > other_target;
    const double other_score = in.scores[row];
    each(delta, first ? other_score - score : score - other_score, first);
  }
}

struct RankGradientsKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kSharedBytes = 2 * sizeof(uint32_t);

  // Grid: x blocks of kThreads rows.
  struct Params {
    LossInputs in;
    Ranking ranking;
    GradientOutputs out;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    keep_maxima(block, params.out.maxima, 1, [&](int32_t thread, uint32_t* greatest) {
      const int64_t place = block.x() * kThreads + thread;
      if (place >= params.in.sample_count) return;
      const Derivatives sums = derivatives_at(params.in, params.ranking, place);
      params.out.put(params.in, params.in.row_at(place), 0, sums, greatest);
    });
  }

 private:
  ASSAY_DEVICE static Derivatives derivatives_at(const LossInputs& in, const Ranking& ranking,
                                                 int64_t place) {
    Derivatives sums{0.0, 0.0};
    visit_partners(in, ranking, place, [&](double delta, double behind, bool first) {
      const double p = kernels::exact_sigmoid(behind);
      const double pull = delta * p;
      sums.gradient = first ? sums.gradient - pull : sums.gradient + pull;
      sums.hessian = sums.hessian + pull * (1.0 - p);
    });
    return sums;
  }
};

struct RankTermsKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kSharedBytes = 2 * sizeof(uint64_t);

  // Grid: x blocks of kThreads rows.
  struct Params {
    LossInputs in;
    Ranking ranking;
    LossTerms out;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    keep_maxima(block, params.out.maxima, 1, [&](int32_t thread, uint64_t* greatest) {
      const int64_t place = block.x() * kThreads + thread;
      if (place >= params.in.sample_count) return;
      double sum = 0;
      visit_partners(params.in, params.ranking, place, [&](double delta, double behind, bool) {
        sum = sum + delta * kernels::exact_log(1.0 + kernels::exact_exp(behind));
      });
      params.out.put(params.in, place, 0.5 * sum, greatest);
    });
  }
};

}  // namespace assay::backends::cuda
