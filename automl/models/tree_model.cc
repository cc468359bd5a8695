#include "automl/models/tree_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "automl/models/device_forest.h"
#include "automl/models/device_shap.h"
#include "kernels/tree_shap_plan.h"

namespace assay::automl {
namespace {

using kernels::DeviceArray;
using kernels::Forest;
using kernels::TreeNode;

// Rows predicted at once: bounds the scores' memory.
constexpr int64_t kBatchRows = int64_t{1} << 18;
constexpr int64_t kSumBytes = int64_t{32} << 20;  // of contributions, at once
constexpr int64_t kBoundedRows = 256;             // that are worth bounds of all leaves
constexpr int64_t kExplainedRows = 64;            // a chunk

// Far beyond any score of training, far below what could overflow.
bool sound(std::span<const double> scores) {
  return std::all_of(scores.begin(), scores.end(), [](double v) { return std::abs(v) <= 1e100; });
}

// The same field of all nodes.
template <class T>
void put_field(ModelWriter& writer, std::string_view key, std::span<const TreeNode> nodes,
               T TreeNode::*field) {
  writer.make_tensor<T>(key, static_cast<int64_t>(nodes.size()), {},
                        [nodes, field](int64_t first, std::span<T> out) {
                          const TreeNode* node = nodes.data() + first;
                          for (T& value : out) value = (node++)->*field;
                        });
}

void put_sets(ModelWriter& writer, std::span<const kernels::CategorySet> sets) {
  constexpr int64_t kWords = std::tuple_size_v<decltype(kernels::CategorySet::words)>;
  const auto count = static_cast<int64_t>(sets.size());
  writer.make_tensor<uint32_t>("category_sets", kWords * count, {count, kWords},
                               [sets](int64_t first, std::span<uint32_t> out) {
                                 for (uint32_t& word : out) {
                                   const auto at = static_cast<size_t>(first++);
                                   word = sets[at / kWords].words[at % kWords];
                                 }
                               });
}

// The writer reads the forest when the file is written.
void save_forest(const Forest& forest, ModelWriter writer) {
  writer.put_integer("leaf_width", forest.leaf_width());
  writer.put_integer("output_count", forest.output_count());
  put_field(writer, "feature", forest.nodes(), &TreeNode::feature);
  put_field(writer, "left", forest.nodes(), &TreeNode::left);
  put_field(writer, "category_set", forest.nodes(), &TreeNode::category_set);
  put_field(writer, "threshold", forest.nodes(), &TreeNode::threshold);
  put_field(writer, "missing_left", forest.nodes(), &TreeNode::missing_left);
  put_sets(writer, forest.category_sets());
  writer.refer_tensor("leaf_values", forest.leaf_values());
  writer.refer_tensor("gains", forest.gains());
  writer.refer_tensor("covers", forest.covers());
  writer.refer_tensor("node_offsets", forest.node_offsets());
  writer.refer_tensor("category_set_offsets", forest.category_set_offsets());
  writer.refer_tensor("leaf_offsets", forest.leaf_offsets());
}

Result<std::vector<TreeNode>> load_nodes(const ModelReader& reader) {
  ASSAY_ASSIGN_OR_RETURN(const auto features, reader.tensor<int32_t>("feature"));
  const auto count = static_cast<int64_t>(features.size());
  ASSAY_ASSIGN_OR_RETURN(const auto left, reader.tensor<int32_t>("left", count));
  ASSAY_ASSIGN_OR_RETURN(const auto sets, reader.tensor<int32_t>("category_set", count));
  ASSAY_ASSIGN_OR_RETURN(const auto thresholds, reader.tensor<uint8_t>("threshold", count));
  ASSAY_ASSIGN_OR_RETURN(const auto missing_left, reader.tensor<uint8_t>("missing_left", count));
  std::vector<TreeNode> nodes(features.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].feature = features[i];
    nodes[i].left = left[i];
    nodes[i].category_set = sets[i];
    nodes[i].threshold = thresholds[i];
    nodes[i].missing_left = missing_left[i];
  }
  return nodes;
}

Result<Forest> load_forest(const ModelReader& reader, int32_t feature_count) {
  Forest::Parts parts;
  ASSAY_ASSIGN_OR_RETURN(const int64_t leaf_width, reader.integer("leaf_width", 1, 1 << 20));
  ASSAY_ASSIGN_OR_RETURN(const int64_t outputs, reader.integer("output_count", 1, 1 << 20));
  ASSAY_ASSIGN_OR_RETURN(parts.nodes, load_nodes(reader));
  ASSAY_ASSIGN_OR_RETURN(const auto words, reader.tensor<uint32_t>("category_sets"));
  if (words.size() % 8 != 0) return reader.damaged("category sets are cut off");
  parts.category_sets.resize(words.size() / 8);
  for (size_t i = 0; i < words.size(); ++i) parts.category_sets[i / 8].words[i % 8] = words[i];
  ASSAY_ASSIGN_OR_RETURN(parts.leaf_values, reader.tensor<float>("leaf_values"));
  for (const float value : parts.leaf_values) {
    if (!std::isfinite(value)) return reader.damaged("a leaf value is not finite");
  }
  const auto nodes = static_cast<int64_t>(parts.nodes.size());
  ASSAY_ASSIGN_OR_RETURN(parts.gains, reader.tensor<float>("gains", nodes));
  ASSAY_ASSIGN_OR_RETURN(parts.covers, reader.tensor<float>("covers", nodes));
  ASSAY_ASSIGN_OR_RETURN(parts.node_offsets, reader.tensor<int64_t>("node_offsets"));
  const auto trees = static_cast<int64_t>(parts.node_offsets.size());
  ASSAY_ASSIGN_OR_RETURN(parts.category_set_offsets,
                         reader.tensor<int64_t>("category_set_offsets", trees));
  ASSAY_ASSIGN_OR_RETURN(parts.leaf_offsets, reader.tensor<int64_t>("leaf_offsets", trees));
  auto forest = Forest::from_parts(std::move(parts), static_cast<int32_t>(leaf_width),
                                   static_cast<int32_t>(outputs), feature_count);
  if (!forest) return reader.damaged(forest.error().message);
  return forest;
}

}  // namespace

