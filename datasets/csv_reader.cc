// Three passes at most, nearly always one. The first parses every column as what its first records
// look like: number, datetime or string. Strings are dictionary-encoded and typed at the end from
// their levels, so only a column that looked like numbers or datetimes and then met many other
// strings needs a further pass, which reads it as strings; and one of strings that turn out to be
// numbers but for a few is read as numbers, which finds the lines of the few. Either way the type
// follows from all values of the file.
#include "datasets/csv_reader.h"

#include <algorithm>
#include <map>
#include <new>
#include <set>

#include "datasets/column_builder_internal.h"
#include "datasets/csv_reader_internal.h"
#include "datasets/csv_scan_internal.h"
#include "kernels/base/names.h"

namespace assay::datasets {
namespace {

// The mode that the values in the sample agree with, but for a few.
ParseMode guess_mode(const CsvDialect& dialect, size_t column, const MissingTokens& missing) {
  int64_t values = 0;
  MisfitTally no_numbers;
  MisfitTally no_datetimes;
  bool codes = false;
  for (const Record& record : dialect.sample) {
    if (column >= record.size() || missing.contains(record[column])) continue;
    double value = 0;
    ++values;
    if (parse_number(record[column], value) == NumberKind::kNone) no_numbers.add(record[column]);
    if (!parse_datetime(record[column])) no_datetimes.add(record[column]);
    codes = codes || padded_digits(record[column]);
  }
  const auto fits = [values](const MisfitTally& misfits) {
    return misfits_are_few({values, misfits.count(), misfits.distinct_count()});
  };
  if (values == 0 || codes) return ParseMode::kString;
  if (fits(no_numbers)) return ParseMode::kNumber;
  return fits(no_datetimes) ? ParseMode::kDatetime : ParseMode::kString;
}

class TableReader {
 public:
  TableReader(CsvScan& scan, const CsvOptions& options, Executor& executor, const StopToken& stop)
      : scan_(scan), options_(options), executor_(executor), stop_(stop) {}

  Result<std::shared_ptr<const Table>> read() {
    ASSAY_RETURN_IF_ERROR(choose_columns());
    ASSAY_RETURN_IF_ERROR(run_pass());
    const std::string hash = scan_.finish_hash();
    if (row_count_ == 0) {
      return fail(StatusCode::kData, "{}: the file has a header but no rows", scan_.name());
    }
    // Number, string, number: nothing can be learned from a fourth.
    for (int pass = 2; pass <= 3; ++pass) ASSAY_RETURN_IF_ERROR(read_again());
    ASSAY_RETURN_IF_ERROR(check_finite());
    ASSAY_RETURN_IF_ERROR(scan_.check_unchanged());
    return finish(hash);
  }

 private:
  Status check_option_names(const std::vector<std::string>& names, std::string_view option) const {
    const auto& known = scan_.dialect().names;
    for (const std::string& name : names) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      const std::string_view near = nearest_name(name, known);
      return fail(StatusCode::kInvalidArgument, "{}: no column '{}', which {} names{}",
                  scan_.name(), name, option,
                  near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near));
    }
    return {};
  }

  Status choose_columns() {
    std::vector<std::string> typed;
    for (const auto& [name, type] : options_.column_types) typed.push_back(name);
    ASSAY_RETURN_IF_ERROR(check_option_names(typed, "column_types"));
    ASSAY_RETURN_IF_ERROR(check_option_names(options_.drop, "drop"));
    ASSAY_RETURN_IF_ERROR(check_option_names(options_.only_columns, "only_columns"));
    const std::set<std::string> dropped(options_.drop.begin(), options_.drop.end());
    const std::set<std::string> only(options_.only_columns.begin(), options_.only_columns.end());
    const CsvDialect& dialect = scan_.dialect();
    for (size_t c = 0; c < dialect.names.size(); ++c) {
      const std::string& name = dialect.names[c];
      if (dropped.count(name) > 0 || (!only.empty() && only.count(name) == 0)) continue;
      std::optional<ColumnType> given;
      for (const auto& [typed_name, type] : options_.column_types) {
        if (typed_name == name) given = type;
      }
      const auto& spelled = options_.spelled_columns;
      builders_.emplace_back(
          name, static_cast<int32_t>(c),
          given ? ColumnBuilder::mode_of(*given) : guess_mode(dialect, c, scan_.missing()), given,
          std::find(spelled.begin(), spelled.end(), name) != spelled.end());
    }
    if (builders_.empty()) {
      return fail(StatusCode::kInvalidArgument, "{}: no column is left of {}", scan_.name(),
                  dialect.names.size());
    }
    return {};
  }

