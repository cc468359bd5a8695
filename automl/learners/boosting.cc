#include "automl/learners/boosting.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "automl/learners/query_loss.h"
#include "automl/learners/warm_start.h"
#include "automl/models/device_forest.h"
#include "automl/models/tree_model.h"
#include "kernels/base/rng.h"
#include "kernels/exact_math.h"

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

Booster::Booster(const FitRequest& request, const GbtOptions& options, const FitData& data,
                 const Objective& objective, const kernels::ComputeContext& context)
    : request_(request),
      options_(options),
      data_(data),
      objective_(objective),
      context_(context),
      outputs_(static_cast<int32_t>(objective.base_scores.size())),
      row_count_(request.data->features->row_count()),
      feature_count_(request.data->features->feature_count()),
      validates_(!request.valid_rows.empty()),
      samples_(options.row_fraction < 1 || options.sampling == "goss"),
      host_trees_(grower().info().shares_host_memory),
      together_(outputs_ > 1 && objective.leaf_rule == LeafRule::kNewton &&
                &context.device_of<GrowTrees>() == &grower()),
      forest_(1, outputs_),
      round_(1, outputs_),
      choice_(request.train_rows, request.valid_rows) {}

Status Booster::setup_features() {
  const TrainingData& data = *request_.data;
  Device& predictor = context_.device_of<PredictTrees>();
  monotone_.assign(data.monotone.begin(), data.monotone.end());
  interactions_.assign(data.interactions.begin(), data.interactions.end());
  if (options_.categorical != "ordered") {
    ASSAY_ASSIGN_OR_RETURN(grow_bins_, data.features->growth_bins(grower(), context_));
    ASSAY_ASSIGN_OR_RETURN(predict_bins_, data.features->bins(predictor, context_));
    return {};
  }
  const OrderedOptions ordered{static_cast<int32_t>(options_.onehot_levels),
                               options_.category_smooth};
  ASSAY_ASSIGN_OR_RETURN(ordered_, OrderedTargets::make(request_, data_, ordered, context_));
  ASSAY_ASSIGN_OR_RETURN(grow_bins_, ordered_->bins(grower(), context_));
  ASSAY_ASSIGN_OR_RETURN(predict_bins_, ordered_->bins(predictor, context_));
  for (const int32_t origin : ordered_->origins().subspan(static_cast<size_t>(feature_count_))) {
    if (!monotone_.empty()) monotone_.push_back(0);
    if (!interactions_.empty()) {
      interactions_.push_back(interactions_[static_cast<size_t>(origin)]);
    }
  }
  return {};
}

Status Booster::setup_start() {
  if (request_.init_model != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(const TreeModel* start, start_model(request_, objective_));
    start_ = first_ = start->step_count();
    if (request_.state == nullptr) forest_ = start->parts().forest;
  }
  if (request_.state != nullptr) return setup_state();
  return add_trees(0, forest_.tree_count());
}

Status Booster::setup_state() {
  const FitState& state = *request_.state;
  const auto* trees = dynamic_cast<const TreeModel*>(state.model.get());
  const bool fits = trees != nullptr && !trees->parts().average &&
                    trees->parts().feature_count == grow_bins_.feature_count &&
                    trees->parts().forest.output_count() == outputs_ &&
                    trees->step_count() > start_ && state.best_iteration <= trees->step_count();
  if (!fits) return fail(StatusCode::kData, "gbt: the state to go on from is another fit's");
  forest_ = trees->parts().forest;
  first_ = trees->step_count();
  // Scores at the best round are on the way.
  ASSAY_RETURN_IF_ERROR(add_trees(0, state.best_iteration * outputs_));
  ASSAY_RETURN_IF_ERROR(keep_valid_scores());
  return add_trees(state.best_iteration * outputs_, forest_.tree_count());
}

Status Booster::add_trees(int64_t begin, int64_t end) {
  if (begin == end) return {};
  Device& at = context_.device_of<PredictTrees>();
  ASSAY_ASSIGN_OR_RETURN(const DeviceForest forest, DeviceForest::make(at, forest_));
  const kernels::PredictTreesProblem problem{row_count_, predict_bins_.feature_count, begin, end, 1,
                                             outputs_};
  kernels::PredictTreesArgs args{predict_bins_, forest.view()};
  ASSAY_ASSIGN_OR_RETURN(args.scores, scores_.update_at(at));
  return context_.run<PredictTrees>(problem, args);
}

