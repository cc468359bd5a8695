#include "automl/report/shap_sample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace assay::automl {
namespace {

constexpr size_t kBatchBytes = size_t{32} << 20;
constexpr size_t kFirstBatch = 4;
constexpr size_t kMostBatch = 128;
// Batches grow while they take less, so that a deadline is not missed by much.
constexpr int64_t kBatchNs = 250'000'000;

// Ranks of the values present, 0..1, ties alike; all 0.5 if they are equal.
std::vector<double> places_of(const std::vector<double>& values) {
  std::vector<size_t> order;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> places(values.size(), std::numeric_limits<double>::quiet_NaN());
  const double last = static_cast<double>(order.size()) - 1;
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double middle = static_cast<double>(begin + end - 1) / 2;
    for (size_t i = begin; i < end; ++i) places[order[i]] = last > 0 ? middle / last : 0.5;
    begin = end;
  }
  return places;
}

class Sampler {
 public:
  Sampler(const ShapRequest& request, const kernels::ComputeContext& context)
      : request_(request),
        predictor_(*request.predictor),
        context_(context),
        outputs_(
            static_cast<size_t>(predictor_.model().explained_count(ExplainedScale::kPredictions))),
        features_(static_cast<size_t>(predictor_.encoder().feature_count())),
        columns_(predictor_.encoder().part_count()) {}

  Result<ShapSample> run() {
    const auto all = static_cast<size_t>(request_.table->row_count());
    const size_t count = std::min(all, static_cast<size_t>(std::max<int64_t>(1, request_.rows)));
    std::vector<size_t> rows;
    for (size_t i = 0; i < count; ++i) rows.push_back(i * all / count);
    ASSAY_ASSIGN_OR_RETURN(const auto table, table_rows(*request_.table, rows));
    ASSAY_ASSIGN_OR_RETURN(const auto encoded, predictor_.encoder().encode(table, &context_));
    ASSAY_RETURN_IF_ERROR(explain(*encoded, count));
    return result(*table, *encoded);
  }

 private:
  Status explain(const EncodedTable& encoded, size_t count) {
    const size_t row_size = outputs_ * (features_ + 1);
    const size_t most =
        std::clamp<size_t>(kBatchBytes / (row_size * sizeof(double)), 1, kMostBatch);
    std::vector<uint32_t> rows;
    std::vector<double> values;
    size_t batch = std::min(kFirstBatch, most);
    const auto now = [&] { return request_.clock != nullptr ? request_.clock->now_ns() : 0; };
    for (size_t begin = 0; begin < count; begin += rows.size()) {
      const int64_t start_ns = now();
      if (begin > 0 && start_ns >= request_.deadline_ns) break;
      rows.clear();
      for (size_t i = begin; i < std::min(count, begin + batch); ++i) {
        rows.push_back(static_cast<uint32_t>(order_of(i, count)));
      }
      values.resize(rows.size() * row_size);
      ASSAY_RETURN_IF_ERROR(predictor_.model().explain(encoded, rows, context_,
                                                       ExplainedScale::kPredictions, values));
      for (size_t i = 0; i < rows.size(); ++i) {
        explained_.push_back(rows[i]);
        add_row(std::span(values).subspan(i * row_size, row_size));
      }
      if (now() - start_ns < kBatchNs) batch = std::min(2 * batch, most);
    }
    return {};
  }

  // A walk over 0..count-1 that is spread wherever it ends: steps of about the golden section.
  static size_t order_of(size_t i, size_t count) {
    size_t step = std::max<size_t>(1, static_cast<size_t>(static_cast<double>(count) * 0.618));
    while (std::gcd(step, count) != 1) ++step;
    return i * step % count;
  }

  void add_row(std::span<const double> row) {
    for (size_t k = 0; k < outputs_; ++k) {
      const auto values = row.subspan(k * (features_ + 1), features_ + 1);
      std::vector<double> columns(columns_, 0.0);
      for (size_t f = 0; f < features_; ++f) {
        const FeatureEncoder& encoder = predictor_.encoder();
        columns[encoder.part_of(encoder.features()[f])] += values[f];
      }
      contributions_.insert(contributions_.end(), columns.begin(), columns.end());
      if (bases_.size() < outputs_) bases_.push_back(values[features_]);
    }
  }

