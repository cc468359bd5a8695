#include "datasets/csv_blocks.h"

#include <algorithm>
#include <new>

#include "datasets/column_builder_internal.h"
#include "datasets/csv_field_internal.h"
#include "datasets/csv_scan_internal.h"

namespace assay::datasets {
namespace {

constexpr size_t kMostNamed = 10;  // columns in one message

class ScanBlocks final : public CsvBlocks {
 public:
  ScanBlocks(std::unique_ptr<CsvScan> scan, std::vector<ColumnSpec> columns)
      : scan_(std::move(scan)),
        columns_(std::move(columns)),
        misfits_(columns_.size()),
        values_(columns_.size(), 0) {}

  // Finds the columns in the file.
  Status plan() {
    const CsvDialect& dialect = scan_->dialect();
    plan_.delimiter = dialect.delimiter;
    plan_.missing = &scan_->missing();
    plan_.fields.resize(dialect.names.size());
    std::string lacking;
    size_t lacking_count = 0;
    for (const ColumnSpec& column : columns_) {
      const auto at = std::find(dialect.names.begin(), dialect.names.end(), column.name);
      if (at == dialect.names.end()) {
        if (lacking_count++ < kMostNamed) {
          lacking += fmt::format("{}'{}'", lacking.empty() ? "" : ", ", column.name);
        }
        continue;
      }
      const auto field = static_cast<int32_t>(at - dialect.names.begin());
      fields_.push_back(field);
      FieldPlan& field_plan = plan_.fields[static_cast<size_t>(field)];
      if (field_plan.mode != ParseMode::kSkip) {
        return fail(StatusCode::kInvalidArgument, "column '{}' is asked for twice", column.name);
      }
      field_plan.mode = ColumnBuilder::mode_of(column.type);
      const bool strings = field_plan.mode == ParseMode::kString;
      field_plan.slot = strings ? plan_.string_slots++ : plan_.number_slots++;
      field_plan.finite = true;
    }
    if (lacking_count == 0) return {};
    return fail(StatusCode::kData, "{}: lacks the column{} {}{}", scan_->name(),
                lacking_count == 1 ? "" : "s", lacking,
                lacking_count <= kMostNamed
                    ? std::string()
                    : fmt::format(" and {} more", lacking_count - kMostNamed));
  }

  Result<std::shared_ptr<const Table>> next(Executor& executor, const StopToken& stop) override
      try {
    int64_t rows = 0;
    while (rows == 0) {
      if (ended_) return nullptr;
      ASSAY_ASSIGN_OR_RETURN(const bool more, scan_->next(plan_, executor, stop));
      if (!more) {
        ended_ = true;
        ASSAY_RETURN_IF_ERROR(scan_->check_unchanged());
        return nullptr;
      }
      for (const ParsedBlock& block : scan_->blocks()) rows += block.row_count();
    }
    std::vector<Column> columns(columns_.size());
    ASSAY_RETURN_IF_ERROR(
        executor.parallel_for(static_cast<int64_t>(columns.size()), [&](int64_t c, int) {
          columns[static_cast<size_t>(c)] = build(static_cast<size_t>(c), rows);
        }));
    row_count_ += rows;
    ASSAY_RETURN_IF_ERROR(gather_misfits(columns));
    return Table::make(std::move(columns), scan_->name(), "");
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "out of memory reading '{}'", scan_->name());
  }

  const std::vector<std::string>& names() const override { return scan_->dialect().names; }
  int64_t row_count() const override { return row_count_; }

  Error error_at(int64_t row, size_t column, std::string_view what) const override {
    return scan_->error_at(scan_->line_of(row), fields_[column], what).value();
  }

  std::vector<std::string> misfit_notes() const override {
    std::vector<std::string> notes;
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (misfits_[c].count() == 0) continue;
      Column column;
      column.name = columns_[c].name;
      column.type = columns_[c].type;
      column.misfits = {misfits_[c].count(), misfits_[c].line(), shown_text(misfits_[c].text())};
      notes.push_back(misfit_note(scan_->name(), column, values_[c]));
    }
    return notes;
  }

 private:
  Status gather_misfits(const std::vector<Column>& columns) {
    for (size_t c = 0; c < columns_.size(); ++c) {
      const FieldPlan& field = plan_.fields[static_cast<size_t>(fields_[c])];
      if (field.mode == ParseMode::kString) continue;
      MisfitTally& tally = misfits_[c];
      const int64_t before = tally.count();
      values_[c] += columns[c].row_count() - columns[c].missing_count + columns[c].misfits.count;
      for (size_t k = 0; k < scan_->blocks().size(); ++k) {
        tally.merge(scan_->blocks()[k].misfits(field.slot), scan_->first_line(k));
      }
      const bool few = misfits_are_few({values_[c], tally.count(), tally.distinct_count()}) ||
                       (tally.count() == 1 && values_[c] > 1);
      if (tally.count() == before || few) continue;
      const std::string_view type = name_of(columns_[c].type);
      return scan_->error_at(
          tally.line(), fields_[c],
          fmt::format("'{}' is no {} value{} (one beside others, 0.1 %, or 1 % up to 5, may count "
                      "as missing)",
                      shown_text(tally.text()), type,
                      tally.count() == 1 ? fmt::format(", one of {} values so far", values_[c])
                                         : fmt::format(", nor are {} more of {} values so far",
                                                       tally.count() - 1, values_[c])));
    }
    return {};
  }

  Column build(size_t c, int64_t rows) const {
    const ColumnSpec& spec = columns_[c];
    const FieldPlan& field = plan_.fields[static_cast<size_t>(fields_[c])];
    ColumnBuilder builder(spec.name, fields_[c], field.mode, spec.type);
    builder.reserve(rows);
    for (size_t k = 0; k < scan_->blocks().size(); ++k) {
      builder.append(scan_->blocks()[k], field.slot, scan_->first_line(k));
    }
    return builder.finish(spec.type);
  }

  std::unique_ptr<CsvScan> scan_;
  std::vector<ColumnSpec> columns_;
  std::vector<int32_t> fields_;  // of each column in the file
  std::vector<MisfitTally> misfits_;
  std::vector<int64_t> values_;  // cells of each column that were not missing
  BlockPlan plan_;
  bool ended_ = false;
  int64_t row_count_ = 0;
};

}  // namespace

Result<std::unique_ptr<CsvBlocks>> CsvBlocks::open(const std::string& path,
                                                   const std::vector<ColumnSpec>& columns,
                                                   const CsvOptions& options, int64_t table_bytes) {
  if (table_bytes < 1) {
    return fail(StatusCode::kInvalidArgument, "table_bytes={} (must be at least 1)", table_bytes);
  }
  if (columns.empty()) return fail(StatusCode::kInvalidArgument, "no columns are asked for");
  CsvOptions scan_options = options;
  for (const ColumnSpec& column : columns) scan_options.expected_names.push_back(column.name);
  scan_options.block_bytes =
      std::clamp<int64_t>(table_bytes / CsvScan::kBlocksPerBatch, 1, options.block_bytes);
  ASSAY_ASSIGN_OR_RETURN(auto source, ByteSource::open(path));
  ASSAY_ASSIGN_OR_RETURN(auto scan, CsvScan::open(std::move(source), scan_options));
  auto blocks = std::make_unique<ScanBlocks>(std::move(scan), columns);
  ASSAY_RETURN_IF_ERROR(blocks->plan());
  return blocks;
}

}  // namespace assay::datasets
