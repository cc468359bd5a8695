// Recursive descent, one function a rule of the grammar in the header. What a literal means
// depends on the attribute it is compared with (times, durations, fixed sets of names), so
// literals are resolved when a predicate is complete.
#include "tracking/run_query_parser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/base/names.h"
#include "tracking/query_literal_internal.h"
#include "tracking/run_query_error_internal.h"
#include "tracking/run_query_lexer_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr std::array<std::string_view, 21> kKeywords = {
    "where", "and", "or",   "not",   "in",     "is",   "null",  "like", "ilike", "between", "order",
    "by",    "asc", "desc", "limit", "offset", "true", "false", "now",  "inf",   "nan"};

// What may follow, for those who mistype it.
using Words = std::span<const std::string_view>;
constexpr std::array<std::string_view, 7> kAfterField = {"not",   "in", "between", "like",
                                                         "ilike", "is", "="};
constexpr std::array<std::string_view, 4> kAfterNot = {"in", "between", "like", "ilike"};
constexpr std::array<std::string_view, 5> kAfterCondition = {"and", "or", "order", "limit",
                                                             "offset"};
constexpr std::array<std::string_view, 4> kAfterKey = {"desc", "asc", "limit", "offset"};
constexpr std::array<std::string_view, 2> kAfterIs = {"not", "null"};
// What a condition, or all that is left of a query, may begin with beside a field.
constexpr std::array<std::string_view, 5> kBegins = {"not", "order", "limit", "offset", "where"};
constexpr std::array<std::string_view, 3> kGroups = {"params", "tags", "metrics"};

struct FunctionName {
  std::string_view name;
  FieldGroup group;
};
constexpr std::array<FunctionName, 4> kFunctions = {{{"last", FieldGroup::kMetricLast},
                                                     {"min", FieldGroup::kMetricLeast},
                                                     {"max", FieldGroup::kMetricGreatest},
                                                     {"count", FieldGroup::kMetricCount}}};

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  for (const FunctionName& function : kFunctions) names.push_back(function.name);
  return names;
}

std::vector<std::string_view> attribute_names() {
  std::vector<std::string_view> names;
  for (const AttributeInfo& info : run_attributes()) names.push_back(info.name);
  return names;
}