  // Of two classes the second; of more the one that is most frequent.
  size_t shown_output() const {
    if (predictor_.task() == Task::kBinary) return outputs_ - 1;
    return static_cast<size_t>(std::max_element(bases_.begin(), bases_.end()) - bases_.begin());
  }

  // A column's numbers, or those that a combination makes; of categories NaN.
  std::vector<double> values_of(size_t part, const datasets::Table& table,
                                const EncodedTable& encoded) const {
    const FeatureEncoder& encoder = predictor_.encoder();
    datasets::NumberView numbers;
    if (part < encoder.columns().size()) {
      const int64_t at = table.find(encoder.columns()[part].name);
      const datasets::Column& held = table.columns()[static_cast<size_t>(at)];
      if (held.is_numbers()) numbers = held.numbers;
    } else {
      const size_t own = features_ - encoder.combinations().size();
      numbers = encoded.source().columns[own + part - encoder.columns().size()].numbers;
    }
    std::vector<double> values;
    for (const size_t row : explained_) {
      values.push_back(numbers.empty() ? std::numeric_limits<double>::quiet_NaN() : numbers[row]);
    }
    return values;
  }

  ShapSample result(const datasets::Table& table, const EncodedTable& encoded) const {
    ShapSample sample;
    const size_t shown = shown_output();
    sample.rows = static_cast<int64_t>(explained_.size());
    sample.output = predictor_.labels().empty()
                        ? fmt::format("predicted '{}'", predictor_.target())
                        : fmt::format("probability of class '{}'", predictor_.labels()[shown]);
    sample.importance.assign(columns_, 0.0);
    const double count = static_cast<double>(explained_.size() * outputs_);
    for (size_t at = 0; at < contributions_.size(); ++at) {
      sample.importance[at % columns_] += std::abs(contributions_[at]) / count;
    }
    sample.places.assign(explained_.size() * columns_, 0.0);
    for (size_t r = 0; r < explained_.size(); ++r) {
      for (size_t c = 0; c < columns_; ++c) {
        sample.contributions.push_back(contributions_[(r * outputs_ + shown) * columns_ + c]);
      }
    }
    for (size_t c = 0; c < columns_; ++c) {
      sample.columns.push_back(predictor_.encoder().part_name(c));
      const std::vector<double> places = places_of(values_of(c, table, encoded));
      for (size_t r = 0; r < places.size(); ++r) sample.places[r * columns_ + c] = places[r];
    }
    return sample;
  }

  const ShapRequest& request_;
  const Predictor& predictor_;
  kernels::ComputeContext context_;
  size_t outputs_;
  size_t features_;
  size_t columns_;
  std::vector<size_t> explained_;      // rows of the sampled table
  std::vector<double> contributions_;  // [explained, outputs, columns]
  std::vector<double> bases_;
};

}  // namespace

Result<std::shared_ptr<const datasets::Table>> table_rows(const datasets::Table& table,
                                                          const std::vector<size_t>& rows) {
  std::vector<datasets::Column> columns;
  for (const datasets::Column& whole : table.columns()) {
    datasets::Column& column = columns.emplace_back();
    column.name = whole.name;
    column.type = whole.type;
    column.levels = whole.levels;
    column.all_integers = whole.all_integers;
    for (const size_t row : rows) {
      if (whole.is_numbers()) {
        column.numbers.push_back(whole.numbers[row]);
        column.missing_count += std::isnan(whole.numbers[row]) ? 1 : 0;
      } else {
        column.codes.push_back(whole.codes[row]);
        column.missing_count += whole.codes[row] == datasets::kMissingCode ? 1 : 0;
      }
    }
  }
  return datasets::Table::make(std::move(columns), table.source(), {});
}

Result<ShapSample> shap_sample(const ShapRequest& request, const kernels::ComputeContext& context) {
  return Sampler(request, context).run();
}

}  // namespace assay::automl
