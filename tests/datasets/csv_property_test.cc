// The reader against a second, simple reader written as a state machine over characters (the rules
// of Python's csv module), on generated files; and against itself for all block sizes and threads.
#include <cmath>

#include "datasets/column_types.h"
#include "datasets/csv_reader.h"
#include "kernels/base/rng.h"
#include "tests/datasets/table_reading.h"

namespace assay::datasets {

std::string difference(const Table& a, const Table& b) {
  if (a.column_count() != b.column_count()) return "column counts";
  if (a.content_hash() != b.content_hash()) return "hashes";
  for (size_t c = 0; c < a.columns().size(); ++c) {
    const Column& x = a.columns()[c];
    const Column& y = b.columns()[c];
    if (x.name != y.name || x.type != y.type) return "type of " + x.name;
    if (x.levels != y.levels || x.codes != y.codes) return "levels of " + x.name;
    if (x.missing_count != y.missing_count || x.all_integers != y.all_integers) {
      return "counts of " + x.name;
    }
    if (x.misfits.count != y.misfits.count || x.misfits.line != y.misfits.line ||
        x.misfits.text != y.misfits.text) {
      return "misfits of " + x.name;
    }
    if (x.spellings != y.spellings) return "spellings of " + x.name;
    if (x.numbers.size() != y.numbers.size()) return "rows of " + x.name;
    if (!(x.numbers == y.numbers)) return "numbers of " + x.name;
    if (!(x.numbers.form() == y.numbers.form())) return "form of " + x.name;
  }
  return "";
}

namespace {

constexpr int64_t kBlockSizes[] = {1, 2, 3, 7, 64, 1024, 65536};
constexpr int kThreadCounts[] = {1, 2, 7};

std::vector<std::vector<std::string>> reference_records(const std::string& text) {
  enum { kFieldStart, kPlain, kQuoted, kQuoteInQuoted } state = kFieldStart;
  std::vector<std::vector<std::string>> records;
  std::vector<std::string> record;
  std::string field;
  bool any = false;  // the record has begun
  const auto end_field = [&] {
    record.push_back(field);
    field.clear();
    state = kFieldStart;
  };
  const auto end_record = [&] {
    if (any) {
      end_field();
      records.push_back(record);
    }
    record.clear();
    any = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool line_end = c == '\n' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n');
    if (state == kQuoted) {
      if (c == '"') {
        state = kQuoteInQuoted;
      } else {
        field += c;
      }
      continue;
    }
    if (line_end) {
      end_record();
      i += c == '\r';
      continue;
    }
    any = true;
    if (state == kQuoteInQuoted && c == '"') {
      field += '"';
      state = kQuoted;
    } else if (state == kQuoteInQuoted && (c == ' ' || c == '\t')) {
      continue;  // left out, where Python's csv appends it
    } else if (c == ',') {
      end_field();
    } else if (c == '"' && state == kFieldStart) {
      state = kQuoted;
    } else {
      field += c;
      state = kPlain;
    }
  }
  end_record();
  return records;
}

std::string random_cell(Rng& rng) {
  static constexpr std::string_view kPieces[] = {"a",  "b", "",  ",",  "\n",  "\r\n", " ",
                                                 "\"", "7", "é", "; ", "xyz", "\"\"", "日本"};
  std::string cell;
  for (uint64_t n = rng.below(5); n > 0; --n) cell += kPieces[rng.below(std::size(kPieces))];
  return cell;
}

std::string quoted(const std::string& cell, Rng& rng) {
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  // Sometimes blanks after the closing quote, as sloppy programs write them.
  return out + (rng.below(20) == 0 ? "\" \t" : "\"");
}

std::string random_file(Rng& rng, size_t columns) {
  std::string text;
  const uint64_t rows = 1 + rng.below(30);
  for (uint64_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) {
      const std::string cell = random_cell(rng);
      const bool must = cell.find_first_of(",\n\r") != std::string::npos ||
                        (!cell.empty() && cell[0] == '"') || (columns == 1 && cell.empty());
      text += (c ? "," : "") + (must || rng.below(3) == 0 ? quoted(cell, rng) : cell);
    }
    if (r + 1 < rows || rng.below(2) == 0) text += rng.below(2) == 0 ? "\n" : "\r\n";
    if (rng.below(10) == 0 && (text.back() == '\n')) text += rng.below(2) == 0 ? "\n" : "\r\n";
  }
  return text;
}

// Everything as strings, only the empty field missing.
CsvOptions plain_options(size_t columns) {
  CsvOptions options;
  options.delimiter = ',';
  options.has_header = false;
  options.missing_tokens = std::vector<std::string>{};
  for (size_t c = 0; c < columns; ++c) {
    options.column_types.emplace_back("column_" + std::to_string(c + 1), ColumnType::kCategorical);
  }
  return options;
}

void expect_records(const Table& table, const std::vector<std::vector<std::string>>& records,
                    const std::string& text) {
  ASSERT_EQ(table.row_count(), static_cast<int64_t>(records.size())) << text;
  for (size_t r = 0; r < records.size(); ++r) {
    ASSERT_EQ(records[r].size(), table.columns().size()) << text;
    for (size_t c = 0; c < records[r].size(); ++c) {
      const std::string& wanted = records[r][c];
      ASSERT_EQ(cell(table.columns()[c], static_cast<int64_t>(r)),
                trimmed(wanted).empty() ? "<missing>" : wanted)
          << "row " << r << " column " << c << " of\n"
          << text;
    }
  }
}

TEST(CsvProperty, ReferenceReaderReadsAsPythonDoes) {
  // Python: list(csv.reader(io.StringIO(text, newline=''))), empty rows left out.
  const auto records =
      reference_records("a,\"b,\"\"c\"\"\nd\"\r\n\n\"x\"y\"z,5\" w\n,\"\"\nlast,\"q\"");
  const std::vector<std::vector<std::string>> expected = {
      {"a", "b,\"c\"\nd"}, {"xy\"z", "5\" w"}, {"", ""}, {"last", "q"}};
  EXPECT_EQ(records, expected);
}

TEST(CsvProperty, ReadsNastyFilesAsTheReference) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Rng rng(seed);
    const size_t columns = 1 + rng.below(4);
    const std::string text = random_file(rng, columns);
    const auto records = reference_records(text);
    if (records.empty()) continue;
    CsvOptions options = plain_options(columns);
    options.block_bytes = kBlockSizes[seed % std::size(kBlockSizes)];
    const TableResult table = read_text(text, options);
    ASSERT_TRUE(table) << "seed " << seed << ": " << table.error().message << "\n" << text;
    expect_records(**table, records, text);
    if (HasFatalFailure()) FAIL() << "seed " << seed;
  }
}

