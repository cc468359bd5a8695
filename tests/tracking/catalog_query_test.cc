// Random queries on random runs: the columns must find what a plain look at each run finds. The
// evaluation here is written on its own, value by value, from the rules in run_query_parser.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "kernels/base/names.h"
#include "tests/tracking/random_runs.h"
#include "tests/tracking/test_times.h"
#include "tracking/catalog_entry_internal.h"
#include "tracking/run_filter_internal.h"
#include "tracking/run_summary.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr unsigned kSeed = 99;

using Maybe = std::optional<bool>;

Maybe both(Maybe a, Maybe b) {
  if (a == false || b == false) return false;
  return a && b ? Maybe(true) : std::nullopt;
}
Maybe opposite(Maybe a) { return a ? Maybe(!*a) : std::nullopt; }
Maybe either(Maybe a, Maybe b) { return opposite(both(opposite(a), opposite(b))); }

std::optional<double> as_number(const Value& value) {
  if (const auto* real = std::get_if<double>(&value.data())) return *real;
  if (const auto* whole = std::get_if<int64_t>(&value.data())) return static_cast<double>(*whole);
  return std::nullopt;
}

std::optional<double> read_number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789.-") != std::string::npos) return {};
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return {};
  return number;
}

// `a` op `b`, where op is one of = < >; values are small enough for f64.
Maybe relate(char op, const Value& a, const Value& b) {
  auto x = as_number(a);
  auto y = as_number(b);
  const auto* text_a = std::get_if<std::string>(&a.data());
  const auto* text_b = std::get_if<std::string>(&b.data());
  if (x && text_b != nullptr) y = read_number(*text_b);
  if (y && text_a != nullptr && as_number(b)) x = read_number(*text_a);
  if (x && y) return op == '=' ? *x == *y : op == '<' ? *x < *y : *x > *y;
  if (text_a != nullptr && text_b != nullptr) {
    return op == '=' ? *text_a == *text_b : op == '<' ? *text_a < *text_b : *text_a > *text_b;
  }
  const auto flag = [](const Value& value) -> Maybe {
    if (const auto* held = std::get_if<bool>(&value.data())) return *held;
    if (value == Value("true")) return true;
    return value == Value("false") ? Maybe(false) : std::nullopt;
  };
  const bool flags =
      std::holds_alternative<bool>(a.data()) || std::holds_alternative<bool>(b.data());
  if (flags && flag(a) && flag(b)) {
    const int p = *flag(a) ? 1 : 0;
    const int q = *flag(b) ? 1 : 0;
    return op == '=' ? p == q : op == '<' ? p < q : p > q;
  }
  return op == '=' ? Maybe(false) : std::nullopt;
}

// Patterns of the random queries have % only.
bool fits(const std::string& text, const std::string& pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] != '%') {
    return !text.empty() && text[0] == pattern[0] && fits(text.substr(1), pattern.substr(1));
  }
  return fits(text, pattern.substr(1)) || (!text.empty() && fits(text.substr(1), pattern));
}

class Plain {
 public:
  Plain(const RunQuery& query, const RunSummary& run) : query_(query), run_(run) {}

  Maybe node(int at) const {
    const QueryNode& node = query_.nodes[static_cast<size_t>(at)];
    if (node.op == QueryOp::kNot) return opposite(this->node(node.children[0]));
    if (node.op == QueryOp::kAnd || node.op == QueryOp::kOr) {
      Maybe result = node.op == QueryOp::kAnd;
      for (const int child : node.children) {
        result = node.op == QueryOp::kAnd ? both(result, this->node(child))
                                          : either(result, this->node(child));
      }
      return result;
    }
    return predicate(node);
  }

 private:
  std::optional<Value> value(const QueryOperand& operand) const {
    if (!operand.field) return operand.literal;
    auto held = field_value(run_, *operand.field);
    const std::string& key = operand.field->key;
    const bool caseless = operand.field->group == FieldGroup::kRun &&
                          (key == "kind" || key == "status" || key == "experiment");
    if (held && caseless) held = Value(lower_case(held->text()));
    return held;
  }

  Maybe predicate(const QueryNode& node) const {
    const auto a = value(node.operands[0]);
    if (node.op == QueryOp::kIsNull) return !a.has_value();
    const auto b = value(node.operands[1]);
    if (!a || !b) return std::nullopt;
    switch (node.op) {
      case QueryOp::kEqual:
        return relate('=', *a, *b);
      case QueryOp::kUnequal:
        return opposite(relate('=', *a, *b));
      case QueryOp::kLess:
        return relate('<', *a, *b);
      case QueryOp::kGreater:
        return relate('>', *a, *b);
      case QueryOp::kLessEqual:
        return at_most(*a, *b);
      case QueryOp::kGreaterEqual:
        return at_most(*b, *a);
      case QueryOp::kBetween:
        return both(at_most(*b, *a), at_most(*a, *value(node.operands[2])));
      case QueryOp::kIn: {
        Maybe found = false;
        for (size_t i = 1; i < node.operands.size(); ++i) {
          found = either(found, relate('=', *a, node.operands[i].literal));
        }
        return found;
      }
      default: {
        const auto* text = std::get_if<std::string>(&a->data());
        if (text == nullptr) return std::nullopt;
        if (node.op == QueryOp::kLike) return fits(*text, b->text());
        return fits(lower_case(*text), lower_case(b->text()));
      }
    }
  }

