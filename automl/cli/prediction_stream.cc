#include "automl/cli/prediction_stream.h"

#include <CLI/CLI.hpp>

#include "automl/cli/output.h"
#include "kernels/base/executor.h"

namespace assay::automl::cli {
namespace {

// A model below this part of the memory has room for what is prepared of it.
constexpr int64_t kKeptShare = 4;

}  // namespace

void add_threads_option(CLI::App& command, int64_t& threads) {
  constexpr int64_t kMostThreads = 4096;
  command.add_option("--threads", threads, "Threads; 0: all CPUs this process may use")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, kMostThreads))
      ->capture_default_str();
}

void add_prediction_options(CLI::App& command, PredictionOptions& options) {
  command
      .add_option(
          "model", options.model,
          "MODEL, MODEL:VERSION, MODEL@ALIAS, an exported model file, or a run of assay run: "
          "its best model, even if it was killed")
      ->required();
  add_table_options(command, options.table);
  command
      .add_option("--device", options.device, "auto, cpu, cuda, cuda:0, ... (see assay devices)")
      ->capture_default_str();
  add_threads_option(command, options.threads);
}

Result<std::unique_ptr<Engine>> open_prediction_engine(const Invocation& invocation,
                                                       const PredictionOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto engine,
                         Engine::open({.device = options.device, .threads = options.threads}));
  const kernels::DeviceInfo& device = engine->chosen().front()->info();
  if (device.emulated) {
    print_note(invocation, fmt::format("device {}: {} (emulated)", device.id, device.name));
  }
  return engine;
}

Result<StreamSummary> predict_stream(const Predictor& predictor, const TableOptions& options,
                                     const StreamWants& wants, Engine& engine,
                                     const StopToken& stop,
                                     const std::function<Status(const PredictedBlock&)>& visit) {
  ASSAY_ASSIGN_OR_RETURN(auto csv, csv_options(options));
  csv.missing_tokens = predictor.missing_tokens();
  std::vector<datasets::ColumnSpec> columns;
  for (const InputColumn& column : predictor.encoder().columns()) {
    columns.push_back({column.name, column.type});
  }
  columns.insert(columns.end(), wants.extra.begin(), wants.extra.end());
  ASSAY_ASSIGN_OR_RETURN(auto blocks, datasets::CsvBlocks::open(options.path, columns, csv));
  // What is prepared of a model is up to about as large as the model.
  if (predictor.model_bytes() < usable_memory_bytes() / kKeptShare) predictor.keep_prepared();
  GapCounter counter(predictor.encoder().columns());
  const kernels::ComputeContext context = engine.context(stop);
  while (true) {
    ASSAY_ASSIGN_OR_RETURN(auto table, blocks->next(engine.executor(), stop));
    if (table == nullptr) {
      return StreamSummary{blocks->row_count(), blocks->misfit_notes(), counter.gaps()};
    }
    counter.add(*table);
    auto predictions = predictor.predict(table, context, wants.predictions);
    if (!predictions) {
      return fail_with(std::move(predictions.error()),
                       fmt::format("{}, rows up to {}", options.path, blocks->row_count()));
    }
    ASSAY_RETURN_IF_ERROR(visit({*table, *predictions, *blocks}));
  }
}

}  // namespace assay::automl::cli
