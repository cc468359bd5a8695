#include "datasets/binned_matrix.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "datasets/column_slab_internal.h"
#include "datasets/number_sample_internal.h"
#include "datasets/table.h"
#include "kernels/base/rng.h"

namespace assay::datasets {
namespace {

using kernels::ComputeContext;
using kernels::Device;
using kernels::DeviceArray;
using kernels::FeatureKind;

constexpr int32_t kMaxEdges = kernels::kMaxBins - 2;
constexpr int32_t kMaxLevelBins = kernels::kMaxBins - 2;

Status check_lengths(std::span<const FeatureColumn> columns) {
  for (const FeatureColumn& column : columns) {
    if (column.row_count() != columns[0].row_count()) {
      return fail(StatusCode::kInvalidArgument, "feature columns of {} and {} rows (must be equal)",
                  columns[0].row_count(), column.row_count());
    }
  }
  return {};
}

// Levels that get a bin of their own, by the rule in the header.
std::vector<uint8_t> level_bins(const FeatureColumn& column) {
  std::vector<int64_t> counts(static_cast<size_t>(std::max(column.code_count, kFirstLevelCode)));
  for (const int32_t code : column.codes) ++counts[static_cast<size_t>(code)];
  std::vector<int32_t> kept;
  for (int32_t code = kFirstLevelCode; code < column.code_count; ++code) {
    if (counts[static_cast<size_t>(code)] > 0) kept.push_back(code);
  }
  if (kept.size() > static_cast<size_t>(kMaxLevelBins)) {
    std::stable_sort(kept.begin(), kept.end(), [&](int32_t a, int32_t b) {
      return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)];
    });
    kept.resize(static_cast<size_t>(kMaxLevelBins));
    std::sort(kept.begin(), kept.end());
  }
  std::vector<uint8_t> code_to_bin(counts.size(), kernels::kUnseenBin);
  code_to_bin[kMissingCode] = kernels::kMissingBin;
  int bin = kFirstLevelCode;
  for (const int32_t code : kept) {
    code_to_bin[static_cast<size_t>(code)] = static_cast<uint8_t>(bin++);
  }
  return code_to_bin;
}

// Arrays that hold a block of columns on a device that does not share the host's memory.
struct Uploads {
  std::vector<DeviceArray<double>> numbers;
  std::vector<DeviceArray<int32_t>> codes;
  std::vector<DeviceArray<uint8_t>> bytes;
};

// The address of `values` on `device`, uploaded if need be.
template <class T>
Result<const T*> placed(Device& device, std::span<const T> values,
                        std::vector<DeviceArray<T>>& uploads) {
  if (device.info().shares_host_memory || values.empty()) return values.data();
  ASSAY_ASSIGN_OR_RETURN(DeviceArray<T> array, DeviceArray<T>::copy_of(device, values));
  uploads.push_back(std::move(array));
  return std::as_const(uploads.back()).on_device();
}

Result<kernels::ColumnSource> source_of(const ColumnPart& part, const FeatureBins& rule,
                                        Device& device, Uploads& uploads) {
  kernels::ColumnSource source;
  source.kind = rule.kind;
  if (rule.kind == FeatureKind::kNumeric) {
    ASSAY_ASSIGN_OR_RETURN(source.numbers, placed(device, part.numbers, uploads.numbers));
    ASSAY_ASSIGN_OR_RETURN(source.edges,
                           placed(device, std::span<const double>(rule.edges), uploads.numbers));
    source.edge_count = static_cast<int32_t>(rule.edges.size());
  } else {
    ASSAY_ASSIGN_OR_RETURN(source.codes, placed(device, part.codes, uploads.codes));
    ASSAY_ASSIGN_OR_RETURN(
        source.code_to_bin,
        placed(device, std::span<const uint8_t>(rule.code_to_bin), uploads.bytes));
    source.code_count = static_cast<int32_t>(rule.code_to_bin.size());
  }
  return source;
}

