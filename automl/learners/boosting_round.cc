// What a round of boosting does, step by step.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "automl/learners/boosting.h"
#include "automl/learners/query_loss.h"
#include "automl/models/device_forest.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

using kernels::Device;
using kernels::GrowTree;
using kernels::GrowTrees;
using kernels::LossGradients;
using kernels::LossValue;
using kernels::PredictTrees;

constexpr int64_t kChunkRows = 4096;

}  // namespace

// A row is in a round's sample if its own draw says so: a draw depends on the seed, the round and
// the row alone.
Status Booster::sample_rows(int64_t round) {
  const uint64_t seed = derive_seed(request_.seed, "rows", static_cast<uint64_t>(round));
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed),
                                       static_cast<uint32_t>(seed >> 32)};
  const auto limit = static_cast<uint64_t>(options_.row_fraction * 4294967296.0);
  const std::span<const uint32_t> rows = request_.train_rows;
  const auto word_of = [&](int64_t begin, int64_t end) {
    uint64_t word = 0;
    std::array<uint32_t, 4> words{};
    uint32_t block = std::numeric_limits<uint32_t>::max();
    for (int64_t i = begin; i < end; ++i) {
      const uint32_t row = rows[static_cast<size_t>(i)];
      if (row / 4 != block) {
        block = row / 4;
        words = philox_block(key, {block, 0, 0, 2});
      }
      word |= uint64_t{words[row % 4] < limit ? 1u : 0u} << (i - begin);
    }
    return word;
  };
  ASSAY_RETURN_IF_ERROR(choice_.choose(*context_.executor, word_of));
  if (choice_.chosen_count() >= 2) return {};
  return choice_.choose_all(*context_.executor);  // too few to split
}

std::vector<uint8_t> Booster::sample_features(int64_t round) const {
  const int32_t count = share_of(options_.column_fraction, feature_count_);
  if (count >= feature_count_) return {};
  std::vector<uint32_t> features(static_cast<size_t>(feature_count_));
  std::iota(features.begin(), features.end(), 0u);
  Rng rng(derive_seed(request_.seed, "features", static_cast<uint64_t>(round)));
  shuffle(features, rng);
  std::vector<uint8_t> mask(features.size(), 0);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) mask[features[i]] = 1;
  if (!ordered_) return mask;
  for (const int32_t origin : ordered_->origins().subspan(mask.size())) {
    mask.push_back(mask[static_cast<size_t>(origin)]);
  }
  return mask;
}

Status Booster::compute_gradients() {
  const bool all = from_all_rows();
  const size_t count = all ? request_.train_rows.size() : sample_.size();
  const kernels::LossProblem problem{
      objective_.loss, row_count_,           static_cast<int64_t>(count),
      outputs_,        objective_.parameter, train_queries_.count()};
  Device& at = context_.device_for<LossGradients>(problem);
  kernels::LossGradientsArgs args;
  ASSAY_ASSIGN_OR_RETURN(args.rows, (all ? train_rows_ : sample_rows_).read_at(at));
  ASSAY_ASSIGN_OR_RETURN(args.scores, scores_.read_at(at));
  ASSAY_ASSIGN_OR_RETURN(args.targets, targets_.read_at(at));
  ASSAY_ASSIGN_OR_RETURN(args.classes, classes_.read_at(at));
  if (weights_.size() > 0) {
    ASSAY_ASSIGN_OR_RETURN(args.weights, weights_.read_at(at));
  }
  args.gradients = gradients_.overwrite_at(at);
  args.hessians = hessians_.overwrite_at(at);
  args.max_abs_gradients = max_gradients_.data();
  args.max_hessians = max_hessians_.data();
  args.group_ends = train_queries_.ends.data();
  return context_.run<LossGradients>(problem, args);
}

Device& Booster::grower() const {
  kernels::GrowTreeProblem problem;
  problem.row_count = row_count_;
  problem.sample_count = static_cast<int64_t>(request_.train_rows.size());
  problem.feature_count = feature_count_;
  problem.params = options_.tree_params(feature_count_);
  return context_.device_for<GrowTree>(problem);
}

kernels::GrowTreeProblem Booster::tree_problem(int32_t output) const {
  kernels::GrowTreeProblem problem;
  problem.row_count = row_count_;
  problem.sample_count = static_cast<int64_t>(sample_.size());
  problem.feature_count = grow_bins_.feature_count;
  problem.params = options_.tree_params(grow_bins_.feature_count);
  problem.seed = derive_seed(request_.seed, "tree",
                             static_cast<uint64_t>(result_.iterations * outputs_ + output));
  return problem;
}

