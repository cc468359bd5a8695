// Summary, leaderboard, search and hyper-parameters.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "automl/report/bar_chart.h"
#include "automl/report/curve_chart.h"
#include "automl/report/front_chart.h"
#include "automl/report/halving_table.h"
#include "automl/report/parallel_chart.h"
#include "automl/report/param_importance.h"
#include "automl/report/report_parts_internal.h"
#include "automl/report/score_picture.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"

namespace assay::automl {
namespace {

constexpr size_t kTopRows = 10;
constexpr size_t kFoldedRows = 1000;

std::string ended_words(const std::string& ended_by) {
  static const std::map<std::string, std::string> kWords = {
      {"time", "the time limit"},
      {"trials", "the limit of trials"},
      {"patience", "many trials without a better one"},
      {"exhausted", "no settings were left to try"},
      {"failures", "trials only failed"},
      {"user", "the user"}};
  const auto it = kWords.find(ended_by);
  return it == kWords.end() ? ended_by : it->second;
}

std::string trials_words(const Leaderboard& board) {
  std::map<std::string, size_t> counts;
  size_t trials = 0;
  for (const LeaderboardRow& row : board.rows) {
    if (row.trial < 0) continue;
    ++counts[row.status];
    ++trials;
  }
  std::string text = fmt::format("{}", trials);
  for (const auto& [status, count] : counts) {
    text += fmt::format("{}{} {}", status == counts.begin()->first ? ": " : ", ", count, status);
  }
  return text;
}

std::string took_words(const tracking::RunInfo& info) {
  if (info.ended_ns <= 0) return "not ended";
  return duration_text(static_cast<double>(info.ended_ns - info.created_ns) * 1e-9);
}

std::string bytes_text(int64_t bytes) {
  return bytes > 0 ? size_text(static_cast<double>(bytes)) : "-";
}

template <class T>
T param_or(const tracking::RunRecord& sweep, const char* name, T absent) {
  const auto at = sweep.params.find(name);
  if (at == sweep.params.end()) return absent;
  const auto* value = std::get_if<T>(&at->second.data());
  return value == nullptr ? absent : *value;
}

std::string constraint_words(const tracking::RunRecord& sweep) {
  std::vector<std::string> words;
  const double latency_us = param_or(sweep, "constraints.max_latency", 0.0);
  const int64_t bytes = param_or(sweep, "constraints.max_model_size", int64_t{0});
  if (latency_us > 0) words.push_back("one row in at most " + latency_text(latency_us));
  if (bytes > 0) words.push_back("a file of at most " + bytes_text(bytes));
  if (param_or(sweep, "constraints.interpretable", false)) {
    words.emplace_back("only models that a person can read");
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

// The score that the choice of the model flatters, where it does.
std::string selection_words(const tracking::RunRecord& sweep) {
  const auto at = sweep.tags.find("selection_score");
  if (at == sweep.tags.end() || !sweep.info.score) return {};
  const auto* score = std::get_if<double>(&at->second.data());
  if (score == nullptr || *score == *sweep.info.score) return {};
  return score_text(*score);
}

HtmlTable board_head(const Leaderboard& board) {
  HtmlTable table;
  table.columns = {{"rank", true},       {"learner", false},
                   {"trial", true},      {board.metric.empty() ? "score" : board.metric, true},
                   {"weight", true},     {"one row", true},
                   {"file", true},       {"took", true},
                   {"fit a fold", true}, {"status", false},
                   {"parameters", false}};
  return table;
}

// By learner, the parameters that had more than one value.
using Varied = std::map<std::string, std::set<std::string>>;

Varied varied_params(const Leaderboard& board) {
  Varied varied;
  for (const LearnerTrials& learner : trials_by_learner(board)) {
    for (const ParamColumn& column : learner.columns) varied[learner.learner].insert(column.name);
  }
  return varied;
}

// What tells the trial from others of its learner; all if nothing does.
std::string main_params(const LeaderboardRow& row, const Varied& varied) {
  const auto names = varied.find(row.learner);
  const auto params = nlohmann::ordered_json::parse(row.params, nullptr, false);
  if (names == varied.end() || !params.is_object()) return params_words(row.params);
  nlohmann::ordered_json kept = nlohmann::ordered_json::object();
  for (const auto& [name, value] : params.items()) {
    if (names->second.contains(name)) kept[name] = value;
  }
  return params_words(kept.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::vector<HtmlCell> board_row(const LeaderboardRow& row, const Varied& varied,
                                const std::map<int64_t, double>& seconds) {
  const auto took = seconds.find(row.trial);
  std::vector<HtmlCell> cells = {row.rank > 0 ? fmt::format("{}", row.rank) : "-",
                                 row.learner,
                                 row.trial >= 0 ? fmt::format("{}", row.trial) : "",
                                 row.score ? score_text(*row.score) : "-",
                                 row.weight > 0 ? fmt::format("{:.3f}", row.weight) : "",
                                 latency_text(row.latency_us) + (row.on_front ? " *" : ""),
                                 bytes_text(row.file_bytes),
                                 took != seconds.end() ? duration_text(took->second) : "",
                                 row.trial >= 0 ? duration_text(row.fit_seconds) : "",
                                 row.status,
                                 main_params(row, varied)};
  cells[0].emphasis = row.weight > 0;
  return cells;
}

// "12.50 s: trial 3 gbt finished ...": the leaderboard says that.
bool tells_of_trial(const std::string& line) {
  constexpr size_t kLongestTime = 16;
  return line[0] >= '0' && line[0] <= '9' && line.find(": trial ") < kLongestTime;
}

// Lines of the sweep's log that begin with "warning: ", and the others but those on trials.
std::pair<std::vector<std::string>, std::string> split_log(const std::string& log) {
  std::pair<std::vector<std::string>, std::string> parts;
  for (size_t at = 0; at < log.size();) {
    const size_t end = std::min(log.find('\n', at), log.size());
    const std::string line = log.substr(at, end - at);
    if (line.starts_with("warning: ")) {
      parts.first.push_back(line.substr(9));
    } else if (!line.empty() && !tells_of_trial(line)) {
      parts.second += line + "\n";
    }
    at = end + 1;
  }
  return parts;
}

}  // namespace

std::string params_words(const std::string& json) {
  const auto params = nlohmann::ordered_json::parse(json, nullptr, false);
  if (!params.is_object()) return json;
  std::string text;
  for (const auto& [name, value] : params.items()) {
    const std::string shown =
        value.is_string() ? value.get<std::string>()
        : value.is_number_float()
            ? score_text(value.get<double>())
            : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, shown);
  }
  return text;
}

std::string report_title(const ReportInputs& inputs) {
  const tracking::RunInfo& info = inputs.data.sweep.info;
  return info.experiment.empty() ? info.name : info.experiment + ": " + info.name;
}

Facts summary_facts(const ReportInputs& inputs) {
  const tracking::RunRecord& sweep = inputs.data.sweep;
  const tracking::RunInfo& info = sweep.info;
  Facts facts;
  const auto add = [&](std::string name, std::string value) {
    if (!value.empty()) facts.emplace_back(std::move(name), std::move(value));
  };
  add("task", value_of(sweep.tags, "task"));
  add("target", value_of(sweep.params, "data.target"));
  if (info.score) add(info.metric + " (validation)", score_text(*info.score));
  add("on the rows it was chosen on", selection_words(sweep));
  add("how it was validated", value_of(sweep.tags, "validation"));
  add("continues", value_of(sweep.params, "model.init"));
  for (const tracking::ModelUse& model : sweep.models) {
    if (model.version <= 0) continue;
    add("registered model", fmt::format("{}:{}", model.name, model.version));
    add("model size", size_text(static_cast<double>(model.size)));
  }
  const auto latency = sweep.metrics.find("latency_us");
  if (latency != sweep.metrics.end() && !latency->second.empty()) {
    add("a prediction for one row", latency_text(latency->second.back().value));
  }
  add("constraints", constraint_words(sweep));
  const auto members =
      std::count_if(inputs.data.board.rows.begin(), inputs.data.board.rows.end(),
                    [](const LeaderboardRow& row) { return row.trial >= 0 && row.weight > 0; });
  if (members > 0) add("members of the model", fmt::format("{}", members));
  if (value_of(sweep.tags, "ensemble") == "stacked") add("put together by", "stacking");
  add("stacking", value_of(sweep.tags, "stacking"));
  add("calibration", value_of(sweep.tags, "calibration"));
  add("trials", trials_words(inputs.data.board));
  add("took", took_words(info));
  add("ended by", ended_words(value_of(sweep.tags, "ended_by")));
  for (const tracking::DatasetUse& use : sweep.datasets) {
    add("data", fmt::format("{}: {} rows, {} columns", use.name, use.rows, use.columns));
  }
  add("status", std::string(tracking::name_of(info.status)));
  add("started", tracking::iso_time(info.created_ns));
  return facts;
}

void add_summary(HtmlPage& page, const ReportInputs& inputs) {
  const tracking::RunRecord& sweep = inputs.data.sweep;
  page.section("summary", "Summary");
  page.facts(summary_facts(inputs));
  if (!sweep.info.message.empty()) page.note(sweep.info.message);
  if (inputs.data.board_from_trials) {
    page.note(
        "The sweep's record has no leaderboard (it was interrupted, or is still running): this "
        "page is made of the records of its trials, and there is no registered model in it.");
  }
  const auto [warnings, log] = split_log(sweep.stdout_text);
  for (const std::string& warning : warnings) page.note(warning);
  for (const std::string& message : inputs.data.damaged) page.note(message);
  if (!log.empty()) page.folded_text("Notes of the sweep", log);
}

void add_trial(HtmlPage& page, const ReportInputs& inputs) {
  if (!inputs.data.trial) return;
  const tracking::RunRecord& trial = *inputs.data.trial;
  page.section("trial", "Trial " + trial.info.name);
  page.paragraph(
      "The report was asked for by this trial; the rest of the page is about its "
      "sweep.");
  Facts facts = {{"run", trial.info.run_id},
                 {"status", std::string(tracking::name_of(trial.info.status))}};
  if (trial.info.score) facts.emplace_back(trial.info.metric, score_text(*trial.info.score));
  facts.emplace_back("took", took_words(trial.info));
  facts.emplace_back("device", value_of(trial.tags, "device"));
  facts.emplace_back("origin", value_of(trial.tags, "origin"));
  for (const auto& [name, value] : trial.params) {
    const auto* number = std::get_if<double>(&value.data());
    facts.emplace_back(name, number != nullptr ? score_text(*number) : value.text());
  }
  page.facts(facts);
  if (!trial.info.message.empty()) page.note(trial.info.message);
  if (!trial.stdout_text.empty()) page.preformatted(trial.stdout_text);
  for (const LeaderboardRow& row : inputs.data.board.rows) {
    if (row.run_id != trial.info.run_id) continue;
    page.paragraph(row.rank > 0 ? fmt::format("Rank {} of the sweep{}.", row.rank,
                                              row.weight > 0 ? ", in the registered model" : "")
                   : row.score  ? std::string("It breaks a constraint, and so has no rank.")
                                : std::string("It has no score, and so no rank."));
  }
}

LeaderboardTables leaderboard_tables(const ReportInputs& inputs) {
  const Leaderboard& board = inputs.data.board;
  std::map<int64_t, double> seconds;
  for (const TrialTime& time : inputs.data.times) seconds[time.trial] = time.end - time.begin;
  const Varied varied = varied_params(board);
  LeaderboardTables tables{board_head(board), board_head(board), 0};
  for (size_t i = 0; i < board.rows.size(); ++i) {
    if (i < kTopRows || board.rows[i].weight > 0) {
      tables.top.rows.push_back(board_row(board.rows[i], varied, seconds));
    } else if (tables.others.rows.size() < kFoldedRows) {
      tables.others.rows.push_back(board_row(board.rows[i], varied, seconds));
    } else {
      ++tables.left_out;
    }
  }
  return tables;
}

void add_leaderboard(HtmlPage& page, const ReportInputs& inputs) {
  page.section("leaderboard", "Leaderboard");
  const LeaderboardTables tables = leaderboard_tables(inputs);
  page.paragraph(
      "The best trials, and all that are in the registered model (bold). Scores are out of fold. "
      "One "
      "row is what a prediction for a single row takes, the median of a few, and file the size of "
      "the model, each for the trial alone (* no other model is both faster and better). "
      "Parameters are those that tell a trial from others of its learner.");
  page.table(tables.top);
  if (tables.others.rows.empty()) return;
  page.folded(fmt::format("{} further rows{}", tables.others.rows.size(),
                          tables.left_out > 0
                              ? fmt::format(" ({} more are in the record only)", tables.left_out)
                              : std::string()),
              tables.others);
}

void add_search(HtmlPage& page, const ReportInputs& inputs) {
  page.section("search", "Search");
  Figure curves = learning_figure(inputs.data.curves);
  page.figures({history_figure(inputs.data.board, PictureAxis::kSeconds),
                history_figure(inputs.data.board, PictureAxis::kTrials), std::move(curves),
                front_figure(inputs.data.board)});
  const HtmlTable halving = halving_table(inputs.data.times);
  if (!halving.rows.empty())
    page.folded("Trials that were compared on a part of the work", halving);
}

void add_params(HtmlPage& page, const ReportInputs& inputs) {
  const std::vector<LearnerTrials> learners = trials_by_learner(inputs.data.board);
  page.section("parameters", "Hyper-parameters");
  std::vector<Figure> importances;
  std::string few;
  for (const LearnerTrials& learner : learners) {
    if (learner.columns.size() < 2) continue;
    std::vector<Bar> bars;
    for (const ParamImportance& param : param_importance(learner)) {
      bars.push_back({param.name, param.share, fmt::format("{:.1f} %", 100 * param.share)});
    }
    if (bars.empty()) {
      few += (few.empty() ? "" : ", ") + learner.learner;
      continue;
    }
    importances.push_back(bar_figure(
        fmt::format("{}: importance", learner.learner),
        fmt::format("Shares of importance over {} trials", learner.scores.size()), bars, 12));
    importances.back().note +=
        fmt::format(" The best {} of {} trials against all.", best_count(learner.scores.size()),
                    learner.scores.size());
  }
  if (!importances.empty()) {
    page.paragraph(
        "How much each hyper-parameter decides whether a trial of its learner is among the best: "
        "PED-ANOVA (Watanabe, Bansal, Hutter 2023), shares of the learner's sum.");
  }
  page.figures(importances);
  if (!few.empty()) {
    page.note(
        fmt::format("No importance for {}: fewer than {} trials with a score, or nothing "
                    "that decides.",
                    few, kLeastTrials));
  }
  bool drawn = false;
  for (const LearnerTrials& learner : learners) {
    const Figure figure = parallel_figure(learner, inputs.data.board.metric);
    if (figure.svg.empty()) continue;
    if (!drawn) page.heading("Settings and scores");
    drawn = true;
    page.wide_figure(figure);
  }
  if (!drawn) page.note("No learner has 3 trials with different hyper-parameters.");
}

}  // namespace assay::automl
