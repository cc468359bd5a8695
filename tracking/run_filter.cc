// A node is evaluated for all rows before its parent; a text is compared once for each entry of its
// column's dictionary, not once a row.
#include "tracking/run_filter_internal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "kernels/base/names.h"

namespace assay::tracking {
namespace {

using Truths = std::vector<Truth>;

enum class Order { kLess, kEqual, kGreater, kNotANumber, kOtherType };

template <class T>
Order order_of(const T& a, const T& b) {
  return a < b ? Order::kLess : b < a ? Order::kGreater : Order::kEqual;
}

Order turned(Order order) {
  if (order == Order::kLess) return Order::kGreater;
  return order == Order::kGreater ? Order::kLess : order;
}

// Exact: a whole number of 64 bits need not fit an f64.
Order order_mixed(int64_t whole, double real) {
  if (std::isnan(real)) return Order::kNotANumber;
  constexpr double kTop = 9223372036854775808.0;  // 2^63
  if (real >= kTop) return Order::kLess;
  if (real < -kTop) return Order::kGreater;
  const auto truncated = static_cast<int64_t>(real);
  if (whole != truncated) return order_of(whole, truncated);
  return order_of(0.0, real - static_cast<double>(truncated));
}

Order order_numbers(const Cell& a, const Cell& b) {
  if (a.kind == CellKind::kInteger && b.kind == CellKind::kInteger) {
    return order_of(a.integer(), b.integer());
  }
  if (a.kind == CellKind::kInteger) return order_mixed(a.integer(), b.number());
  if (b.kind == CellKind::kInteger) return turned(order_mixed(b.integer(), a.number()));
  if (std::isnan(a.number()) || std::isnan(b.number())) return Order::kNotANumber;
  return order_of(a.number(), b.number());
}

bool is_number(const Cell& cell) {
  return cell.kind == CellKind::kNumber || cell.kind == CellKind::kInteger;
}

// A text that is a decimal number as that number.
std::optional<Cell> number_in(std::string_view text) {
  const size_t sign = !text.empty() && text.front() == '-' ? 1 : 0;
  const auto digit = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  if (!digit(sign) && !(text.substr(sign, 1) == "." && digit(sign + 1))) return std::nullopt;
  const char* end = text.data() + text.size();
  int64_t whole = 0;
  const auto as_whole = std::from_chars(text.data(), end, whole);
  if (as_whole.ec == std::errc() && as_whole.ptr == end) return cell_of(Value(whole));
  double real = 0;
  const auto as_real = std::from_chars(text.data(), end, real);
  if (as_real.ec != std::errc() || as_real.ptr != end) return std::nullopt;
  return cell_of(Value(real));
}

std::optional<Cell> flag_in(std::string_view text) {
  if (text == "true") return cell_of(Value(true));
  return text == "false" ? std::optional(cell_of(Value(false))) : std::nullopt;
}

Order order_cells(const Cell& a, const Cell& b) {
  if (is_number(a) && is_number(b)) return order_numbers(a, b);
  if (a.kind == b.kind) {
    return a.kind == CellKind::kText ? order_of(a.text, b.text) : order_of(a.bits, b.bits);
  }
  if (b.kind == CellKind::kText) {
    const auto read = is_number(a) ? number_in(b.text) : flag_in(b.text);
    return read ? order_cells(a, *read) : Order::kOtherType;
  }
  return a.kind == CellKind::kText ? turned(order_cells(b, a)) : Order::kOtherType;
}

Truth truth(bool holds) { return holds ? Truth::kTrue : Truth::kFalse; }

Truth verdict(QueryOp op, Order order) {
  if (op == QueryOp::kEqual) return truth(order == Order::kEqual);
  if (op == QueryOp::kUnequal) return truth(order != Order::kEqual);
  if (order == Order::kOtherType) return Truth::kUnknown;
  const bool less = order == Order::kLess;
  const bool equal = order == Order::kEqual;
  const bool greater = order == Order::kGreater;
  switch (op) {
    case QueryOp::kLess:
      return truth(less);
    case QueryOp::kLessEqual:
      return truth(less || equal);
    case QueryOp::kGreater:
      return truth(greater);
    default:
      return truth(greater || equal);
  }
}

QueryOp turned(QueryOp op) {
  switch (op) {
    case QueryOp::kLess:
      return QueryOp::kGreater;
    case QueryOp::kLessEqual:
      return QueryOp::kGreaterEqual;
    case QueryOp::kGreater:
      return QueryOp::kLess;
    case QueryOp::kGreaterEqual:
      return QueryOp::kLessEqual;
    default:
      return op;
  }
}

bool caseless(const RunField& field) {
  if (field.group != FieldGroup::kRun) return false;
  const AttributeInfo* info = find_attribute(field.key);
  return info != nullptr && info->type == AttributeType::kCaseless;
}

size_t character_bytes(std::string_view text) {
  size_t bytes = 1;
  while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) ++bytes;
  return bytes;
}

class Evaluator {
 public:
  Evaluator(RunTable& table, const RunQuery& query) : table_(table), query_(query) {}

