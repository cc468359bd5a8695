#include "automl/learners/ordered_targets.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "datasets/table_placement.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

constexpr size_t kLevels = 256;
constexpr size_t kMostEdges = kernels::kMaxBins - 2;
constexpr int64_t kTableForms = 4;  // as made; on the device: blocks, columns and bundles
// A row's level, target and number, and that number sorted and without duplicates, for each column
// in work.
constexpr int64_t kRowBytes = 33;
constexpr int64_t kWeightBytes = 8;  // and its place in the order
constexpr int64_t kFeatureBytes = 600;

// Up to kMostEdges numbers that part the values into bins of about as many each; a value's bin is 1
// + the number of edges below it.
std::vector<double> edges_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::vector<double> distinct = values;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<double> edges;
  if (distinct.size() <= kMostEdges + 1) {
    edges.assign(distinct.begin(), distinct.end() - (distinct.empty() ? 0 : 1));
    return edges;
  }
  for (size_t i = 1; i <= kMostEdges; ++i) {
    const double edge = values[values.size() * i / (kMostEdges + 1)];
    if (edge < distinct.back() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
  }
  return edges;
}

uint8_t bin_of(const std::vector<double>& edges, double value) {
  return static_cast<uint8_t>(
      1 + (std::lower_bound(edges.begin(), edges.end(), value) - edges.begin()));
}

double mean_of(std::span<const double> targets, std::span<const float> weights) {
  double sum = 0;
  double total = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const double weight = weights.empty() ? 1.0 : double{weights[i]};
    sum += weight * targets[i];
    total += weight;
  }
  return total > 0 ? sum / total : 0;
}

// Sums of a level so far.
struct LevelSum {
  double targets = 0;
  double weights = 0;
  double mean(double prior, double smooth) const {
    const double divisor = weights + smooth;
    return divisor > 0 ? (targets + smooth * prior) / divisor : prior;
  }
};

// What a row's target is to statistic `part`.
double target_of(const FitRequest& request, const FitData& data, uint32_t row, int32_t part) {
  if (!is_classification(request.data->task)) return data.targets[row];
  return request.data->classes[row] == part + 1 ? 1.0 : 0.0;
}

}  // namespace

std::vector<double> LevelTargets::ordered(std::span<const uint32_t> order) const {
  std::array<LevelSum, kLevels> sums{};
  std::vector<double> values(order.size());
  for (const uint32_t place : order) {
    LevelSum& sum = sums[levels[place]];
    values[place] = sum.mean(prior, smooth);
    const double weight = weights.empty() ? 1.0 : double{weights[place]};
    sum.targets += weight * targets[place];
    sum.weights += weight;
  }
  return values;
}

std::vector<double> LevelTargets::by_level() const {
  std::array<LevelSum, kLevels> sums{};
  for (size_t place = 0; place < levels.size(); ++place) {
    const double weight = weights.empty() ? 1.0 : double{weights[place]};
    sums[levels[place]].targets += weight * targets[place];
    sums[levels[place]].weights += weight;
  }
  std::vector<double> values;
  for (const LevelSum& sum : sums) values.push_back(sum.mean(prior, smooth));
  return values;
}

// Fills a column of the new table at a time.
class OrderedTargets::Maker {
 public:
  Maker(const FitRequest& request, const FitData& data, const OrderedOptions& options,
        const kernels::BinnedView& table)
      : request_(request), data_(data), options_(options), table_(table) {
    list_columns();
    made_.row_count_ = table.row_count;
    layout_.row_count = table.row_count;
    layout_.feature_count = made_.feature_count();
    made_.cells_.resize(static_cast<size_t>(layout_.byte_count()));
    order_.resize(request.train_rows.size());
    std::iota(order_.begin(), order_.end(), 0u);
    Rng rng(derive_seed(request.seed, "ordered targets"));
    shuffle(order_, rng);
    if (data.weights.empty()) return;
    for (const uint32_t row : request.train_rows) weights_.push_back(data.weights[row]);
  }

  Result<OrderedTargets> run(const kernels::ComputeContext& context) {
    ASSAY_RETURN_IF_ERROR(context.executor->parallel_for(
        static_cast<int64_t>(columns_.size()), [&](int64_t task, int) {
          if (stop_requested(context)) return;
          const Column& column = columns_[static_cast<size_t>(task)];
          if (column.part < 0) {
            copy(column.feature);
          } else {
            make_numbers(column);
          }
        }));
    if (stop_requested(context)) {
      return fail(StatusCode::kCancelled, "stopped while making target statistics");
    }
    return std::move(made_);
  }

 private:
  struct Column {
    int32_t feature = 0;  // of the new table
    int32_t part = -1;    // which of its category's numbers it is; -1: it is the table's
  };
  // Where a feature's cells are: the first, and the step from row to row.
  struct Cells {
    Cells(const kernels::BinnedView& view, int32_t feature)
        : first(view.cell_offset(0, feature)),
          step(view.block_width(feature / kernels::kBlockWidth)) {}
    int64_t at(int64_t row) const { return first + row * step; }
    int64_t first;
    int64_t step;
  };