TEST(CsvProperty, FindsTextAfterAClosingQuoteWhereverItIs) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    const size_t columns = 1 + rng.below(4);
    std::string text;
    int64_t line = 0;
    for (uint64_t r = 0; r < 1 + rng.below(20); ++r) {
      for (size_t c = 0; c < columns; ++c) text += (c ? ",\"a\n,b\"" : "7");
      text += "\n";
    }
    for (const char c : text) line += c == '\n';
    const size_t bad = rng.below(columns);
    for (size_t c = 0; c < columns; ++c) {
      text += std::string(c ? "," : "") + (c == bad ? "\"x \"\"y\"z\"" : "5");
    }
    text += "\n1\n";
    CsvOptions options = plain_options(columns);
    options.block_bytes = kBlockSizes[seed % std::size(kBlockSizes)];
    if (rng.below(2) == 0) options.column_types.clear();
    EXPECT_EQ(error_of(text, options),
              fmt::format("data: data.csv:{}: column 'column_{}': text after a closing quote (a "
                          "quote inside a quoted field is written twice): \"x \"\"y\"z\"",
                          line + 1, bad + 1));
  }
}

// Columns of every type, some of which turn late.
std::string typed_file(Rng& rng, int rows) {
  std::string text = "n,mixed,flag,when,cat,text,sparse,typo\n";
  const int turn = static_cast<int>(rng.below(static_cast<uint64_t>(rows - 60)));
  for (int r = 0; r < rows; ++r) {
    text += std::to_string(rng.below(1000)) + "." + std::to_string(rng.below(100)) + ",";
    text += (r >= turn && r < turn + 60 ? "word" : std::to_string(r % 9)) + ",";
    text += std::string(rng.below(2) ? "Yes" : "no") + ",";
    text += "2020-01-" + std::to_string(10 + rng.below(20)) + (rng.below(2) ? "T10:30Z," : ",");
    text += "\"level\n" + std::to_string(rng.below(7)) + "\",";
    text += "\"text \"\"" + std::to_string(r) + "\"\", " + std::to_string(rng.below(9)) + "\",";
    text += (rng.below(200) == 0 ? std::to_string(r) : "?") + ",";
    text += (r == turn ? "so\"so" : std::to_string(r % 5) + ".0") + (r % 2 ? "\r\n" : "\n");
  }
  return text;
}

TEST(CsvProperty, SameTableForAllBlockSizesAndThreads) {
  for (uint64_t seed = 0; seed < 3; ++seed) {
    Rng rng(seed);
    const std::string text = typed_file(rng, 1500);
    CsvOptions all_at_once;
    all_at_once.spelled_columns = {"typo", "n"};
    const auto expected = must_read(text, all_at_once);
    ASSERT_NE(expected, nullptr);
    ASSERT_EQ(expected->columns()[1].type, ColumnType::kCategorical);
    ASSERT_EQ(expected->columns()[3].type, ColumnType::kDatetime);
    ASSERT_EQ(expected->columns()[5].type, ColumnType::kText);
    ASSERT_EQ(expected->columns()[7].type, ColumnType::kNumeric);
    ASSERT_EQ(expected->columns()[7].misfits.count, 1);
    ASSERT_EQ(expected->columns()[7].spellings.at(3), "3.0");
    for (const int64_t block_bytes : kBlockSizes) {
      for (const int threads : kThreadCounts) {
        if (block_bytes < 7 && (threads == 2 || seed > 0)) continue;
        CsvOptions options = all_at_once;
        options.block_bytes = block_bytes;
        ThreadExecutor executor(threads);
        const StopToken stop;
        const auto table =
            read_csv_source(ByteSource::from_memory(text, "data.csv"), options, executor, stop);
        ASSERT_TRUE(table) << table.error().message;
        ASSERT_EQ(difference(*expected, **table), "")
            << "seed " << seed << ", blocks of " << block_bytes << ", threads " << threads;
      }
    }
  }
}

TEST(CsvProperty, SameErrorForAllBlockSizesAndThreads) {
  Rng rng(1);
  const std::string good = typed_file(rng, 400);
  for (const char* bad : {"1,2\n", "1,2,3,4,5,6,\xff,8\n", "1,2,\"3\"4,5,6,7,8,9\n", "1,2,\"3\n"}) {
    const std::string text = good + bad + "1,x,no,2020-01-01,a,b,c,d\n";
    const std::string expected = error_of(text);
    for (const int64_t block_bytes : kBlockSizes) {
      CsvOptions options;
      options.block_bytes = block_bytes;
      EXPECT_EQ(error_of(text, options), expected) << block_bytes;
    }
  }
}

}  // namespace
}  // namespace assay::datasets