Result<FitState> Booster::state_after(int64_t rounds, const FitResult& result, double best) const {
  TreeModel::Parts parts;
  parts.forest = forest_;
  parts.forest.truncate(rounds * outputs_);
  parts.base_scores = objective_.base_scores;
  parts.link = objective_.link;
  parts.target = data_.target;
  parts.feature_count = grow_bins_.feature_count;
  ASSAY_ASSIGN_OR_RETURN(std::shared_ptr<const Model> model, TreeModel::make(std::move(parts)));
  return FitState{std::move(model), result.best_iteration, best};
}

Status Booster::setup() {
  const TrainingData& data = *request_.data;
  ASSAY_RETURN_IF_ERROR(setup_features());
  Device& home = *context_.device;
  const std::vector<double>& base = objective_.base_scores;
  ASSAY_ASSIGN_OR_RETURN(scores_, PlacedArray<double>::make(home, row_count_ * outputs_));
  const std::span<double> scores = scores_.host_overwrite();
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = base[i % base.size()];
  if (!kernels::takes_classes(objective_.loss)) {
    ASSAY_ASSIGN_OR_RETURN(
        targets_, PlacedArray<double>::copy_of(home, std::span<const double>(data_.targets)));
  } else {
    ASSAY_ASSIGN_OR_RETURN(classes_, PlacedArray<int32_t>::copy_of(home, data.classes));
  }
  ASSAY_ASSIGN_OR_RETURN(weights_,
                         PlacedArray<float>::copy_of(home, std::span<const float>(data_.weights)));
  ASSAY_ASSIGN_OR_RETURN(gradients_, PlacedArray<float>::make(home, row_count_ * outputs_));
  ASSAY_ASSIGN_OR_RETURN(hessians_, PlacedArray<float>::make(home, row_count_ * outputs_));
  ASSAY_ASSIGN_OR_RETURN(valid_rows_, PlacedArray<uint32_t>::copy_of(home, request_.valid_rows));
  std::span<const uint32_t> train_rows = request_.train_rows;
  if (ranks()) {
    train_queries_ = QueryRows::of(data.queries, request_.train_rows);
    valid_queries_ = QueryRows::of(data.queries, request_.valid_rows);
    train_rows = train_queries_.rows;
  }
  if (from_all_rows()) {
    ASSAY_ASSIGN_OR_RETURN(train_rows_, PlacedArray<uint32_t>::copy_of(home, train_rows));
  }
  max_gradients_.resize(static_cast<size_t>(outputs_));
  max_hessians_.resize(static_cast<size_t>(outputs_));
  return setup_start();
}

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

kernels::GrowTreeProblem Booster::tree_problem(int64_t round, int32_t output) const {
  kernels::GrowTreeProblem problem;
  problem.row_count = row_count_;
  problem.sample_count = static_cast<int64_t>(sample_.size());
  problem.feature_count = grow_bins_.feature_count;
  problem.params = options_.tree_params(grow_bins_.feature_count);
  problem.seed =
      derive_seed(request_.seed, "tree", static_cast<uint64_t>(round * outputs_ + output));
  return problem;
}

Result<kernels::GrowTreeArgs> Booster::tree_args(int32_t output, const std::vector<uint8_t>& mask) {
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
  args.feature_mask = mask.empty() ? nullptr : mask.data();
  if (!monotone_.empty()) args.monotone = monotone_.data();
  if (!interactions_.empty()) args.interactions = interactions_.data();
  args.leaf_of = leaf_of_.overwrite_at(at);
  return args;
}

Status Booster::grow(int64_t round, int32_t output, const std::vector<uint8_t>& mask) {
  kernels::Tree tree;
  ASSAY_ASSIGN_OR_RETURN(kernels::GrowTreeArgs args, tree_args(output, mask));
  args.tree = &tree;
  ASSAY_RETURN_IF_ERROR(context_.run<GrowTree>(tree_problem(round, output), args));
  ASSAY_RETURN_IF_ERROR(renew(tree));
  round_.append(tree);
  return host_trees_ ? add_leaves(output) : Status();
}