Result<std::unique_ptr<Model>> TreeModel::make(Parts parts) {
  const int32_t scores = parts.forest.output_count();
  const bool one_score = takes_one_score(parts.link);
  if (static_cast<int32_t>(parts.base_scores.size()) != scores || (one_score && scores != 1) ||
      (!one_score && scores < 2) || parts.feature_count < 0) {
    return fail(StatusCode::kInvalidArgument,
                "tree model of {} outputs, {} base scores and link {}: they do not fit", scores,
                parts.base_scores.size(), name_of(parts.link));
  }
  if (parts.average && parts.forest.tree_count() == 0) {
    return fail(StatusCode::kInvalidArgument, "the mean of no trees");
  }
  if (!sound(parts.base_scores) || !std::isfinite(parts.target.offset) ||
      !std::isfinite(parts.target.scale)) {
    return fail(StatusCode::kInvalidArgument, "tree model with base scores beyond 1e100");
  }
  ASSAY_RETURN_IF_ERROR(parts.forest.check(parts.feature_count));
  return std::unique_ptr<Model>(new TreeModel(std::move(parts)));
}

Result<std::unique_ptr<Model>> TreeModel::load(const ModelReader& reader) {
  Parts parts;
  ASSAY_ASSIGN_OR_RETURN(const int64_t features, reader.integer("feature_count", 0, INT32_MAX));
  parts.feature_count = static_cast<int32_t>(features);
  ASSAY_ASSIGN_OR_RETURN(parts.base_scores, reader.tensor<double>("base_scores"));
  ASSAY_ASSIGN_OR_RETURN(parts.average, reader.flag("average"));
  ASSAY_ASSIGN_OR_RETURN(const std::string link, reader.text("link"));
  auto parsed = parse_link(link);
  if (!parsed) return reader.damaged(parsed.error().message);
  parts.link = *parsed;
  ASSAY_ASSIGN_OR_RETURN(const auto target, reader.tensor<double>("target", 2));
  parts.target = {target[0], target[1]};
  ASSAY_ASSIGN_OR_RETURN(parts.forest, load_forest(reader.child("forest"), parts.feature_count));
  auto model = make(std::move(parts));
  if (!model) return reader.damaged(model.error().message);
  return model;
}

int64_t TreeModel::byte_count() const {
  return static_cast<int64_t>(sizeof *this) + parts_.forest.byte_count() + cache_.byte_count();
}

int64_t TreeModel::step_count() const {
  if (parts_.average || parts_.forest.leaf_width() != 1) return 0;
  return parts_.forest.tree_count() / parts_.forest.output_count();
}

