#include "automl/learners/forest_fit.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "automl/learners/leaf_renewal.h"
#include "automl/learners/leaf_smoothing.h"
#include "automl/models/device_forest.h"
#include "automl/models/tree_model.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

using kernels::Device;
using kernels::DeviceArray;
using kernels::GrowTree;
using kernels::GrowTrees;
using kernels::PredictTrees;
using kernels::Tree;

constexpr int64_t kLeftOutRows = 1024;  // a chunk
// Trees of small tables gain by growing together on a device with memory of its own: so many rows
// of all of them, and so many trees.
constexpr int64_t kTogetherRows = 1 << 18;
constexpr int64_t kMostTreesTogether = 16;
// Of a tree on so many rows, about: its sample, and what growing takes for each row of it. And what
// trees side by side may take by that.
constexpr int64_t kTreeRowBytes = 40;
constexpr int64_t kSideBySideBytes = int64_t{1} << 30;

// The address of `values` on `device`, uploaded into `upload` if need be.
template <class T>
Result<const T*> placed(Device& device, std::span<const T> values, DeviceArray<T>& upload) {
  if (device.info().shares_host_memory) return values.data();
  ASSAY_ASSIGN_OR_RETURN(upload, DeviceArray<T>::copy_of(device, values));
  return std::as_const(upload).on_device();
}

}  // namespace

bool grows_side_by_side(int64_t train_count, int threads) {
  if (train_count <= kSlowRows) return true;
  return train_count <= kSideBySideRows &&
         threads * train_count * kTreeRowBytes <= kSideBySideBytes;
}

ForestFit::ForestFit(const FitRequest& request, const ForestOptions& options,
                     bool random_thresholds, const FitData& data,
                     const kernels::ComputeContext& context)
    : request_(request),
      options_(options),
      random_thresholds_(random_thresholds),
      data_(data),
      context_(context),
      class_count_(is_classification(request.data->task) ? request.data->class_count : 0),
      outputs_(std::max(class_count_, 1)),
      row_count_(request.data->features->row_count()),
      forest_(outputs_, outputs_) {
  // As if there were one row more of each class.
  for (const double weight : data.class_weights) {
    prior_.push_back((weight + 1) / (data.weight_sum + outputs_));
  }
}

std::vector<float> ForestFit::bootstrap_counts(int64_t tree) const {
  std::vector<float> counts(request_.train_rows.size(), 0.0f);
  Rng rng(derive_seed(request_.seed, "bootstrap", static_cast<uint64_t>(tree)));
  for (size_t i = 0; i < counts.size(); ++i) counts[rng.below(counts.size())] += 1;
  return counts;
}

ForestFit::Sample ForestFit::draw(int64_t tree) const {
  Sample sample;
  const std::span<const uint32_t> rows = request_.train_rows;
  std::vector<float> counts;
  if (options_.bootstrap) counts = bootstrap_counts(tree);
  sample.weights.assign(static_cast<size_t>(row_count_), 0.0f);
  if (class_count_ == 0) sample.gradients.assign(static_cast<size_t>(row_count_), 0.0f);
  for (size_t i = 0; i < rows.size(); ++i) {
    const double times = counts.empty() ? 1.0 : double{counts[i]};
    const uint32_t row = rows[i];
    const auto weight = static_cast<float>(times * data_.weight(row));
    if (weight == 0) continue;  // nothing to learn from
    sample.rows.push_back(row);
    sample.weights[row] = weight;
    sample.max_weight = std::max(sample.max_weight, weight);
    if (class_count_ > 0) continue;
    // Squared loss at score 0: a leaf's Newton step is the weighted mean of its targets.
    const auto gradient = static_cast<float>(-(double{weight} * data_.targets[row]));
    sample.gradients[row] = gradient;
    sample.max_abs_gradient = std::max(sample.max_abs_gradient, std::abs(gradient));
  }
  return sample;
}

kernels::GrowTreeProblem ForestFit::tree_problem(int64_t sample_count) const {
  const int32_t features = request_.data->features->feature_count();
  kernels::GrowTreeProblem problem;
  problem.row_count = row_count_;
  problem.sample_count = sample_count;
  problem.feature_count = features;
  problem.class_count = class_count_;
  problem.params = options_.tree_params(features, class_count_, random_thresholds_);
  return problem;
}