Status Booster::grow_together(int64_t round, const std::vector<uint8_t>& mask) {
  std::vector<kernels::Tree> trees(static_cast<size_t>(outputs_));
  kernels::GrowTreesProblem problem;
  kernels::GrowTreesArgs args;
  for (int32_t output = 0; output < outputs_; ++output) {
    problem.trees.push_back(tree_problem(round, output));
    ASSAY_ASSIGN_OR_RETURN(kernels::GrowTreeArgs tree, tree_args(output, mask));
    tree.tree = &trees[static_cast<size_t>(output)];
    tree.leaf_of += output * static_cast<int64_t>(sample_.size());
    args.trees.push_back(tree);
  }
  ASSAY_RETURN_IF_ERROR(context_.run<GrowTrees>(problem, args));
  for (const kernels::Tree& tree : trees) round_.append(tree);
  return host_trees_ ? add_leaves(0) : Status();
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

Status Booster::add_leaves(int32_t output) {
  ASSAY_ASSIGN_OR_RETURN(const std::span<double> scores, scores_.host_update());
  ASSAY_ASSIGN_OR_RETURN(const std::span<const int32_t> leaf_of, leaf_of_.host_read());
  const size_t count = sample_.size();
  const auto width = static_cast<size_t>(outputs_);
  std::vector<const float*> values;  // of each tree's leaves
  for (auto tree = static_cast<size_t>(output); tree < round_.leaf_offsets().size(); ++tree) {
    values.push_back(round_.leaf_values().data() + round_.leaf_offsets()[tree]);
  }
  const float* const* leaf_values = values.data();
  const size_t trees = values.size();
  return context_.executor->parallel_for(
      chunk_count_of(static_cast<int64_t>(count), kChunkRows), [&](int64_t chunk, int) {
        const auto [begin, end] = chunk_range(static_cast<int64_t>(count), kChunkRows, chunk);
        for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
          double* row = scores.data() + size_t{sample_[i]} * width + static_cast<size_t>(output);
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
  ASSAY_RETURN_IF_ERROR(leaf_of_.make_room(home, count * (together_ ? outputs_ : 1)));
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

Status Booster::boost(int64_t round) {
  const bool draws = by_gradients() && round >= options_.warm_rounds();
  if (samples_ && !by_gradients()) {
    ASSAY_RETURN_IF_ERROR(sample_rows(round));
    ASSAY_RETURN_IF_ERROR(place_sample());
  } else if (round == first_ && !draws) {
    ASSAY_RETURN_IF_ERROR(choice_.choose_all(*context_.executor));
    ASSAY_RETURN_IF_ERROR(place_sample());
  }
  round_.truncate(0);
  ASSAY_RETURN_IF_ERROR(compute_gradients());
  if (draws) ASSAY_RETURN_IF_ERROR(sample_by_gradients(round));
  const std::vector<uint8_t> mask = sample_features(round);
  if (stop_requested(context_)) return fail(StatusCode::kCancelled, "stopped while boosting");
  if (together_) ASSAY_RETURN_IF_ERROR(grow_together(round, mask));
  for (int32_t output = 0; output < outputs_ && !together_; ++output) {
    if (stop_requested(context_)) return fail(StatusCode::kCancelled, "stopped while boosting");
    ASSAY_RETURN_IF_ERROR(grow(round, output, mask));
  }
  return host_trees_ ? predict_others() : predict_everywhere();
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

int64_t Booster::patience(int64_t best_round) const {
  if (options_.patience > 0) return options_.patience;
  const auto rows = static_cast<double>(request_.train_rows.size());
  const double least = std::max(20.0, 100.0 * std::min(1.0, 10000.0 / rows));
  return static_cast<int64_t>(std::max(least, 20 + 0.3 * static_cast<double>(best_round)));
}

Result<FitResult> Booster::run() {
  ASSAY_RETURN_IF_ERROR(setup());
  FitResult result;
  const bool same_every_round =
      !samples_ && options_.column_fraction >= 1 && options_.node_column_fraction >= 1;
  double best = std::numeric_limits<double>::infinity();
  if (request_.state != nullptr) {
    result.iterations = first_;
    result.best_iteration = request_.state->best_iteration;
    result.valid_loss = best = request_.state->best_loss;
  } else if (start_ > 0) {
    result.iterations = result.best_iteration = start_;
    ASSAY_ASSIGN_OR_RETURN(best, validate());
    result.valid_loss = best;
    ASSAY_RETURN_IF_ERROR(keep_valid_scores());
  }
  const int64_t last = start_ + options_.rounds;
  int64_t validated_rounds = result.iterations;  // or made, without rows to validate on
  while (result.iterations < last) {
    const Status boosted = boost(result.iterations);
    if (!boosted && boosted.error().code == StatusCode::kCancelled && result.iterations > 0) {
      result.truncated = true;
      break;
    }
    ASSAY_RETURN_IF_ERROR(boosted);
    // Trees without a split change nothing that a later round could build on.
    const bool idle = round_.nodes().size() == static_cast<size_t>(outputs_);
    if (idle && same_every_round && result.iterations > 0) break;
    for (int32_t k = 0; k < outputs_; ++k) forest_.append(round_.tree(k));
    ++result.iterations;
    const Result<double> validated = validate();
    if (!validated && validated.error().code == StatusCode::kCancelled) {
      // The round stands, but nothing says that it is the best: that of before is kept if any.
      result.truncated = true;
      break;
    }
    ASSAY_RETURN_IF_ERROR(validated);
    const double loss = *validated;
    validated_rounds = result.iterations;
    if (!validates_ || !options_.early_stopping || loss < best || result.best_iteration == 0) {
      best = loss;
      result.best_iteration = result.iterations;
      result.valid_loss = loss;
      ASSAY_RETURN_IF_ERROR(keep_valid_scores());
    }
    if (request_.observer != nullptr &&
        !request_.observer->report({result.iterations, last, loss, objective_.common})) {
      result.stopped = true;
      break;
    }
    const int64_t wait = result.iterations - result.best_iteration;
    if (validates_ && options_.early_stopping && wait >= patience(result.best_iteration)) break;
    const bool wanted = request_.observer != nullptr && result.iterations < last &&
                        request_.observer->wants_state(forest_.byte_count());
    if (!wanted) continue;
    ASSAY_ASSIGN_OR_RETURN(FitState state, state_after(result.iterations, result, best));
    request_.observer->keep_state(std::move(state));
  }
  if (result.truncated && request_.keep_end_state && validated_rounds > start_) {
    ASSAY_ASSIGN_OR_RETURN(result.state, state_after(validated_rounds, result, best));
  }
  return finish(std::move(result));
}

void Booster::translate_forest() {
  kernels::Forest translated(forest_.leaf_width(), forest_.output_count());
  for (int64_t t = 0; t < forest_.tree_count(); ++t) {
    kernels::Tree tree = forest_.tree(t);
    ordered_->translate(tree);
    translated.append(tree);
  }
  forest_ = std::move(translated);
}

Result<FitResult> Booster::finish(FitResult result) {
  // A first round that could not be validated is better than nothing.
  result.best_iteration = std::max<int64_t>(result.best_iteration, 1);
  if (!request_.keep_all_steps) forest_.truncate(result.best_iteration * outputs_);
  if (ordered_) translate_forest();
  TreeModel::Parts parts;
  parts.forest = std::move(forest_);
  parts.base_scores = objective_.base_scores;
  parts.link = objective_.link;
  parts.target = data_.target;
  parts.feature_count = feature_count_;
  if (!best_scores_.empty()) {
    const auto outputs = static_cast<size_t>(output_count_of(parts.link, outputs_));
    result.valid_predictions.resize(request_.valid_rows.size() * outputs);
    ASSAY_RETURN_IF_ERROR(predictions_of(parts.meaning(request_.data->frame), best_scores_,
                                         result.valid_predictions, *context_.executor));
  }
  ASSAY_ASSIGN_OR_RETURN(result.model, TreeModel::make(std::move(parts)));
  return result;
}

}  // namespace assay::automl
