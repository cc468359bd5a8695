#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "datasets/csv_block_internal.h"
#include "datasets/csv_field_internal.h"
#include "datasets/decimal_internal.h"
#include "datasets/utf8_internal.h"

namespace assay::datasets {
namespace {

constexpr double kMissingNumber = std::numeric_limits<double>::quiet_NaN();

}  // namespace

class BlockParser {
 public:
  BlockParser(const BlockPlan& plan, const TextBlock& block, ParsedBlock& out)
      : plan_(plan), begin_(block.begin), end_(block.end), delimiter_(plan.delimiter), out_(out) {}

  void run() {
    prepare();
    const char* const bad = find_bad_byte(begin_, end_);
    for (const char* at = begin_; at < end_;) {
      if (const int skip = empty_line(at); skip > 0) {
        at += skip;
        continue;
      }
      record_ = at;
      at = parse_record(at);
      if (bad < end_ && (at == nullptr || at > bad)) report_bad_byte(bad);
      if (at == nullptr || out_.error_.line >= 0) return;
      ++out_.row_count_;
    }
  }

 private:
  void prepare() {
    out_.row_count_ = 0;
    out_.error_ = {};
    out_.not_finite_.clear();
    out_.newline_count_ = count_newlines(begin_, end_);
    // A record has at least one byte a field.
    const int64_t rows = std::min(out_.newline_count_,
                                  (end_ - begin_) / static_cast<int64_t>(plan_.fields.size()) + 1);
    // An odd number of cache lines, so that the columns of a row do not share a cache set.
    out_.stride_ = ((rows + 7) / 8 | 1) * 8;
    resize(out_.numbers_, out_.number_capacity_, out_.stride_ * plan_.number_slots);
    resize(out_.codes_, out_.code_capacity_, out_.stride_ * plan_.string_slots);
    // Of thousands of columns few have anything to clear.
    for (size_t slot = 0; slot < out_.noted_.size(); ++slot) {
      if (out_.noted_[slot] == 0) continue;
      out_.misfits_[slot].clear();
      out_.spellings_[slot].clear();
    }
    const auto number_slots = static_cast<size_t>(plan_.number_slots);
    out_.noted_.assign(number_slots, 0);
    out_.misfits_.resize(number_slots);
    out_.spellings_.resize(number_slots);
    if (out_.levels_.size() < static_cast<size_t>(plan_.string_slots)) {
      out_.levels_.resize(static_cast<size_t>(plan_.string_slots));
    }
    for (LevelTable& levels : out_.levels_) levels.clear();
  }

  template <class T>
  static void resize(std::unique_ptr<T[]>& buffer, int64_t& capacity, int64_t wanted) {
    wanted = std::max<int64_t>(wanted, 1);
    if (wanted <= capacity) return;
    buffer.reset();
    buffer.reset(new T[static_cast<size_t>(wanted)]);
    capacity = wanted;
  }

  // Returns the start of the next record, null after an error.
  const char* parse_record(const char* at) {
    const auto count = static_cast<int32_t>(plan_.fields.size());
    const FieldPlan* const fields = plan_.fields.data();
    const int64_t row = out_.row_count_;
    const int64_t stride = out_.stride_;
    const bool short_way = !plan_.missing->has_numbers();
    double* const numbers = out_.numbers_.get() + row;
    for (int32_t f = 0;; ++f) {
      const FieldPlan& field = fields[f];
      const char* next = nullptr;
      if (field.mode == ParseMode::kNumber) {
        double value = 0;
        next = short_way && !field.spelled ? scan_decimal(at, value) : nullptr;
        if (next != nullptr && (*next == delimiter_ || *next == '\n')) {
          numbers[field.slot * stride] = value;
          if (*at == '0' && is_digit(at[1]))
            note_padded(field, {at, static_cast<size_t>(next - at)});
        } else {
          next = parse_rare(at, f);
        }
      } else if (field.mode == ParseMode::kString) {
        next = parse_string(at, f);
      } else {
        next = parse_rare(at, f);
      }
      if (next == nullptr) return nullptr;
      at = next + 1;
      if (f + 1 == count) {
        if (*next != '\n') return wrong_count();
        return at;
      }
      if (*next == '\n') return wrong_count();
    }
  }

  const char* parse_string(const char* at, int32_t f) {
    const FieldPlan& field = plan_.fields[static_cast<size_t>(f)];
    const FieldText read = read_field(at, end_, delimiter_, scratch_);
    if (read.stray) return stray_text(f, at, read.next);
    int32_t id = -1;
    if (!plan_.missing->contains(read.text)) {
      LevelTable& levels = out_.levels_[static_cast<size_t>(field.slot)];
      const int64_t known = levels.size();
      id = levels.intern(read.text);
      if (field.strict && id == known && !parse_boolean_value(read.text)) {
        return misfit(f, read.text, "not a boolean (true/false, yes/no, t/f, y/n, 1/0)");
      }
    }
    out_.codes_[static_cast<size_t>(field.slot * out_.stride_ + out_.row_count_)] = id;
    return read.next;
  }

