#include "automl/models/constant_model.h"

#include <algorithm>
#include <cmath>

namespace assay::automl {

Result<std::unique_ptr<Model>> ConstantModel::make(std::vector<double> outputs,
                                                   int32_t feature_count) {
  if (outputs.empty() || feature_count < 0 ||
      !std::all_of(outputs.begin(), outputs.end(), [](double v) { return std::isfinite(v); })) {
    return fail(StatusCode::kInvalidArgument, "constant model of {} outputs (must be finite)",
                outputs.size());
  }
  return std::unique_ptr<Model>(new ConstantModel(std::move(outputs), feature_count));
}

Result<std::unique_ptr<Model>> ConstantModel::load(const ModelReader& reader) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<double> outputs, reader.tensor<double>("outputs"));
  ASSAY_ASSIGN_OR_RETURN(const int64_t features, reader.integer("feature_count", 0, INT32_MAX));
  auto model = make(std::move(outputs), static_cast<int32_t>(features));
  if (!model) return reader.damaged(model.error().message);
  return model;
}

int64_t ConstantModel::byte_count() const {
  return static_cast<int64_t>(sizeof *this + outputs_.size() * sizeof(double));
}

std::vector<double> ConstantModel::feature_importance() const {
  return std::vector<double>(static_cast<size_t>(feature_count_), 0.0);
}

void ConstantModel::save(ModelWriter& writer) const {
  writer.put_integer("feature_count", feature_count_);
  writer.put_tensor("outputs", std::span<const double>(outputs_));
}

Status ConstantModel::do_predict(const FeatureView&, std::span<const uint32_t> rows,
                                 const kernels::ComputeContext&, std::span<float> out,
                                 const TargetScale& frame) const {
  const size_t width = outputs_.size();
  std::vector<float> numbers;
  for (const double output : outputs_) {
    numbers.push_back(to_f32(TargetScale{output, 1}.in(frame).offset));
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy(numbers.begin(), numbers.end(), out.begin() + static_cast<ptrdiff_t>(i * width));
  }
  return {};
}

Status ConstantModel::do_explain(const FeatureView&, std::span<const uint32_t>,
                                 const kernels::ComputeContext&, ExplainedScale,
                                 std::span<double> out) const {
  const size_t stride = static_cast<size_t>(feature_count_) + 1;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = i % stride + 1 == stride ? outputs_[i / stride % outputs_.size()] : 0.0;
  }
  return {};
}

}  // namespace assay::automl