  void make_plan() {
    plan_ = {};
    plan_.delimiter = scan_.dialect().delimiter;
    plan_.missing = &scan_.missing();
    plan_.fields.resize(scan_.dialect().names.size());
    for (const ColumnBuilder& builder : builders_) {
      FieldPlan& field = plan_.fields[static_cast<size_t>(builder.field())];
      const bool strings = builder.mode() == ParseMode::kString;
      field.slot = strings ? plan_.string_slots++ : plan_.number_slots++;
      field.mode = builder.failed() ? ParseMode::kSkip : builder.mode();
      field.strict = builder.is_given() && (!strings || builder.type() == ColumnType::kBoolean);
      field.finite = field.strict;
      field.spelled = builder.spelled() && builder.mode() == ParseMode::kNumber;
    }
  }

  Status run_pass() {
    row_count_ = 0;
    make_plan();
    for (bool first = true;; first = false) {
      ASSAY_ASSIGN_OR_RETURN(const bool more, scan_.next(plan_, executor_, stop_));
      if (!more) return check_bytes();
      for (const ParsedBlock& block : scan_.blocks()) row_count_ += block.row_count();
      if (options_.on_progress && !again_) options_.on_progress(scan_.progress());
      ASSAY_RETURN_IF_ERROR(check_rows());
      // How narrow columns are is not known before the first batch is in them.
      if (!first) ASSAY_RETURN_IF_ERROR(check_bytes());
      if (first) reserve_rows();
      note_infinities();
      ASSAY_RETURN_IF_ERROR(
          executor_.parallel_for(static_cast<int64_t>(builders_.size()), [&](int64_t c, int) {
            ColumnBuilder& builder = builders_[static_cast<size_t>(c)];
            const int32_t slot = plan_.fields[static_cast<size_t>(builder.field())].slot;
            for (size_t k = 0; k < scan_.blocks().size(); ++k) {
              if (!builder.failed()) builder.append(scan_.blocks()[k], slot, scan_.first_line(k));
            }
          }));
      for (const ColumnBuilder& builder : builders_) {
        FieldPlan& field = plan_.fields[static_cast<size_t>(builder.field())];
        if (builder.failed()) field.mode = ParseMode::kSkip;
        field.spelled = field.spelled && builder.spelled();
      }
    }
  }

  int64_t expected_rows() const {
    const double progress = std::max(scan_.progress(), 1e-6);
    return progress >= 1 ? row_count_
                         : static_cast<int64_t>(static_cast<double>(row_count_) / progress * 1.05);
  }

  // Room for all rows at once, so that columns do not move as they grow. Pages that turn out not to
  // be needed are never touched.
  void reserve_rows() {
    constexpr int64_t kMostBytes = int64_t{16} << 30;
    const int64_t rows = std::min(expected_rows(), kMostBytes / column_bytes());
    for (ColumnBuilder& builder : builders_) builder.reserve(rows);
  }
  int64_t column_bytes() const { return static_cast<int64_t>(builders_.size()) * 8; }

  Status check_rows() const {
    constexpr int64_t kMostRows = int64_t{1} << 31;
    if (row_count_ < kMostRows) return {};
    return fail(StatusCode::kResourceExhausted, "{}: more than {} rows", scan_.name(), kMostRows);
  }

  Status check_bytes() const {
    if (options_.max_bytes <= 0) return {};
    int64_t used = scan_.byte_count();
    int64_t planned = used;
    for (const ColumnBuilder& builder : builders_) {
      used += builder.byte_count();
      planned += expected_rows() * builder.cell_bytes();
    }
    if (std::max(used, planned) <= options_.max_bytes) return {};
    return fail(StatusCode::kResourceExhausted,
                "{}: reading it needs about {} MiB for {} rows and {} columns, but {} MiB are "
                "allowed (leave columns out or allow more memory)",
                scan_.name(), std::max(used, planned) >> 20, expected_rows(), builders_.size(),
                options_.max_bytes >> 20);
  }

  void note_infinities() {
    for (size_t k = 0; k < scan_.blocks().size(); ++k) {
      for (const BlockNote& note : scan_.blocks()[k].not_finite()) {
        infinities_.try_emplace(note.field,
                                BlockNote{scan_.first_line(k) + note.line, note.field, note.text});
      }
    }
  }

