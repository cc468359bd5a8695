#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "datasets/csv_dialect_internal.h"
#include "datasets/csv_field_internal.h"
#include "datasets/misfit_tally_internal.h"
#include "datasets/record_cutter_internal.h"
#include "datasets/utf8_internal.h"

namespace assay::datasets {
namespace {

constexpr std::array<char, 4> kDelimiters = {',', ';', '\t', '|'};
constexpr int64_t kDelimiterRecords = 100;
constexpr int64_t kSampleRecords = 1000;

std::string_view foreign_format(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kMagic[] = {
      {"\xff\xfe", "UTF-16 text (save it as UTF-8)"},
      {"\xfe\xff", "UTF-16 text (save it as UTF-8)"},
      {"PK\x03\x04", "a zip archive or spreadsheet (save it as CSV)"},
      {"PAR1", "Parquet (convert it to CSV)"},
      {"\x28\xb5\x2f\xfd", "compressed with zstd (only gzip is read)"},
      {"BZh", "compressed with bzip2 (only gzip is read)"},
      {"\xfd"
       "7zXZ",
       "compressed with xz (only gzip is read)"},
      {"\x89HDF", "HDF5 (convert it to CSV)"},
  };
  for (const auto& [magic, what] : kMagic) {
    if (text.substr(0, magic.size()) == magic) return what;
  }
  return {};
}

// The part of the text that is whole records under this delimiter; the last gets its LF.
std::string whole_records(const CsvHead& head, char delimiter) {
  RecordCutter cutter(delimiter);
  const auto size = static_cast<int64_t>(head.text.size());
  if (!head.whole) {
    return std::string(
        head.text.substr(0, static_cast<size_t>(cutter.scan(head.text.data(), 0, size))));
  }
  std::string text(head.text);
  if (text.empty() || text.back() != '\n') text += '\n';
  cutter.scan(text.data(), 0, static_cast<int64_t>(text.size()));
  // An unclosed quote: close it, so that what comes before can be looked at.
  if (cutter.in_quotes()) text += "\"\n";
  return text;
}

struct DelimiterScore {
  double agreement = 0;  // share of records with as many fields as the first
  size_t fields = 1;     // of the first record
};

DelimiterScore score_delimiter(const CsvHead& head, char delimiter) {
  const std::vector<Record> records =
      split_records(whole_records(head, delimiter), delimiter, kDelimiterRecords);
  if (records.empty() || records[0].size() < 2) return {};
  const size_t fields = records[0].size();
  const auto same = std::count_if(records.begin(), records.end(),
                                  [fields](const Record& r) { return r.size() == fields; });
  return {static_cast<double>(same) / static_cast<double>(records.size()), fields};
}

char detect_delimiter(const CsvHead& head) {
  char best = ',';
  DelimiterScore best_score;
  for (const char delimiter : kDelimiters) {
    const DelimiterScore score = score_delimiter(head, delimiter);
    if (score.fields < 2) continue;
    if (score.agreement > best_score.agreement ||
        (score.agreement == best_score.agreement && score.fields > best_score.fields)) {
      best = delimiter;
      best_score = score;
    }
  }
  return best;
}

bool is_typed(std::string_view field) {
  double value = 0;
  return parse_number(field, value) != NumberKind::kNone || parse_datetime(field).has_value();
}

bool counts_up(const Record& record) {
  if (record.size() < 4) return false;
  for (size_t i = 0; i < record.size(); ++i) {
    if (record[i] != std::to_string(i)) return false;
  }
  return true;
}

// Whether the values of the column below the first record are numbers or datetimes, but for a few
// slips.
bool typed_below(const std::vector<Record>& records, size_t column, const MissingTokens& missing) {
  MisfitTally misfits;
  int64_t values = 0;
  for (size_t r = 1; r < records.size(); ++r) {
    if (column >= records[r].size() || missing.contains(records[r][column])) continue;
    ++values;
    if (!is_typed(records[r][column])) misfits.add(records[r][column]);
  }
  return values > 0 && misfits_are_few({values, misfits.count(), misfits.distinct_count()});
}

bool occurs_below(const std::vector<Record>& records, size_t column) {
  return std::any_of(records.begin() + 1, records.end(), [&](const Record& r) {
    return column < r.size() && r[column] == records[0][column];
  });
}

// The rule that csv_reader.h states.
bool detect_header(const std::vector<Record>& records, const MissingTokens& missing) {
  const Record& first = records[0];
  if (counts_up(first)) return true;
  for (size_t c = 0; c < first.size(); ++c) {
    if (missing.contains(first[c]) || is_typed(first[c])) continue;
    if (typed_below(records, c, missing)) return true;
  }
  if (std::any_of(first.begin(), first.end(), is_typed)) return false;
  std::unordered_set<std::string_view> seen;
  size_t repeated = 0;
  for (size_t c = 0; c < first.size(); ++c) {
    if (!first[c].empty() && !seen.insert(first[c]).second) return false;
    repeated += occurs_below(records, c);
  }
  return repeated * 2 <= first.size();
}

int64_t expected_in(const Record& first, const std::vector<std::string>& expected) {
  return std::count_if(expected.begin(), expected.end(), [&](const std::string& name) {
    return std::any_of(first.begin(), first.end(),
                       [&](const std::string& field) { return trimmed(field) == name; });
  });
}

// Without a header columns have made names: one that is asked for by another cannot be there.
Status check_expected(const Record& first, const CsvOptions& options, const std::string& file) {
  for (const std::string& name : options.expected_names) {
    bool made = false;
    for (size_t c = 0; c < first.size() && !made; ++c) {
      made = name == fmt::format("column_{}", c + 1);
    }
    if (made) continue;
    std::string shown;
    for (size_t c = 0; c < first.size() && c < 5; ++c) {
      shown += (c == 0 ? "" : ", ") + shown_text(first[c]);
    }
    return fail(
        StatusCode::kData,
        "{}: no column '{}': the first line ({}{}) was read as data, not as names, so that "
        "columns are called column_1, column_2, ... (if it holds names, set header to true)",
        file, name, shown, first.size() > 5 ? ", ..." : "");
  }
  return {};
}

Status check_names(const std::vector<std::string>& names, const std::string& file) {
  std::unordered_map<std::string_view, size_t> seen;
  for (size_t c = 0; c < names.size(); ++c) {
    if (const auto [at, fresh] = seen.emplace(names[c], c); !fresh) {
      return fail(StatusCode::kData,
                  "{}: line 1: columns {} and {} are both named '{}' (names must differ)", file,
                  at->second + 1, c + 1, names[c]);
    }
  }
  return {};
}

// Text after a closing quote in the first record; in others the parser finds it.
Status check_quotes(std::string_view text, char delimiter, const std::string& file) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end && empty_line(at) > 0) at += empty_line(at);
  std::string scratch;
  for (int column = 1; at < end; ++at, ++column) {
    const FieldText field = read_field(at, end, delimiter, scratch);
    if (field.stray) {
      return fail(StatusCode::kData, "{}: line 1: the name of column {}: {}: {}", file, column,
                  kStrayText,
                  shown_text(std::string_view(at, static_cast<size_t>(field.next - at))));
    }
    at = field.next;
    if (*at == '\n') break;
  }
  return {};
}