  // Numbers that the short way leaves, datetimes, and columns that are skipped.
  const char* parse_rare(const char* at, int32_t f) {
    const FieldPlan& field = plan_.fields[static_cast<size_t>(f)];
    const FieldText read = read_field(at, end_, delimiter_, scratch_);
    if (read.stray) return stray_text(f, at, read.next);
    if (field.mode == ParseMode::kSkip) return read.next;
    double value = kMissingNumber;
    if (field.mode == ParseMode::kNumber) {
      value = parse_number_field(f, read.text);
    } else if (const auto seconds = parse_datetime(read.text)) {
      value = *seconds;
    } else if (!plan_.missing->contains(read.text)) {
      note_misfit(f, read.text, "not a date or time (yyyy-mm-dd[ hh:mm:ss])");
    }
    if (out_.error_.line >= 0) return nullptr;
    out_.numbers_[static_cast<size_t>(field.slot * out_.stride_ + out_.row_count_)] = value;
    return read.next;
  }

  double parse_number_field(int32_t f, std::string_view text) {
    const FieldPlan& field = plan_.fields[static_cast<size_t>(f)];
    double value = kMissingNumber;
    const NumberKind kind = parse_number(text, value);
    const bool may_be_missing = kind != NumberKind::kFinite || plan_.missing->has_numbers();
    // "inf" and the like may also be declared missing.
    if (may_be_missing && plan_.missing->contains(text)) return kMissingNumber;
    if (kind == NumberKind::kFinite) {
      note_padded(field, text);
      if (field.spelled) {
        out_.spellings_[static_cast<size_t>(field.slot)].add(value, trimmed(text));
        out_.noted_[static_cast<size_t>(field.slot)] |= ParsedBlock::kGathered;
      }
      return value;
    }
    if (kind == NumberKind::kNotFinite) {
      note_not_finite(f, text);
    } else {
      note_misfit(f, text, "not a number");
    }
    return kMissingNumber;
  }

  void note_misfit(int32_t f, std::string_view text, std::string_view why) {
    const FieldPlan& field = plan_.fields[static_cast<size_t>(f)];
    if (field.strict) {
      misfit(f, text, why);
      return;
    }
    MisfitTally& tally = out_.misfits_[static_cast<size_t>(field.slot)];
    if (tally.add(text)) tally.place(line());
    out_.noted_[static_cast<size_t>(field.slot)] |= ParsedBlock::kGathered;
  }

  void note_not_finite(int32_t f, std::string_view text) {
    const FieldPlan& field = plan_.fields[static_cast<size_t>(f)];
    if (field.finite) {
      misfit(f, text, "beyond the range of numbers (largest 1.797e308)");
      return;
    }
    uint8_t& noted = out_.noted_[static_cast<size_t>(field.slot)];
    if ((noted & ParsedBlock::kInfinite) == 0) {
      out_.not_finite_.push_back({line(), f, shown_text(text)});
    }
    noted |= ParsedBlock::kInfinite;
  }

  void note_padded(const FieldPlan& field, std::string_view text) {
    if (!padded_digits(text)) return;
    out_.noted_[static_cast<size_t>(field.slot)] |= ParsedBlock::kPadded;
  }

  int64_t line() const { return count_newlines(begin_, record_); }

  const char* misfit(int32_t f, std::string_view text, std::string_view why) {
    out_.error_ = {line(), f, fmt::format("'{}' is {}", shown_text(text), why)};
    return nullptr;
  }

  // The field runs from `at` to `next`.
  const char* stray_text(int32_t f, const char* at, const char* next) {
    const std::string_view field(at, static_cast<size_t>(next - at));
    out_.error_ = {line(), f, fmt::format("{}: {}", kStrayText, shown_text(field))};
    return nullptr;
  }

  const char* wrong_count() {
    int64_t found = 0;
    for (const char* at = record_;; ++at) {
      at = read_field(at, end_, delimiter_, scratch_).next;
      ++found;
      if (*at == '\n') break;
    }
    const size_t expected = plan_.fields.size();
    out_.error_ = {line(), -1,
                   fmt::format("{} field{} (must be {}, as in the first line)", found,
                               found == 1 ? "" : "s", expected)};
    return nullptr;
  }

  // Replaces an error of the current record if the bad byte is in it.
  void report_bad_byte(const char* bad) {
    int32_t f = 0;
    for (const char* at = record_;; ++at, ++f) {
      at = read_field(at, end_, delimiter_, scratch_).next;
      if (at > bad) break;
      if (*at == '\n') return;
    }
    const auto byte = static_cast<unsigned char>(*bad);
    out_.error_ = {line(), f,
                   byte == 0 ? std::string("a NUL byte (the file is not text)")
                             : fmt::format("byte {:#04x} is not valid UTF-8", byte)};
  }

  const BlockPlan& plan_;
  const char* const begin_;
  const char* const end_;
  const char delimiter_;
  ParsedBlock& out_;
  const char* record_ = nullptr;
  std::string scratch_;
};

int64_t ParsedBlock::byte_count() const {
  int64_t bytes = number_capacity_ * static_cast<int64_t>(sizeof(double)) +
                  code_capacity_ * static_cast<int64_t>(sizeof(int32_t));
  for (const LevelTable& levels : levels_) bytes += levels.byte_count();
  return bytes;
}

int64_t newlines_before(const TextBlock& block, char delimiter, int64_t row) {
  std::string scratch;
  const char* at = block.begin;
  for (int64_t records = 0; at < block.end;) {
    if (const int skip = empty_line(at); skip > 0) {
      at += skip;
      continue;
    }
    if (records++ == row) break;
    while (*(at = read_field(at, block.end, delimiter, scratch).next) != '\n') ++at;
    ++at;
  }
  return count_newlines(block.begin, at);
}

void parse_block(const BlockPlan& plan, const TextBlock& block, ParsedBlock& out) {
  BlockParser(plan, block, out).run();
}

}  // namespace assay::datasets