  // A further pass over the columns that need one.
  Status read_again() {
    std::vector<ColumnBuilder> redo;
    for (const ColumnBuilder& builder : builders_) {
      const ParseMode better = builder.better_mode();
      if (better == builder.mode()) continue;
      redo.emplace_back(builder.name(), builder.field(), better, std::nullopt, builder.spelled());
      if (better != ParseMode::kString) redo.back().take_padded_for_numbers();
    }
    if (redo.empty()) return {};
    std::swap(builders_, redo);
    const int64_t rows = row_count_;
    again_ = true;
    ASSAY_RETURN_IF_ERROR(scan_.restart());
    ASSAY_RETURN_IF_ERROR(run_pass());
    if (row_count_ != rows) {
      return fail(StatusCode::kIo, "'{}' changed while it was read", scan_.name());
    }
    for (ColumnBuilder& builder : builders_) {
      *std::find_if(redo.begin(), redo.end(), [&](const ColumnBuilder& old) {
        return old.field() == builder.field();
      }) = std::move(builder);
    }
    std::swap(builders_, redo);
    return {};
  }

  // Infinities are errors in columns that became numeric; in others they were strings.
  Status check_finite() const {
    const BlockNote* worst = nullptr;
    for (const ColumnBuilder& builder : builders_) {
      const auto at = infinities_.find(builder.field());
      if (at == infinities_.end() || builder.mode() != ParseMode::kNumber) continue;
      if (worst == nullptr || at->second.line < worst->line) worst = &at->second;
    }
    if (worst == nullptr) return {};
    return scan_.error_at(worst->line, worst->field,
                          fmt::format("'{}' is beyond the range of numbers (largest 1.797e308; to "
                                      "read it as missing add it to missing_tokens)",
                                      worst->text));
  }

  Result<std::shared_ptr<const Table>> finish(const std::string& hash) {
    std::vector<Column> columns(builders_.size());
    ASSAY_RETURN_IF_ERROR(
        executor_.parallel_for(static_cast<int64_t>(columns.size()), [&](int64_t c, int) {
          ColumnBuilder& builder = builders_[static_cast<size_t>(c)];
          columns[static_cast<size_t>(c)] = builder.finish(builder.type());
        }));
    return Table::make(std::move(columns), scan_.name(), hash);
  }

  CsvScan& scan_;
  const CsvOptions& options_;
  Executor& executor_;
  const StopToken& stop_;
  std::vector<ColumnBuilder> builders_;
  BlockPlan plan_;
  std::map<int32_t, BlockNote> infinities_;  // the first of each column
  int64_t row_count_ = 0;
  bool again_ = false;  // the first pass is over
};

}  // namespace

Result<std::shared_ptr<const Table>> read_csv_source(std::unique_ptr<ByteSource> source,
                                                     const CsvOptions& options, Executor& executor,
                                                     const StopToken& stop) {
  const std::string name = source->name();
  try {
    ASSAY_ASSIGN_OR_RETURN(const auto scan, CsvScan::open(std::move(source), options));
    return TableReader(*scan, options, executor, stop).read();
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "out of memory reading '{}'", name);
  }
}

Result<std::vector<std::string>> read_csv_names(const std::string& path,
                                                const CsvOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto source, ByteSource::open(path));
  CsvOptions small = options;
  small.block_bytes = 4096;
  ASSAY_ASSIGN_OR_RETURN(const auto scan, CsvScan::open(std::move(source), small));
  // A look at the first records: names that come from broken text would lead nowhere.
  BlockPlan plan;
  plan.delimiter = scan->dialect().delimiter;
  plan.missing = &scan->missing();
  plan.fields.resize(scan->dialect().names.size());
  SerialExecutor executor;
  const StopToken stop;
  ASSAY_RETURN_IF_ERROR(scan->next(plan, executor, stop));
  return scan->dialect().names;
}

Result<std::shared_ptr<const Table>> read_csv(const std::string& path, const CsvOptions& options,
                                              Executor& executor, const StopToken& stop) {
  ASSAY_ASSIGN_OR_RETURN(auto source, ByteSource::open_kept(path, options.max_bytes, stop));
  return read_csv_source(std::move(source), options, executor, stop);
}

}  // namespace assay::datasets
