// Pages of made-up sweeps: learning curves, slots, the whole page and the Markdown, and the truth
// behind predictions.
#include <gtest/gtest.h>

#include "automl/report/curve_chart.h"
#include "automl/report/halving_table.h"
#include "automl/report/html_page.h"
#include "automl/report/report_page.h"
#include "automl/report/score_picture.h"
#include "automl/report/shap_chart.h"
#include "automl/report/time_chart.h"
#include "kernels/base/executor.h"

namespace assay::automl {
namespace {

constexpr const char* kHostile = "<script>alert('x')</script>&\"|`*";

TrialTime halved(const std::string& learner, bool given_up,
                 std::array<std::vector<int64_t>, 3> rungs) {
  TrialTime time;
  time.learner = learner;
  time.given_up_at_rung = given_up;
  time.rungs = std::move(rungs);
  return time;
}

TEST(HalvingTable, CountsWhoWasComparedAndWhoWasGivenUpWhere) {
  const std::vector<TrialTime> times = {halved("gbt", false, {{{}, {1, 2}, {1, 2}}}),
                                        halved("gbt", true, {{{}, {1, 2}, {1}}}),
                                        halved("gbt", true, {{{}, {1}, {}}}),
                                        halved("linear", false, {{{1, 2}, {}, {}}}),
                                        halved("constant", false, {}),
                                        halved("mlp", true, {{{}, {2}, {}}})};
  std::string text;
  for (const auto& row : halving_table(times).rows) {
    for (const HtmlCell& cell : row) text += cell.text + " ";
    text += "\n";
  }
  EXPECT_EQ(text,
            "gbt rows 1 3 1 \ngbt rows 2 2 0 \ngbt rounds 1 2 1 \ngbt rounds 2 1 0 \n"
            "linear folds 1 1 0 \nlinear folds 2 1 0 \nmlp rows 2 1 1 \n");
  EXPECT_TRUE(halving_table({}).rows.empty());
}

TrialTime time_of(double begin, double end) {
  TrialTime time;
  time.learner = "gbt";
  time.begin = begin;
  time.end = end;
  return time;
}

TEST(SlotLanes, TakeTheLowestThatIsFree) {
  const std::vector<TrialTime> times = {time_of(0, 5), time_of(0, 2), time_of(2, 3),
                                        time_of(2.5, 9), time_of(5, 6)};
  EXPECT_EQ(slot_lanes(times), (std::vector<size_t>{0, 1, 1, 2, 0}));
  const Figure figure = timeline_figure(times, {{"gbt", 0}}, 10);
  EXPECT_NE(figure.svg.find("slot 3"), std::string::npos);
  EXPECT_NE(figure.svg.find("5 trials in 3 slots over 10.00 s."), std::string::npos);
  EXPECT_EQ(timeline_figure({}, {}, 10).svg, "");
}

TEST(LearningCurves, DrawALineAFoldAndCutTheFirstLosses) {
  LearningCurve curve;
  curve.trial = 3;
  curve.learner = "gbt";
  curve.member = true;
  for (int fold = 0; fold < 2; ++fold) {
    auto& points = curve.folds.emplace_back();
    for (int step = 1; step <= 50; ++step) points.emplace_back(step, 0.3 + 30.0 / (step * step));
  }
  const Figure figure = learning_figure({&curve, 1});
  ASSERT_EQ(figure.legend.size(), 1u);
  EXPECT_EQ(figure.legend[0].label, "gbt #3 (in the model)");
  EXPECT_NE(figure.note.find("beyond the axis"), std::string::npos);
  const size_t at = figure.svg.find("line thin s0");
  ASSERT_NE(at, std::string::npos);
  const std::string path = figure.svg.substr(figure.svg.rfind("<path", at), 4000);
  EXPECT_EQ(std::count(path.begin(), path.begin() + static_cast<long>(path.find("class")), 'M'), 2);
  EXPECT_EQ(learning_figure({}).svg, "");
  EXPECT_FALSE(learning_figure({}).note.empty());
}

TEST(ShapChart, ColoursDotsByValueAndCategoriesGrey) {
  ShapSample sample;
  sample.columns = {"small", kHostile};
  sample.rows = 3;
  sample.output = "predicted 'y'";
  sample.contributions = {0.1, 1, -0.1, -2, 0, 0.5};
  sample.places = {0, NAN, 0.5, NAN, 1, NAN};
  sample.importance = {0.07, 1.2};
  const Figure figure = shap_figure(sample);
  for (const char* part : {"dots v0", "dots v3", "dots v5", "dots s6"}) {
    EXPECT_NE(figure.svg.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(figure.svg.find("<script"), std::string::npos);
  EXPECT_LT(figure.svg.find("&lt;script"), figure.svg.find(">small<"));
  EXPECT_EQ(figure.legend.size(), 3u);
  EXPECT_NE(shap_figure(sample, 1).note.find("1 further columns"), std::string::npos);
}

TEST(TableRows, KeepLevelsAndCountMissing) {
  datasets::Column numbers;
  numbers.name = "n";
  numbers.numbers = {1, NAN, 3};
  numbers.missing_count = 1;
  datasets::Column levels;
  levels.name = "l";
  levels.type = datasets::ColumnType::kCategorical;
  levels.levels = {"a", "b"};
  levels.codes = {2, 3, datasets::kMissingCode};
  levels.missing_count = 1;
  const auto table = datasets::Table::make({numbers, levels}, "t", "");
  ASSERT_TRUE(table);
  const auto rows = table_rows(**table, {2, 0});
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)->columns()[0].numbers, (std::vector<double>{3, 1}));
  EXPECT_EQ((*rows)->columns()[1].codes, (std::vector<int32_t>{0, 2}));
  EXPECT_EQ((*rows)->columns()[0].missing_count, 0);
  EXPECT_EQ((*rows)->columns()[1].missing_count, 1);
}

// A finished sweep of two classes with names that look like markup.
ReportInputs inputs(size_t trials) {
  ReportInputs made;
  tracking::RunRecord& sweep = made.data.sweep;
  sweep.info.run_id = "01M8B0HHEKDKYH360D6VCNV304";
  sweep.info.kind = "sweep";
  sweep.info.name = kHostile;
  sweep.info.metric = "roc_auc";
  sweep.info.score = 0.75;
  sweep.info.created_ns = 1'700'000'000'000'000'000;
  sweep.info.ended_ns = sweep.info.created_ns + 10'000'000'000;
  sweep.info.status = tracking::RunStatus::kCompleted;
  sweep.tags["task"] = tracking::Value("binary");
  sweep.tags["ended_by"] = tracking::Value("time");
  sweep.params["data.target"] = tracking::Value(kHostile);
  sweep.stdout_text = fmt::format("warning: {0}\n{0}\n0.5 s: trial 7 gbt done\n", kHostile);
  sweep.environment["command_line"] = tracking::Value(kHostile);
  sweep.models.push_back({"m", 1, "abc", 10, 1, "{}"});
  auto predictions = std::make_shared<tracking::Predictions>();
  predictions->name = "oof";
  predictions->rows = 4;
  predictions->columns = 2;
  predictions->values = std::vector<float>{.9f, .1f, .6f, .4f, .3f, .7f, .8f, .2f};
  predictions->column_names = {"no", kHostile};
  sweep.predictions.push_back(predictions);
  made.truth.labels = {0, 1, 1, 0};
  auto importance = std::make_shared<tracking::NamedTable>();
  importance->name = "feature_importance";
  importance->columns = {{"feature", std::vector<std::string>{kHostile, "b"}},
                         {"importance", std::vector<double>{0.75, 0.25}}};
  sweep.tables.push_back(importance);
  tracking::DatasetUse use;
  use.name = kHostile;
  use.role = "train";
  use.rows = 4;
  use.columns = 1;
  use.profile = {{"column", std::vector<std::string>{kHostile}},
                 {"type", std::vector<std::string>{"numeric"}},
                 {"missing", std::vector<int64_t>{1}},
                 {"distinct", std::vector<int64_t>{3}},
                 {"mean", std::vector<double>{1}},
                 {"min", std::vector<double>{0}},
                 {"max", std::vector<double>{2.5}}};
  sweep.datasets.push_back(use);
  made.file.missing = "'train.csv' is not there";
  made.shap_missing = "'train.csv' is not there";
  made.data.task = Task::kBinary;
  Leaderboard& board = made.data.board;
  board.metric = "roc_auc";
  for (size_t i = 0; i < trials; ++i) {
    LeaderboardRow row;
    row.trial = static_cast<int64_t>(i);
    row.learner = i % 3 == 0 ? kHostile : "gbt";
    row.status = "finished";
    row.score = 0.9 - 0.0001 * static_cast<double>(i);
    row.run_id = fmt::format("run{}", i);
    row.ended_seconds = static_cast<double>(i) * 0.01;
    row.weight = i < 2 ? 0.5 : 0;
    row.params = fmt::format(R"({{"rate":{},"depth":{},"kind":"<b>","l1":{},"l2":{},"bins":{}}})",
                             0.01 + 0.001 * static_cast<double>(i * 7919 % 500), i % 9, i * 3 % 17,
                             i * 5 % 23, i % 255);
    made.data.times.push_back({row.trial, row.run_id, row.learner, row.status, "cpu",
                               row.ended_seconds, row.ended_seconds + 0.01, 0.005});
    board.rows.push_back(std::move(row));
  }
  rank_rows(board);
  return made;
}

TEST(ReportPage, EscapesNamesAndHasItsSections) {
  const std::string html = report_html(inputs(20));
  EXPECT_EQ(html.rfind(HtmlPage::kStart, 0), 0u);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("http://", html.find("<body")),
            html.find("http://www.w3.org/2000/svg", html.find("<body")));
  for (const char* id : {"summary", "leaderboard", "search", "parameters", "predictions",
                         "importance", "data", "time", "hardware", "reproduce"}) {
    EXPECT_NE(html.find(fmt::format("<section id=\"{}\"", id)), std::string::npos) << id;
  }
  for (const char* part : {"ROC", "Calibration", "Confusion matrix", "PED-ANOVA", "10 further rows",
                           "No Shapley values: &#39;train.csv&#39; is not there."}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(html.find(">nan<"), std::string::npos);
  EXPECT_EQ(html.find("trial 7 gbt done"), std::string::npos);
  EXPECT_EQ(html, report_html(inputs(20)));
}

TEST(ReportPage, OfTwoThousandTrialsStaysSmall) {
  const std::string html = report_html(inputs(2000));
  EXPECT_LT(html.size(), 2'000'000u);
  EXPECT_NE(html.find("more are in the record only"), std::string::npos);
}

TEST(ReportPage, SaysWhatIsMissing) {
  ReportInputs bare = inputs(3);
  bare.data.sweep.predictions.clear();
  bare.data.sweep.tables.clear();
  bare.data.sweep.models.clear();
  bare.data.times.clear();
  bare.data.board_from_trials = true;
  const std::string html = report_html(bare);
  EXPECT_NE(html.find("the sweep registered no model"), std::string::npos);
  EXPECT_NE(html.find("made of the records of its trials"), std::string::npos);
  EXPECT_EQ(report_gaps(bare).size(), 4u);
  EXPECT_EQ(report_gaps(inputs(3)).size(), 2u);
}

TEST(ReportPage, DoesNotBelieveRecordsThatDoNotFit) {
  for (const int kind : {0, 1, 2, 3}) {
    ReportInputs odd = inputs(3);
    auto predictions = std::make_shared<tracking::Predictions>(*odd.data.sweep.predictions[0]);
    if (kind == 0) predictions->column_names.pop_back();
    if (kind == 1) odd.truth.labels.pop_back();
    if (kind == 2) predictions->rows = 5;
    if (kind == 3) std::get<std::vector<float>>(predictions->values)[3] = NAN;
    odd.data.sweep.predictions = {predictions};
    EXPECT_NE(report_html(odd).find("does not fit together"), std::string::npos) << kind;
  }
}

TEST(ReportPage, OfATrialHasASectionOnIt) {
  ReportInputs made = inputs(5);
  made.data.trial.emplace();
  made.data.trial->info.run_id = "run1";
  made.data.trial->info.name = "gbt-1";
  made.data.trial->params["rate"] = tracking::Value(0.125);
  const std::string html = report_html(made);
  EXPECT_NE(html.find("Trial gbt-1"), std::string::npos);
  EXPECT_NE(html.find("Rank 2 of the sweep, in the registered model."), std::string::npos);
}

TEST(ReportMarkdown, EscapesCells) {
  const std::string text = report_markdown(inputs(20));
  EXPECT_EQ(text.rfind(kMarkdownStart, 0), 0u);
  EXPECT_NE(text.find("\\<script\\>"), std::string::npos);
  // Outside of the fenced command line every one is escaped.
  const size_t fence = text.find("```");
  ASSERT_NE(fence, std::string::npos);
  for (size_t at = text.find("<script"); at < fence; at = text.find("<script", at + 1)) {
    EXPECT_EQ(text[at - 1], '\\');
  }
}

TEST(ReportMarkdown, TellsOfPredictionsInTables) {
  const std::string classes = report_markdown(inputs(3));
  EXPECT_NE(classes.find("on 4 validation rows"), std::string::npos);
  // Of the positive class: its rows, areas of a perfect order, |0.3 + 0.6 + ...| of four bins.
  EXPECT_NE(classes.find(" | 2 | 1.0000 | 1.0000 | 0.3000 |"), std::string::npos) << classes;
  EXPECT_NE(classes.find("Accuracy 0.7500"), std::string::npos);
  EXPECT_NE(classes.find("| no | 2 | 0 | 100.0 % |"), std::string::npos);

  ReportInputs numbers = inputs(3);
  auto predictions = std::make_shared<tracking::Predictions>(*numbers.data.sweep.predictions[0]);
  predictions->columns = 1;
  predictions->column_names = {"y"};
  predictions->values = std::vector<double>{1, 2, 3, 4};
  numbers.data.sweep.predictions = {predictions};
  numbers.truth.labels.clear();
  numbers.truth.values = {1, 2, 3, 8};
  const std::string values = report_markdown(numbers);
  EXPECT_NE(values.find("| predicted | 1 | 1 | 1 | 2 | 3 | 3 | 4 | 2.5 |"), std::string::npos);
  EXPECT_NE(values.find("| residual | 0 | 0 | 0 | 0 | 0 | 0 | 4 | 1 |"), std::string::npos);

  numbers.data.sweep.models.clear();
  numbers.data.sweep.predictions.clear();
  EXPECT_NE(report_markdown(numbers).find("the sweep registered no model"), std::string::npos);
}

TEST(OofTruth, ComesFromTheRecordOrTheTable) {
  ReportInputs made = inputs(1);
  tracking::RunRecord& sweep = made.data.sweep;
  sweep.params["data.target"] = tracking::Value("y");
  auto predictions = *sweep.predictions[0];
  predictions.column_names = {"no", "yes"};
  predictions.row_ids = {3, 1, 0, 2};
  const TrainingFile none{nullptr, "gone"};
  EXPECT_NE(oof_truth_of(sweep, predictions, none, true).missing.find("gone"), std::string::npos);

  datasets::Column y;
  y.name = "y";
  y.type = datasets::ColumnType::kBoolean;
  y.numbers = {0, 1, 1, 0};
  y.levels = {"no", "yes"};
  TrainingFile file;
  file.table = *datasets::Table::make({y}, "t", "");
  EXPECT_EQ(oof_truth_of(sweep, predictions, file, true).labels,
            (std::vector<int32_t>{0, 1, 0, 1}));
  predictions.row_ids = {3, 1, 0, 9};
  EXPECT_FALSE(oof_truth_of(sweep, predictions, file, true).missing.empty());

  auto table = std::make_shared<tracking::NamedTable>();
  table->name = "oof_targets";
  table->columns = {{"class", std::vector<int64_t>{1, 0, 0, 1}}};
  sweep.tables.push_back(table);
  EXPECT_EQ(oof_truth_of(sweep, predictions, none, true).labels,
            (std::vector<int32_t>{1, 0, 0, 1}));
  // A class that the predictions do not have: the record is not believed.
  table->columns = {{"class", std::vector<int64_t>{1, 0, 0, 2}}};
  EXPECT_FALSE(oof_truth_of(sweep, predictions, none, true).missing.empty());
  table->columns = {{"value", std::vector<double>{1.5, 0, 0, 2}}};
  EXPECT_EQ(oof_truth_of(sweep, predictions, none, false).values,
            (std::vector<double>{1.5, 0, 0, 2}));
}

TEST(TrainingFile, SaysWhyItIsMissing) {
  tracking::RunRecord sweep;
  SerialExecutor executor;
  const StopToken stop;
  const auto nothing = read_training_file(sweep, "", executor, stop);
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->table, nullptr);
  EXPECT_NE(nothing->missing.find("does not say"), std::string::npos);
  sweep.params["data.train"] = tracking::Value("/no/such/file.csv");
  const auto gone = read_training_file(sweep, "", executor, stop);
  ASSERT_TRUE(gone);
  EXPECT_NE(gone->missing.find("'/no/such/file.csv' is not there"), std::string::npos);
  EXPECT_FALSE(read_training_file(sweep, "/no/such/other.csv", executor, stop));
}

}  // namespace
}  // namespace assay::automl
