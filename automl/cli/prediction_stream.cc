#include "automl/cli/prediction_stream.h"

namespace assay::automl::cli {

Result<int64_t> predict_stream(const Predictor& predictor, const TableOptions& options,
                               const std::vector<datasets::ColumnSpec>& extra, Engine& engine,
                               const StopToken& stop,
                               const std::function<Status(const PredictedBlock&)>& visit) {
  ASSAY_ASSIGN_OR_RETURN(const auto csv, csv_options(options));
  std::vector<datasets::ColumnSpec> columns;
  for (const InputColumn& column : predictor.encoder().columns()) {
    columns.push_back({column.name, column.type});
  }
  columns.insert(columns.end(), extra.begin(), extra.end());
  ASSAY_ASSIGN_OR_RETURN(auto blocks, datasets::CsvBlocks::open(options.path, columns, csv));
  const kernels::ComputeContext context = engine.context(stop);
  while (true) {
    ASSAY_ASSIGN_OR_RETURN(auto table, blocks->next(engine.executor(), stop));
    if (table == nullptr) return blocks->row_count();
    auto predictions = predictor.predict(table, context);
    if (!predictions) {
      return fail_with(std::move(predictions.error()),
                       fmt::format("{}, rows up to {}", options.path, blocks->row_count()));
    }
    ASSAY_RETURN_IF_ERROR(visit({*table, *predictions}));
  }
}

}  // namespace assay::automl::cli
