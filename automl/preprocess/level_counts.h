// LevelCounts: how often a category's level occurs in the training table, a ColumnTransform with
// one output, "count": log(1 + rows of the level), 0 for levels that training did not have, NaN for
// missing ones. Of categories of many levels the rare ones share a bin; this tells them apart by
// what most often matters of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "automl/models/model_file.h"
#include "automl/preprocess/column_transform.h"
#include "datasets/table.h"

namespace assay::automl {

class LevelCounts final : public ColumnTransform {
 public:
  // Of a categorical column.
  static std::shared_ptr<const LevelCounts> fit(const datasets::Column& column);
  // [levels], each >= 0. Fails: data.
  static Result<std::shared_ptr<const LevelCounts>> from_counts(std::vector<int64_t> counts);

  // Whether two levels that occur do so in different numbers of rows.
  bool varies() const;

  int32_t output_count() const override { return 1; }
  std::string output_name(int32_t) const override { return "count"; }
  double period(int32_t) const override { return 0; }
  // Reads codes of the fitted levels (read_codes).
  Status apply(const ColumnCells& cells, std::span<const int32_t> outputs,
               const kernels::ComputeContext* context,
               std::vector<std::vector<double>>& numbers) const override;

  void save(ModelWriter& writer) const;
  // `level_count`: of the column.
  static Result<std::shared_ptr<const LevelCounts>> load(const ModelReader& reader,
                                                         size_t level_count);

 private:
  explicit LevelCounts(std::vector<int64_t> counts);
  std::vector<int64_t> counts_;
  std::vector<double> numbers_;  // by code
};

}  // namespace assay::automl
