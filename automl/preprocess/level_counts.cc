#include "automl/preprocess/level_counts.h"

#include <algorithm>
#include <limits>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

constexpr int64_t kCountedRows = 65536;

}  // namespace

LevelCounts::LevelCounts(std::vector<int64_t> counts) : counts_(std::move(counts)) {
  numbers_ = {std::numeric_limits<double>::quiet_NaN(), 0};  // missing, unseen
  for (const int64_t count : counts_) {
    numbers_.push_back(count > 0 ? kernels::exact_log(1 + static_cast<double>(count)) : 0);
  }
}

std::shared_ptr<const LevelCounts> LevelCounts::fit(const datasets::Column& column) {
  std::vector<int64_t> counts(column.levels.size(), 0);
  for (const int32_t code : column.codes) {
    if (code >= datasets::kFirstLevelCode) {
      ++counts[static_cast<size_t>(code - datasets::kFirstLevelCode)];
    }
  }
  return std::shared_ptr<const LevelCounts>(new LevelCounts(std::move(counts)));
}

Result<std::shared_ptr<const LevelCounts>> LevelCounts::from_counts(std::vector<int64_t> counts) {
  const bool sound =
      std::all_of(counts.begin(), counts.end(), [](int64_t count) { return count >= 0; });
  if (!sound) return fail(StatusCode::kData, "a level is counted below 0");
  return std::shared_ptr<const LevelCounts>(new LevelCounts(std::move(counts)));
}

bool LevelCounts::varies() const {
  int64_t first = 0;
  for (const int64_t count : counts_) {
    if (count > 0 && first > 0 && count != first) return true;
    if (count > 0) first = count;
  }
  return false;
}

Status LevelCounts::apply(const ColumnCells& cells, std::span<const int32_t> outputs,
                          const kernels::ComputeContext* context,
                          std::vector<std::vector<double>>& numbers) const {
  const size_t first = numbers.size();
  const auto rows = static_cast<int64_t>(cells.codes.size());
  numbers.resize(first + outputs.size(), std::vector<double>(cells.codes.size()));
  return for_chunks(chunk_count_of(rows, kCountedRows), context, [&](int64_t chunk) {
    const ChunkRange range = chunk_range(rows, kCountedRows, chunk);
    for (auto row = static_cast<size_t>(range.begin); row < static_cast<size_t>(range.end); ++row) {
      const double number = numbers_[static_cast<size_t>(cells.codes[row])];
      for (size_t i = 0; i < outputs.size(); ++i) numbers[first + i][row] = number;
    }
  });
}

void LevelCounts::save(ModelWriter& writer) const {
  writer.put_tensor("counts", std::span<const int64_t>(counts_));
}

Result<std::shared_ptr<const LevelCounts>> LevelCounts::load(const ModelReader& reader,
                                                             size_t level_count) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<int64_t> counts,
                         reader.tensor<int64_t>("counts", static_cast<int64_t>(level_count)));
  auto made = from_counts(std::move(counts));
  if (!made) return reader.damaged(made.error().message);
  return made;
}

}  // namespace assay::automl
