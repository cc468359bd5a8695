// Recursive descent, one function a rule of the grammar in the header. What a literal means
// depends on the attribute it is compared with (times, durations, fixed sets of names), so
// literals are resolved when a predicate is complete.
#include "tracking/run_query_parser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/base/names.h"
#include "tracking/run_query_lexer_internal.h"
#include "tracking/run_summary.h"
#include "tracking/time_text_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr std::array<std::string_view, 6> kComparisons = {"=", "!=", "<", "<=", ">", ">="};
constexpr std::array<std::string_view, 5> kKinds = {"sweep", "trial", "job", "pipeline", "step"};
constexpr std::array<std::string_view, 6> kStatuses = {"running",   "completed",   "failed",
                                                       "cancelled", "interrupted", "pruned"};
constexpr std::array<std::string_view, 21> kKeywords = {
    "where", "and", "or",   "not",   "in",     "is",   "null",  "like", "ilike", "between", "order",
    "by",    "asc", "desc", "limit", "offset", "true", "false", "now",  "inf",   "nan"};

struct FunctionName {
  std::string_view name;
  FieldGroup group;
};
constexpr std::array<FunctionName, 4> kFunctions = {{{"last", FieldGroup::kMetricLast},
                                                     {"min", FieldGroup::kMetricLeast},
                                                     {"max", FieldGroup::kMetricGreatest},
                                                     {"count", FieldGroup::kMetricCount}}};

bool is_keyword(std::string_view word) {
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
}

// A literal before it is known what it is compared with.
struct Literal {
  Token token;
  Value value;
};

