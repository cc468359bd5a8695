// What a query finds, on a table of six runs whose answers were worked out by hand.
#include "tests/special_numbers.h"
#include "tests/tracking/test_times.h"
#include "tracking/run_filter_internal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace assay::tracking {
namespace {

// Runs a to f. Each began an hour before the next; f is the newest, and began now.
class RunFilterTest : public testing::Test {
 protected:
  RunFilterTest() : table_(std::move(*RunTable::create(nullptr))) {
    //         status               score  lr                    team     auc
    add('a', RunStatus::kCompleted, 0.5, Value(0.1), Value("fraud"), 0.5);
    add('b', RunStatus::kFailed, {}, Value(int64_t{1}), Value("Fraud Desk"), {});
    add('c', RunStatus::kCompleted, 0.9, {}, {}, 0.9);
    add('d', RunStatus::kRunning, {}, Value("0.1"), Value("a_b%c"), kNan);
    add('e', RunStatus::kCompleted, 0.7, Value("high"), Value(int64_t{7}), 0.7);
    add('f', RunStatus::kPruned, 0.9, Value(true), Value("true"), 0.9);
  }

  void add(char name, RunStatus status, std::optional<double> score, std::optional<Value> lr,
           std::optional<Value> team, std::optional<double> auc) {
    CatalogEntry entry;
    RunInfo& info = entry.summary.info;
    const int number = name - 'a';
    info.run_id = std::string(24, '0') + "0" + std::to_string(number);
    info.name = std::string(1, name);
    info.kind = "trial";
    info.experiment = number < 3 ? "Adult" : "letter";
    info.status = status;
    info.score = score;
    info.created_ns = kNow - (5 - number) * kHourNs;
    if (status != RunStatus::kRunning)
      info.ended_ns = info.created_ns + (number + 1) * 60'000'000'000;
    if (lr) entry.summary.params["lr"] = *lr;
    if (team) entry.summary.tags["team"] = *team;
    if (auc) {
      entry.summary.metrics["auc"] = {
          .last = *auc, .least = *auc / 2, .greatest = *auc, .count = 2};
    }
    table_.put(std::move(entry));
  }

  // Names of what is found, in order.
  std::string found(std::string_view text) {
    const auto query = parse_run_query(text, kNow);
    if (!query) return query.error().message;
    auto rows = filter_rows(table_, *query);
    if (!rows) return rows.error().message;
    if (const auto ordered = order_rows(table_, *query, *rows); !ordered) {
      return ordered.error().message;
    }
    std::string names;
    const RunColumn* column = *table_.column({FieldGroup::kRun, "name"});
    for (const uint32_t row : *rows) names += column->cell(row).text;
    return names;
  }