// The edges of one numeric column.
Status fit_edges(const FeatureColumn& column, const kernels::QuantileEdgesProblem& problem,
                 const kernels::OpContext& op, const kernels::KernelSet& set,
                 std::vector<double>& edges) {
  std::vector<DeviceArray<double>> uploads;
  kernels::QuantileEdgesArgs args;
  kernels::QuantileEdgesProblem own = problem;
  std::span<const double> values = column.numbers.doubles();
  std::vector<double> sample;
  if (values.empty() && !column.numbers.empty()) {
    values = sample = sample_numbers(column.numbers, problem);
    own.row_count = static_cast<int64_t>(sample.size());
  }
  ASSAY_ASSIGN_OR_RETURN(args.values, placed(*op.device, values, uploads));
  args.edges = &edges;
  return kernels::run_op(set.table<kernels::QuantileEdges>(), op, own, args);
}

// The bins of a block of features, `bins` [rows, features] on the op's device.
Status bin_block(std::span<const FeatureColumn> columns, std::span<const FeatureBins> rules,
                 std::span<const uint8_t> wanted, uint8_t* bins, const ComputeContext& context) {
  Device& device = context.device_of<kernels::BinColumns>();
  const int64_t rows = columns[0].row_count();
  ColumnSlab slab(columns, wanted);
  const auto width = static_cast<int64_t>(columns.size());
  for (int64_t begin = 0; begin < rows; begin += slab.row_count()) {
    const ChunkRange range{begin, std::min(rows, begin + slab.row_count())};
    ASSAY_RETURN_IF_ERROR(slab.read(range, *context.executor));
    Uploads uploads;
    std::vector<kernels::ColumnSource> sources;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (!wanted.empty() && wanted[i] == 0) {
        sources.push_back({.kind = rules[i].kind});
        continue;
      }
      ASSAY_ASSIGN_OR_RETURN(kernels::ColumnSource source,
                             source_of(slab.part(i), rules[i], device, uploads));
      sources.push_back(source);
    }
    kernels::BinColumnsProblem problem{range.end - begin, static_cast<int32_t>(width)};
    kernels::BinColumnsArgs args{sources.data(), bins + begin * width};
    ASSAY_RETURN_IF_ERROR(context.run<kernels::BinColumns>(problem, args));
  }
  return {};
}

}  // namespace

kernels::BinnedView BinnedMatrix::view() const {
  kernels::BinnedView view;
  view.bins = bins_.on_device();
  view.row_count = row_count_;
  view.feature_count = feature_count();
  view.bin_counts = bin_counts_.data();
  view.kinds = kinds_.data();
  return growth_.has_value() ? growth_->extend(view) : view;
}

Status BinnedMatrix::prepare_growth(Executor& executor) {
  if (growth_.has_value() || device() == nullptr || !device()->info().shares_host_memory) return {};
  ASSAY_ASSIGN_OR_RETURN(growth_, GrowthLayout::make(view(), *device(), executor));
  return {};
}

int32_t FeatureBins::bin_count() const {
  if (kind == FeatureKind::kNumeric) return static_cast<int32_t>(edges.size()) + 2;
  const auto greatest = std::max_element(code_to_bin.begin(), code_to_bin.end());
  return greatest == code_to_bin.end() ? 2 : std::max(int32_t{*greatest} + 1, 2);
}

Result<BinMapper> BinMapper::fit(std::span<const FeatureColumn> columns, int32_t max_value_bins,
                                 uint64_t seed, const ComputeContext& context) {
  ASSAY_RETURN_IF_ERROR(check_lengths(columns));
  std::vector<FeatureBins> features(columns.size());
  std::vector<Status> statuses(columns.size());
  Device& device = context.device_of<kernels::QuantileEdges>();
  const auto fit_column = [&](size_t i, Executor* executor) -> Status {
    const FeatureColumn& column = columns[i];
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "stopped while choosing bins");
    }
    features[i].kind = column.kind;
    if (column.kind == FeatureKind::kCategorical) {
      features[i].code_to_bin = level_bins(column);
      return {};
    }
    kernels::QuantileEdgesProblem problem;
    problem.row_count = column.row_count();
    problem.max_value_bins = max_value_bins;
    problem.seed = derive_seed(seed, "bins", i);
    return fit_edges(column, problem, {&device, executor, context.stop}, *context.kernels,
                     features[i].edges);
  };
  if (device.info().shares_host_memory) {
    ASSAY_RETURN_IF_ERROR(context.executor->parallel_for(
        static_cast<int64_t>(columns.size()), [&](int64_t chunk, int) {
          SerialExecutor serial;
          const auto i = static_cast<size_t>(chunk);
          statuses[i] = fit_column(i, &serial);
        }));
  } else {
    for (size_t i = 0; i < columns.size(); ++i) statuses[i] = fit_column(i, context.executor);
  }
  for (Status& status : statuses) ASSAY_RETURN_IF_ERROR(std::move(status));
  return from_features(std::move(features));
}