Device& ForestFit::grower() const {
  return context_.device_for<GrowTree>(
      tree_problem(static_cast<int64_t>(request_.train_rows.size())));
}

struct ForestFit::Work {
  // What a device that does not share the host's memory needs of the sample.
  struct Uploads {
    DeviceArray<uint32_t> rows;
    DeviceArray<float> weights;
    DeviceArray<float> gradients;
    DeviceArray<int32_t> classes;
  };
  Sample sample;
  Uploads uploads;
  DeviceArray<int32_t> leaf_of;
  kernels::GrowTreeProblem problem;
  kernels::GrowTreeArgs args;  // but for the tree
};

Result<ForestFit::Work> ForestFit::place(int64_t tree, Sample drawn) const {
  Work work;
  work.sample = std::move(drawn);
  const Sample& sample = work.sample;
  Work::Uploads& uploads = work.uploads;
  Device& at = grower();
  work.problem = tree_problem(static_cast<int64_t>(sample.rows.size()));
  work.problem.seed = derive_seed(request_.seed, "tree", static_cast<uint64_t>(tree));
  kernels::GrowTreeArgs& args = work.args;
  args.bins = grow_bins_;
  ASSAY_ASSIGN_OR_RETURN(args.rows,
                         placed(at, std::span<const uint32_t>(sample.rows), uploads.rows));
  ASSAY_ASSIGN_OR_RETURN(const float* weights,
                         placed(at, std::span<const float>(sample.weights), uploads.weights));
  if (class_count_ > 0) {
    ASSAY_ASSIGN_OR_RETURN(args.classes, placed(at, request_.data->classes, uploads.classes));
    args.weights = weights;
    args.max_abs_gradient = sample.max_weight;
  } else {
    ASSAY_ASSIGN_OR_RETURN(args.gradients,
                           placed(at, std::span<const float>(sample.gradients), uploads.gradients));
    args.hessians = weights;
    args.max_abs_gradient = sample.max_abs_gradient;
    args.max_hessian = sample.max_weight;
  }
  ASSAY_ASSIGN_OR_RETURN(work.leaf_of, DeviceArray<int32_t>::make(at, work.problem.sample_count));
  if (!request_.data->monotone.empty()) args.monotone = request_.data->monotone.data();
  if (!request_.data->interactions.empty()) args.interactions = request_.data->interactions.data();
  args.leaf_of = work.leaf_of.on_device();
  return work;
}

Status ForestFit::settle(Work& work, Tree& tree) const {
  if (class_count_ > 0) smooth_leaves(tree, prior_, options_.smoothing);
  if (!data_.aim.quantile()) return {};
  work.leaf_of.wrote_device();
  ASSAY_ASSIGN_OR_RETURN(const std::span<const int32_t> leaves, work.leaf_of.to_host());
  set_leaf_quantiles({work.sample.rows, leaves, {}}, data_.targets, work.sample.weights,
                     data_.aim.level, tree);
  if (!request_.data->monotone.empty()) keep_monotone(request_.data->monotone, tree);
  return {};
}

Status ForestFit::grow(int64_t tree, Executor& executor, Tree& out) const {
  ASSAY_ASSIGN_OR_RETURN(Work work, place(tree, draw(tree)));
  work.args.tree = &out;
  const kernels::OpContext op{&grower(), &executor, context_.stop};
  ASSAY_RETURN_IF_ERROR(
      kernels::run_op(context_.kernels->table<GrowTree>(), op, work.problem, work.args));
  return settle(work, out);
}

int64_t ForestFit::trees_together() const {
  const bool gains =
      !grower().info().shares_host_memory && &context_.device_of<GrowTrees>() == &grower();
  return gains ? std::clamp<int64_t>(kTogetherRows / row_count_, 1, kMostTreesTogether) : 1;
}