  static Maybe at_most(const Value& a, const Value& b) {
    const Maybe less = relate('<', a, b);
    return less ? Maybe(*less || *relate('=', a, b)) : std::nullopt;
  }

  const RunQuery& query_;
  const RunSummary& run_;
};

class RandomQueries {
 public:
  explicit RandomQueries(unsigned seed) : runs_(seed) {}

  std::string condition(int depth) {
    if (depth > 0 && runs_.pick(2) == 0) {
      const std::string a = condition(depth - 1);
      if (runs_.pick(4) == 0) return "not (" + a + ")";
      const std::string b = condition(depth - 1);
      return "(" + a + (runs_.pick(2) == 0 ? " and " : " or ") + b + ")";
    }
    static const std::vector<std::string> kPredicates = {
        "score",  "params.a",   "params.b",        "params.\"c d\"",   "tags.a",
        "tags.b", "metrics.m1", "max(metrics.m1)", "min(metrics.m/2)", "count(metrics.m/2)"};
    const std::string field = kPredicates[runs_.pick(kPredicates.size())];
    static const std::vector<std::string> kOps = {"=", "!=", "<", "<=", ">", ">="};
    const std::string op = " " + kOps[runs_.pick(kOps.size())] + " ";
    const std::string no = runs_.pick(3) == 0 ? " not" : "";
    switch (runs_.pick(9)) {
      case 0:
        return field + " is" + no + " null";
      case 1:
        return field + no + " in (" + literal(field) + ", " + literal(field) + ")";
      case 2:
        return field + no + " between " + literal(field) + " and " + literal(field);
      case 3:
        return "tags.a" + no + (runs_.pick(2) == 0 ? " like" : " ilike") + " '%b%'";
      case 4:
        return field + op + kPredicates[runs_.pick(kPredicates.size())];
      case 5:
        return literal(field) + op + field;
      case 6: {
        static const std::vector<std::string> kTexts = {
            "status = 'failed'",     "kind in ('TRIAL', 'job')", "experiment = 'ADULT'",
            "dataset like 'data%1'", "device is null",           "metric = 'm1'"};
        return kTexts[runs_.pick(kTexts.size())];
      }
      default:
        return field + op + literal(field);
    }
  }

  size_t pick(size_t count) { return runs_.pick(count); }

 private:
  // Numbers first: the score compares with nothing else.
  std::string literal(const std::string& field) {
    static const std::vector<std::string> kLiterals = {"0",   "1",    "2",    "0.5",   "1.5",
                                                       "'1'", "nan",  "-1",   "'2'",   "'a'",
                                                       "'b'", "'bB'", "true", "false", "'true'"};
    constexpr size_t kNumbers = 9;
    return kLiterals[runs_.pick(field == "score" ? kNumbers : kLiterals.size())];
  }

  RandomRuns runs_;
};

TEST(CatalogQuery, ColumnsFindWhatALookAtEachRunFinds) {
  RandomRuns runs(kSeed);
  RunTable table = std::move(*RunTable::create(nullptr));
  std::vector<RunSummary> all;
  for (int i = 0; i < 300; ++i) {
    RunRecord record = runs.record();
    record.info.run_id = *make_ulid();
    record.info.created_ns = kNow + i;
    record.info.ended_ns = kNow + 2 * i;
    all.push_back(summary_of(record));
    table.put({{}, all.back()});
  }
  RandomQueries queries(kSeed);
  size_t hits = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = queries.condition(3);
    const auto query = parse_run_query(text, kNow);
    ASSERT_TRUE(query) << text << "\n" << query.error().message;
    const auto found = filter_rows(table, *query);
    ASSERT_TRUE(found);
    std::vector<uint32_t> expected;
    for (uint32_t row = 0; row < all.size(); ++row) {
      if (Plain(*query, all[row]).node(query->root) == true) expected.push_back(row);
    }
    ASSERT_EQ(*found, expected) << "seed " << kSeed << ", query " << i << ": " << text;
    hits += expected.size();
    const auto again = parse_run_query(query_text(*query), kNow);
    ASSERT_TRUE(again) << query_text(*query);
    ASSERT_EQ(*filter_rows(table, *again), expected) << query_text(*query);
  }
  EXPECT_GT(hits, 20'000U) << "the queries test something";
}

}  // namespace
}  // namespace assay::tracking
