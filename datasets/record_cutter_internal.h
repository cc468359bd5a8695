// Finds where records end. Whether a quote opens a quoted field depends on the character before it,
// and whether a newline ends a record depends on all quotes before it; so this scan runs over the
// text in order, ahead of the parallel parsers. It moves from quote to quote with memchr and costs
// little beside hashing the same bytes.
#pragma once

#include <cstdint>

namespace assay::datasets {

class RecordCutter {
 public:
  explicit RecordCutter(char delimiter) : delimiter_(delimiter) {}

  // Scans text[from, to) and returns the position after the last newline in it that ends a record,
  // or `from` if there is none. text[0] begins a record, and text[0, from) was scanned before.
  int64_t scan(const char* text, int64_t from, int64_t to);
  // Whether what was scanned ends within a quoted field.
  bool in_quotes() const { return state_ == State::kQuoted; }
  void restart() { state_ = State::kPlain; }

 private:
  enum class State {
    kPlain,
    kQuoted,
    kQuoteInQuoted,  // the last byte was a quote within quotes: the next one tells what it is
  };
  char delimiter_;
  State state_ = State::kPlain;
};

}  // namespace assay::datasets
