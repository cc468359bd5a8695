#include "automl/models/level_targets.h"

#include <algorithm>
#include <set>
#include <utility>

#include "automl/models/tree_model.h"
#include "datasets/table_placement.h"

namespace assay::automl {
namespace {

// Whether the model reads features that the columns fill. The dense form has none of them.
bool uses(const Model& model, const LevelTargets& targets) {
  if (model.kind() == "constant" || model.kind() == "linear" || model.kind() == "mlp") return false;
  const auto* trees = dynamic_cast<const TreeModel*>(&model);
  if (trees == nullptr) return true;
  std::set<int32_t> filled;
  for (const LevelTargetColumn& column : targets.columns()) filled.insert(column.feature);
  const auto nodes = trees->parts().forest.nodes();
  return std::any_of(nodes.begin(), nodes.end(), [&](const kernels::TreeNode& node) {
    return !node.is_leaf() && filled.contains(node.feature);
  });
}

}  // namespace

int32_t LevelTargetColumn::bin_count() const {
  return 1 + int32_t{*std::max_element(bins.begin(), bins.end())};
}

Result<std::shared_ptr<const LevelTargets>> LevelTargets::make(
    std::vector<LevelTargetColumn> columns, int32_t feature_count) {
  std::set<int32_t> seen;
  for (const LevelTargetColumn& column : columns) {
    const bool sound = column.feature >= 0 && column.feature < feature_count && column.key >= 0 &&
                       !column.bins.empty() && column.bin_count() <= kernels::kMaxBins;
    if (!sound || !seen.insert(column.feature).second) {
      return fail(StatusCode::kInvalidArgument, "level targets of feature {} are not sound",
                  column.feature);
    }
  }
  return std::shared_ptr<const LevelTargets>(new LevelTargets(std::move(columns)));
}

void LevelTargets::save(ModelWriter& writer) const {
  std::vector<int32_t> places;
  std::vector<uint8_t> bins;
  std::vector<int64_t> ends;
  for (const LevelTargetColumn& column : columns_) {
    places.insert(places.end(), {column.feature, column.key});
    bins.insert(bins.end(), column.bins.begin(), column.bins.end());
    ends.push_back(static_cast<int64_t>(bins.size()));
  }
  writer.put_tensor("places", std::span<const int32_t>(places),
                    {static_cast<int64_t>(columns_.size()), 2});
  writer.put_tensor("bins", std::span<const uint8_t>(bins));
  writer.put_tensor("ends", std::span<const int64_t>(ends));
}

Result<std::shared_ptr<const LevelTargets>> LevelTargets::load(const ModelReader& reader,
                                                               int32_t feature_count) {
  ASSAY_ASSIGN_OR_RETURN(const auto ends, reader.tensor<int64_t>("ends"));
  const auto count = static_cast<int64_t>(ends.size());
  ASSAY_ASSIGN_OR_RETURN(const auto places, reader.tensor<int32_t>("places", 2 * count));
  ASSAY_ASSIGN_OR_RETURN(const auto bins, reader.tensor<uint8_t>("bins"));
  std::vector<LevelTargetColumn> columns;
  int64_t begin = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    if (ends[i] < begin || ends[i] > static_cast<int64_t>(bins.size())) {
      return reader.damaged("level targets are out of order");
    }
    columns.push_back(
        {places[2 * i], places[2 * i + 1], {bins.begin() + begin, bins.begin() + ends[i]}});
    begin = ends[i];
  }
  auto made = make(std::move(columns), feature_count);
  if (!made) return reader.damaged(made.error().message);
  return made;
}

int64_t LevelTargets::byte_count() const {
  auto bytes = static_cast<int64_t>(sizeof *this);
  for (const LevelTargetColumn& column : columns_) {
    bytes += static_cast<int64_t>(sizeof column + column.bins.size());
  }
  return bytes;
}

Status LevelTargets::check(const FeatureView& features) const {
  const std::span<const LevelKey> keys = features.level_keys();
  for (const LevelTargetColumn& column : columns_) {
    const auto key = static_cast<size_t>(column.key);
    const int64_t codes = key < keys.size() ? keys[key].code_count : 0;
    if (codes == static_cast<int64_t>(column.bins.size())) continue;
    return fail(StatusCode::kInvalidArgument, "key {} of {} has {} codes (must be {})", column.key,
                keys.size(), codes, column.bins.size());
  }
  return {};
}

LevelTargetView::LevelTargetView(const FeatureView& base,
                                 std::shared_ptr<const LevelTargets> targets,
                                 std::vector<std::vector<uint8_t>> row_bins)
    : base_(base), targets_(std::move(targets)), row_bins_(std::move(row_bins)) {}

Result<kernels::BinnedView> LevelTargetView::bins(kernels::Device& device,
                                                  const kernels::ComputeContext& context) const {
  const std::lock_guard lock(mutex_);
  const auto on = [&](kernels::Device& at) { return matrix_on(at, context); };
  return datasets::place_matrix(device, *context.host, row_count() * feature_count(), on);
}