  Result<Truths> node(int at) {
    const QueryNode& node = query_.nodes[static_cast<size_t>(at)];
    if (node.op == QueryOp::kNot) {
      ASSAY_ASSIGN_OR_RETURN(Truths truths, this->node(node.children[0]));
      for (Truth& t : truths) t = static_cast<Truth>(2 - static_cast<int>(t));
      return truths;
    }
    if (node.op != QueryOp::kAnd && node.op != QueryOp::kOr) return predicate(node);
    ASSAY_ASSIGN_OR_RETURN(Truths truths, this->node(node.children[0]));
    for (size_t i = 1; i < node.children.size(); ++i) {
      ASSAY_ASSIGN_OR_RETURN(const Truths other, this->node(node.children[i]));
      combine(truths, other, node.op == QueryOp::kAnd);
    }
    return truths;
  }

 private:
  static void combine(Truths& truths, const Truths& other, bool both) {
    for (size_t row = 0; row < truths.size(); ++row) {
      truths[row] = both ? std::min(truths[row], other[row]) : std::max(truths[row], other[row]);
    }
  }

  Result<Truths> predicate(const QueryNode& node) {
    const QueryOperand& left = node.operands[0];
    if (!left.field) return literal_first(node);
    const RunField& field = *left.field;
    switch (node.op) {
      case QueryOp::kIsNull:
        return each(
            field, [](const Cell&) { return Truth::kFalse; }, Truth::kTrue);
      case QueryOp::kLike:
      case QueryOp::kILike:
        return pattern(field, node);
      case QueryOp::kIn:
        return each(field, [&](const Cell& cell) {
          Truth found = Truth::kFalse;
          for (size_t i = 1; i < node.operands.size() && found != Truth::kTrue; ++i) {
            found = compare_cells(QueryOp::kEqual, cell, cell_of(node.operands[i].literal));
          }
          return found;
        });
      case QueryOp::kBetween: {
        const Cell low = cell_of(node.operands[1].literal);
        const Cell high = cell_of(node.operands[2].literal);
        return each(field, [&](const Cell& cell) {
          return std::min(compare_cells(QueryOp::kGreaterEqual, cell, low),
                          compare_cells(QueryOp::kLessEqual, cell, high));
        });
      }
      default:
        break;
    }
    const QueryOperand& right = node.operands[1];
    if (right.field) return two_fields(node.op, field, *right.field);
    const Cell literal = cell_of(right.literal);
    return each(field, [&](const Cell& cell) { return compare_cells(node.op, cell, literal); });
  }

  Result<Truths> literal_first(const QueryNode& node) {
    const Cell literal = cell_of(node.operands[0].literal);
    const QueryOp op = turned(node.op);
    return each(*node.operands[1].field,
                [&](const Cell& cell) { return compare_cells(op, cell, literal); });
  }

  Result<Truths> pattern(const RunField& field, const QueryNode& node) {
    const bool lower = node.op == QueryOp::kILike || caseless(field);
    const std::string given = node.operands[1].literal.text();
    const std::string pattern = lower ? lower_case(given) : given;
    return each(field, [&](const Cell& cell) {
      if (cell.kind != CellKind::kText) return Truth::kUnknown;
      return truth(fits_pattern(lower ? lower_case(cell.text) : cell.text, pattern));
    });
  }

  // `test` of every value that is there; `missing` elsewhere. Texts are in lower case for fields
  // that compare so.
  template <class Test>
  Result<Truths> each(const RunField& field, Test test, Truth missing = Truth::kUnknown) {
    ASSAY_ASSIGN_OR_RETURN(const RunColumn* column, table_.column(field));
    const bool lower = caseless(field);
    const TextPool& texts = column->texts();
    std::vector<Truth> of_text(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::string lowered = lower ? lower_case(texts.at(i)) : std::string();
      of_text[i] = test(Cell{CellKind::kText, 0, lower ? std::string_view(lowered) : texts.at(i)});
    }
    Truths truths(column->size());
    for (size_t row = 0; row < truths.size(); ++row) {
      const CellKind kind = column->kind(row);
      truths[row] = kind == CellKind::kNone   ? missing
                    : kind == CellKind::kText ? of_text[column->code(row)]
                                              : test(Cell{kind, column->bits(row), {}});
    }
    return truths;
  }

  Result<Truths> two_fields(QueryOp op, const RunField& left, const RunField& right) {
    // Loading the second may not move the first: a map keeps its elements in place.
    ASSAY_ASSIGN_OR_RETURN(const RunColumn* a, table_.column(left));
    ASSAY_ASSIGN_OR_RETURN(const RunColumn* b, table_.column(right));
    const bool lower = caseless(left) || caseless(right);
    Truths truths(a->size());
    for (size_t row = 0; row < truths.size(); ++row) {
      Cell x = a->cell(row);
      Cell y = b->cell(row);
      const std::string low_x = lower ? lower_case(x.text) : std::string();
      const std::string low_y = lower ? lower_case(y.text) : std::string();
      if (lower) {
        x.text = low_x;
        y.text = low_y;
      }
      truths[row] = compare_cells(op, x, y);
    }
    return truths;
  }

