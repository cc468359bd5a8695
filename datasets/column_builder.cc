#include <algorithm>
#include <cmath>
#include <limits>

#include "datasets/column_builder_internal.h"
#include "datasets/csv_field_internal.h"

namespace assay::datasets {
namespace {

bool is_whole(double x) {
  // Beyond 2^53 every double is whole.
  if (!(std::fabs(x) < 9007199254740992.0)) return true;
  return static_cast<double>(static_cast<int64_t>(x)) == x;
}

}  // namespace

ColumnBuilder::ColumnBuilder(std::string name, int32_t field, ParseMode mode,
                             std::optional<ColumnType> given, bool spelled)
    : name_(std::move(name)), field_(field), mode_(mode), given_(given), spelled_(spelled) {}

ParseMode ColumnBuilder::mode_of(ColumnType type) {
  if (type == ColumnType::kNumeric) return ParseMode::kNumber;
  return type == ColumnType::kDatetime ? ParseMode::kDatetime : ParseMode::kString;
}

void ColumnBuilder::reserve(int64_t rows) {
  const auto count = static_cast<size_t>(rows);
  if (mode_ == ParseMode::kString) {
    codes_.reserve(count);
  } else {
    numbers_.reserve(count);
  }
}

void ColumnBuilder::append(const ParsedBlock& block, int32_t slot, int64_t first_line) {
  if (mode_ == ParseMode::kString) {
    append_codes(block, slot);
  } else if (!failed_) {
    append_numbers(block, slot, first_line);
  }
}

void ColumnBuilder::append_numbers(const ParsedBlock& block, int32_t slot, int64_t first_line) {
  misfits_.merge(block.misfits(slot), first_line);
  padded_ = padded_ || block.padded(slot);
  if (misfits_.hopeless() && !given_) {
    failed_ = true;
    numbers_ = {};
    return;
  }
  if (spelled_) spellings_.merge(block.spellings(slot));
  const std::span values(block.numbers(slot), static_cast<size_t>(block.row_count()));
  missing_count_ += numbers_.append(values);
  const bool whole = numbers_.form().is_integer() && numbers_.form().decimals == 0;
  all_integers_ = all_integers_ && (whole || std::all_of(values.begin(), values.end(), is_whole));
}

void ColumnBuilder::append_codes(const ParsedBlock& block, int32_t slot) {
  const LevelTable& local = block.levels(slot);
  global_ids_.resize(static_cast<size_t>(local.size()) + 1);
  global_ids_[0] = -1;
  for (int64_t id = 0; id < local.size(); ++id) {
    global_ids_[static_cast<size_t>(id) + 1] = levels_.intern(local.text(id), local.hash(id));
  }
  const int32_t* const ids = block.codes(slot);
  const int64_t count = block.row_count();
  const size_t begin = codes_.size();
  codes_.resize(begin + static_cast<size_t>(count));
  int64_t missing = 0;
  for (int64_t i = 0; i < count; ++i) {
    missing += ids[i] < 0;
    codes_[begin + static_cast<size_t>(i)] = global_ids_[static_cast<size_t>(int64_t{ids[i]} + 1)];
  }
  missing_count_ += missing;
}

int64_t ColumnBuilder::byte_count() const {
  return numbers_.byte_count() + static_cast<int64_t>(codes_.size() * sizeof(int32_t)) +
         levels_.byte_count() + levels_.size() * static_cast<int64_t>(sizeof(std::string)) +
         levels_.text_bytes();
}

int64_t ColumnBuilder::cell_bytes() const {
  return static_cast<int64_t>(mode_ == ParseMode::kString ? sizeof(int32_t)
                                                          : numbers_.form().cell_bytes());
}

ColumnType ColumnBuilder::type() const {
  if (given_) return *given_;
  if (mode_ == ParseMode::kNumber) return ColumnType::kNumeric;
  if (mode_ == ParseMode::kDatetime) return ColumnType::kDatetime;
  std::vector<std::string_view> levels(static_cast<size_t>(levels_.size()));
  for (size_t id = 0; id < levels.size(); ++id) levels[id] = levels_.text(static_cast<int64_t>(id));
  const ColumnType type = infer_type(levels);
  if (holds_codes(levels)) return ColumnType::kCategorical;
  if (type != ColumnType::kCategorical) return type;
  for (const ColumnType nearly : {ColumnType::kNumeric, ColumnType::kDatetime}) {
    if (nearly_all(nearly)) return nearly;
  }
  return string_type(summary());
}

StringSummary ColumnBuilder::summary() const {
  return {static_cast<int64_t>(codes_.size()) - missing_count_, levels_.size(),
          levels_.text_bytes()};
}

bool ColumnBuilder::holds_codes(std::span<const std::string_view> levels) const {
  std::vector<bool> padded(levels.size());
  int64_t distinct = 0;
  for (size_t id = 0; id < levels.size(); ++id) {
    padded[id] = padded_digits(levels[id]);
    distinct += padded[id] ? 1 : 0;
  }
  if (distinct == 0 || string_type(summary()) != ColumnType::kCategorical) return false;
  int64_t rows = 0;
  for (const int32_t id : codes_) rows += id >= 0 && padded[static_cast<size_t>(id)];
  return !misfits_are_few({summary().value_count, rows, distinct});
}

bool ColumnBuilder::nearly_all(ColumnType type) const {
  std::vector<bool> fits(static_cast<size_t>(levels_.size()));
  int64_t misfits = 0;
  for (size_t id = 0; id < fits.size(); ++id) {
    const std::string_view text = levels_.text(static_cast<int64_t>(id));
    double value = 0;
    fits[id] = type == ColumnType::kNumeric ? parse_number(text, value) != NumberKind::kNone
                                            : parse_datetime(text).has_value();
    misfits += fits[id] ? 0 : 1;
    if (misfits > kMaxDistinctMisfits) return false;
  }
  if (misfits == levels_.size()) return false;
  int64_t rows = 0;
  for (const int32_t id : codes_) rows += id >= 0 && !fits[static_cast<size_t>(id)];
  return misfits_are_few({static_cast<int64_t>(codes_.size()) - missing_count_, rows, misfits});
}

ParseMode ColumnBuilder::better_mode() const {
  if (given_) return mode_;
  if (mode_ != ParseMode::kString) {
    if (failed_ || (padded_ && !padded_is_number_)) return ParseMode::kString;
    const int64_t values =
        static_cast<int64_t>(numbers_.size()) - missing_count_ + misfits_.count();
    const bool few = misfits_are_few({values, misfits_.count(), misfits_.distinct_count()});
    return misfits_.count() == 0 || few ? mode_ : ParseMode::kString;
  }
  const ColumnType final_type = type();
  const ParseMode wanted = mode_of(final_type);
  if (wanted == mode_) return mode_;
  // A second pass over what has misfits or infinities finds their lines.
  bool exact = true;
  for (int64_t id = 0; exact && id < levels_.size(); ++id) {
    double value = 0;
    exact = final_type == ColumnType::kNumeric
                ? parse_number(levels_.text(id), value) == NumberKind::kFinite
                : parse_datetime(levels_.text(id)).has_value();
  }
  return exact ? mode_ : wanted;
}

Column ColumnBuilder::finish(ColumnType type) {
  if (mode_ == ParseMode::kString) {
    const bool strings = type == ColumnType::kCategorical || type == ColumnType::kText;
    return strings ? finish_levels(type) : finish_values(type);
  }
  Column column;
  column.name = name_;
  column.type = type;
  column.missing_count = missing_count_;
  column.all_integers = type == ColumnType::kNumeric && all_integers_ &&
                        missing_count_ < static_cast<int64_t>(numbers_.size());
  if (misfits_.count() > 0) {
    column.misfits = {misfits_.count(), misfits_.line(), shown_text(misfits_.text())};
  }
  column.spellings = spellings_.sorted();
  column.numbers = std::move(numbers_);
  return column;
}

Column ColumnBuilder::finish_levels(ColumnType type) {
  Column column;
  column.name = name_;
  column.type = type;
  column.missing_count = missing_count_;
  const std::vector<int32_t> order = levels_.sorted();
  std::vector<int32_t> code_of(order.size());
  column.levels.reserve(order.size());
  for (size_t rank = 0; rank < order.size(); ++rank) {
    code_of[static_cast<size_t>(order[rank])] = static_cast<int32_t>(rank) + kFirstLevelCode;
    column.levels.emplace_back(levels_.text(order[rank]));
  }
  levels_ = {};
  for (int32_t& code : codes_) {
    code = code < 0 ? kMissingCode : code_of[static_cast<size_t>(code)];
  }
  column.codes = std::move(codes_);
  return column;
}

Column ColumnBuilder::finish_values(ColumnType type) {
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  Column column;
  column.name = name_;
  column.type = type;
  column.missing_count = missing_count_;
  std::vector<double> values(static_cast<size_t>(levels_.size()), kNothing);
  bool whole = !values.empty();
  for (size_t id = 0; id < values.size(); ++id) {
    const std::string_view text = levels_.text(static_cast<int64_t>(id));
    if (type == ColumnType::kBoolean) {
      if (const auto flag = parse_boolean_value(text)) values[id] = *flag ? 1.0 : 0.0;
    } else if (type == ColumnType::kDatetime) {
      values[id] = parse_datetime(text).value_or(kNothing);
    } else {
      if (parse_number(text, values[id]) == NumberKind::kFinite && spelled_) {
        spellings_.add(values[id], trimmed(text));
      }
      whole = whole && is_whole(values[id]);
    }
  }
  column.spellings = spellings_.sorted();
  column.all_integers = type == ColumnType::kNumeric && whole;
  if (type == ColumnType::kBoolean) spell_boolean(column);
  column.numbers.reserve(codes_.size());
  std::vector<double> block;
  for (size_t row = 0; row < codes_.size(); ++row) {
    const int32_t id = codes_[row];
    block.push_back(id < 0 ? kNothing : values[static_cast<size_t>(id)]);
    if (id >= 0 && block.back() != block.back()) {
      ++column.missing_count;
      if (++column.misfits.count == 1) column.misfits.text = shown_text(levels_.text(id));
    }
    if (block.size() < NumberView::kBlock && row + 1 < codes_.size()) continue;
    column.numbers.append(block);
    block.clear();
  }
  codes_ = {};
  levels_ = {};
  return column;
}

// Of several spellings of a value ("yes", "Yes") the first by bytes stands.
void ColumnBuilder::spell_boolean(Column& column) const {
  std::string spelling[2];
  for (const int32_t id : levels_.sorted()) {
    const std::string_view text = trimmed(levels_.text(id));
    const auto flag = parse_boolean_value(text);
    if (!flag) continue;
    std::string& place = spelling[*flag ? 1 : 0];
    if (place.empty()) place = text;
  }
  if (spelling[0].empty()) {
    spelling[0] = spelling[1].empty() ? "false" : opposite_boolean(spelling[1]);
  }
  if (spelling[1].empty()) spelling[1] = opposite_boolean(spelling[0]);
  column.levels = {spelling[0], spelling[1]};
}

}  // namespace assay::datasets