Status ForestFit::grow_together(int64_t begin, std::span<Tree> out) const {
  const auto count = static_cast<int64_t>(out.size());
  std::vector<Sample> samples(out.size());
  ASSAY_RETURN_IF_ERROR(context_.executor->parallel_for(
      count, [&](int64_t i, int) { samples[static_cast<size_t>(i)] = draw(begin + i); }));
  std::vector<Work> works;
  kernels::GrowTreesProblem problem;
  kernels::GrowTreesArgs args;
  for (size_t i = 0; i < out.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(Work work,
                           place(begin + static_cast<int64_t>(i), std::move(samples[i])));
    work.args.tree = &out[i];
    problem.trees.push_back(work.problem);
    args.trees.push_back(work.args);
    works.push_back(std::move(work));
  }
  ASSAY_RETURN_IF_ERROR(context_.run<GrowTrees>(problem, args));
  // By this thread, whose memory it is.
  for (size_t i = 0; i < out.size(); ++i) ASSAY_RETURN_IF_ERROR(settle(works[i], out[i]));
  return {};
}

bool ForestFit::side_by_side() const {
  return grower().info().shares_host_memory &&
         grows_side_by_side(static_cast<int64_t>(request_.train_rows.size()),
                            context_.executor->thread_count());
}

int64_t ForestFit::batch_end(int64_t begin, int64_t end) const {
  const int64_t threads = side_by_side() ? context_.executor->thread_count() : 1;
  const int64_t count = chunk_count_of(end - begin, threads) * threads;
  return std::min(options_.trees, begin + count);
}

Status ForestFit::next_trees(int64_t begin, int64_t end, std::vector<Tree>& trees) {
  const int64_t grown = begin + static_cast<int64_t>(ahead_.size());
  const Status status = grown < end ? grow_batch(grown, batch_end(grown, end), ahead_) : Status();
  const auto wanted = static_cast<size_t>(end - begin);
  const size_t count = status ? std::min(wanted, ahead_.size()) : ahead_.size();
  const auto last = ahead_.begin() + static_cast<std::ptrdiff_t>(count);
  trees.assign(std::make_move_iterator(ahead_.begin()), std::make_move_iterator(last));
  ahead_.erase(ahead_.begin(), last);
  return status;
}

Status ForestFit::grow_batch(int64_t begin, int64_t end, std::vector<Tree>& trees) const {
  const auto count = static_cast<size_t>(end - begin);
  std::vector<Tree> grown(count);
  std::vector<Status> statuses(count, Status());
  if (side_by_side()) {
    kernels::Usage* const usage = kernels::Usage::current();
    ASSAY_RETURN_IF_ERROR(
        context_.executor->parallel_for(static_cast<int64_t>(count), [&](int64_t chunk, int) {
          const kernels::UsageScope scope(usage);
          SerialExecutor serial;
          const auto i = static_cast<size_t>(chunk);
          statuses[i] = stop_requested(context_)
                            ? fail(StatusCode::kCancelled, "stopped while growing trees")
                            : grow(begin + chunk, serial, grown[i]);
        }));
  } else if (const auto together = static_cast<size_t>(trees_together()); together > 1) {
    for (size_t i = 0; i < count;) {
      const std::span<Tree> some = std::span(grown).subspan(i, std::min(together, count - i));
      const Status status = grow_together(begin + static_cast<int64_t>(i), some);
      if (!status) {
        for (Tree& tree : some) tree = Tree();
        statuses[i] = status;
        break;
      }
      i += some.size();
    }
  } else {
    for (size_t i = 0; i < count; ++i) {
      statuses[i] = grow(begin + static_cast<int64_t>(i), *context_.executor, grown[i]);
      if (!statuses[i]) break;
    }
  }
  Status result;
  for (size_t i = 0; i < count; ++i) {
    if (statuses[i] && grown[i].nodes.empty()) break;  // not reached
    if (statuses[i]) {
      trees.push_back(std::move(grown[i]));
    } else if (result || result.error().code == StatusCode::kCancelled) {
      result = std::move(statuses[i]);
    }
  }
  return result;
}

