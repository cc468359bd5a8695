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
  has("start_time > 3", "times are");
  has("duration > 'long'", "a duration");
  has("score = 1 & score = 2", "'&' is written 'and' here");
  has("score = 1 ; score = 2", "begins nothing");
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
  has("params.a = \"b\"", "a text stands in single quotes: 'b'");
  has("limit 99999999999999999999", "expected at most 9223372036854775807 after 'limit'");
  has("max metrics.a > 1", "expected a metric in parentheses: max(metrics.KEY)");
  has("max() > 1", "max() takes a metric: max(metrics.KEY)");
  has("params > 1", "expected a key: params.KEY");
  has("score > 1 where name = 'a'", "'where' stands at the beginning only");
  has("order by score score", "expected 'asc', 'desc', ',', 'limit', 'offset' or the end");
  has("name = gbt", "a text stands in single quotes: 'gbt'");
  has("name = nam", "did you mean 'name'? a text stands in single quotes: 'nam'");
  has("name in (gbt)", "a text stands in single quotes: 'gbt'");
  has("name like gb%", "patterns stand in single quotes");
  has("name = 'it's'", "no closing ' (a ' within is written twice)");
  has("start_time > yesterday", "'yesterday' is no time: times are");
  has("start_time > now - 2h", "written '2h', without now");
  has("attributes.status = 'failed'", "did you mean the attribute 'status'?");
}

TEST(RunQueryParser, NamesTheWordThatWasMistyped) {
  const auto meant = [](const char* query, const char* word) {
    const std::string hint = fmt::format("(did you mean '{}'?", word);
    EXPECT_NE(message(query).find(hint), std::string::npos) << query << "\n" << message(query);
  };
  meant("name lke 'a%'", "like");
  meant("name ilke 'a%'", "like");
  meant("score betwen 1 and 2", "between");
  meant("score between 1 adn 2", "and");
  meant("name nt in ('a')", "not");
  meant("name not lik 'a'", "like");
  meant("name is nul", "null");
  meant("name is not nul", "null");
  meant("name is none", "null");
  meant("name contains 'a'", "like");
  meant("score > 1 adn name = 'a'", "and");
  meant("(score > 1 ro name = 'a')", "or");
  meant("score > 1 odrer by name", "order by");
  meant("odrer by name", "order by");
  meant("sort by name", "order by");
  meant("order yb name", "by");
  meant("order by name dsc", "desc");
  meant("order by name descending", "desc");
  meant("order by nam", "name");
  meant("limt 3", "limit");
  meant("limit 3 ofset 2", "offset");
  meant("nto score > 1", "not");
  meant("statu = 'failed'", "status");
  meant("status = 'done'", "completed");
  meant("mx(metrics.a) > 1", "max");
  meant("minimum(metrics.a) > 1", "min");
  meant("max(metric.a) > 1", "metrics");
  meant("score => 1", ">=");
  meant("score =< 1", "<=");
  meant("score =! 1", "!=");
  meant("duration > '2 hours'", "2h");
  meant("start_time > 2hours", "2h");
  EXPECT_NE(message("a && b").find("'&&' is written 'and' here"), std::string::npos);
  // What is near only in its letters is not meant.
  const std::string average = message("mean(metrics.a) > 1");
  EXPECT_NE(average.find("unknown function 'mean'; of a metric there are last, min, max and count"),
            std::string::npos)
      << average;
}

TEST(RunQueryParser, SaysWhatIsWrongWithATime) {
  const auto fault = [](const char* time, const char* what) {
    const std::string query = fmt::format("start_time > '{}'", time);
    const std::string expected =
        fmt::format("query, column 14: '{}': {}\n  {}\n               ^", time, what, query);
    EXPECT_EQ(message(query), expected);
  };
  fault("2024-13-01", "there is no month 13 (must be 01 to 12)");
  fault("2024-00-01", "there is no month 0 (must be 01 to 12)");
  fault("2024-02-30", "2024-02 has no day 30 (must be 01 to 29)");
  fault("2023-02-29", "2023-02 has no day 29 (must be 01 to 28)");
  fault("99999-01-01", "year 99999 is out of range (must be 1678 to 2261)");
  fault("1500-01-01", "year 1500 is out of range (must be 1678 to 2261)");
  fault("1678-01-01", "is out of range (must be within the years 1678 to 2261)");
  fault("2024-1-1", "write '2024-01-01'");
  fault("2024/01/31", "write '2024-01-31'");
  fault("31.1.2024", "write '2024-01-31'");
  fault("2024-01-31 25:00", "there is no hour 25 (must be 00 to 23)");
  fault("2024-01-31 12:61", "there is no minute 61 (must be 00 to 59)");
  fault("2024-01-31T12:00:60", "there is no second 60 (must be 00 to 59)");
  fault("2024-01-31T12:00+25:00", "a time zone is Z, or like +01:00");
  fault("2024-01-31 noon", "write '12:00', '12:00:30' or '12:00:30Z' after the date");
  EXPECT_NE(message("start_time > 2024-01-31").find("times stand in single quotes: '2024-01-31'"),
            std::string::npos);
  EXPECT_NE(message("start_time > '3 moons'").find("'moons' is no unit of time"),
            std::string::npos);
}

TEST(RunQueryParser, RefusesWhatAnAttributeCanNeverBe) {
  const auto has = [](const char* query, const char* what) {
    EXPECT_NE(message(query).find(what), std::string::npos) << query << "\n" << message(query);
  };
  has("score > 'abc'", "score is compared with a number");
  has("score = true", "score is compared with a number");
  has("score in (1, 'x')", "score is compared with a number");
  has("score like '0.9%'", "'like' compares texts, and score is a number");
  has("start_time like '2024%'", "'like' compares texts, and start_time is a time");
  has("duration not ilike '5%'", "'ilike' compares texts, and duration is a duration");
  EXPECT_EQ(canonical("score > '0.5' or score = inf"), "score > '0.5' or score = inf");
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
  const auto why = [](const char* bad) { return parse_run_fields(bad).error().message; };
  EXPECT_EQ(why("name,,kind"), "fields, column 6: expected a field, not ,\n  name,,kind\n       ^");
  EXPECT_NE(why("name,").find("expected a field, but the list ends"), std::string::npos);
  EXPECT_NE(why("scor").find("unknown attribute 'scor' (did you mean 'score'?"), std::string::npos);
  EXPECT_NE(why("limt").find("unknown attribute 'limt' (attributes are"), std::string::npos);
  EXPECT_NE(why("avg(metrics.a)").find("there are last, min, max and count"), std::string::npos);
}

}  // namespace
}  // namespace assay::tracking
