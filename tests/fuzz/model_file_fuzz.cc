// Fuzz target of the model file. The input is a file without its hash, which is put behind it, so
// that the checks behind the hash are reached. What loads must predict and explain without harm on
// a table made by its own contract, and must be written and read again.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "automl/preprocess/predictor.h"
#include "backends/devices.h"
#include "datasets/table.h"
#include "kernels/base/hash.h"

namespace {

using assay::automl::InputColumn;
using assay::automl::Predictor;
using assay::datasets::Column;

void require(bool holds) {
  if (!holds) std::abort();
}

// Four rows: every column has a missing value, and values or levels of its own.
std::shared_ptr<const assay::datasets::Table> table_for(const Predictor& predictor) {
  std::vector<Column> columns;
  for (const InputColumn& wanted : predictor.encoder().columns()) {
    Column column;
    column.name = wanted.name;
    column.type = wanted.type;
    column.missing_count = 1;
    if (column.is_numbers()) {
      const bool boolean = wanted.type == assay::datasets::ColumnType::kBoolean;
      column.numbers = {0, 1, boolean ? 0 : -1e300, __builtin_nan("")};
    } else {
      column.levels = {"another"};
      if (!wanted.levels.empty() && wanted.levels[0] < "another") {
        column.levels.insert(column.levels.begin(), wanted.levels[0]);
      }
      column.codes = {0, 2, static_cast<int32_t>(column.levels.size()) + 1, 1};
    }
    columns.push_back(std::move(column));
  }
  auto table = assay::datasets::Table::make(std::move(columns), "fuzz", "");
  return table ? *table : nullptr;
}

// Explaining walks trees in a way of its own.
void explain(const Predictor& predictor, const std::shared_ptr<const assay::datasets::Table>& table,
             const assay::kernels::ComputeContext& context) {
  using assay::automl::ExplainedScale;
  const auto features = predictor.encoder().encode(table);
  if (!features) return;
  const uint32_t rows[] = {0, 1, 2, 3};
  const assay::automl::Model& model = predictor.model();
  for (const ExplainedScale scale : {ExplainedScale::kPredictions, ExplainedScale::kScores}) {
    std::vector<double> out(4 * static_cast<size_t>(model.explained_count(scale)) *
                            (static_cast<size_t>(model.feature_count()) + 1));
    const assay::Status explained = model.explain(**features, rows, context, scale, out);
    require(explained.has_value() || !explained.error().message.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const assay::backends::DeviceSet devices = *assay::backends::open_devices({});
  std::string bytes(reinterpret_cast<const char*>(data), size);
  bytes += assay::sha256_hex(bytes);
  const auto predictor = Predictor::from_bytes(std::move(bytes), "fuzz");
  if (!predictor) {
    require(predictor.error().code == assay::StatusCode::kData);
    require(!predictor.error().message.empty());
    return 0;
  }
  const auto again = predictor->to_bytes();
  require(again.has_value());
  const auto loaded = Predictor::from_bytes(*again, "again");
  require(loaded.has_value());
  require(*loaded->to_bytes() == *again);

  assay::SerialExecutor executor;
  assay::kernels::ComputeContext context;
  context.kernels = &devices.kernels();
  context.device = &devices.host();
  context.host = &devices.host();
  context.executor = &executor;
  const auto table = table_for(*predictor);
  if (table == nullptr) return 0;
  const auto out = predictor->predict(table, context);
  if (out) {
    const auto width = static_cast<size_t>(predictor->output_count());
    require(out->size() == 4 * width);
    require(predictor->decide(std::span(*out).first(width)) < width);
  }
  explain(*predictor, table, context);
  return 0;
}
