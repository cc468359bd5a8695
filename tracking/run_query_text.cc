// A query as text that reads back as the same query.
#include <array>
#include <cmath>

#include "tracking/run_query_lexer_internal.h"
#include "tracking/run_query_parser.h"
#include "tracking/time_text_internal.h"

namespace assay::tracking {
namespace {

std::string literal_text(const Value& value, const std::optional<RunField>& beside) {
  const AttributeInfo* info =
      beside && beside->group == FieldGroup::kRun ? find_attribute(beside->key) : nullptr;
  if (const auto* whole = std::get_if<int64_t>(&value.data())) {
    if (info != nullptr && info->type == AttributeType::kTime) {
      return fmt::format("'{}'", time_text(*whole));
    }
  }
  if (const auto* real = std::get_if<double>(&value.data())) {
    if (std::isnan(*real)) return "nan";
    const std::string digits = fmt::format("{}", *real);
    const bool whole = digits.find_first_not_of("-0123456789") == std::string::npos;
    return whole ? digits + ".0" : digits;
  }
  if (const auto* text = std::get_if<std::string>(&value.data())) {
    std::string quoted = "'";
    for (const char c : *text) {
      if (c == '\'') quoted += '\'';
      quoted += c;
    }
    return quoted + "'";
  }
  return value.text();
}

std::string operand_text(const QueryNode& node, size_t i) {
  const QueryOperand& operand = node.operands[i];
  if (operand.field) return field_text(*operand.field);
  const std::optional<RunField>& beside =
      node.operands[0].field ? node.operands[0].field : node.operands[1].field;
  return literal_text(operand.literal, beside);
}

std::string predicate_text(const QueryNode& node, bool negated) {
  const std::string left = operand_text(node, 0) + (negated ? " not " : " ");
  switch (node.op) {
    case QueryOp::kIsNull:
      return fmt::format("{} is {}null", operand_text(node, 0), negated ? "not " : "");
    case QueryOp::kLike:
      return left + "like " + operand_text(node, 1);
    case QueryOp::kILike:
      return left + "ilike " + operand_text(node, 1);
    case QueryOp::kBetween:
      return fmt::format("{}between {} and {}", left, operand_text(node, 1), operand_text(node, 2));
    case QueryOp::kIn: {
      std::vector<std::string> items;
      for (size_t i = 1; i < node.operands.size(); ++i) items.push_back(operand_text(node, i));
      return fmt::format("{}in ({})", left, fmt::join(items, ", "));
    }
    default: {
      const auto at = static_cast<size_t>(node.op) - static_cast<size_t>(QueryOp::kEqual);
      return fmt::format("{}{} {} {}", negated ? "not " : "", operand_text(node, 0),
                         kComparisons[at], operand_text(node, 1));
    }
  }
}

bool is_chain(const QueryNode& node) { return node.op == QueryOp::kAnd || node.op == QueryOp::kOr; }

// Parentheses only where the grammar needs them: what was read is never deeper when written.
std::string node_text(const RunQuery& query, int at) {
  const QueryNode& node = query.nodes[static_cast<size_t>(at)];
  if (node.op == QueryOp::kNot) {
    const QueryNode& child = query.nodes[static_cast<size_t>(node.children[0])];
    if (child.op == QueryOp::kNot) return "not " + node_text(query, node.children[0]);
    return is_chain(child) ? "not (" + node_text(query, node.children[0]) + ")"
                           : predicate_text(child, true);
  }
  if (!is_chain(node)) return predicate_text(node, false);
  std::vector<std::string> parts;
  for (const int child : node.children) {
    std::string part = node_text(query, child);
    const bool looser =
        node.op == QueryOp::kAnd && query.nodes[static_cast<size_t>(child)].op == QueryOp::kOr;
    parts.push_back(looser ? "(" + part + ")" : std::move(part));
  }
  return fmt::format("{}", fmt::join(parts, node.op == QueryOp::kAnd ? " and " : " or "));
}

}  // namespace

std::string query_text(const RunQuery& query) {
  std::string text = query.root < 0 ? "" : node_text(query, query.root);
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
  for (size_t i = 0; i < query.order.size(); ++i) {
    const std::string key =
        field_text(query.order[i].field) + (query.order[i].descending ? " desc" : " asc");
    if (i == 0) {
      add("order by " + key);
    } else {
      text += ", " + key;
    }
  }
  if (query.limit) add(fmt::format("limit {}", *query.limit));
  if (query.offset > 0) add(fmt::format("offset {}", query.offset));
  return text;
}

}  // namespace assay::tracking
