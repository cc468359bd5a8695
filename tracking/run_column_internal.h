// The values of one field for many runs, a row each. Owns its memory. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tracking/run_record.h"

namespace assay::tracking {

enum class CellKind : uint8_t { kNone, kNumber, kInteger, kFlag, kText };

// One value, for a moment: the text belongs to the column.
struct Cell {
  CellKind kind = CellKind::kNone;
  uint64_t bits = 0;  // of the f64 or i64, or 0 and 1
  std::string_view text{};
  double number() const;
  int64_t integer() const;
};
Cell cell_of(const Value& value);

// Texts one after the other, numbered from 0.
class TextPool {
 public:
  size_t size() const { return ends_.size(); }
  std::string_view at(size_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  void add(std::string_view text) {
    bytes_ += text;
    ends_.push_back(bytes_.size());
  }
  // Takes over bytes and the end of each text; false unless ends rise up to the size of `bytes`.
  bool assign(std::string bytes, std::vector<uint64_t> ends);
  const std::string& bytes() const { return bytes_; }
  const std::vector<uint64_t>& ends() const { return ends_; }

 private:
  std::string bytes_;
  std::vector<uint64_t> ends_;
};

class RunColumn {
 public:
  RunColumn() = default;
  explicit RunColumn(size_t rows) : kinds_(rows), bits_(rows) {}

  size_t size() const { return kinds_.size(); }
  CellKind kind(size_t row) const { return kinds_[row]; }
  uint64_t bits(size_t row) const { return bits_[row]; }
  // A text's number in texts().
  size_t code(size_t row) const { return bits_[row]; }
  Cell cell(size_t row) const;
  std::optional<Value> value(size_t row) const;
  const TextPool& texts() const { return texts_; }
  TextPool& texts() { return texts_; }

  void set(size_t row, CellKind kind, uint64_t bits) {
    kinds_[row] = kind;
    bits_[row] = bits;
  }
  void set(size_t row, const std::optional<Value>& value);
  // Appends a row.
  void add(const std::optional<Value>& value);
  void add(const Value& value);
  // Appends rows without a value until there are `rows`.
  void pad(size_t rows) {
    kinds_.resize(std::max(rows, kinds_.size()));
    bits_.resize(kinds_.size());
  }
  // Forgets rows from `rows` on.
  void truncate(size_t rows) {
    kinds_.resize(std::min(rows, kinds_.size()));
    bits_.resize(kinds_.size());
  }

  // For each text its place among all texts in byte order; equal texts have equal ones.
  const std::vector<uint32_t>& ranks() const;

 private:
  uint64_t code_of(std::string_view text);
  void set_cell(size_t row, const Cell& cell);

  std::vector<CellKind> kinds_;
  std::vector<uint64_t> bits_;
  TextPool texts_;
  std::unordered_map<std::string, uint64_t> added_;  // texts that set() and add() brought
  mutable std::vector<uint32_t> ranks_;
};

}  // namespace assay::tracking
