#include "tracking/run_query_parser.h"
#include "tests/tracking/test_times.h"

#include <gtest/gtest.h>

#include <string>

namespace assay::tracking {
namespace {

std::string canonical(std::string_view text) {
  const auto query = parse_run_query(text, kNow);
  return query ? query_text(*query) : "error: " + query.error().message;
}

// The tree, with every node in brackets.
std::string shape(const RunQuery& query, int at) {
  const QueryNode& node = query.nodes[static_cast<size_t>(at)];
  if (node.op == QueryOp::kNot) return "[not " + shape(query, node.children[0]) + "]";
  if (node.op != QueryOp::kAnd && node.op != QueryOp::kOr) return node.operands[0].field->key;
  std::string text = node.op == QueryOp::kAnd ? "[and" : "[or";
  for (const int child : node.children) text += " " + shape(query, child);
  return text + "]";
}
std::string shape(std::string_view text) {
  const auto query = parse_run_query(text, kNow);
  return query ? shape(*query, query->root) : query.error().message;
}

std::string message(std::string_view text) {
  const auto query = parse_run_query(text, kNow);
  return query ? "no error" : query.error().message;
}

TEST(RunQueryParser, ReadsTheExampleOfTheManual) {
  EXPECT_EQ(canonical("metrics.auc > 0.9 and (params.learner = 'gbdt' or tags.team like 'fraud%') "
                      "order by metrics.auc desc limit 20 offset 40"),
            "metrics.auc > 0.9 and (params.learner = 'gbdt' or tags.team like 'fraud%') "
            "order by metrics.auc desc limit 20 offset 40");
}

TEST(RunQueryParser, AnEmptyQueryFindsEverything) {
  const auto query = parse_run_query("  \n ", kNow);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->root, -1);
  EXPECT_EQ(query_text(*query), "");
  EXPECT_EQ(canonical("limit 5"), "limit 5");
  EXPECT_EQ(canonical("order by score"), "order by score asc");
}

TEST(RunQueryParser, AndBindsTighterThanOrAndNotTighterThanAnd) {
  EXPECT_EQ(shape("tags.a = 1 or tags.b = 2 and tags.c = 3"), "[or a [and b c]]");
  EXPECT_EQ(shape("tags.a = 1 and tags.b = 2 or tags.c = 3"), "[or [and a b] c]");
  EXPECT_EQ(shape("(tags.a = 1 or tags.b = 2) and tags.c = 3"), "[and [or a b] c]");
  EXPECT_EQ(shape("not tags.a = 1 and tags.b = 2"), "[and [not a] b]");
  EXPECT_EQ(shape("not (tags.a = 1 and tags.b = 2)"), "[not [and a b]]");
  EXPECT_EQ(shape("not not tags.a = 1 or tags.b = 2"), "[or [not [not a]] b]");
  EXPECT_EQ(shape("tags.a between 1 and 2 and tags.b = 3"), "[and a b]");
  EXPECT_EQ(shape("tags.a = 1 and tags.b = 2 and tags.c = 3"), "[and a b c]");
}

TEST(RunQueryParser, ReadsEveryPredicate) {
  EXPECT_EQ(canonical("params.lr <> .5"), "params.lr != 0.5");
  EXPECT_EQ(canonical("params.lr == -1e-3"), "params.lr = -0.001");
  EXPECT_EQ(canonical("0.5 <= params.lr"), "0.5 <= params.lr");
  EXPECT_EQ(canonical("params.a < params.b"), "params.a < params.b");
  EXPECT_EQ(canonical("params.n in (1, 2.5, 'x', true)"), "params.n in (1, 2.5, 'x', true)");
  EXPECT_EQ(canonical("params.n not in (1)"), "params.n not in (1)");
  EXPECT_EQ(canonical("tags.a not like 'b%'"), "tags.a not like 'b%'");
  EXPECT_EQ(canonical("tags.a ilike 'b%'"), "tags.a ilike 'b%'");
  EXPECT_EQ(canonical("tags.a not between 1 and 2"), "tags.a not between 1 and 2");
  EXPECT_EQ(canonical("tags.a is null or tags.a is not null"),
            "tags.a is null or tags.a is not null");
  EXPECT_EQ(canonical("max(metrics.auc) > min(metrics.auc) and count(metrics.auc) > 1"),
            "max(metrics.auc) > min(metrics.auc) and count(metrics.auc) > 1");
  EXPECT_EQ(canonical("last(metrics.auc) = 1"), "metrics.auc = 1");
  EXPECT_EQ(canonical("params.x = -inf or params.x = nan"), "params.x = -inf or params.x = nan");
  EXPECT_EQ(canonical("params.x = 2.0"), "params.x = 2.0");
  EXPECT_EQ(canonical("params.seed = 9223372036854775807"), "params.seed = 9223372036854775807");
}

TEST(RunQueryParser, KeywordsComeInAnyCaseAndKeysDoNot) {
  EXPECT_EQ(canonical("WHERE Status = 'Failed' AND NOT params.Lr Is Null ORDER BY Score DESC"),
            "status = 'failed' and params.Lr is not null"
            " order by score desc");
}

TEST(RunQueryParser, QuotedKeysHoldAnything) {
  EXPECT_EQ(canonical("params.\"max depth\" = 3"), "params.\"max depth\" = 3");
  EXPECT_EQ(canonical("params.`max depth` = 3"), "params.\"max depth\" = 3");
  EXPECT_EQ(canonical("params.\"a\"\"b\" = 3"), "params.\"a\"\"b\" = 3");
  EXPECT_EQ(canonical("metrics.loss/val = 3"), "metrics.loss/val = 3");
  EXPECT_EQ(canonical("params.gbdt.max_depth = 3"), "params.gbdt.max_depth = 3");
  EXPECT_EQ(canonical("params.gr\xc3\xb6\xc3\x9f"
                      "e = 3"),
            "params.gr\xc3\xb6\xc3\x9f"
            "e = 3");
  EXPECT_EQ(canonical("tags.a = 'it''s'"), "tags.a = 'it''s'");
}

TEST(RunQueryParser, TimesAndDurations) {
  EXPECT_EQ(canonical("start_time > '2024-01-31'"),
            "start_time > '2024-01-31T00:00:00.000000000Z'");
  EXPECT_EQ(canonical("start_time > '2024-01-31 12:30+01:00'"),
            "start_time > '2024-01-31T11:30:00.000000000Z'");
  EXPECT_EQ(canonical("end_time <= '2024-01-31T12:30:05.25Z'"),
            "end_time <= '2024-01-31T12:30:05.250000000Z'");
  EXPECT_EQ(canonical("start_time > now"), "start_time > '2023-11-14T22:13:20.000000000Z'");
  EXPECT_EQ(canonical("start_time > '2h'"), "start_time > '2023-11-14T20:13:20.000000000Z'");
  EXPECT_EQ(canonical("start_time > 1d"), "start_time > '2023-11-13T22:13:20.000000000Z'");
  EXPECT_EQ(canonical("duration > '5m' and duration < 1h30m"),
            "duration > 300.0 and duration < 5400.0");
  EXPECT_EQ(canonical("duration > 250ms"), "duration > 0.25");
  EXPECT_EQ(canonical("duration > 90"), "duration > 90");
}

TEST(RunQueryParser, WhatItWritesReadsBack) {
  for (const char* text :
       {"metrics.auc > 0.9 and (params.learner = 'gbdt' or tags.team like 'fraud%')",
        "not not (score is null) order by params.\"x y\" desc, name limit 0 offset 7",
        "start_time > '2h' or duration in (1, '5m', 2h)", "kind in ('sweep', 'TRIAL')"}) {
    const std::string once = canonical(text);
    EXPECT_EQ(canonical(once), once) << text;
  }
}

TEST(RunQueryParser, ErrorsShowThePlaceAndTheNearestName) {
  EXPECT_EQ(message("metrics.auc > 0.9 and statu = 'failed'"),
            "query, column 23: unknown attribute 'statu' (did you mean 'status'? others are "
            "params.KEY, tags.KEY, metrics.KEY)\n"
            "  metrics.auc > 0.9 and statu = 'failed'\n"
            "                        ^");
  EXPECT_EQ(message("status = 'complted'"),
            "query, column 10: 'complted' is none of running, completed, failed, cancelled, "
            "interrupted, pruned (did you mean 'completed'?)\n"
            "  status = 'complted'\n"
            "           ^");
  EXPECT_NE(message("kind = 'swep'").find("did you mean 'sweep'"), std::string::npos);
  EXPECT_NE(message("param.lr = 1").find("unknown group 'param' (did you mean 'params'?)"),
            std::string::npos);
  // The column counts characters, not bytes; the second line of the query is shown.
  EXPECT_EQ(message("tags.a = '\xc3\xb6'\n and"),
            "query, column 18: expected a field or a value, but the query ends\n   and\n      ^")
      << message("tags.a = '\xc3\xb6'\n and");
}

TEST(RunQueryParser, SaysWhatWasExpected) {
  const auto has = [](const char* query, const char* what) {
    EXPECT_NE(message(query).find(what), std::string::npos) << query << "\n" << message(query);
  };
  has("score", "expected a comparison");
  has("score >", "expected a field or a value");
  has("score > > 1", "expected a field or a value, not >");
  has("score = gbdt", "unknown attribute 'gbdt'");
  has("score = null", "write `is null`");
  has("score in 1", "expected '(' after 'in'");
  has("score in (1", "expected ',' or ')'");
  has("score in ()", "expected a value, not )");
  has("score between 1 or 2", "expected 'and' between the two ends");
  has("tags.a like 3", "expected a pattern");
  has("score is 3", "'null' or 'not null'");
  has("score not 3", "after 'not'");
  has("(score = 1", "this parenthesis is not closed");
  has("score = 1)", "or the end, not )");
  has("score = 1 score = 2", "expected 'and', 'or', 'order by', 'limit', 'offset' or the end");
  has("1 = 1", "two literals are compared");
  has("params. = 1", "expected a key");
  has("tags.a = 'b", "has no closing '");
  has("params.a = 12x", "neither a number nor a duration");
  has("params.a = 5m", "a duration is compared with");
  has("params.a = now", "`now` is compared with");
  has("name = 3", "compared with a text in single quotes");
  has("start_time > 'yesterday'", "times are");
  has("start_time > '2024-02-30'", "times are");
  has("start_time > 3", "times are");
  has("duration > 'long'", "a duration");
  has("score = 1 & score = 2", "begins nothing");
  has("order score", "expected 'by'");
  has("order by", "expected a field");
  has("order by limit", "expected a field");
  has("limit -1", "whole number");
  has("limit x", "whole number");
  has("limit 1.5", "whole number");
  has("limit 3 order by score", "'order' comes too late: the order is [condition] order by ...");
  has("offset 3 limit 2", "'limit' comes too late");
  has("limit 3 score = 1", "expected 'offset' or the end");
  has("where", "a condition after 'where'");
  has("max(params.a) = 1", "takes a metric");
  has("params.a = \"b\"", "texts stand in single quotes");
}

TEST(RunQueryParser, RefusesWhatIsTooDeepOrTooLong) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '(') + "score = 1" + std::string(depth, ')');
  };
  EXPECT_TRUE(parse_run_query(nested(kQueryDepthLimit), kNow));
  EXPECT_NE(message(nested(kQueryDepthLimit + 1)).find("more than 100 levels"), std::string::npos);
  EXPECT_NE(message(nested(20'000)).find("more than 100 levels"), std::string::npos);
  std::string nots;
  for (int i = 0; i < 10'000; ++i) nots += "not ";
  EXPECT_NE(message(nots + "score = 1").find("more than 100 levels"), std::string::npos);
  EXPECT_NE(message(std::string(kQueryLimitBytes + 1, ' ')).find("must be at most 65536"),
            std::string::npos);
}

TEST(RunQueryParser, ALongLineIsCutAroundThePlace) {
  const std::string query = std::string(5000, ' ') + "statu = 'x'";
  const std::string text = message(query);
  EXPECT_LT(text.size(), 600U);
  EXPECT_NE(text.find("column 5001"), std::string::npos);
}

TEST(RunQueryParser, NamesItsFieldsOnce) {
  const auto query =
      parse_run_query("params.a = 1 or metrics.b > params.a order by tags.c, metrics.b", kNow);
  ASSERT_TRUE(query);
  const std::vector<RunField> expected = {
      {FieldGroup::kParam, "a"}, {FieldGroup::kMetricLast, "b"}, {FieldGroup::kTag, "c"}};
  EXPECT_EQ(query_fields(*query), expected);
}

TEST(RunQueryParser, ReadsListsOfFields) {
  const auto fields = parse_run_fields("params.lr, max(metrics.auc), STATUS");
  ASSERT_TRUE(fields) << fields.error().message;
  const std::vector<RunField> expected = {{FieldGroup::kParam, "lr"},
                                          {FieldGroup::kMetricGreatest, "auc"},
                                          {FieldGroup::kRun, "status"}};
  EXPECT_EQ(*fields, expected);
  for (const char* bad : {"", "params.lr,", "params.lr status", "lr", "'x'"}) {
    EXPECT_FALSE(parse_run_fields(bad)) << bad;
  }
}

}  // namespace
}  // namespace assay::tracking