Status check_delimiter(char delimiter) {
  const bool letter = (delimiter >= 'a' && delimiter <= 'z') ||
                      (delimiter >= 'A' && delimiter <= 'Z') ||
                      (delimiter >= '0' && delimiter <= '9');
  if (letter || static_cast<signed char>(delimiter) <= 0 ||
      std::string_view("\"\r\n.+-").find(delimiter) != std::string_view::npos) {
    return fail(StatusCode::kInvalidArgument,
                "delimiter {:#04x} (must be one ASCII character that is no letter, digit, quote, "
                "line end, point or sign)",
                static_cast<unsigned char>(delimiter));
  }
  return {};
}

std::string_view strip_mark(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.substr(0, 3) == kByteOrderMark) text.remove_prefix(3);
  return text;
}

Status check_head(const CsvHead& head, std::string_view text, const std::string& name) {
  if (const std::string_view what = foreign_format(text); !what.empty()) {
    return fail(StatusCode::kData, "{}: not a CSV file: it is {}", name, what);
  }
  if (head.whole && text.find_first_not_of("\r\n") == std::string_view::npos) {
    return fail(StatusCode::kData, "{}: the file is empty", name);
  }
  const bool carriage_returns = text.find('\r') != std::string_view::npos;
  if (carriage_returns && text.find('\n') == std::string_view::npos) {
    return fail(StatusCode::kData, "{}: lines end in CR alone (must be LF or CR LF)", name);
  }
  return {};
}