Result<BinMapper> BinMapper::from_features(std::vector<FeatureBins> features) {
  for (size_t i = 0; i < features.size(); ++i) {
    const FeatureBins& rule = features[i];
    const bool numeric = rule.kind == FeatureKind::kNumeric;
    if (numeric ? !rule.code_to_bin.empty() : !rule.edges.empty()) {
      return fail(StatusCode::kData, "bins of feature {}: both edges and levels", i);
    }
    if (rule.edges.size() > static_cast<size_t>(kMaxEdges)) {
      return fail(StatusCode::kData, "bins of feature {}: {} edges (must be at most {})", i,
                  rule.edges.size(), kMaxEdges);
    }
    for (size_t k = 0; k < rule.edges.size(); ++k) {
      if (!std::isfinite(rule.edges[k]) || (k > 0 && !(rule.edges[k - 1] < rule.edges[k]))) {
        return fail(StatusCode::kData, "bins of feature {}: edge {} is {} (must increase)", i, k,
                    rule.edges[k]);
      }
    }
    for (const uint8_t bin : rule.code_to_bin) {
      if (bin >= kernels::kMaxBins) {
        return fail(StatusCode::kData, "bins of feature {}: bin {} (must be below {})", i, bin,
                    kernels::kMaxBins);
      }
    }
  }
  return BinMapper(std::move(features));
}

Result<BinnedMatrix> BinMapper::bin(std::span<const FeatureColumn> columns, Device& device,
                                    const ComputeContext& context,
                                    std::span<const uint8_t> wanted) const {
  if (columns.size() != features_.size() || (!wanted.empty() && wanted.size() != columns.size())) {
    return fail(StatusCode::kInvalidArgument, "{} feature columns (must be {})", columns.size(),
                features_.size());
  }
  ASSAY_RETURN_IF_ERROR(check_lengths(columns));
  const int64_t rows = columns.empty() ? 0 : columns[0].row_count();
  std::vector<int32_t> bin_counts;
  std::vector<FeatureKind> kinds;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].kind != features_[i].kind) {
      return fail(StatusCode::kInvalidArgument, "feature column {} is of another kind", i);
    }
    bin_counts.push_back(features_[i].bin_count());
    kinds.push_back(features_[i].kind);
  }
  Device& op_device = context.device_of<kernels::BinColumns>();
  ASSAY_ASSIGN_OR_RETURN(
      DeviceArray<uint8_t> bins,
      DeviceArray<uint8_t>::make(op_device, rows * static_cast<int64_t>(columns.size())));
  // A block of features is a contiguous part of the bins, as are rows of it; and bounds what is
  // uploaded at once.
  for (size_t begin = 0; begin < columns.size(); begin += kernels::kBlockWidth) {
    const size_t width = std::min<size_t>(columns.size() - begin, kernels::kBlockWidth);
    ASSAY_RETURN_IF_ERROR(
        bin_block(columns.subspan(begin, width), std::span(features_).subspan(begin, width),
                  wanted.empty() ? wanted : wanted.subspan(begin, width),
                  bins.on_device() + static_cast<int64_t>(begin) * rows, context));
  }
  if (&op_device != &device) {
    bins.wrote_device();
    ASSAY_ASSIGN_OR_RETURN(const std::span<const uint8_t> cells, bins.to_host());
    ASSAY_ASSIGN_OR_RETURN(bins, DeviceArray<uint8_t>::copy_of(device, cells));
  }
  return BinnedMatrix(std::move(bins), rows, std::move(bin_counts), std::move(kinds));
}

}  // namespace assay::datasets
