// Predictions of a model for a table file, block by block, so that the file may be larger than
// memory. Used by predict and score.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "automl/cli/column_gaps.h"
#include "automl/cli/engine.h"
#include "automl/cli/invocation.h"
#include "automl/cli/table_options.h"
#include "automl/preprocess/predictor.h"
#include "datasets/csv_blocks.h"

namespace assay::automl::cli {

// What predict and score are told alike.
struct PredictionOptions {
  std::string model;  // as load_named_model takes it
  TableOptions table;
  std::string device = "auto";
  int64_t threads = 0;
};

// --threads: 0 for all, at most as many as a config allows.
void add_threads_option(CLI::App& command, int64_t& threads);
// The positional model, --data and how it is read, --device and --threads.
void add_prediction_options(CLI::App& command, PredictionOptions& options);

// What they compute with, on one device; says so where that is emulated. Fails: as Engine::open.
Result<std::unique_ptr<Engine>> open_prediction_engine(const Invocation& invocation,
                                                       const PredictionOptions& options);

// One block: the rows read, and predictions [rows, outputs] row-major.
struct PredictedBlock {
  const datasets::Table& table;
  std::span<const float> predictions;
  const datasets::CsvBlocks& source;  // knows where the table's cells are
};

struct StreamSummary {
  int64_t rows = 0;
  std::vector<std::string> notes;  // cells that were read as missing, a line a column
  std::vector<ColumnGaps> gaps;    // of the columns that the model needs
};

// What is wanted of a table.
struct StreamWants {
  std::vector<datasets::ColumnSpec> extra;  // columns beside those that the model needs
  Predictor::Wanted predictions = Predictor::Wanted::kPredictions;
};

// Reads the columns that the model needs, and the extra ones behind them, and calls visit for each
// block in file order until it fails.
// Fails: as CsvBlocks and Predictor::predict; what `visit` fails with.
Result<StreamSummary> predict_stream(const Predictor& predictor, const TableOptions& options,
                                     const StreamWants& wants, Engine& engine,
                                     const StopToken& stop,
                                     const std::function<Status(const PredictedBlock&)>& visit);

}  // namespace assay::automl::cli
