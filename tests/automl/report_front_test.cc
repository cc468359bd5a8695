#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "automl/report/front_chart.h"
#include "automl/report/leaderboard.h"
#include "automl/report/record_text.h"
#include "automl/report/run_summary.h"
#include "automl/scheduler/pareto_front.h"

namespace assay::automl {
namespace {

LeaderboardRow row(int64_t trial, const std::string& learner, double score, double latency_us) {
  LeaderboardRow made;
  made.trial = trial;
  made.learner = learner;
  made.status = "finished";
  made.score = score;
  made.latency_us = latency_us;
  made.params = "{}";
  return made;
}

// The constant is fastest; linear is slower and better; trial 2 is as fast as trial 3 and worse;
// trial 4 is slower than trial 3 and no better; the ensembles are slower still, and better.
Leaderboard front_board() {
  Leaderboard made;
  made.metric = "roc_auc";
  made.rows = {row(0, "constant", 0.5, 10),     row(1, "linear", 0.7, 12),
               row(2, "gbt", 0.72, 100),        row(3, "gbt", 0.8, 100),
               row(4, "gbt", 0.8, 300),         row(-1, "ensemble", 0.9, 1000),
               row(5, "random_forest", 0.6, 0), row(6, "gbt", 0.95, 50)};
  made.rows[7].status = "over_limit";
  made.path = {{2, 0.85, 400}, {3, 0.84, 600}, {4, 0.89, 0}};
  rank_rows(made);
  mark_front(made);
  return made;
}

std::vector<std::string> names(const Leaderboard& made) {
  std::vector<std::string> all;
  for (const FrontPoint& point : pareto_front(made)) all.push_back(point.name());
  return all;
}

TEST(ParetoFront, HoldsWhatNothingElseBettersInBoth) {
  EXPECT_EQ(names(front_board()),
            (std::vector<std::string>{"constant, trial 0", "linear, trial 1", "gbt, trial 3",
                                      "ensemble of 2", "ensemble, registered"}));
  Leaderboard down = front_board();
  down.maximise = false;
  EXPECT_EQ(names(down), (std::vector<std::string>{"constant, trial 0"}));
  EXPECT_TRUE(pareto_front(Leaderboard()).empty());
}

TEST(ParetoFront, MarksTheRowsOfIt) {
  for (const LeaderboardRow& each : front_board().rows) {
    const bool expected = each.trial == -1 || each.trial == 0 || each.trial == 1 || each.trial == 3;
    EXPECT_EQ(each.on_front, expected) << each.trial;
  }
  const std::string text = leaderboard_text(front_board(), 0);
  EXPECT_NE(text.find("100 us *"), std::string::npos) << text;
  EXPECT_NE(text.find("* no other model is both faster and better\n"), std::string::npos);
  const auto json = nlohmann::json::parse(leaderboard_json(front_board()));
  EXPECT_EQ(json[0]["on_front"], true);
  EXPECT_EQ(json[0]["latency_us"], 1000);
}

TEST(ParetoFront, IsInTheSummaryByLatency) {
  SweepOutcome outcome;
  outcome.leaderboard = front_board();
  const auto front = nlohmann::json::parse(run_summary_json(outcome))["front"];
  ASSERT_EQ(front.size(), 5u);
  EXPECT_EQ(front[0]["trial"], 0);
  EXPECT_EQ(front[3]["members"], 2);
  EXPECT_TRUE(front[3]["trial"].is_null());
  EXPECT_EQ(front[3]["latency_us"], 400);
  EXPECT_TRUE(front[4]["members"].is_null());
}

TEST(ParetoFront, IsReadBackFromARecord) {
  const Leaderboard made = front_board();
  tracking::RunRecord record;
  record.info.metric = "roc_auc";
  EXPECT_EQ(front_section(record, 0), "");
  record.tables.push_back(std::make_shared<tracking::NamedTable>(leaderboard_table(made)));
  record.tables.push_back(std::make_shared<tracking::NamedTable>(ensemble_path_table(made)));
  const auto read = recorded_board(record);
  ASSERT_TRUE(read);
  EXPECT_EQ(names(*read), names(made));
  const std::string text = front_section(record, 0);
  EXPECT_NE(text.find("400 us     0.85  ensemble of 2\n"), std::string::npos) << text;
  // Lower is better where the metric says so.
  record.info.metric = "rmse";
  EXPECT_EQ(names(*recorded_board(record)), (std::vector<std::string>{"constant, trial 0"}));
  EXPECT_EQ(front_section(record, 0), "") << "a single point is no front";
  // A table of another make is passed over.
  auto broken = ensemble_path_table(made);
  std::get<std::vector<double>>(broken.columns[1].values).pop_back();
  record.tables[1] = std::make_shared<tracking::NamedTable>(broken);
  ASSERT_TRUE(recorded_board(record));
  EXPECT_TRUE(recorded_board(record)->path.empty());
}

TEST(FrontFigure, DrawsModelsAndTheFront) {
  const Figure figure = front_figure(front_board());
  EXPECT_EQ(figure.svg.rfind("<svg ", 0), 0u);
  EXPECT_EQ(figure.svg, front_figure(front_board()).svg);
  EXPECT_NE(figure.svg.find("9 models; the front goes from 10 us with 0.5 to 1 ms with 0.9."),
            std::string::npos)
      << figure.svg;
  // Rings: two ensembles of the path and the registered one.
  size_t rings = 0;
  for (size_t at = figure.svg.find("r=\"4.2\" class=\"ink\""); at != std::string::npos;
       at = figure.svg.find("r=\"4.2\" class=\"ink\"", at + 1)) {
    ++rings;
  }
  EXPECT_EQ(rings, 3u);
  EXPECT_NE(figure.note.find("Rings are ensembles"), std::string::npos);
  ASSERT_EQ(figure.legend.size(), 5u);
  EXPECT_EQ(figure.legend[3].label, "over a limit");
  EXPECT_EQ(figure.legend[3].mark, LegendItem::Mark::kDiamond);
  EXPECT_EQ(figure.legend[4].label, "front");
  // Trial 6 alone is drawn apart, whatever its score.
  size_t diamonds = 0;
  for (size_t at = figure.svg.find("Z\" class=\"hollow "); at != std::string::npos;
       at = figure.svg.find("Z\" class=\"hollow ", at + 1)) {
    ++diamonds;
  }
  EXPECT_EQ(diamonds, 1u);
  Leaderboard kept = front_board();
  kept.rows.pop_back();
  EXPECT_EQ(front_figure(kept).legend.size(), 4u) << "nothing breaks a constraint";
}

TEST(FrontFigure, SaysWhyThereIsNone) {
  Leaderboard made = front_board();
  made.path.clear();
  for (LeaderboardRow& each : made.rows) each.latency_us = 0;
  const Figure figure = front_figure(made);
  EXPECT_TRUE(figure.svg.empty());
  EXPECT_EQ(figure.note, "No model's latency was measured.");
  EXPECT_EQ(front_text(made), "");
}

}  // namespace
}  // namespace assay::automl