struct Operand {
  std::optional<RunField> field;
  Literal literal;
};

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens, int64_t now_ns)
      : text_(text), tokens_(std::move(tokens)), now_ns_(now_ns) {}

  Result<RunQuery> query() {
    if (accept("where") && ends_condition()) return expected("a condition after 'where'");
    if (!ends_condition()) {
      ASSAY_ASSIGN_OR_RETURN(query_.root, disjunction(0));
    }
    if (accept("order")) ASSAY_RETURN_IF_ERROR(order());
    if (accept("limit")) {
      ASSAY_ASSIGN_OR_RETURN(query_.limit, count("limit"));
    }
    if (accept("offset")) {
      ASSAY_ASSIGN_OR_RETURN(query_.offset, count("offset"));
    }
    if (now().kind != TokenKind::kEnd) return unexpected_rest();
    return std::move(query_);
  }

  Result<std::vector<RunField>> fields() {
    std::vector<RunField> fields;
    do {
      ASSAY_ASSIGN_OR_RETURN(RunField named, field());
      fields.push_back(std::move(named));
    } while (accept_symbol(","));
    if (now().kind != TokenKind::kEnd) return expected("',' or the end");
    return fields;
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }

  bool is_word(std::string_view word) const {
    return now().kind == TokenKind::kWord && lower_case(now().text) == word;
  }
  bool accept(std::string_view word) {
    if (!is_word(word)) return false;
    take();
    return true;
  }
  bool accept_symbol(std::string_view symbol) {
    if (now().kind != TokenKind::kSymbol || now().text != symbol) return false;
    take();
    return true;
  }
  // What cannot follow what was read.
  tl::unexpected<Error> unexpected_rest() const {
    const bool counted = query_.limit || query_.offset > 0;
    if (counted && ends_condition()) {
      return error(now().at, fmt::format("'{}' comes too late: the order is [condition] order by "
                                         "... limit N offset N",
                                         lower_case(now().text)));
    }
    if (counted) return expected(query_.offset > 0 ? "the end" : "'offset' or the end");
    return expected(query_.root < 0 ? "a condition"
                                    : "'and', 'or', 'order by', 'limit', 'offset' or the end");
  }
  bool ends_condition() const {
    return now().kind == TokenKind::kEnd || is_word("order") || is_word("limit") ||
           is_word("offset");
  }

  tl::unexpected<Error> error(size_t at, std::string_view why) const {
    return query_error(text_, at, why);
  }
  tl::unexpected<Error> expected(std::string_view what) const {
    if (now().kind == TokenKind::kEnd) {
      return error(now().at, fmt::format("expected {}, but the query ends", what));
    }
    const std::string found = cut_utf8(clean_utf8(text_.substr(now().at, now().length)), 40);
    return error(now().at, fmt::format("expected {}, not {}", what, found));
  }

  int add(QueryNode node) {
    query_.nodes.push_back(std::move(node));
    return static_cast<int>(query_.nodes.size()) - 1;
  }

  Result<int> disjunction(int depth) {
    return chain(depth, "or", QueryOp::kOr, &Parser::conjunction);
  }
  Result<int> conjunction(int depth) {
    return chain(depth, "and", QueryOp::kAnd, &Parser::negation);
  }

  Result<int> chain(int depth, std::string_view word, QueryOp op,
                    Result<int> (Parser::*part)(int)) {
    ASSAY_ASSIGN_OR_RETURN(const int first, (this->*part)(depth));
    if (!is_word(word)) return first;
    QueryNode node{op, {first}, {}};
    while (accept(word)) {
      ASSAY_ASSIGN_OR_RETURN(const int other, (this->*part)(depth));
      node.children.push_back(other);
    }
    return add(std::move(node));
  }

  Result<int> negation(int depth) {
    if (depth > kQueryDepthLimit) {
      return error(now().at,
                   fmt::format("more than {} levels of 'not' and parentheses", kQueryDepthLimit));
    }
    if (accept("not")) {
      ASSAY_ASSIGN_OR_RETURN(const int child, negation(depth + 1));
      return add({QueryOp::kNot, {child}, {}});
    }
    const size_t opened = now().at;
    if (accept_symbol("(")) {
      ASSAY_ASSIGN_OR_RETURN(const int inside, disjunction(depth + 1));
      if (accept_symbol(")")) return inside;
      if (now().kind == TokenKind::kEnd) return error(opened, "this parenthesis is not closed");
      return expected("'and', 'or' or ')'");
    }
    return predicate();
  }

  Result<int> predicate() {
    const size_t begin = now().at;
    ASSAY_ASSIGN_OR_RETURN(const Operand left, operand());
    const bool negated = accept("not");
    if (left.field) {
      if (accept("in")) return negate(negated, membership(*left.field));
      if (accept("between")) return negate(negated, range(*left.field));
      if (is_word("like") || is_word("ilike")) return negate(negated, pattern(*left.field));
      if (!negated && accept("is")) return null_test(*left.field);
    }
    if (negated) return expected("'in', 'between', 'like' or 'ilike' after 'not'");
    const auto it = now().kind == TokenKind::kSymbol
                        ? std::find(kComparisons.begin(), kComparisons.end(), now().text)
                        : kComparisons.end();
    if (it == kComparisons.end()) {
      return expected(left.field ? "a comparison (=, !=, <, <=, >, >=, in, between, like, is)"
                                 : "a comparison (=, !=, <, <=, >, >=)");
    }
    take();
    ASSAY_ASSIGN_OR_RETURN(const Operand right, operand());
    if (!left.field && !right.field) return error(begin, "two literals are compared: name a field");
    const auto op = static_cast<QueryOp>(static_cast<int>(QueryOp::kEqual) +
                                         static_cast<int>(it - kComparisons.begin()));
    QueryNode node{op, {}, {}};
    ASSAY_RETURN_IF_ERROR(resolve(left, right.field, node));
    ASSAY_RETURN_IF_ERROR(resolve(right, left.field, node));
    return add(std::move(node));
  }

  Result<int> negate(bool negated, Result<int> node) {
    if (!node || !negated) return node;
    return add({QueryOp::kNot, {*node}, {}});
  }

  Result<int> membership(const RunField& field) {
    if (!accept_symbol("(")) return expected("'(' after 'in'");
    QueryNode node{QueryOp::kIn, {}, {{field, {}}}};
    do {
      ASSAY_ASSIGN_OR_RETURN(const Literal item, literal());
      ASSAY_RETURN_IF_ERROR(resolve({std::nullopt, item}, field, node));
    } while (accept_symbol(","));
    if (!accept_symbol(")")) return expected("',' or ')'");
    return add(std::move(node));
  }

  Result<int> range(const RunField& field) {
    QueryNode node{QueryOp::kBetween, {}, {{field, {}}}};
    ASSAY_ASSIGN_OR_RETURN(const Literal low, literal());
    if (!accept("and")) return expected("'and' between the two ends");
    ASSAY_ASSIGN_OR_RETURN(const Literal high, literal());
    ASSAY_RETURN_IF_ERROR(resolve({std::nullopt, low}, field, node));
    ASSAY_RETURN_IF_ERROR(resolve({std::nullopt, high}, field, node));
    return add(std::move(node));
  }

  Result<int> pattern(const RunField& field) {
    const QueryOp op = is_word("like") ? QueryOp::kLike : QueryOp::kILike;
    take();
    if (now().kind != TokenKind::kText) return expected("a pattern in single quotes, like 'gb%'");
    const Value text(std::string_view(now().text));
    take();
    return add({op, {}, {{field, {}}, {std::nullopt, text}}});
  }

  Result<int> null_test(const RunField& field) {
    const bool negated = accept("not");
    if (!accept("null")) return expected("'null' or 'not null' after 'is'");
    return negate(negated, add({QueryOp::kIsNull, {}, {{field, {}}}}));
  }

  Result<Operand> operand() {
    const Token& token = now();
    const std::string word = lower_case(token.text);
    if (token.kind == TokenKind::kWord && !is_literal_word(word)) {
      if (is_keyword(word)) return expected("a field or a value");
      ASSAY_ASSIGN_OR_RETURN(RunField named, field());
      return Operand{std::move(named), {}};
    }
    if (token.kind == TokenKind::kSymbol || token.kind == TokenKind::kEnd) {
      return expected("a field or a value");
    }
    ASSAY_ASSIGN_OR_RETURN(Literal value, literal());
    return Operand{std::nullopt, std::move(value)};
  }

  static bool is_literal_word(std::string_view word) {
    return word == "true" || word == "false" || word == "now" || word == "inf" || word == "nan" ||
           word == "null";
  }

  Result<Literal> literal() {
    Literal literal{now(), {}};
    const std::string word = lower_case(now().text);
    switch (now().kind) {
      case TokenKind::kText:
        literal.value = Value(std::string_view(now().text));
        break;
      case TokenKind::kNumber:
        literal.value = now().whole ? Value(now().integer) : Value(now().number);
        break;
      case TokenKind::kDuration:
        literal.value = Value(now().number);
        break;
      case TokenKind::kQuoted:
        return expected("a value (texts stand in single quotes: 'gbdt')");
      case TokenKind::kWord:
        if (word == "null")
          return error(now().at, "nothing equals null: write `is null` or `is not null`");
        if (!is_literal_word(word)) {
          return expected("a value (texts stand in single quotes: 'gbdt')");
        }
        literal.value = word == "inf"   ? Value(std::numeric_limits<double>::infinity())
                        : word == "nan" ? Value(std::numeric_limits<double>::quiet_NaN())
                                        : Value(word == "true");
        break;
      default:
        return expected("a value");
    }
    take();
    return literal;
  }

  Result<RunField> field() {
    const Token token = now();
    if (token.kind != TokenKind::kWord) return expected("a field");
    const std::string word = lower_case(token.text);
    for (const FunctionName& function : kFunctions) {
      const Token& after = tokens_[at_ + 1];
      const bool call = after.kind == TokenKind::kSymbol && after.text == "(";
      if (word != function.name || !call) continue;
      take();
      take();
      const size_t inside = now().at;
      ASSAY_ASSIGN_OR_RETURN(RunField metric, field());
      if (metric.group != FieldGroup::kMetricLast) {
        return error(inside, fmt::format("{}() takes a metric: {}(metrics.KEY)", word, word));
      }
      if (!accept_symbol(")")) return expected("')'");
      metric.group = function.group;
      return metric;
    }
    const size_t dot = token.text.find('.');
    if (dot == std::string::npos) return attribute(token, word);
    FieldGroup group = FieldGroup::kRun;
    if (word.rfind("params.", 0) == 0) group = FieldGroup::kParam;
    if (word.rfind("tags.", 0) == 0) group = FieldGroup::kTag;
    if (word.rfind("metrics.", 0) == 0) group = FieldGroup::kMetricLast;
    if (group == FieldGroup::kRun) {
      constexpr std::array<std::string_view, 3> kGroups = {"params", "tags", "metrics"};
      const std::string name = clean_utf8(token.text.substr(0, dot));
      return error(token.at, fmt::format("unknown group '{}'{}", name, name_hint(name, kGroups)));
    }
    take();
    RunField named{group, token.text.substr(dot + 1)};
    const bool adjoins = now().kind == TokenKind::kQuoted && now().at == token.at + token.length;
    if (adjoins && named.key.empty()) named.key = take().text;
    if (named.key.empty()) return error(token.at + token.length, "expected a key after the point");
    return named;
  }

  Result<RunField> attribute(const Token& token, const std::string& word) {
    std::vector<std::string_view> names;
    for (const AttributeInfo& info : run_attributes()) names.push_back(info.name);
    if (find_attribute(word) != nullptr) {
      take();
      return RunField{FieldGroup::kRun, word};
    }
    const std::string shown = cut_utf8(clean_utf8(token.text), 60);
    const std::string_view near = nearest_name(word, names);
    const std::string hint =
        near.empty()
            ? fmt::format(" (attributes are {}; others are params.KEY, tags.KEY and metrics.KEY)",
                          fmt::join(names, ", "))
            : fmt::format(" (did you mean '{}'? others are params.KEY, tags.KEY, metrics.KEY)",
                          near);
    return error(token.at, fmt::format("unknown attribute '{}'{}", shown, hint));
  }

  // Adds an operand; a literal becomes what the field beside it compares with.
  Status resolve(const Operand& operand, const std::optional<RunField>& beside, QueryNode& node) {
    if (operand.field) {
      node.operands.push_back({operand.field, {}});
      return {};
    }
    ASSAY_ASSIGN_OR_RETURN(Value value, literal_for(operand.literal, beside));
    node.operands.push_back({std::nullopt, std::move(value)});
    return {};
  }

  Result<Value> literal_for(const Literal& literal, const std::optional<RunField>& beside) {
    const bool attribute_beside = beside && beside->group == FieldGroup::kRun;
    const AttributeInfo* info = attribute_beside ? find_attribute(beside->key) : nullptr;
    const AttributeType type = info != nullptr ? info->type : AttributeType::kText;
    const Token& token = literal.token;
    const std::string* text = std::get_if<std::string>(&literal.value.data());
    const bool moment = token.kind == TokenKind::kWord && lower_case(token.text) == "now";
    if (type == AttributeType::kTime) return time_for(literal, moment);
    if (moment) return error(token.at, "`now` is compared with start_time or end_time only");
    if (type == AttributeType::kDuration) {
      double seconds = 0;
      if (text != nullptr && parse_duration(*text, seconds)) return Value(seconds);
      const bool number = token.kind == TokenKind::kNumber || token.kind == TokenKind::kDuration ||
                          lower_case(token.text) == "inf" || lower_case(token.text) == "nan";
      if (number && text == nullptr) return literal.value;
      return error(token.at,
                   fmt::format("{} is seconds (90) or a duration ('5m', 2h)", beside->key));
    }
    if (token.kind == TokenKind::kDuration) {
      return error(token.at, "a duration is compared with duration, start_time or end_time only");
    }
    if (info != nullptr && info->name == "status") return one_of(literal, text, kStatuses);
    if (info != nullptr && info->name == "kind") return one_of(literal, text, kKinds);
    const bool textual = type == AttributeType::kText || type == AttributeType::kCaseless;
    if (info != nullptr && textual && text == nullptr) {
      return error(token.at,
                   fmt::format("{} is compared with a text in single quotes", info->name));
    }
    if (type == AttributeType::kCaseless) return Value(lower_case(*text));
    if (text != nullptr) return Value(cut_utf8(clean_utf8(*text), kComparedTextBytes));
    return literal.value;
  }

  template <size_t N>
  Result<Value> one_of(const Literal& literal, const std::string* text,
                       const std::array<std::string_view, N>& names) {
    const std::string word = text != nullptr ? lower_case(*text) : literal.token.text;
    if (text != nullptr && std::find(names.begin(), names.end(), word) != names.end()) {
      return Value(word);
    }
    const std::string shown = cut_utf8(clean_utf8(word), 60);
    return error(literal.token.at, fmt::format("'{}' is none of {}{}", shown,
                                               fmt::join(names, ", "), near_hint(shown, names)));
  }

  template <size_t N>
  static std::string near_hint(const std::string& word,
                               const std::array<std::string_view, N>& names) {
    const std::string_view near = nearest_name(word, names);
    return near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near);
  }

  Result<Value> time_for(const Literal& literal, bool moment) {
    if (moment) return Value(now_ns_);
    const Token& token = literal.token;
    double seconds = 0;
    const bool age = token.kind == TokenKind::kDuration ||
                     (token.kind == TokenKind::kText && parse_duration(token.text, seconds));
    if (age) {
      if (token.kind == TokenKind::kDuration) seconds = token.number;
      const double ns = static_cast<double>(now_ns_) - seconds * 1e9;
      constexpr double kMost = 9.2e18;
      return Value(static_cast<int64_t>(std::clamp(ns, -kMost, kMost)));
    }
    int64_t time_ns = 0;
    if (token.kind == TokenKind::kText && parse_time(token.text, time_ns)) return Value(time_ns);
    return error(token.at,
                 "times are '2024-01-31', '2024-01-31 12:00' or '2024-01-31T12:00:00Z' (UTC), now, "
                 "or an age like '2h'");
  }

  Status order() {
    if (!accept("by")) return expected("'by' after 'order'");
    do {
      if (now().kind != TokenKind::kWord || is_keyword(lower_case(now().text))) {
        return expected("a field");
      }
      ASSAY_ASSIGN_OR_RETURN(RunField key, field());
      const bool descending = accept("desc");
      if (!descending) accept("asc");
      query_.order.push_back({std::move(key), descending});
    } while (accept_symbol(","));
    return {};
  }

  Result<int64_t> count(std::string_view what) {
    if (now().kind != TokenKind::kNumber || !now().whole || now().integer < 0) {
      return expected(fmt::format("a whole number that is not negative after '{}'", what));
    }
    return take().integer;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  int64_t now_ns_;
  size_t at_ = 0;
  RunQuery query_;
};

