#include "automl/report/leaderboard.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "automl/report/record_text.h"
#include "automl/report/run_summary.h"
#include "automl/report/score_picture.h"
#include "automl/scheduler/trial_record.h"

namespace assay::automl {
namespace {

LeaderboardRow row(int64_t trial, const std::string& learner, std::optional<double> score) {
  LeaderboardRow made;
  made.trial = trial;
  made.learner = learner;
  made.score = score;
  made.status = score ? "finished" : "failed";
  made.origin = "random";
  made.ended_seconds = static_cast<double>(trial) + 0.5;
  made.params = "{\"rate\":0.1}";
  return made;
}

Leaderboard board(bool maximise) {
  Leaderboard made;
  made.metric = maximise ? "roc_auc" : "rmse";
  made.maximise = maximise;
  made.rows = {row(0, "constant", 0.5), row(1, "gbt", 0.75), row(2, "linear", std::nullopt),
               row(3, "gbt", 0.75), row(-1, "ensemble", 0.75)};
  rank_rows(made);
  return made;
}

TEST(Leaderboard, RanksByScoreThenEnsembleThenTrial) {
  const Leaderboard up = board(true);
  std::vector<int64_t> trials;
  std::vector<int64_t> ranks;
  for (const LeaderboardRow& each : up.rows) {
    trials.push_back(each.trial);
    ranks.push_back(each.rank);
  }
  EXPECT_EQ(trials, (std::vector<int64_t>{-1, 1, 3, 0, 2}));
  EXPECT_EQ(ranks, (std::vector<int64_t>{1, 2, 3, 4, 0}));
  EXPECT_EQ(board(false).rows[0].trial, 0);
}

TEST(Leaderboard, DoesNotRankWhatBreaksAConstraint) {
  Leaderboard made = board(true);
  made.rows.push_back(row(4, "gbt", 0.9));
  made.rows.back().status = "over_limit";
  rank_rows(made);
  EXPECT_EQ(made.rows[0].trial, -1);
  ASSERT_EQ(made.rows[4].trial, 4) << "before what has no score";
  EXPECT_EQ(made.rows[4].rank, 0);
  EXPECT_EQ(made.rows[3].rank, 4);
  const auto json = nlohmann::json::parse(leaderboard_json(made));
  EXPECT_TRUE(json[4]["rank"].is_null());
  EXPECT_EQ(json[4]["score"], 0.9);
}

TEST(Leaderboard, IsReadBackFromARunsTable) {
  Leaderboard written = board(true);
  written.rows[1].weight = 1;
  written.rows[1].latency_us = 83.5;
  written.rows[1].file_bytes = 4096;
  const auto read = read_leaderboard(leaderboard_table(written), "roc_auc");
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->rows.size(), 5U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(read->rows[i].rank, written.rows[i].rank);
    EXPECT_EQ(read->rows[i].trial, written.rows[i].trial);
    EXPECT_EQ(read->rows[i].learner, written.rows[i].learner);
    EXPECT_EQ(read->rows[i].score, written.rows[i].score);
    EXPECT_EQ(read->rows[i].weight, written.rows[i].weight);
    EXPECT_EQ(read->rows[i].status, written.rows[i].status);
    EXPECT_EQ(read->rows[i].params, written.rows[i].params);
    EXPECT_EQ(read->rows[i].latency_us, written.rows[i].latency_us);
    EXPECT_EQ(read->rows[i].file_bytes, written.rows[i].file_bytes);
  }
  // As releases wrote it that measured neither.
  tracking::NamedTable other = leaderboard_table(written);
  std::erase_if(other.columns, [](const tracking::TableColumn& column) {
    return column.name == "latency_us" || column.name == "file_bytes";
  });
  ASSERT_EQ(other.columns.size(), 10u);
  ASSERT_TRUE(read_leaderboard(other, "roc_auc").has_value());
  EXPECT_EQ(read_leaderboard(other, "roc_auc")->rows[1].latency_us, 0);
  other = leaderboard_table(written);
  other.columns.pop_back();
  EXPECT_FALSE(read_leaderboard(other, "roc_auc").has_value());
  other = leaderboard_table(written);
  std::get<std::vector<int64_t>>(other.columns[0].values).pop_back();
  EXPECT_FALSE(read_leaderboard(other, "roc_auc").has_value());
}

TEST(RecordText, TellsWhatASweepRecorded) {
  tracking::RunRecord record;
  record.info.metric = "roc_auc";
  EXPECT_EQ(leaderboard_section(record, 5, 0) + members_section(record, 0) +
                importance_section(record, 5, 0),
            "");
  Leaderboard made = board(true);
  made.rows[0].weight = 1;     // the ensemble
  made.rows[1].weight = 0.25;  // gbt, trial 1
  made.rows[3].weight = 0.75;  // constant
  tracking::NamedTable importance;
  importance.name = "feature_importance";
  importance.columns = {{"feature", std::vector<std::string>{"age", "city", "noise"}},
                        {"importance", std::vector<double>{3, 1, 0}}};
  record.tables.push_back(std::make_shared<tracking::NamedTable>(leaderboard_table(made)));
  record.tables.push_back(std::make_shared<tracking::NamedTable>(importance));
  EXPECT_NE(leaderboard_section(record, 2, 0).find("... and "), std::string::npos);
  const std::string members = members_section(record, 0);
  EXPECT_EQ(members.find("ensemble"), std::string::npos);
  ASSERT_NE(members.find("0.750  constant"), std::string::npos) << members;
  EXPECT_LT(members.find("0.750  constant"), members.find("0.250  gbt"));
  const std::string features = importance_section(record, 2, 0);
  EXPECT_NE(features.find("75.0 %"), std::string::npos);
  EXPECT_NE(features.find("25.0 %"), std::string::npos);
  EXPECT_NE(features.find("... and 1 more"), std::string::npos);
}

TEST(RecordText, TellsWhatRanWhere) {
  tracking::RunRecord record;
  EXPECT_EQ(kernels_section(record, 0), "");
  record.tables.push_back(std::make_shared<tracking::NamedTable>(kernel_table(
      {{"cpu", "gemm", "cpu.packed", 7, 0}, {"fpga:0", "copy", "to_device", 2, 2'500'000}})));
  const std::string text = kernels_section(record, 0);
  EXPECT_NE(text.find("cpu.packed      7"), std::string::npos) << text;
  EXPECT_NE(text.find("to_device       2"), std::string::npos) << text;
  EXPECT_NE(text.find("2.4 MiB"), std::string::npos) << text;
  // A table of that name that is another one is left alone.
  tracking::NamedTable other = *record.tables[0];
  other.columns.pop_back();
  record.tables[0] = std::make_shared<tracking::NamedTable>(other);
  EXPECT_EQ(kernels_section(record, 0), "");
}

TEST(RecordText, DrawsAContractAsATable) {
  const std::string text = contract_table(
      R"({"columns":[{"name":"city","type":"categorical","levels":["a","b","c","d","e"],)"
      R"("level_count":70,"had_missing":true},{"name":"age","type":"numeric",)"
      R"("had_missing":false}],"target":"y"})",
      0);
  EXPECT_NE(text.find("a, b, c, d, ... (70)"), std::string::npos);
  EXPECT_NE(text.find("some"), std::string::npos);
  EXPECT_NE(text.find("age"), std::string::npos);
  EXPECT_EQ(contract_table("no JSON", 0), "no JSON\n");
  EXPECT_EQ(contract_table(R"({"columns":[5]})", 0), "{\"columns\":[5]}\n");
}

TEST(Leaderboard, PrintsATableAndWhatItLeftOut) {
  Leaderboard made = board(true);
  made.rows[0].latency_us = 83.25;
  made.rows[0].file_bytes = 3 << 20;
  const std::string text = leaderboard_text(made, 2);
  EXPECT_NE(text.find("83.2 us"), std::string::npos) << text;
  EXPECT_NE(text.find("3.0 MiB"), std::string::npos);
  EXPECT_NE(leaderboard_text(made, 2, 60).find("83.2 us"), std::string::npos);
  EXPECT_EQ(leaderboard_text(made, 2, 60).find("3.0 MiB"), std::string::npos);
  EXPECT_NE(text.find("roc_auc"), std::string::npos);
  EXPECT_NE(text.find("ensemble"), std::string::npos);
  EXPECT_EQ(text.find("linear"), std::string::npos);
  EXPECT_NE(text.find("... and 3 more\n"), std::string::npos);
  EXPECT_NE(leaderboard_text(board(true), 0).find("linear"), std::string::npos);
}

TEST(Leaderboard, ShowsWhatIsRegisteredBelowTheLimit) {
  Leaderboard made = board(true);
  for (LeaderboardRow& each : made.rows) each.weight = each.learner == "constant" ? 1 : 0;
  const std::string text = leaderboard_text(made, 2);
  EXPECT_NE(text.find("constant"), std::string::npos);
  EXPECT_NE(text.find("1.000"), std::string::npos);
  EXPECT_NE(text.find("... and 2 more\n"), std::string::npos);
  EXPECT_EQ(text.find("linear"), std::string::npos);
}

TEST(Leaderboard, WritesJson) {
  const auto json = nlohmann::json::parse(leaderboard_json(board(true)));
  ASSERT_EQ(json.size(), 5u);
  EXPECT_EQ(json[0]["learner"], "ensemble");
  EXPECT_TRUE(json[0]["trial"].is_null());
  EXPECT_EQ(json[1]["score"], 0.75);
  EXPECT_EQ(json[1]["params"]["rate"], 0.1);
  EXPECT_TRUE(json[4]["score"].is_null());
  EXPECT_TRUE(json[4]["rank"].is_null());
}

TEST(RunSummary, HoldsWhatTheCommandPromises) {
  SweepOutcome outcome;
  outcome.run_id = "01J";
  outcome.task = Task::kBinary;
  outcome.metric = "roc_auc";
  outcome.validation_score = 0.75;
  outcome.model_name = "churn";
  outcome.model_version = 3;
  outcome.finished = 3;
  outcome.failed = 1;
  outcome.leaderboard = board(true);
  outcome.notes = {"a \"quoted\" note", "bad \xff byte"};
  const std::string text = run_summary_json(outcome);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(text);
  for (const char* key : {"run_id", "status", "task", "metric", "validation_score", "model",
                          "trials", "wall_seconds", "peak_rss_bytes"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["status"], "completed");
  EXPECT_EQ(json["task"], "binary");
  EXPECT_EQ(json["model"]["version"], 3);
  EXPECT_EQ(json["trials"]["finished"], 3);
  EXPECT_EQ(json["leaderboard"].size(), 5u);
}

TEST(ScorePicture, DrawsApartWhatBreaksAConstraint) {
  Leaderboard made = board(true);
  EXPECT_EQ(score_picture(made, PictureAxis::kSeconds).find("over a limit"), std::string::npos);
  for (LeaderboardRow& row : made.rows) {
    if (row.trial >= 0 && row.score) row.status = "over_limit";
  }
  const std::string svg = score_picture(made, PictureAxis::kSeconds);
  EXPECT_NE(svg.find(">over a limit<"), std::string::npos) << svg;
  EXPECT_EQ(svg.find("h.01"), std::string::npos) << "no full mark is left";
  // Each of the three, and the legend's.
  size_t diamonds = 0;
  for (size_t at = svg.find("Z\" class=\"hollow "); at != std::string::npos;
       at = svg.find("Z\" class=\"hollow ", at + 1)) {
    ++diamonds;
  }
  EXPECT_EQ(diamonds, 4u);
}

TEST(ScorePicture, DrawsATrialAsAPointAndTheBestAsALine) {
  for (const bool maximise : {true, false}) {
    const std::string svg = score_picture(board(maximise), PictureAxis::kSeconds);
    EXPECT_EQ(svg.rfind("<svg ", 0), 0u);
    EXPECT_NE(svg.find("</svg>\n"), std::string::npos);
    size_t points = 0;
    // Marks, and the hollow ones beyond the axis.
    for (const char* mark : {"h.01", "r=\"3.2\" class=\"hollow"}) {
      for (size_t at = svg.find(mark); at != std::string::npos; at = svg.find(mark, at + 1)) {
        ++points;
      }
    }
    EXPECT_EQ(points, 3u);
    EXPECT_NE(svg.find("<path"), std::string::npos);
    EXPECT_NE(svg.find("best so far"), std::string::npos);
    EXPECT_NE(svg.find(">ensemble<"), std::string::npos);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
    EXPECT_EQ(svg, score_picture(board(maximise), PictureAxis::kSeconds));
  }
}

TEST(ScorePicture, IsEmptyWithoutScoresAndDrawsOnePoint) {
  Leaderboard empty;
  empty.rows = {row(0, "gbt", std::nullopt)};
  EXPECT_EQ(score_picture(empty, PictureAxis::kTrials), "");
  Leaderboard one;
  one.metric = "a<b";
  one.rows = {row(0, "gbt", 0.0)};
  const std::string svg = score_picture(one, PictureAxis::kTrials);
  EXPECT_NE(svg.find("a&lt;b"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace assay::automl
