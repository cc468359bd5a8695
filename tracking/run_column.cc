#include <algorithm>
#include <bit>
#include <numeric>

#include "tracking/run_column_internal.h"

namespace assay::tracking {

double Cell::number() const { return std::bit_cast<double>(bits); }
int64_t Cell::integer() const { return std::bit_cast<int64_t>(bits); }

Cell cell_of(const Value& value) {
  if (const auto* real = std::get_if<double>(&value.data())) {
    return {CellKind::kNumber, std::bit_cast<uint64_t>(*real), {}};
  }
  if (const auto* whole = std::get_if<int64_t>(&value.data())) {
    return {CellKind::kInteger, std::bit_cast<uint64_t>(*whole), {}};
  }
  if (const auto* flag = std::get_if<bool>(&value.data())) {
    return {CellKind::kFlag, *flag ? 1U : 0U, {}};
  }
  return {CellKind::kText, 0, std::get<std::string>(value.data())};
}

bool TextPool::assign(std::string bytes, std::vector<uint64_t> ends) {
  uint64_t last = 0;
  for (const uint64_t end : ends) {
    if (end < last || end > bytes.size()) return false;
    last = end;
  }
  if (last != bytes.size()) return false;
  bytes_ = std::move(bytes);
  ends_ = std::move(ends);
  return true;
}

Cell RunColumn::cell(size_t row) const {
  Cell cell{kinds_[row], bits_[row], {}};
  if (cell.kind == CellKind::kText) cell.text = texts_.at(code(row));
  return cell;
}

std::optional<Value> RunColumn::value(size_t row) const {
  const Cell cell = this->cell(row);
  switch (cell.kind) {
    case CellKind::kNone:
      return std::nullopt;
    case CellKind::kNumber:
      return Value(cell.number());
    case CellKind::kInteger:
      return Value(cell.integer());
    case CellKind::kFlag:
      return Value(cell.bits != 0);
    case CellKind::kText:
      return Value(cell.text);
  }
  return std::nullopt;
}

uint64_t RunColumn::code_of(std::string_view text) {
  const auto [it, fresh] = added_.try_emplace(std::string(text), texts_.size());
  if (fresh) {
    texts_.add(text);
    ranks_.clear();
  }
  return it->second;
}

void RunColumn::set(size_t row, const std::optional<Value>& value) {
  if (!value) {
    set(row, CellKind::kNone, 0);
    return;
  }
  set_cell(row, cell_of(*value));
}

void RunColumn::set_cell(size_t row, const Cell& cell) {
  set(row, cell.kind, cell.kind == CellKind::kText ? code_of(cell.text) : cell.bits);
}

void RunColumn::add(const Value& value) {
  pad(size() + 1);
  set_cell(size() - 1, cell_of(value));
}

void RunColumn::add(const std::optional<Value>& value) {
  kinds_.push_back(CellKind::kNone);
  bits_.push_back(0);
  set(size() - 1, value);
}

const std::vector<uint32_t>& RunColumn::ranks() const {
  if (ranks_.size() == texts_.size()) return ranks_;
  std::vector<uint32_t> order(texts_.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto before = [&](uint32_t a, uint32_t b) { return texts_.at(a) < texts_.at(b); };
  // Catalog files keep their texts in order.
  if (!std::is_sorted(order.begin(), order.end(), before)) {
    std::sort(order.begin(), order.end(), before);
  }
  ranks_.assign(texts_.size(), 0);
  uint32_t rank = 0;
  for (size_t i = 1; i < order.size(); ++i) {
    if (texts_.at(order[i]) != texts_.at(order[i - 1])) ++rank;
    ranks_[order[i]] = rank;
  }
  return ranks_;
}

}  // namespace assay::tracking
