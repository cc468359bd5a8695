#include "automl/models/calibrated_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

using Kind = Calibrator::Kind;

constexpr std::array<std::string_view, 3> kKinds = {"calibrated", "calibrated_sigmoid",
                                                    "calibrated_isotonic"};

// To the power, relative to the greatest, each times the exponential of its shift.
void sharpen_row(std::span<double> row, double power, std::span<const double> shifts) {
  const double most = *std::max_element(row.begin(), row.end());
  if (!(most > 0)) return;
  const double highest = shifts.empty() ? 0 : *std::max_element(shifts.begin(), shifts.end());
  double sum = 0;
  std::vector<double> shares(row.size(), 0.0);
  for (size_t k = 0; k < row.size(); ++k) {
    const double p = row[k];
    const double shift = shifts.empty() ? 0 : shifts[k] - highest;
    if (p > 0) shares[k] = kernels::exact_exp(power * kernels::exact_log(p / most) + shift);
    sum += shares[k];
  }
  if (!(sum > 0)) return;
  for (size_t k = 0; k < row.size(); ++k) row[k] = shares[k] / sum;
}

void curve_row(std::span<double> row, std::span<const Calibrator::Curve> curves) {
  double sum = 0;
  for (const double p : row) sum += p;
  if (!(sum > 0)) return;
  if (curves.size() == 1) {
    row[1] = curves[0].at(row[1]);
    row[0] = 1 - row[1];
    return;
  }
  std::vector<double> shares(row.size());
  double total = 0;
  for (size_t k = 0; k < row.size(); ++k) {
    shares[k] = curves[k].at(row[k]);
    total += shares[k];
  }
  if (!(total > 0)) return;
  for (size_t k = 0; k < row.size(); ++k) row[k] = shares[k] / total;
}

Status check_curve(const Calibrator::Curve& curve) {
  const size_t count = curve.from.size();
  if (count == 0 || count != curve.to.size() || count > static_cast<size_t>(kMostCurvePoints)) {
    return fail(StatusCode::kInvalidArgument, "a curve of {} points at {} places", curve.to.size(),
                count);
  }
  for (size_t i = 0; i < count; ++i) {
    const bool inside =
        curve.from[i] >= 0 && curve.from[i] <= 1 && curve.to[i] >= 0 && curve.to[i] <= 1;
    const bool rises =
        i == 0 || (curve.from[i] > curve.from[i - 1] && curve.to[i] >= curve.to[i - 1]);
    if (!inside || !rises) {
      return fail(StatusCode::kInvalidArgument,
                  "point {} of a curve, {} to {}, does not rise in 0..1", i, curve.from[i],
                  curve.to[i]);
    }
  }
  return {};
}

}  // namespace

void sharpen(std::span<float> probabilities, int64_t columns, double power) {
  Calibrator calibrator;
  calibrator.power = power;
  calibrator.apply(probabilities, columns);
}

std::string_view name_of(Calibrator::Kind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"temperature", "sigmoid", "isotonic"};
  return kNames[static_cast<size_t>(kind)];
}

double Calibrator::Curve::at(double p) const {
  const auto above = std::upper_bound(from.begin(), from.end(), p);
  if (above == from.begin()) return to.front();
  if (above == from.end()) return to.back();
  const auto i = static_cast<size_t>(above - from.begin());
  const double share = (p - from[i - 1]) / (from[i] - from[i - 1]);
  return to[i - 1] + share * (to[i] - to[i - 1]);
}

void Calibrator::apply(std::span<double> row) const {
  if (kind == Kind::kIsotonic) {
    curve_row(row, curves);
  } else {
    sharpen_row(row, power, shifts);
  }
}

void Calibrator::apply(std::span<float> rows, int64_t columns) const {
  const auto width = static_cast<size_t>(columns);
  std::vector<double> row(width);
  for (size_t begin = 0; begin + width <= rows.size(); begin += width) {
    std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(begin), width, row.begin());
    apply(row);
    for (size_t k = 0; k < width; ++k) rows[begin + k] = static_cast<float>(row[k]);
  }
}

