#include "datasets/csv_blocks.h"

#include <algorithm>
#include <new>

#include "datasets/column_builder_internal.h"
#include "datasets/csv_scan_internal.h"

namespace assay::datasets {
namespace {

constexpr size_t kMostNamed = 10;  // columns in one message

class ScanBlocks final : public CsvBlocks {
 public:
  ScanBlocks(std::unique_ptr<CsvScan> scan, std::vector<ColumnSpec> columns)
      : scan_(std::move(scan)), columns_(std::move(columns)) {}

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
      field_plan.strict = !strings || column.type == ColumnType::kBoolean;
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
    return Table::make(std::move(columns), scan_->name(), "");
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "out of memory reading '{}'", scan_->name());
  }

  const std::vector<std::string>& names() const override { return scan_->dialect().names; }
  int64_t row_count() const override { return row_count_; }

 private:
  Column build(size_t c, int64_t rows) const {
    const ColumnSpec& spec = columns_[c];
    const FieldPlan& field = plan_.fields[static_cast<size_t>(fields_[c])];
    ColumnBuilder builder(spec.name, fields_[c], field.mode, spec.type);
    builder.reserve(rows);
    for (const ParsedBlock& block : scan_->blocks()) builder.append(block, field.slot);
    return builder.finish(spec.type);
  }

  std::unique_ptr<CsvScan> scan_;
  std::vector<ColumnSpec> columns_;
  std::vector<int32_t> fields_;  // of each column in the file
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
  scan_options.block_bytes =
      std::clamp<int64_t>(table_bytes / CsvScan::kBlocksPerBatch, 1, options.block_bytes);
  ASSAY_ASSIGN_OR_RETURN(auto source, ByteSource::open(path));
  ASSAY_ASSIGN_OR_RETURN(auto scan, CsvScan::open(std::move(source), scan_options));
  auto blocks = std::make_unique<ScanBlocks>(std::move(scan), columns);
  ASSAY_RETURN_IF_ERROR(blocks->plan());
  return blocks;
}

}  // namespace assay::datasets