  RunTable& table_;
  const RunQuery& query_;
};

// Compares rows by one column; -1, 0 or 1.
class OrderKey {
 public:
  OrderKey(const RunColumn& column, bool descending) : column_(column), descending_(descending) {
    column.ranks();
  }

  int compare(uint32_t a, uint32_t b) const {
    const int group_a = group(a);
    const int group_b = group(b);
    // Missing values come last, whichever way the others go.
    if (group_a >= kNan || group_b >= kNan) return (group_a > group_b) - (group_a < group_b);
    const int order = group_a != group_b ? (group_a < group_b ? -1 : 1) : within(group_a, a, b);
    return descending_ ? -order : order;
  }

 private:
  static constexpr int kReal = 0;
  static constexpr int kWords = 1;
  static constexpr int kFlags = 2;
  static constexpr int kNan = 3;
  static constexpr int kMissing = 4;

  int group(uint32_t row) const {
    switch (column_.kind(row)) {
      case CellKind::kNumber:
        return std::isnan(Cell{CellKind::kNumber, column_.bits(row), {}}.number()) ? kNan : kReal;
      case CellKind::kInteger:
        return kReal;
      case CellKind::kText:
        return kWords;
      case CellKind::kFlag:
        return kFlags;
      case CellKind::kNone:
        break;
    }
    return kMissing;
  }

  int within(int group, uint32_t a, uint32_t b) const {
    Order order = Order::kEqual;
    if (group == kReal) {
      order = order_numbers({column_.kind(a), column_.bits(a), {}},
                            {column_.kind(b), column_.bits(b), {}});
    } else if (group == kWords) {
      order = order_of(column_.ranks()[column_.code(a)], column_.ranks()[column_.code(b)]);
    } else if (group == kFlags) {
      order = order_of(column_.bits(a), column_.bits(b));
    }
    return order == Order::kLess ? -1 : order == Order::kGreater ? 1 : 0;
  }

  const RunColumn& column_;
  bool descending_;
};

}  // namespace

Truth compare_cells(QueryOp op, const Cell& left, const Cell& right) {
  if (left.kind == CellKind::kNone || right.kind == CellKind::kNone) return Truth::kUnknown;
  return verdict(op, order_cells(left, right));
}

bool fits_pattern(std::string_view text, std::string_view pattern) {
  // Greedy with one place to come back to: the last %.
  size_t t = 0;
  size_t p = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = p++;
      resume = t;
      continue;
    }
    const size_t escape = p + 1 < pattern.size() && pattern[p] == '\\' ? 1 : 0;
    if (p < pattern.size() && escape == 0 && pattern[p] == '_') {
      t += character_bytes(text.substr(t));
      ++p;
    } else if (p < pattern.size() && pattern[p + escape] == text[t]) {
      ++t;
      p += escape + 1;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      resume += character_bytes(text.substr(resume));
      t = resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('%', p) == std::string_view::npos;
}

Result<std::vector<uint32_t>> filter_rows(RunTable& table, const RunQuery& query) {
  std::vector<uint32_t> rows;
  Truths truths(table.rows(), Truth::kTrue);
  if (query.root >= 0) {
    ASSAY_ASSIGN_OR_RETURN(truths, Evaluator(table, query).node(query.root));
  }
  for (size_t row = 0; row < truths.size(); ++row) {
    if (truths[row] == Truth::kTrue && table.alive(row)) rows.push_back(static_cast<uint32_t>(row));
  }
  return rows;
}

Status order_rows(RunTable& table, const RunQuery& query, std::vector<uint32_t>& rows) {
  std::vector<OrderKey> keys;
  for (const QueryOrder& order : query.order) {
    ASSAY_ASSIGN_OR_RETURN(const RunColumn* column, table.column(order.field));
    keys.emplace_back(*column, order.descending);
  }
  ASSAY_ASSIGN_OR_RETURN(const RunColumn* created, table.column({FieldGroup::kRun, "start_time"}));
  const OrderKey newest(*created, true);
  const auto before = [&](uint32_t a, uint32_t b) {
    for (const OrderKey& key : keys) {
      if (const int order = key.compare(a, b); order != 0) return order < 0;
    }
    if (const int order = newest.compare(a, b); order != 0) return order < 0;
    return table.id(a) > table.id(b);
  };
  size_t needed = rows.size();
  if (query.limit) {
    const auto offset = static_cast<size_t>(query.offset);
    const auto limit = static_cast<size_t>(*query.limit);
    if (offset < needed && limit < needed - offset) needed = offset + limit;
  }
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(needed), rows.end(),
                    before);
  return {};
}

}  // namespace assay::tracking
