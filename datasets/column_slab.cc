#include <algorithm>

#include "datasets/column_slab_internal.h"

namespace assay::datasets {
namespace {

constexpr int64_t kSlabBytes = int64_t{32} << 20;
// An op makes tables of each column's edges before it looks at rows: that must pay.
constexpr int64_t kLeastSlab = 65536;
// What a thread reads of a column at a time; fewer cells are not worth a second thread.
constexpr int64_t kReadRows = 16384;

}  // namespace

ColumnSlab::ColumnSlab(std::span<const FeatureColumn> columns, std::span<const uint8_t> wanted)
    : columns_(columns),
      places_(columns.size(), -1),
      rows_(columns.empty() ? 0 : columns[0].row_count()) {
  int64_t narrow = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool used = wanted.empty() || wanted[i] != 0;
    const NumberView& numbers = columns[i].numbers;
    if (used && !numbers.empty() && numbers.doubles().empty()) places_[i] = narrow++;
  }
  if (narrow == 0) return;
  const int64_t fitting = kSlabBytes / (narrow * static_cast<int64_t>(sizeof(double)));
  rows_ = std::min(rows_, std::max(fitting, kLeastSlab));
  buffer_ = std::make_unique_for_overwrite<double[]>(static_cast<size_t>(rows_ * narrow));
}

Status ColumnSlab::read(ChunkRange rows, Executor& executor) {
  present_ = rows;
  if (buffer_ == nullptr) return {};
  const int64_t count = rows.end - rows.begin;
  const int64_t parts = chunk_count_of(count, kReadRows);
  const auto width = static_cast<int64_t>(columns_.size());
  SerialExecutor serial;
  Executor& place = count * width > kReadRows ? executor : serial;
  return place.parallel_for(parts * width, [&](int64_t chunk, int) {
    const auto column = static_cast<size_t>(chunk / parts);
    if (places_[column] < 0) return;
    const ChunkRange part = chunk_range(count, kReadRows, chunk % parts);
    columns_[column].numbers.read(
        static_cast<size_t>(rows.begin + part.begin),
        {buffer_of(column) + part.begin, static_cast<size_t>(part.end - part.begin)});
  });
}

ColumnPart ColumnSlab::part(size_t column) const {
  const auto begin = static_cast<size_t>(present_.begin);
  const auto count = static_cast<size_t>(present_.end - present_.begin);
  const FeatureColumn& source = columns_[column];
  if (source.kind == kernels::FeatureKind::kCategorical) {
    return {{}, source.codes.subspan(begin, count)};
  }
  if (places_[column] >= 0) return {{buffer_of(column), count}, {}};
  return {source.numbers.doubles().subspan(begin, count), {}};
}

}  // namespace assay::datasets