std::unique_ptr<Model> TreeModel::first_steps(int64_t steps) const {
  if (step_count() == 0) return nullptr;
  kernels::Forest forest = parts_.forest;
  forest.truncate(steps * forest.output_count());
  Parts parts;
  parts.forest = forest;  // a copy takes no more memory than it needs
  parts.base_scores = parts_.base_scores;
  parts.average = parts_.average;
  parts.link = parts_.link;
  parts.target = parts_.target;
  parts.feature_count = parts_.feature_count;
  return std::unique_ptr<Model>(new TreeModel(std::move(parts)));
}

std::vector<double> TreeModel::feature_importance() const {
  std::vector<double> importance(static_cast<size_t>(parts_.feature_count), 0.0);
  const auto nodes = parts_.forest.nodes();
  const auto gains = parts_.forest.gains();
  double sum = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].is_leaf() || !(gains[i] > 0) || !std::isfinite(gains[i])) continue;
    importance[static_cast<size_t>(nodes[i].feature)] += gains[i];
    sum += gains[i];
  }
  if (sum > 0) {
    for (double& value : importance) value /= sum;
  }
  return importance;
}

void TreeModel::mark_binned(std::span<uint8_t> used) const {
  for (const TreeNode& node : parts_.forest.nodes()) {
    if (!node.is_leaf()) used[static_cast<size_t>(node.feature)] = 1;
  }
}

void TreeModel::save(ModelWriter& writer) const {
  writer.put_integer("feature_count", parts_.feature_count);
  writer.put_flag("average", parts_.average);
  writer.put_text("link", name_of(parts_.link));
  writer.put_tensor("base_scores", std::span<const double>(parts_.base_scores));
  const double target[] = {parts_.target.offset, parts_.target.scale};
  writer.put_tensor("target", std::span<const double>(target));
  save_forest(parts_.forest, writer.child("forest"));
}

Status TreeModel::do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                             const kernels::ComputeContext& context, std::span<float> out,
                             const TargetScale& frame) const {
  return predict_by(parts_.meaning(frame), nullptr, features, rows, context, out);
}

Status TreeModel::do_decide(const FeatureView& features, std::span<const uint32_t> rows,
                            const kernels::ComputeContext& context, double threshold,
                            std::span<float> out) const {
  const ScoreMeaning meaning = parts_.meaning({});
  const auto rule = decision_rule(meaning, threshold);
  if (!rule || static_cast<int64_t>(rows.size()) < kBoundedRows) {
    return predict_by(meaning, nullptr, features, rows, context, out);
  }
  const auto any = [](const kernels::LeafBounds&) { return true; };
  const kernels::LeafBounds* bounds = cache_.find<kernels::LeafBounds>(any);
  std::unique_ptr<kernels::LeafBounds> own;
  if (bounds == nullptr) {
    own = kernels::LeafBounds::make(parts_.forest.view());
    if (own == nullptr) return predict_by(meaning, nullptr, features, rows, context, out);
    bounds = own.get();
    if (keeps_.load(std::memory_order_relaxed)) bounds = cache_.keep(std::move(own));
  }
  const kernels::EarlyExit exit{*rule, bounds};
  return predict_by(meaning, &exit, features, rows, context, out);
}

Status TreeModel::predict_by(const ScoreMeaning& meaning, const kernels::EarlyExit* exit,
                             const FeatureView& features, std::span<const uint32_t> rows,
                             const kernels::ComputeContext& context, std::span<float> out) const {
  kernels::Device& device = context.device_of<kernels::PredictTrees>();
  ASSAY_ASSIGN_OR_RETURN(const kernels::BinnedView bins, features.bins(device, context));
  ASSAY_ASSIGN_OR_RETURN(const DeviceForest forest, DeviceForest::make(device, parts_.forest));
  const auto width = static_cast<size_t>(parts_.forest.output_count());
  const auto outputs = static_cast<size_t>(output_count());
  const auto row_count = static_cast<int64_t>(rows.size());
  for (int64_t begin = 0; begin < row_count; begin += kBatchRows) {
    const int64_t count = std::min(kBatchRows, row_count - begin);
    const auto batch = rows.subspan(static_cast<size_t>(begin), static_cast<size_t>(count));
    ASSAY_ASSIGN_OR_RETURN(auto device_rows, DeviceArray<uint32_t>::copy_of(device, batch));
    ASSAY_ASSIGN_OR_RETURN(auto scores,
                           DeviceArray<double>::make(device, count * static_cast<int64_t>(width)));
    const std::span<double> initial = scores.host_for_overwriting();
    for (size_t i = 0; i < initial.size(); ++i) initial[i] = parts_.base_scores[i % width];
    ASSAY_RETURN_IF_ERROR(scores.to_device());
    const kernels::PredictTreesProblem problem{count,
                                               bins.feature_count,
                                               0,
                                               parts_.forest.tree_count(),
                                               parts_.forest.leaf_width(),
                                               parts_.forest.output_count()};
    kernels::ForestCache* cache = keeps_.load(std::memory_order_relaxed) ? &cache_ : nullptr;
    ASSAY_RETURN_IF_ERROR(context.run<kernels::PredictTrees>(
        problem, {bins, forest.view(), device_rows.on_device(), scores.on_device(), cache, exit}));
    scores.wrote_device();
    ASSAY_ASSIGN_OR_RETURN(const std::span<const double> sums, scores.to_host());
    ASSAY_RETURN_IF_ERROR(predictions_of(
        meaning, sums,
        out.subspan(static_cast<size_t>(begin) * outputs, static_cast<size_t>(count) * outputs),
        *context.executor));
  }
  return {};
}