Status ForestFit::add_to_validation(const std::vector<Tree>& trees) {
  kernels::Forest batch(outputs_, outputs_);
  for (const Tree& tree : trees) batch.append(tree);
  Device& at = context_.device_of<PredictTrees>();
  ASSAY_ASSIGN_OR_RETURN(const DeviceForest forest, DeviceForest::make(at, batch));
  ASSAY_ASSIGN_OR_RETURN(const kernels::BinnedView bins,
                         request_.data->features->bins(at, context_));
  ASSAY_ASSIGN_OR_RETURN(const auto rows, DeviceArray<uint32_t>::copy_of(at, request_.valid_rows));
  ASSAY_ASSIGN_OR_RETURN(auto scores,
                         DeviceArray<double>::copy_of(at, std::span<const double>(valid_sums_)));
  const kernels::PredictTreesProblem problem{static_cast<int64_t>(request_.valid_rows.size()),
                                             bins.feature_count,
                                             0,
                                             batch.tree_count(),
                                             outputs_,
                                             outputs_};
  ASSAY_RETURN_IF_ERROR(context_.run<PredictTrees>(
      problem, {bins, forest.view(), rows.on_device(), scores.on_device()}));
  scores.wrote_device();
  ASSAY_ASSIGN_OR_RETURN(const std::span<const double> sums, scores.to_host());
  valid_sums_.assign(sums.begin(), sums.end());
  return {};
}

// Tree by tree, and in each by rows, so that a row's sum has one order.
Status ForestFit::add_to_left_out(int64_t first, const std::vector<Tree>& trees) {
  ASSAY_ASSIGN_OR_RETURN(const kernels::BinnedView bins,
                         request_.data->features->bins(*context_.host, context_));
  const auto count = static_cast<int64_t>(request_.train_rows.size());
  const auto width = static_cast<size_t>(outputs_);
  for (size_t t = 0; t < trees.size(); ++t) {
    if (stop_requested(context_)) return fail(StatusCode::kCancelled, "stopped between trees");
    const std::vector<float> counts = bootstrap_counts(first + static_cast<int64_t>(t));
    const Tree& tree = trees[t];
    ASSAY_RETURN_IF_ERROR(context_.executor->parallel_for(
        chunk_count_of(count, kLeftOutRows), [&](int64_t chunk, int) {
          const auto [begin, end] = chunk_range(count, kLeftOutRows, chunk);
          for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
            if (counts[i] > 0) continue;
            size_t node = 0;
            while (!tree.nodes[node].is_leaf()) {
              const kernels::TreeNode& at = tree.nodes[node];
              const uint8_t bin = bins.bins[bins.cell_offset(request_.train_rows[i], at.feature)];
              const bool left = kernels::goes_left(at, tree.category_sets.data(), bin);
              node = static_cast<size_t>(at.left) + (left ? 0 : 1);
            }
            const float* values =
                tree.leaf_values.data() + static_cast<size_t>(tree.nodes[node].left) * width;
            for (size_t k = 0; k < width; ++k) oob_sums_[i * width + k] += double{values[k]};
            ++oob_counts_[i];
          }
        }));
  }
  return {};
}

// Means over the trees that left a row out; their loss over the rows that any did.
Status ForestFit::finish_left_out(FitResult& result) const {
  const auto width = static_cast<size_t>(outputs_);
  std::vector<uint32_t> rows;
  std::vector<double> means;
  for (size_t i = 0; i < oob_counts_.size(); ++i) {
    if (oob_counts_[i] == 0) continue;
    rows.push_back(request_.train_rows[i]);
    for (size_t k = 0; k < width; ++k) {
      means.push_back(oob_sums_[i * width + k] / double(oob_counts_[i]));
    }
  }
  if (!rows.empty()) result.oob_loss = mean_loss(request_, data_, rows, means, outputs_);
  const Link link = class_count_ > 0 ? Link::kShare : Link::kIdentity;
  const ScoreMeaning meaning{link, data_.target.in(request_.data->frame), outputs_, 1};
  std::vector<float> predicted(means.size());
  ASSAY_RETURN_IF_ERROR(predictions_of(meaning, means, predicted, *context_.executor));
  result.oob_predictions.assign(oob_sums_.size(), std::numeric_limits<float>::quiet_NaN());
  auto next = predicted.begin();
  for (size_t i = 0; i < oob_counts_.size(); ++i) {
    if (oob_counts_[i] == 0) continue;
    std::copy_n(next, width,
                result.oob_predictions.begin() + static_cast<std::ptrdiff_t>(i * width));
    next += static_cast<std::ptrdiff_t>(width);
  }
  return {};
}