Result<kernels::GrowTreeArgs> Booster::tree_args(int32_t output) {
  Device& at = grower();
  kernels::GrowTreeArgs args;
  args.bins = grow_bins_;
  ASSAY_ASSIGN_OR_RETURN(args.rows, sample_rows_.read_at(at));
  ASSAY_ASSIGN_OR_RETURN(args.gradients, gradients_.read_at(at));
  ASSAY_ASSIGN_OR_RETURN(args.hessians, hessians_.read_at(at));
  args.gradients += output * row_count_;
  args.hessians += output * row_count_;
  args.max_abs_gradient = max_gradients_[static_cast<size_t>(output)];
  args.max_hessian = max_hessians_[static_cast<size_t>(output)];
  args.feature_mask = mask_.empty() ? nullptr : mask_.data();
  if (!monotone_.empty()) args.monotone = monotone_.data();
  if (!interactions_.empty()) args.interactions = interactions_.data();
  args.tree = &trees_[static_cast<size_t>(output)];
  args.leaf_of = leaf_of_.overwrite_at(at) + output * static_cast<int64_t>(sample_.size());
  return args;
}

Status Booster::add_trees(kernels::GrowTreesProblem& problem, kernels::GrowTreesArgs& args) {
  for (int32_t output = 0; output < outputs_; ++output) {
    problem.trees.push_back(tree_problem(output));
    ASSAY_ASSIGN_OR_RETURN(kernels::GrowTreeArgs tree, tree_args(output));
    args.trees.push_back(tree);
  }
  return {};
}

Status Booster::grow_alone() {
  if (outputs_ > 1 && together_) {
    kernels::GrowTreesProblem problem;
    kernels::GrowTreesArgs args;
    ASSAY_RETURN_IF_ERROR(add_trees(problem, args));
    return context_.run<GrowTrees>(problem, args);
  }
  for (int32_t output = 0; output < outputs_; ++output) {
    if (stop_requested(context_)) return fail(StatusCode::kCancelled, "stopped while boosting");
    ASSAY_ASSIGN_OR_RETURN(const kernels::GrowTreeArgs args, tree_args(output));
    ASSAY_RETURN_IF_ERROR(context_.run<GrowTree>(tree_problem(output), args));
  }
  return {};
}

Status Booster::take_trees() {
  for (kernels::Tree& tree : trees_) {
    ASSAY_RETURN_IF_ERROR(renew(tree));
    round_.append(tree);
  }
  if (!host_trees_) return predict_everywhere();
  ASSAY_RETURN_IF_ERROR(add_leaves());
  return predict_others();
}

Status Booster::renew(kernels::Tree& tree) {
  if (objective_.leaf_rule == LeafRule::kNewton) return {};
  RenewalRows sample;
  sample.rows = sample_;
  ASSAY_ASSIGN_OR_RETURN(const std::span<const int32_t> leaf_of, leaf_of_.host_read());
  sample.leaf_of = leaf_of.first(sample_.size());
  ASSAY_ASSIGN_OR_RETURN(sample.scores, scores_.host_read());
  ASSAY_RETURN_IF_ERROR(
      LeafRenewal(objective_, options_, data_).renew(sample, *context_.executor, tree));
  if (!monotone_.empty()) keep_monotone(monotone_, tree);
  return {};
}

Status Booster::add_leaves() {
  ASSAY_ASSIGN_OR_RETURN(const std::span<double> scores, scores_.host_update());
  ASSAY_ASSIGN_OR_RETURN(const std::span<const int32_t> leaf_of, leaf_of_.host_read());
  const size_t count = sample_.size();
  const auto width = static_cast<size_t>(outputs_);
  std::vector<const float*> values;  // of each tree's leaves
  for (const auto offset : round_.leaf_offsets()) {
    values.push_back(round_.leaf_values().data() + offset);
  }
  const float* const* leaf_values = values.data();
  const size_t trees = values.size();
  return context_.executor->parallel_for(
      chunk_count_of(static_cast<int64_t>(count), kChunkRows), [&](int64_t chunk, int) {
        const auto [begin, end] = chunk_range(static_cast<int64_t>(count), kChunkRows, chunk);
        for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
          double* row = scores.data() + size_t{sample_[i]} * width;
          for (size_t k = 0; k < trees; ++k) {
            row[k] += double{leaf_values[k][leaf_of[k * count + i]]};
          }
        }
      });
}