Status TreeModel::do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                             const kernels::ComputeContext& context, ExplainedScale scale,
                             std::span<double> out) const {
  const kernels::TreeShapPlan plan(parts_.forest, parts_.feature_count);
  const size_t sum_size =
      static_cast<size_t>(parts_.forest.output_count()) * static_cast<size_t>(parts_.feature_count);
  const auto row_count = static_cast<int64_t>(rows.size());
  const int64_t batch_rows = std::clamp<int64_t>(
      kSumBytes / static_cast<int64_t>(std::max<size_t>(1, sum_size) * sizeof(double)), 1,
      row_count);
  kernels::Device& device = context.device_for<kernels::TreeShap>(plan.problem(batch_rows));
  ASSAY_ASSIGN_OR_RETURN(const kernels::BinnedView bins, features.bins(device, context));
  ASSAY_ASSIGN_OR_RETURN(const DeviceForest forest, DeviceForest::make(device, parts_.forest));
  ASSAY_ASSIGN_OR_RETURN(const DeviceShap shap, DeviceShap::make(device, plan));
  const size_t row_size = out.size() / rows.size();
  for (int64_t begin = 0; begin < row_count; begin += batch_rows) {
    const auto count = static_cast<size_t>(std::min(batch_rows, row_count - begin));
    const auto first = static_cast<size_t>(begin);
    ASSAY_ASSIGN_OR_RETURN(auto batch,
                           DeviceArray<uint32_t>::copy_of(device, rows.subspan(first, count)));
    ASSAY_ASSIGN_OR_RETURN(
        auto sums, DeviceArray<double>::make(device, static_cast<int64_t>(count * sum_size)));
    std::ranges::fill(sums.host_for_overwriting(), 0.0);
    ASSAY_RETURN_IF_ERROR(sums.to_device());
    ASSAY_RETURN_IF_ERROR(context.run<kernels::TreeShap>(
        plan.problem(static_cast<int64_t>(count)),
        {bins, forest.view(), shap.view(), batch.on_device(), sums.on_device()}));
    sums.wrote_device();
    ASSAY_ASSIGN_OR_RETURN(const std::span<const double> contributions, sums.to_host());
    ASSAY_RETURN_IF_ERROR(explain_sums(contributions, plan.expected(), *context.executor, scale,
                                       out.subspan(first * row_size, count * row_size)));
  }
  return {};
}

Status TreeModel::explain_sums(std::span<const double> sums, std::span<const double> expected,
                               Executor& executor, ExplainedScale scale,
                               std::span<double> out) const {
  const auto feature_total = static_cast<size_t>(parts_.feature_count);
  const size_t width = expected.size();
  const double share = parts_.meaning({}).share;
  const auto explained = static_cast<size_t>(explained_count(scale));
  const size_t row_size = explained * (feature_total + 1);
  const auto count = static_cast<int64_t>(out.size() / row_size);
  const auto to = scale == ExplainedScale::kScores ? explain_scores : explain_predictions;
  return executor.parallel_for(chunk_count_of(count, kExplainedRows), [&](int64_t chunk, int) {
    std::vector<double> scores(width * (feature_total + 1));
    const auto [first, last] = chunk_range(count, kExplainedRows, chunk);
    for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) {
      for (size_t k = 0; k < width; ++k) {
        double* score = scores.data() + k * (feature_total + 1);
        const double* sum = sums.data() + (i * width + k) * feature_total;
        for (size_t f = 0; f < feature_total; ++f) score[f] = sum[f] * share;
        score[feature_total] = (parts_.base_scores[k] + expected[k]) * share;
      }
      to(parts_.link, parts_.target, scores, out.subspan(i * row_size, row_size),
         parts_.feature_count);
    }
  });
}

}  // namespace assay::automl