// Writing a query

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

Result<RunQuery> parse_run_query(std::string_view text, int64_t now_ns) {
  if (text.size() > kQueryLimitBytes) {
    return fail(StatusCode::kInvalidArgument, "the query has {} bytes (must be at most {})",
                text.size(), kQueryLimitBytes);
  }
  ASSAY_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokens_of(text));
  return Parser(text, std::move(tokens), now_ns).query();
}

Result<std::vector<RunField>> parse_run_fields(std::string_view text) {
  if (text.size() > kQueryLimitBytes) {
    return fail(StatusCode::kInvalidArgument, "the fields have {} bytes (must be at most {})",
                text.size(), kQueryLimitBytes);
  }
  ASSAY_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokens_of(text));
  return Parser(text, std::move(tokens), 0).fields();
}

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

std::vector<RunField> query_fields(const RunQuery& query) {
  std::vector<RunField> fields;
  const auto add = [&](const RunField& field) {
    if (std::find(fields.begin(), fields.end(), field) == fields.end()) fields.push_back(field);
  };
  for (const QueryNode& node : query.nodes) {
    for (const QueryOperand& operand : node.operands) {
      if (operand.field) add(*operand.field);
    }
  }
  for (const QueryOrder& key : query.order) add(key.field);
  return fields;
}

}  // namespace assay::tracking