// Sends the rows that the round's trees were not grown on through them.
Status Booster::predict_others() {
  if (others_.empty()) return {};
  Device& at = context_.device_of<PredictTrees>();
  ASSAY_ASSIGN_OR_RETURN(const DeviceForest forest, DeviceForest::make(at, round_));
  const auto count = static_cast<int64_t>(others_.size());
  const std::span<double> sums = other_scores_.host_overwrite();
  const auto width = static_cast<size_t>(outputs_);
  const int64_t chunks = chunk_count_of(count, kChunkRows);
  ASSAY_RETURN_IF_ERROR(context_.executor->parallel_for(chunks, [&](int64_t chunk, int) {
    const auto [begin, end] = chunk_range(count, kChunkRows, chunk);
    std::fill_n(sums.data() + static_cast<size_t>(begin) * width,
                static_cast<size_t>(end - begin) * width, 0.0);
  }));
  const kernels::PredictTreesProblem problem{
      count, predict_bins_.feature_count, 0, round_.tree_count(), 1, outputs_};
  kernels::PredictTreesArgs args{predict_bins_, forest.view()};
  ASSAY_ASSIGN_OR_RETURN(args.rows, other_rows_.read_at(at));
  ASSAY_ASSIGN_OR_RETURN(args.scores, other_scores_.update_at(at));
  ASSAY_RETURN_IF_ERROR(context_.run<PredictTrees>(problem, args));
  ASSAY_ASSIGN_OR_RETURN(const std::span<const double> added, other_scores_.host_read());
  ASSAY_ASSIGN_OR_RETURN(const std::span<double> scores, scores_.host_update());
  return context_.executor->parallel_for(chunks, [&](int64_t chunk, int) {
    const auto [begin, end] = chunk_range(count, kChunkRows, chunk);
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      for (size_t k = 0; k < width; ++k) {
        scores[others_[i] * width + k] += added[i * width + k];
      }
    }
  });
}

// On a device with memory of its own the scores stay there.
Status Booster::predict_everywhere() {
  Device& at = context_.device_of<PredictTrees>();
  ASSAY_ASSIGN_OR_RETURN(const DeviceForest forest, DeviceForest::make(at, round_));
  const kernels::PredictTreesProblem problem{
      row_count_, predict_bins_.feature_count, 0, round_.tree_count(), 1, outputs_};
  kernels::PredictTreesArgs args{predict_bins_, forest.view()};
  ASSAY_ASSIGN_OR_RETURN(args.scores, scores_.update_at(at));
  return context_.run<PredictTrees>(problem, args);
}

Status Booster::place_sample() {
  Device& home = *context_.device;
  const int64_t count = choice_.chosen_count();
  const int64_t rest = host_trees_ ? choice_.rest_count() : 0;
  ASSAY_RETURN_IF_ERROR(sample_rows_.make_room(home, count));
  ASSAY_RETURN_IF_ERROR(leaf_of_.make_room(home, count * outputs_));
  ASSAY_RETURN_IF_ERROR(other_rows_.make_room(home, rest));
  ASSAY_RETURN_IF_ERROR(other_scores_.make_room(home, rest * outputs_));
  const auto chosen = sample_rows_.host_overwrite().first(static_cast<size_t>(count));
  const auto others = other_rows_.host_overwrite().first(static_cast<size_t>(rest));
  sample_ = chosen;
  others_ = others;
  return choice_.write(*context_.executor, chosen, others);
}

Status Booster::sample_by_gradients(int64_t round) {
  ASSAY_ASSIGN_OR_RETURN(const std::span<float> gradients, gradients_.host_update());
  const std::span<const uint32_t> rows = request_.train_rows;
  const int64_t count = choice_.row_count();
  sizes_.resize(rows.size());
  ASSAY_RETURN_IF_ERROR(
      context_.executor->parallel_for(chunk_count_of(count, kChunkRows), [&](int64_t chunk, int) {
        const auto [begin, end] = chunk_range(count, kChunkRows, chunk);
        std::fill(sizes_.begin() + begin, sizes_.begin() + end, 0.0f);
        for (int32_t k = 0; k < outputs_; ++k) {
          const float* plane = gradients.data() + k * row_count_;
          for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
            sizes_[i] += std::abs(plane[rows[i]]);
          }
        }
      }));
  const GossShares shares{options_.goss_top_fraction, options_.goss_other_fraction};
  const uint64_t seed = derive_seed(request_.seed, "goss", static_cast<uint64_t>(round));
  ASSAY_ASSIGN_OR_RETURN(const GossDraw draw,
                         GossDraw::make(rows, sizes_, shares, seed, *context_.executor));
  goss_words_.resize(static_cast<size_t>(chunk_count_of(count, RowChoice::kWordRows)));
  const auto word_of = [&](int64_t begin, int64_t end) {
    GossWord& word = goss_words_[static_cast<size_t>(begin / RowChoice::kWordRows)];
    word = draw.word(begin, end);
    return word.chosen;
  };
  ASSAY_RETURN_IF_ERROR(choice_.choose(*context_.executor, word_of));
  if (choice_.chosen_count() < 2) {  // too few to split: all stay
    ASSAY_RETURN_IF_ERROR(choice_.choose_all(*context_.executor));
    return place_sample();
  }
  ASSAY_ASSIGN_OR_RETURN(const std::span<float> hessians, hessians_.host_update());
  for (int32_t k = 0; k < outputs_; ++k) {
    const auto plane = static_cast<size_t>(k * row_count_);
    const GossPlane grown{gradients.subspan(plane), hessians.subspan(plane),
                          max_gradients_[static_cast<size_t>(k)],
                          max_hessians_[static_cast<size_t>(k)]};
    ASSAY_RETURN_IF_ERROR(grow_drawn(rows, goss_words_, draw.factor(), grown, *context_.executor));
  }
  return place_sample();
}