Status name_columns(CsvDialect& dialect, const Record& first, const std::string& name) {
  if (static_cast<int64_t>(first.size()) > kMaxColumns) {
    return fail(StatusCode::kData, "{}: line 1: {} columns (must be at most {})", name,
                first.size(), kMaxColumns);
  }
  for (size_t c = 0; c < first.size(); ++c) {
    const std::string_view given = dialect.has_header ? trimmed(first[c]) : std::string_view();
    dialect.names.push_back(given.empty() ? fmt::format("column_{}", c + 1) : std::string(given));
    const std::string& made = dialect.names.back();
    if (find_bad_byte(made.data(), made.data() + made.size()) != made.data() + made.size()) {
      return fail(StatusCode::kData,
                  "{}: line 1: the name of column {} is not valid UTF-8 or holds a NUL byte", name,
                  c + 1);
    }
  }
  return check_names(dialect.names, name);
}

}  // namespace

std::vector<Record> split_records(std::string_view text, char delimiter, int64_t limit,
                                  int64_t* used) {
  std::vector<Record> records;
  const char* at = text.data();
  const char* const end = at + text.size();
  std::string scratch;
  while (at < end && static_cast<int64_t>(records.size()) < limit) {
    if (const int skip = empty_line(at); skip > 0) {
      at += skip;
      continue;
    }
    Record& record = records.emplace_back();
    for (;; ++at) {
      const FieldText field = read_field(at, end, delimiter, scratch);
      record.emplace_back(field.text);
      at = field.next;
      if (*at == '\n') break;
    }
    ++at;
  }
  if (used != nullptr) *used = at - text.data();
  return records;
}

Result<CsvDialect> detect_dialect(const CsvHead& head, const CsvOptions& options,
                                  const MissingTokens& missing, const std::string& name) {
  if (options.delimiter) ASSAY_RETURN_IF_ERROR(check_delimiter(*options.delimiter));
  const std::string_view text = strip_mark(head.text);
  ASSAY_RETURN_IF_ERROR(check_head(head, text, name));
  const CsvHead body = {text, head.whole};
  CsvDialect dialect;
  dialect.delimiter = options.delimiter ? *options.delimiter : detect_delimiter(body);
  const std::string whole = whole_records(body, dialect.delimiter);
  std::vector<Record> records = split_records(whole, dialect.delimiter, kSampleRecords);
  if (records.empty()) {
    if (static_cast<int64_t>(text.size()) < kMaxHeaderBytes) {
      return fail(StatusCode::kResourceExhausted, "{}: the first line needs more bytes", name);
    }
    return fail(StatusCode::kData,
                "{}: line 1: the first record is longer than {} MiB (is a closing quote missing?)",
                name, kMaxHeaderBytes >> 20);
  }
  const int64_t expected = expected_in(records[0], options.expected_names);
  const bool named =
      expected > 0 && 2 * expected >= static_cast<int64_t>(options.expected_names.size());
  dialect.has_header =
      options.has_header ? *options.has_header : named || detect_header(records, missing);
  if (!dialect.has_header && !options.has_header) {
    ASSAY_RETURN_IF_ERROR(check_expected(records[0], options, name));
  }
  ASSAY_RETURN_IF_ERROR(name_columns(dialect, records[0], name));
  int64_t used = 0;
  if (dialect.has_header) {
    split_records(whole, dialect.delimiter, 1, &used);
    if (used >= static_cast<int64_t>(text.size()) + 2) {
      return fail(StatusCode::kData, "{}: line 1: a quoted field is not closed", name);
    }
    ASSAY_RETURN_IF_ERROR(check_quotes(whole, dialect.delimiter, name));
    dialect.data_line = 1 + count_newlines(whole.data(), whole.data() + used);
    used = std::min(used, static_cast<int64_t>(text.size()));
    records.erase(records.begin());
  }
  dialect.data_offset = used + static_cast<int64_t>(head.text.size() - text.size());
  dialect.sample = std::move(records);
  return dialect;
}

}  // namespace assay::datasets