  // The first number of a category takes its place, the others follow all features.
  void list_columns() {
    const TrainingData& data = *request_.data;
    const int32_t parts = is_classification(data.task) ? data.class_count - 1 : 1;
    for (int32_t f = 0; f < table_.feature_count; ++f) {
      const bool becomes_number = table_.kinds[f] == kernels::FeatureKind::kCategorical &&
                                  table_.bin_counts[f] - 2 > options_.onehot_levels;
      columns_.push_back({f, becomes_number ? 0 : -1});
      made_.origins_.push_back(f);
      made_.bin_counts_.push_back(table_.bin_counts[f]);
      made_.kinds_.push_back(table_.kinds[f]);
    }
    for (int32_t f = 0; f < table_.feature_count; ++f) {
      if (columns_[static_cast<size_t>(f)].part < 0) continue;
      made_.kinds_[static_cast<size_t>(f)] = kernels::FeatureKind::kNumeric;
      for (int32_t part = 1; part < parts; ++part) {
        columns_.push_back({made_.feature_count(), part});
        made_.origins_.push_back(f);
        made_.bin_counts_.push_back(0);
        made_.kinds_.push_back(kernels::FeatureKind::kNumeric);
      }
    }
    made_.level_bins_.resize(made_.origins_.size());
  }

  void copy(int32_t feature) {
    const Cells from(table_, feature);
    const Cells to(layout_, feature);
    for (int64_t row = 0; row < table_.row_count; ++row) {
      made_.cells_[static_cast<size_t>(to.at(row))] = table_.bins[from.at(row)];
    }
  }

  void make_numbers(const Column& column) {
    const auto f = static_cast<size_t>(column.feature);
    const Cells from(table_, made_.origins_[f]);
    const Cells to(layout_, column.feature);
    std::vector<uint8_t> levels;
    std::vector<double> targets;
    for (const uint32_t row : request_.train_rows) {
      levels.push_back(table_.bins[from.at(row)]);
      targets.push_back(target_of(request_, data_, row, column.part));
    }
    const LevelTargets statistics{levels, targets, weights_, mean_of(targets, weights_),
                                  options_.smooth};
    const std::vector<double> numbers = statistics.ordered(order_);
    const std::vector<double> edges = edges_of(numbers);
    std::vector<uint8_t>& level_bins = made_.level_bins_[f];
    for (const double value : statistics.by_level()) level_bins.push_back(bin_of(edges, value));
    for (int64_t row = 0; row < table_.row_count; ++row) {
      made_.cells_[static_cast<size_t>(to.at(row))] = level_bins[table_.bins[from.at(row)]];
    }
    for (size_t i = 0; i < numbers.size(); ++i) {
      made_.cells_[static_cast<size_t>(to.at(request_.train_rows[i]))] = bin_of(edges, numbers[i]);
    }
    made_.bin_counts_[f] = static_cast<int32_t>(edges.size()) + 2;
  }

  const FitRequest& request_;
  const FitData& data_;
  const OrderedOptions& options_;
  const kernels::BinnedView& table_;
  OrderedTargets made_;
  kernels::BinnedView layout_;  // of the new table
  std::vector<Column> columns_;
  std::vector<uint32_t> order_;  // places of the training rows
  std::vector<float> weights_;   // by place
};

Result<OrderedTargets> OrderedTargets::make(const FitRequest& request, const FitData& data,
                                            const OrderedOptions& options,
                                            const kernels::ComputeContext& context) {
  ASSAY_ASSIGN_OR_RETURN(const kernels::BinnedView table,
                         request.data->features->bins(*context.host, context));
  return Maker(request, data, options, table).run(context);
}

Result<kernels::BinnedView> OrderedTargets::bins(kernels::Device& device,
                                                 const kernels::ComputeContext& context) {
  const auto matrix_on = [&](kernels::Device& at) -> Result<datasets::BinnedMatrix*> {
    for (datasets::BinnedMatrix& matrix : matrices_) {
      if (matrix.device() == &at) return &matrix;
    }
    ASSAY_ASSIGN_OR_RETURN(
        auto cells, kernels::DeviceArray<uint8_t>::copy_of(at, std::span<const uint8_t>(cells_)));
    return &matrices_.emplace_back(std::move(cells), row_count_, bin_counts_, kinds_);
  };
  return datasets::place_matrix(device, *context.host, static_cast<int64_t>(cells_.size()),
                                matrix_on, context.executor);
}

void OrderedTargets::translate(kernels::Tree& tree) const {
  for (kernels::TreeNode& node : tree.nodes) {
    if (node.is_leaf()) continue;
    const auto feature = static_cast<size_t>(node.feature);
    node.feature = origins_[feature];
    const std::vector<uint8_t>& bins = level_bins_[feature];
    if (bins.empty()) continue;
    kernels::CategorySet set;
    for (size_t level = 0; level < bins.size(); ++level) {
      if (bins[level] <= node.threshold) set.insert(static_cast<uint8_t>(level));
    }
    node.category_set = static_cast<int32_t>(tree.category_sets.size());
    node.threshold = 0;
    node.missing_left = 0;
    tree.category_sets.push_back(set);
  }
}

int64_t OrderedTargets::planned_bytes(const DataShape& shape, int threads) {
  const int64_t further = shape.category_count * std::max<int64_t>(0, shape.class_count - 2);
  const int64_t features = shape.feature_count + further;
  return kTableForms * features * shape.row_count +
         (kWeightBytes + threads * kRowBytes) * shape.train_count + features * kFeatureBytes;
}

}  // namespace assay::automl