Status Calibrator::check(int32_t classes) const {
  if (classes < 2) {
    return fail(StatusCode::kInvalidArgument, "{} cannot be calibrated (must be probabilities)",
                classes == 1 ? "values" : "nothing");
  }
  if (!(power >= kLeastPower && power <= kMostPower)) {
    return fail(StatusCode::kInvalidArgument, "a power of {} for {} probabilities (must be {}..{})",
                power, classes, kLeastPower, kMostPower);
  }
  const size_t shift_count = kind == Kind::kSigmoid ? static_cast<size_t>(classes) : 0;
  const size_t own = classes == 2 ? 1 : static_cast<size_t>(classes);
  const size_t curve_count = kind == Kind::kIsotonic ? own : 0;
  if (shifts.size() != shift_count || curves.size() != curve_count) {
    return fail(StatusCode::kInvalidArgument, "{} shifts and {} curves for {} classes ({})",
                shifts.size(), curves.size(), classes, name_of(kind));
  }
  for (const double shift : shifts) {
    if (!(std::abs(shift) <= kMostShift)) {
      return fail(StatusCode::kInvalidArgument, "a shift of {} (must be {}..{})", shift,
                  -kMostShift, kMostShift);
    }
  }
  for (const Curve& curve : curves) ASSAY_RETURN_IF_ERROR(check_curve(curve));
  return {};
}

Result<std::unique_ptr<Model>> CalibratedModel::make(std::shared_ptr<const Model> model,
                                                     Calibrator calibrator) {
  ASSAY_RETURN_IF_ERROR(calibrator.check(model->output_count()));
  return std::unique_ptr<Model>(new CalibratedModel(std::move(model), std::move(calibrator)));
}

Result<std::unique_ptr<Model>> CalibratedModel::make(std::shared_ptr<const Model> model,
                                                     double power) {
  Calibrator calibrator;
  calibrator.power = power;
  return make(std::move(model), std::move(calibrator));
}

std::string_view CalibratedModel::kind() const {
  return kKinds[static_cast<size_t>(calibrator_.kind)];
}