Status Booster::prepare_round() {
  const int64_t round = result_.iterations;
  const bool draws = by_gradients() && round >= options_.warm_rounds();
  if (samples_ && !by_gradients()) {
    ASSAY_RETURN_IF_ERROR(sample_rows(round));
    ASSAY_RETURN_IF_ERROR(place_sample());
  } else if (round == first_ && !draws) {
    ASSAY_RETURN_IF_ERROR(choice_.choose_all(*context_.executor));
    ASSAY_RETURN_IF_ERROR(place_sample());
  }
  round_.truncate(0);
  trees_.assign(static_cast<size_t>(outputs_), {});
  ASSAY_RETURN_IF_ERROR(compute_gradients());
  if (draws) ASSAY_RETURN_IF_ERROR(sample_by_gradients(round));
  mask_ = sample_features(round);
  if (stop_requested(context_)) return fail(StatusCode::kCancelled, "stopped while boosting");
  return {};
}

Status Booster::close_round() {
  const bool same_every_round =
      !samples_ && options_.column_fraction >= 1 && options_.node_column_fraction >= 1;
  // Trees without a split change nothing that a later round could build on.
  idle_ = round_.nodes().size() == static_cast<size_t>(outputs_) && same_every_round &&
          result_.iterations > 0;
  if (idle_) return {};
  for (int32_t k = 0; k < outputs_; ++k) forest_.append(round_.tree(k));
  ++result_.iterations;
  ASSAY_ASSIGN_OR_RETURN(loss_, validate());
  validated_ = result_.iterations;
  const bool keeps_best = validates_ && options_.early_stopping && result_.best_iteration > 0;
  if (keeps_best && !(loss_ < best_)) return {};
  best_ = result_.valid_loss = loss_;
  result_.best_iteration = result_.iterations;
  return keep_valid_scores();
}

Result<double> Booster::validate() {
  if (!validates_) return std::numeric_limits<double>::quiet_NaN();
  if (ranks()) {
    ASSAY_ASSIGN_OR_RETURN(const std::span<const double> scores, scores_.host_read());
    return query_loss(valid_queries_, data_, scores, objective_.ranks, context_);
  }
  Device& at = context_.device_of<LossValue>();
  const kernels::LossProblem problem{objective_.loss, row_count_,
                                     static_cast<int64_t>(request_.valid_rows.size()), outputs_,
                                     objective_.parameter};
  double value = 0;
  kernels::LossValueArgs args;
  ASSAY_ASSIGN_OR_RETURN(args.rows, valid_rows_.read_at(at));
  ASSAY_ASSIGN_OR_RETURN(args.scores, scores_.read_at(at));
  ASSAY_ASSIGN_OR_RETURN(args.targets, targets_.read_at(at));
  ASSAY_ASSIGN_OR_RETURN(args.classes, classes_.read_at(at));
  if (weights_.size() > 0) {
    ASSAY_ASSIGN_OR_RETURN(args.weights, weights_.read_at(at));
  }
  args.value = &value;
  ASSAY_RETURN_IF_ERROR(context_.run<LossValue>(problem, args));
  return value;
}

// Scores of the validation rows as they are now. On a device with memory of its own they stay
// there, and who wants them predicts.
Status Booster::keep_valid_scores() {
  if (!host_trees_ || !validates_) return {};
  ASSAY_ASSIGN_OR_RETURN(const std::span<const double> scores, scores_.host_read());
  const auto width = static_cast<size_t>(outputs_);
  const std::span<const uint32_t> rows = request_.valid_rows;
  best_scores_.resize(rows.size() * width);
  const auto count = static_cast<int64_t>(rows.size());
  return context_.executor->parallel_for(
      chunk_count_of(count, kChunkRows), [&](int64_t chunk, int) {
        const auto [begin, end] = chunk_range(count, kChunkRows, chunk);
        for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
          std::copy_n(scores.data() + rows[i] * width, width, best_scores_.data() + i * width);
        }
      });
}

}  // namespace assay::automl