  RunTable table_;
};

TEST_F(RunFilterTest, WithoutAConditionAllNewestFirst) { EXPECT_EQ(found(""), "fedcba"); }

TEST_F(RunFilterTest, ComparesNumbers) {
  EXPECT_EQ(found("score > 0.7"), "fc");
  EXPECT_EQ(found("score >= 0.7"), "fec");
  EXPECT_EQ(found("score < 0.7"), "a");
  EXPECT_EQ(found("score <= 0.7"), "ea");
  EXPECT_EQ(found("score = 0.9"), "fc");
  EXPECT_EQ(found("score != 0.9"), "ea");
  EXPECT_EQ(found("0.7 < score"), "fc");
  EXPECT_EQ(found("score between 0.5 and 0.7"), "ea");
  EXPECT_EQ(found("score not between 0.5 and 0.7"), "fc");
  EXPECT_EQ(found("score in (0.5, 0.9)"), "fca");
  EXPECT_EQ(found("score not in (0.5, 0.9)"), "e") << "b and d have no score";
}

TEST_F(RunFilterTest, MissingIsUnknownInSqlsThreeValues) {
  EXPECT_EQ(found("score is null"), "db");
  EXPECT_EQ(found("score is not null"), "feca");
  EXPECT_EQ(found("not score > 0.7"), "ea") << "not unknown is unknown";
  EXPECT_EQ(found("score > 0.7 or status = 'failed'"), "fcb") << "unknown or true is true";
  EXPECT_EQ(found("score > 0.7 or status = 'running'"), "fdc");
  EXPECT_EQ(found("not (score > 0.7 and status = 'completed')"), "fedba")
      << "unknown and false is false, and its opposite true: b and d";
  EXPECT_EQ(found("not (score > 0.7 and status = 'failed')"), "fedca")
      << "unknown and true is unknown: b";
  EXPECT_EQ(found("not (score > 0.7 or status = 'failed')"), "ea") << "unknown or false: d";
  EXPECT_EQ(found("params.nothing = 1 or not params.nothing = 1"), "");
  EXPECT_EQ(found("params.nothing is null"), "fedcba");
}

TEST_F(RunFilterTest, PrecedenceDecides) {
  EXPECT_EQ(found("score = 0.9 or score = 0.5 and status = 'pruned'"), "fc");
  EXPECT_EQ(found("(score = 0.9 or score = 0.5) and status = 'pruned'"), "f");
  EXPECT_EQ(found("not status = 'completed' and score = 0.9"), "f");
  EXPECT_EQ(found("not (status = 'completed' and score = 0.9)"), "fedba");
}

TEST_F(RunFilterTest, NotANumberIsAValueThatEqualsNothing) {
  EXPECT_EQ(found("metrics.auc = nan"), "");
  EXPECT_EQ(found("metrics.auc is null"), "b");
  EXPECT_EQ(found("metrics.auc != 0.9"), "eda");
  EXPECT_EQ(found("metrics.auc > 0.6"), "fec");
  EXPECT_EQ(found("not metrics.auc > 0.6"), "da");
}

TEST_F(RunFilterTest, ValuesOfOtherTypesAreNotEqualAndTheirOrderIsUnknown) {
  // lr: a 0.1, b 1, d '0.1', e 'high', f true.
  EXPECT_EQ(found("params.lr = 0.1"), "da") << "a text that is a number compares as one";
  EXPECT_EQ(found("params.lr = '0.1'"), "da");
  EXPECT_EQ(found("params.lr != 0.1"), "feb");
  EXPECT_EQ(found("params.lr < 1"), "da");
  EXPECT_EQ(found("not params.lr < 1"), "b") << "e and f are unknown";
  EXPECT_EQ(found("params.lr = 1"), "b");
  EXPECT_EQ(found("params.lr = 1.0"), "b");
  EXPECT_EQ(found("params.lr = true"), "f");
  EXPECT_EQ(found("params.lr != true"), "edba");
  EXPECT_EQ(found("tags.team = true"), "f") << "the text 'true'";
  EXPECT_EQ(found("params.lr > 'a'"), "e");
}

TEST_F(RunFilterTest, WholeNumbersCompareExactly) {
  CatalogEntry entry;
  entry.summary.info.run_id = std::string(26, '1');
  entry.summary.info.name = "g";
  entry.summary.params["seed"] = int64_t{9007199254740993};  // 2^53 + 1: no f64
  table_.put(entry);
  EXPECT_EQ(found("params.seed = 9007199254740993"), "g");
  EXPECT_EQ(found("params.seed = 9007199254740992"), "");
  EXPECT_EQ(found("params.seed > 9007199254740992.0"), "g");
  EXPECT_EQ(found("params.seed < 1e300 and params.seed > -inf"), "g");
}

TEST_F(RunFilterTest, LikeKnowsItsSigns) {
  EXPECT_EQ(found("tags.team like 'fraud%'"), "a");
  EXPECT_EQ(found("tags.team ilike 'fraud%'"), "ba");
  EXPECT_EQ(found("tags.team like '%d%'"), "ba");
  EXPECT_EQ(found("tags.team like '_raud'"), "a");
  EXPECT_EQ(found("tags.team like 'a\\_b\\%c'"), "d");
  EXPECT_EQ(found("tags.team not like '%d%'"), "fd") << "7 is no text: unknown";
  EXPECT_TRUE(fits_pattern("abcabc", "%abc"));
  EXPECT_TRUE(fits_pattern("", "%%"));
  EXPECT_FALSE(fits_pattern("", "_"));
  EXPECT_TRUE(fits_pattern("b\xc3\xa4ume", "b_ume")) << "one character, two bytes";
  EXPECT_FALSE(fits_pattern("b\xc3\xa4ume", "b__ume"));
  EXPECT_TRUE(fits_pattern("a\\", "a\\"));
  EXPECT_FALSE(fits_pattern(std::string(3000, 'a'), "%a%a%a%a%a%a%b"));
}

TEST_F(RunFilterTest, SomeAttributesCompareWithoutCase) {
  EXPECT_EQ(found("experiment = 'ADULT'"), "cba");
  EXPECT_EQ(found("experiment like 'adu%'"), "cba");
  EXPECT_EQ(found("experiment in ('LETTER', 'x')"), "fed");
  EXPECT_EQ(found("STATUS = 'Completed'"), "eca");
  EXPECT_EQ(found("name = 'A'"), "");
}

TEST_F(RunFilterTest, TimesAndDurations) {
  EXPECT_EQ(found("start_time > '150m'"), "fed") << "f: 0 h, e: 1 h, d: 2 h ago";
  EXPECT_EQ(found("start_time >= '2023-11-14T21:13:20Z'"), "fe");
  EXPECT_EQ(found("start_time < '2023-11-14'"), "");
  EXPECT_EQ(found("end_time is null"), "d");
  EXPECT_EQ(found("duration > 4m"), "fe") << "a to f took 1 to 6 minutes, d still runs";
  EXPECT_EQ(found("duration = 60"), "a");
}

TEST_F(RunFilterTest, FieldsCompareWithFields) {
  EXPECT_EQ(found("score = metrics.auc"), "feca");
  EXPECT_EQ(found("min(metrics.auc) < max(metrics.auc)"), "feca");
  EXPECT_EQ(found("count(metrics.auc) = 2"), "fedca");
  EXPECT_EQ(found("params.lr != tags.team"), "edba")
      << "the boolean true and the text 'true' are equal; '0.1' and 'a_b%c' are two texts";
}

TEST_F(RunFilterTest, OrdersWithMissingLastAndTheNewestFirstAmongEquals) {
  EXPECT_EQ(found("order by score"), "aefcdb");
  EXPECT_EQ(found("order by score desc"), "fceadb");
  EXPECT_EQ(found("order by metrics.auc"), "aefcdb") << "NaN after numbers, missing last";
  EXPECT_EQ(found("order by metrics.auc desc"), "fceadb") << "either way";
  EXPECT_EQ(found("order by params.lr"), "abdefc") << "numbers, texts, booleans, missing";
  EXPECT_EQ(found("order by params.lr desc"), "fedbac");
  EXPECT_EQ(found("order by experiment, name desc"), "cbafed");
  EXPECT_EQ(found("order by start_time"), "abcdef");
}

TEST_F(RunFilterTest, OnlyThePageNeedsToBeInOrder) {
  const auto query = parse_run_query("order by name limit 2 offset 1", kNow);
  auto rows = filter_rows(table_, *query);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 6U);
  ASSERT_TRUE(order_rows(table_, *query, *rows));
  EXPECT_EQ((*rows)[1], 1U);
  EXPECT_EQ((*rows)[2], 2U);
}

TEST_F(RunFilterTest, DeadRowsAreNotFound) {
  table_.remove(*table_.find(std::string(24, '0') + "02"));
  EXPECT_EQ(found("score > 0.7"), "f");
}

}  // namespace
}  // namespace assay::tracking