bool CalibratedModel::is_kind(std::string_view kind) {
  return std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

int64_t CalibratedModel::byte_count() const {
  size_t numbers = calibrator_.shifts.size();
  for (const Calibrator::Curve& curve : calibrator_.curves) numbers += 2 * curve.from.size();
  return static_cast<int64_t>(sizeof *this + numbers * sizeof(double)) + model_->byte_count();
}

std::optional<Link> CalibratedModel::score_link() const {
  if (calibrator_.kind == Kind::kIsotonic) return std::nullopt;
  const std::optional<Link> link = model_->score_link();
  const bool shifts = link == Link::kLogistic || link == Link::kSoftmax;
  if (calibrator_.kind == Kind::kSigmoid && !shifts) return std::nullopt;
  return link;
}

Result<std::unique_ptr<Model>> CalibratedModel::load(const ModelReader& reader,
                                                     std::string_view kind, int depth) {
  Calibrator calibrator;
  calibrator.kind =
      static_cast<Kind>(std::find(kKinds.begin(), kKinds.end(), kind) - kKinds.begin());
  if (calibrator.kind != Kind::kIsotonic) {
    ASSAY_ASSIGN_OR_RETURN(calibrator.power, reader.number("power"));
  }
  if (calibrator.kind == Kind::kSigmoid) {
    ASSAY_ASSIGN_OR_RETURN(calibrator.shifts, reader.tensor<double>("shifts"));
  }
  if (calibrator.kind == Kind::kIsotonic) {
    ASSAY_ASSIGN_OR_RETURN(const auto sizes, reader.tensor<int32_t>("curve_sizes"));
    int64_t points = 0;
    for (const int32_t size : sizes) {
      if (size < 1 || size > kMostCurvePoints) return reader.damaged("a curve has no points");
      points += size;
    }
    ASSAY_ASSIGN_OR_RETURN(const auto from, reader.tensor<double>("curve_from", points));
    ASSAY_ASSIGN_OR_RETURN(const auto to, reader.tensor<double>("curve_to", points));
    std::ptrdiff_t at = 0;
    for (const int32_t size : sizes) {
      calibrator.curves.push_back({{from.begin() + at, from.begin() + at + size},
                                   {to.begin() + at, to.begin() + at + size}});
      at += size;
    }
  }
  ASSAY_ASSIGN_OR_RETURN(std::shared_ptr<const Model> model,
                         load_model(reader.child("model"), depth));
  auto made = make(std::move(model), std::move(calibrator));
  if (!made) return reader.damaged(made.error().message);
  return made;
}

void CalibratedModel::save(ModelWriter& writer) const {
  if (calibrator_.kind != Kind::kIsotonic) writer.put_number("power", calibrator_.power);
  if (calibrator_.kind == Kind::kSigmoid) {
    writer.put_tensor("shifts", std::span<const double>(calibrator_.shifts));
  }
  if (calibrator_.kind == Kind::kIsotonic) {
    std::vector<int32_t> sizes;
    std::vector<double> from;
    std::vector<double> to;
    for (const Calibrator::Curve& curve : calibrator_.curves) {
      sizes.push_back(static_cast<int32_t>(curve.from.size()));
      from.insert(from.end(), curve.from.begin(), curve.from.end());
      to.insert(to.end(), curve.to.begin(), curve.to.end());
    }
    writer.put_tensor("curve_sizes", std::span<const int32_t>(sizes));
    writer.put_tensor("curve_from", std::span<const double>(from));
    writer.put_tensor("curve_to", std::span<const double>(to));
  }
  ModelWriter model = writer.child("model");
  save_model(*model_, model);
}

Status CalibratedModel::do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                                   const kernels::ComputeContext& context, std::span<float> out,
                                   const TargetScale& frame) const {
  ASSAY_RETURN_IF_ERROR(model_->predict(features, rows, context, out, frame));
  constexpr int64_t kChunkRows = 4096;
  const auto width = static_cast<size_t>(output_count());
  const auto count = static_cast<int64_t>(rows.size());
  return context.executor->parallel_for(chunk_count_of(count, kChunkRows), [&](int64_t chunk, int) {
    const auto [begin, end] = chunk_range(count, kChunkRows, chunk);
    calibrator_.apply(
        out.subspan(static_cast<size_t>(begin) * width, static_cast<size_t>(end - begin) * width),
        output_count());
  });
}

Status CalibratedModel::do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                                   const kernels::ComputeContext& context, ExplainedScale scale,
                                   std::span<double> out) const {
  ASSAY_RETURN_IF_ERROR(model_->explain(features, rows, context, scale, out));
  const auto stride = static_cast<size_t>(feature_count()) + 1;
  if (scale == ExplainedScale::kScores) {
    for (double& value : out) value *= calibrator_.power;
    const std::vector<double>& shifts = calibrator_.shifts;
    if (shifts.empty()) return {};
    const auto scores = static_cast<size_t>(explained_count(scale));
    for (size_t cell = 0; (cell + 1) * stride <= out.size(); ++cell) {
      out[(cell + 1) * stride - 1] += scores == 1 ? shifts[1] - shifts[0] : shifts[cell % scores];
    }
    return {};
  }
  const auto outputs = static_cast<size_t>(output_count());
  std::vector<double> bases(outputs);
  std::vector<double> ends(outputs);
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::span<double> all = out.subspan(row * outputs * stride, outputs * stride);
    for (size_t k = 0; k < outputs; ++k) {
      double sum = 0;
      for (size_t f = 0; f < stride; ++f) sum += all[k * stride + f];
      bases[k] = std::max(all[k * stride + stride - 1], 0.0);
      ends[k] = std::max(sum, 0.0);
    }
    calibrator_.apply(bases);
    calibrator_.apply(ends);
    stretch(all, bases, ends);
  }
  return {};
}

}  // namespace assay::automl