template <class T>
bool contains(const T& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_keyword(std::string_view word) { return contains(kKeywords, word); }

struct Operand {
  std::optional<RunField> field;
  Literal literal;
};

class Parser {
 public:
  Parser(const QuerySource& source, std::vector<Token> tokens, int64_t now_ns)
      : source_(source), tokens_(std::move(tokens)), now_ns_(now_ns) {}

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
    constexpr std::array<std::string_view, 1> kOffset = {"offset"};
    if (counted && query_.offset > 0) return expected("the end");
    if (counted) return expected("'offset' or the end", kOffset);
    if (!query_.order.empty()) {
      return expected("'asc', 'desc', ',', 'limit', 'offset' or the end", kAfterKey);
    }
    if (is_word("where")) return error(now().at, "'where' stands at the beginning only");
    return expected("'and', 'or', 'order by', 'limit', 'offset' or the end", kAfterCondition);
  }
  bool ends_condition() const {
    return now().kind == TokenKind::kEnd || is_word("order") || is_word("limit") ||
           is_word("offset");
  }

  tl::unexpected<Error> error(size_t at, std::string_view why) const {
    return query_error(source_, at, why);
  }
  // `words`: which of what is expected may have been mistyped.
  tl::unexpected<Error> expected(std::string_view what, Words words = {}) const {
    if (now().kind == TokenKind::kEnd) {
      return error(now().at, fmt::format("expected {}, but the {}", what,
                                         source_.what == "query" ? "query ends" : "list ends"));
    }
    const std::string found = cut_utf8(clean_utf8(source_.text.substr(now().at, now().length)), 40);
    const std::string hint =
        now().kind == TokenKind::kWord ? meant_hint(now().text, words) : std::string();
    return error(now().at, fmt::format("expected {}, not {}{}", what, found, hint));
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
      constexpr std::array<std::string_view, 2> kJoins = {"and", "or"};
      return expected("'and', 'or' or ')'", kJoins);
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
    if (negated) return expected("'in', 'between', 'like' or 'ilike' after 'not'", kAfterNot);
    const auto it = now().kind == TokenKind::kSymbol
                        ? std::find(kComparisons.begin(), kComparisons.end(), now().text)
                        : kComparisons.end();
    if (it == kComparisons.end()) {
      if (left.field) {
        return expected("a comparison (=, !=, <, <=, >, >=, in, between, like, is)", kAfterField);
      }
      return expected("a comparison (=, !=, <, <=, >, >=)");
    }
    take();
    ASSAY_ASSIGN_OR_RETURN(const Operand right, right_operand(left.field));
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
    constexpr std::array<std::string_view, 1> kAnd = {"and"};
    if (!accept("and")) return expected("'and' between the two ends", kAnd);
    ASSAY_ASSIGN_OR_RETURN(const Literal high, literal());
    ASSAY_RETURN_IF_ERROR(resolve({std::nullopt, low}, field, node));
    ASSAY_RETURN_IF_ERROR(resolve({std::nullopt, high}, field, node));
    return add(std::move(node));
  }

  Result<int> pattern(const RunField& field) {
    const QueryOp op = is_word("like") ? QueryOp::kLike : QueryOp::kILike;
    if (const AttributeInfo* info = attribute_of(field); info != nullptr && !is_textual(*info)) {
      return error(now().at, fmt::format("'{}' compares texts, and {} is {}",
                                         lower_case(now().text), info->name, kind_of(*info)));
    }
    take();
    if (now().kind != TokenKind::kText) return expected("a pattern in single quotes, like 'gb%'");
    const Value text(std::string_view(now().text));
    take();
    return add({op, {}, {{field, {}}, {std::nullopt, text}}});
  }

  Result<int> null_test(const RunField& field) {
    const bool negated = accept("not");
    if (!accept("null")) {
      return negated ? expected("'null' after 'is not'", Words(kAfterIs).subspan(1))
                     : expected("'null' or 'not null' after 'is'", kAfterIs);
    }
    return negate(negated, add({QueryOp::kIsNull, {}, {{field, {}}}}));
  }

  Result<Operand> operand() {
    const Token& token = now();
    const std::string word = lower_case(token.text);
    if (token.kind == TokenKind::kWord && !is_literal_word(word)) {
      if (is_keyword(word) || !has_letter(word)) return expected("a field or a value");
      ASSAY_ASSIGN_OR_RETURN(RunField named, field());
      return Operand{std::move(named), {}};
    }
    if (token.kind == TokenKind::kSymbol || token.kind == TokenKind::kEnd) {
      return expected("a field or a value");
    }
    ASSAY_ASSIGN_OR_RETURN(Literal value, literal());
    return Operand{std::nullopt, std::move(value)};
  }

  // A word on the right that is no field is likely a text, or a time.
  Result<Operand> right_operand(const std::optional<RunField>& left) {
    const Token token = now();
    const std::string word = lower_case(token.text);
    const bool name = token.kind == TokenKind::kWord && !is_literal_word(word) &&
                      !is_keyword(word) && has_letter(word) &&
                      word.find('.') == std::string::npos && !find_attribute(word) && !calls();
    const AttributeInfo* beside = attribute_of(left);
    const bool of_time = beside != nullptr && beside->type == AttributeType::kTime;
    if (!name) {
      ASSAY_ASSIGN_OR_RETURN(Operand right, operand());
      const bool less = now().kind == TokenKind::kWord && now().text.front() == '-';
      if (of_time && word == "now" && less) {
        return error(now().at, "what is so long ago is written '2h', without now");
      }
      return right;
    }
    if (of_time)
      return error(token.at, fmt::format("'{}' is no time: {}", shown(token), kTimesAre));
    const std::string_view near = nearest_name(word, attribute_names());
    return error(
        token.at,
        fmt::format("unknown attribute '{0}' ({1}a text stands in single quotes: '{0}')",
                    shown(token), near.empty() ? "" : fmt::format("did you mean '{}'? ", near)));
  }

  static bool has_letter(std::string_view word) {
    return word.find_first_not_of("_.-/:0123456789") != std::string_view::npos;
  }
  static bool is_textual(const AttributeInfo& info) {
    return info.type == AttributeType::kText || info.type == AttributeType::kCaseless;
  }
  static std::string_view kind_of(const AttributeInfo& info) {
    if (info.type == AttributeType::kTime) return "a time";
    return info.type == AttributeType::kDuration ? "a duration" : "a number";
  }
  static std::string shown(const Token& token) { return cut_utf8(clean_utf8(token.text), 60); }
  // Whether what comes next is a word and a parenthesis.
  bool calls() const {
    if (now().kind != TokenKind::kWord) return false;
    const Token& after = tokens_[at_ + 1];
    return after.kind == TokenKind::kSymbol && after.text == "(";
  }

  static bool is_literal_word(std::string_view word) {
    return word == "true" || word == "false" || word == "now" || word == "inf" || word == "nan" ||
           word == "null";
  }

  tl::unexpected<Error> text_expected() const {
    return expected(fmt::format("a value (a text stands in single quotes: '{}')", shown(now())));
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
        return text_expected();
      case TokenKind::kWord:
        if (word == "null")
          return error(now().at, "nothing equals null: write `is null` or `is not null`");
        if (!is_literal_word(word)) {
          return text_expected();
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
    const FunctionName* function = find_function(word);
    if (calls() && function != nullptr) return statistic(*function);
    const size_t dot = token.text.find('.');
    if (dot == std::string::npos) return attribute(token, word);
    FieldGroup group = FieldGroup::kRun;
    if (word.rfind("params.", 0) == 0) group = FieldGroup::kParam;
    if (word.rfind("tags.", 0) == 0) group = FieldGroup::kTag;
    if (word.rfind("metrics.", 0) == 0) group = FieldGroup::kMetricLast;
    if (group == FieldGroup::kRun) return unknown_group(token, dot);
    take();
    RunField named{group, token.text.substr(dot + 1)};
    const bool adjoins = now().kind == TokenKind::kQuoted && now().at == token.at + token.length;
    if (adjoins && named.key.empty()) named.key = take().text;
    if (named.key.empty()) return error(token.at + token.length, "expected a key after the point");
    return named;
  }

  static const FunctionName* find_function(std::string_view name) {
    const auto it = std::find_if(kFunctions.begin(), kFunctions.end(),
                                 [&](const FunctionName& f) { return f.name == name; });
    return it == kFunctions.end() ? nullptr : &*it;
  }

  // max(metrics.KEY)
  Result<RunField> statistic(const FunctionName& function) {
    take();
    take();
    const size_t inside = now().at;
    const auto no_metric = [&] {
      return error(inside, fmt::format("{0}() takes a metric: {0}(metrics.KEY)", function.name));
    };
    if (now().kind != TokenKind::kWord) return no_metric();
    ASSAY_ASSIGN_OR_RETURN(RunField metric, field());
    if (metric.group != FieldGroup::kMetricLast) return no_metric();
    if (!accept_symbol(")")) return expected("')' after the metric");
    metric.group = function.group;
    return metric;
  }

  tl::unexpected<Error> unknown_group(const Token& token, size_t dot) const {
    const std::string name = clean_utf8(token.text.substr(0, dot));
    const std::string rest = lower_case(token.text.substr(dot + 1));
    const std::string hint = nearest_name(name, kGroups).empty() && find_attribute(rest) != nullptr
                                 ? fmt::format(" (did you mean the attribute '{}'?)", rest)
                                 : name_hint(name, kGroups);
    return error(token.at, fmt::format("unknown group '{}'{}", name, hint));
  }

  Result<RunField> attribute(const Token& token, const std::string& word) {
    const std::vector<std::string_view> names = attribute_names();
    if (find_attribute(word) != nullptr) {
      take();
      return RunField{FieldGroup::kRun, word};
    }
    if (contains(kGroups, word)) {
      return error(token.at + token.length, fmt::format("expected a key: {}.KEY", word));
    }
    if (find_function(word) != nullptr) {
      return error(token.at + token.length,
                   fmt::format("expected a metric in parentheses: {}(metrics.KEY)", word));
    }
    if (calls()) {
      std::vector<std::string_view> called = function_names();
      if (source_.what == "query") called.push_back("not");
      return error(token.at,
                   fmt::format("unknown function '{}'{}; of a metric there are last, min, "
                               "max and count",
                               shown(token), meant_hint(word, called)));
    }
    // The first word of a condition may be a keyword as well.
    std::vector<std::string_view> known = names;
    known.insert(known.end(), kBegins.begin(), kBegins.end());
    const std::string_view near =
        meant_word(word, source_.what == "query" && !in_order_ ? known : names);
    if (near == "order by" || contains(kBegins, near)) {
      return error(token.at,
                   fmt::format("'{}' is no field (did you mean '{}'?)", shown(token), near));
    }
    const std::string hint =
        near.empty()
            ? fmt::format(" (attributes are {}; others are params.KEY, tags.KEY and metrics.KEY)",
                          fmt::join(names, ", "))
            : fmt::format(" (did you mean '{}'? others are params.KEY, tags.KEY, metrics.KEY)",
                          near);
    return error(token.at, fmt::format("unknown attribute '{}'{}", shown(token), hint));
  }

  // Adds an operand; a literal becomes what the field beside it compares with.
  Status resolve(const Operand& operand, const std::optional<RunField>& beside, QueryNode& node) {
    if (operand.field) {
      node.operands.push_back({operand.field, {}});
      return {};
    }
    ASSAY_ASSIGN_OR_RETURN(Value value, literal_value(source_, operand.literal, beside, now_ns_));
    node.operands.push_back({std::nullopt, std::move(value)});
    return {};
  }

  Status order() {
    constexpr std::array<std::string_view, 1> kBy = {"by"};
    if (!accept("by")) return expected("'by' after 'order'", kBy);
    in_order_ = true;
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
    if (now().kind == TokenKind::kNumber && now().number >= 0x1p63) {
      return expected(
          fmt::format("at most {} after '{}'", std::numeric_limits<int64_t>::max(), what));
    }
    if (now().kind != TokenKind::kNumber || !now().whole || now().integer < 0) {
      return expected(fmt::format("a whole number that is not negative after '{}'", what));
    }
    return take().integer;
  }

  QuerySource source_;
  std::vector<Token> tokens_;
  int64_t now_ns_;
  size_t at_ = 0;
  bool in_order_ = false;  // behind `order by`
  RunQuery query_;
};

}  // namespace

Result<RunQuery> parse_run_query(std::string_view text, int64_t now_ns) {
  if (text.size() > kQueryLimitBytes) {
    return fail(StatusCode::kInvalidArgument, "the query has {} bytes (must be at most {})",
                text.size(), kQueryLimitBytes);
  }
  const QuerySource source{text};
  ASSAY_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokens_of(source));
  return Parser(source, std::move(tokens), now_ns).query();
}

Result<std::vector<RunField>> parse_run_fields(std::string_view text) {
  if (text.size() > kQueryLimitBytes) {
    return fail(StatusCode::kInvalidArgument, "the fields have {} bytes (must be at most {})",
                text.size(), kQueryLimitBytes);
  }
  const QuerySource source{text, "fields"};
  ASSAY_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokens_of(source));
  return Parser(source, std::move(tokens), 0).fields();
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