double ForestFit::validate() const {
  if (valid_sums_.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> means = valid_sums_;
  for (double& value : means) value /= static_cast<double>(forest_.tree_count());
  return mean_loss(request_, data_, request_.valid_rows, means, outputs_);
}

Result<FitResult> ForestFit::run() {
  ASSAY_ASSIGN_OR_RETURN(grow_bins_, request_.data->features->growth_bins(grower(), context_));
  const bool validates = request_.observer != nullptr && !request_.valid_rows.empty();
  if (validates) {
    valid_sums_.assign(request_.valid_rows.size() * static_cast<size_t>(outputs_), 0.0);
  }
  if (options_.out_of_bag) {
    oob_sums_.assign(request_.train_rows.size() * static_cast<size_t>(outputs_), 0.0);
    oob_counts_.assign(request_.train_rows.size(), 0);
  }
  FitResult result;
  bool left_out_whole = options_.out_of_bag;  // of a part of the trees it would say nothing
  // Where a tree takes long a stop costs those since the last report.
  const auto train_count = static_cast<int64_t>(request_.train_rows.size());
  const int64_t reports = train_count > kSlowRows ? kSlowReports : kReports;
  const int64_t step = std::max(trees_together(), (options_.trees + reports - 1) / reports);
  while (result.iterations < options_.trees) {
    std::vector<Tree> trees;
    const int64_t end = std::min(options_.trees, result.iterations + step);
    const Status grown = next_trees(result.iterations, end, trees);
    const bool cancelled = !grown && grown.error().code == StatusCode::kCancelled;
    if (cancelled && !valid_sums_.empty() && result.iterations > 0) {
      // Without the last few trees the predictions of the validation rows are there already.
      result.truncated = true;
      break;
    }
    for (const Tree& tree : trees) forest_.append(tree);
    if (result.iterations == 0) forest_.reserve(options_.trees);
    if (options_.out_of_bag) {
      const Status added = add_to_left_out(result.iterations, trees);
      const bool stopped = !added && added.error().code == StatusCode::kCancelled;
      if (!stopped) ASSAY_RETURN_IF_ERROR(added);
      left_out_whole = left_out_whole && !stopped;
    }
    result.iterations = forest_.tree_count();
    if (cancelled && result.iterations > 0) {
      valid_sums_.clear();
      result.truncated = true;
      break;
    }
    ASSAY_RETURN_IF_ERROR(grown);
    if (request_.observer == nullptr) continue;
    if (validates) {
      const Status added = add_to_validation(trees);
      if (!added && added.error().code == StatusCode::kCancelled) {
        valid_sums_.clear();
        result.truncated = true;
        break;
      }
      ASSAY_RETURN_IF_ERROR(added);
      result.valid_loss = validate();
    }
    if (!request_.observer->report(
            {result.iterations, options_.trees, result.valid_loss, has_common_loss(data_)})) {
      result.stopped = true;
      break;
    }
  }
  if (!left_out_whole) oob_counts_.clear();
  return finish(std::move(result));
}

Result<FitResult> ForestFit::finish(FitResult result) {
  result.best_iteration = result.iterations;
  TreeModel::Parts parts;
  parts.forest = std::move(forest_);
  parts.base_scores.assign(static_cast<size_t>(outputs_), 0.0);
  parts.average = true;
  parts.link = class_count_ > 0 ? Link::kShare : Link::kIdentity;
  parts.target = data_.target;
  parts.feature_count = grow_bins_.feature_count;
  if (!valid_sums_.empty()) {
    result.valid_predictions.resize(valid_sums_.size());
    ASSAY_RETURN_IF_ERROR(predictions_of(parts.meaning(request_.data->frame), valid_sums_,
                                         result.valid_predictions, *context_.executor));
  }
  if (!oob_counts_.empty()) ASSAY_RETURN_IF_ERROR(finish_left_out(result));
  ASSAY_ASSIGN_OR_RETURN(result.model, TreeModel::make(std::move(parts)));
  return result;
}

}  // namespace assay::automl