Result<kernels::BinnedView> LevelTargetView::growth_bins(
    kernels::Device& device, const kernels::ComputeContext& context) const {
  const std::lock_guard lock(mutex_);
  const auto on = [&](kernels::Device& at) { return matrix_on(at, context); };
  return datasets::place_matrix(device, *context.host, row_count() * feature_count(), on,
                                context.executor);
}

void LevelTargetView::fill(size_t column, const kernels::BinnedView& layout,
                           std::vector<uint8_t>& cells) const {
  const LevelTargetColumn& from = targets_->columns()[column];
  const int64_t step = layout.block_width(from.feature / kernels::kBlockWidth);
  uint8_t* cell = cells.data() + layout.cell_offset(0, from.feature);
  if (!row_bins_.empty()) {
    for (const uint8_t bin : row_bins_[column]) {
      *cell = bin;
      cell += step;
    }
    return;
  }
  for (const int32_t code : level_keys()[static_cast<size_t>(from.key)].codes) {
    *cell = from.bins[static_cast<size_t>(code)];
    cell += step;
  }
}

Result<datasets::BinnedMatrix*> LevelTargetView::matrix_on(
    kernels::Device& device, const kernels::ComputeContext& context) const {
  for (datasets::BinnedMatrix& matrix : matrices_) {
    if (matrix.device() == &device) return &matrix;
  }
  ASSAY_ASSIGN_OR_RETURN(const kernels::BinnedView table, base_.bins(*context.host, context));
  std::vector<uint8_t> cells(table.bins, table.bins + table.byte_count());
  std::vector<int32_t> bin_counts(table.bin_counts, table.bin_counts + table.feature_count);
  for (size_t c = 0; c < targets_->columns().size(); ++c) {
    fill(c, table, cells);
    const LevelTargetColumn& column = targets_->columns()[c];
    int32_t& count = bin_counts[static_cast<size_t>(column.feature)];
    count = std::max(count, column.bin_count());
    if (row_bins_.empty() || row_bins_[c].empty()) continue;
    count =
        std::max(count, 1 + int32_t{*std::max_element(row_bins_[c].begin(), row_bins_[c].end())});
  }
  std::vector<kernels::FeatureKind> kinds(table.kinds, table.kinds + table.feature_count);
  ASSAY_ASSIGN_OR_RETURN(
      auto placed, kernels::DeviceArray<uint8_t>::copy_of(device, std::span<const uint8_t>(cells)));
  return &matrices_.emplace_back(std::move(placed), table.row_count, std::move(bin_counts),
                                 std::move(kinds));
}

Result<std::shared_ptr<const Model>> LevelTargetModel::wrap(
    std::shared_ptr<const Model> model, std::shared_ptr<const LevelTargets> targets) {
  for (const LevelTargetColumn& column : targets->columns()) {
    if (column.feature < model->feature_count()) continue;
    return fail(StatusCode::kInvalidArgument, "level targets of feature {} for a model of {}",
                column.feature, model->feature_count());
  }
  if (!uses(*model, *targets)) return model;
  return std::shared_ptr<const Model>(new LevelTargetModel(std::move(model), std::move(targets)));
}

Result<std::unique_ptr<Model>> LevelTargetModel::load(const ModelReader& reader, int depth) {
  ASSAY_ASSIGN_OR_RETURN(std::shared_ptr<const Model> model,
                         load_model(reader.child("model"), depth));
  ASSAY_ASSIGN_OR_RETURN(auto targets,
                         LevelTargets::load(reader.child("targets"), model->feature_count()));
  return std::unique_ptr<Model>(new LevelTargetModel(std::move(model), std::move(targets)));
}

int64_t LevelTargetModel::byte_count() const {
  return static_cast<int64_t>(sizeof *this) + model_->byte_count() + targets_->byte_count();
}

std::unique_ptr<Model> LevelTargetModel::first_steps(int64_t steps) const {
  std::shared_ptr<const Model> cut = model_->first_steps(steps);
  if (cut == nullptr) return nullptr;
  return std::unique_ptr<Model>(new LevelTargetModel(std::move(cut), targets_));
}

void LevelTargetModel::save(ModelWriter& writer) const {
  ModelWriter targets = writer.child("targets");
  targets_->save(targets);
  ModelWriter model = writer.child("model");
  save_model(*model_, model);
}

Status LevelTargetModel::do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                                    const kernels::ComputeContext& context, std::span<float> out,
                                    const TargetScale& frame) const {
  ASSAY_RETURN_IF_ERROR(targets_->check(features));
  return model_->predict(LevelTargetView(features, targets_), rows, context, out, frame);
}

Status LevelTargetModel::do_decide(const FeatureView& features, std::span<const uint32_t> rows,
                                   const kernels::ComputeContext& context, double threshold,
                                   std::span<float> out) const {
  ASSAY_RETURN_IF_ERROR(targets_->check(features));
  return model_->predict_decisions(LevelTargetView(features, targets_), rows, context, threshold,
                                   out);
}

Status LevelTargetModel::do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                                    const kernels::ComputeContext& context, ExplainedScale scale,
                                    std::span<double> out) const {
  ASSAY_RETURN_IF_ERROR(targets_->check(features));
  return model_->explain(LevelTargetView(features, targets_), rows, context, scale, out);
}

}  // namespace assay::automl
