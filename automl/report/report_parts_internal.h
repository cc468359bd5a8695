// The sections of the report, one function each, and what they share with the Markdown.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "automl/report/html_page.h"
#include "automl/report/report_page.h"

namespace assay::automl {

// sweep_sections.cc: what was tried.
void add_summary(HtmlPage& page, const ReportInputs& inputs);
void add_trial(HtmlPage& page, const ReportInputs& inputs);
void add_leaderboard(HtmlPage& page, const ReportInputs& inputs);
void add_search(HtmlPage& page, const ReportInputs& inputs);
void add_params(HtmlPage& page, const ReportInputs& inputs);

// model_sections.cc: what came of it.
void add_predictions(HtmlPage& page, const ReportInputs& inputs);
void add_importance(HtmlPage& page, const ReportInputs& inputs);
void add_data(HtmlPage& page, const ReportInputs& inputs);

// What add_predictions draws, for readers of text.
struct PredictionTables {
  std::string gap;                   // why there are none; or empty
  std::vector<std::string> preface;  // paragraphs: of what rows they are
  std::vector<HtmlTable> tables;
};
PredictionTables prediction_tables(const ReportInputs& inputs);

// run_sections.cc: how it ran.
void add_time(HtmlPage& page, const ReportInputs& inputs);
void add_hardware(HtmlPage& page, const ReportInputs& inputs);
void add_reproduction(HtmlPage& page, const ReportInputs& inputs);

using Facts = std::vector<std::pair<std::string, std::string>>;
Facts summary_facts(const ReportInputs& inputs);
Facts hardware_facts(const ReportInputs& inputs);
Facts reproduction_facts(const ReportInputs& inputs);
// The first rows and those of the model, then the others.
struct LeaderboardTables {
  HtmlTable top;
  HtmlTable others;
  size_t left_out = 0;  // of the others
};
LeaderboardTables leaderboard_tables(const ReportInputs& inputs);
HtmlTable time_table(const ReportInputs& inputs);
HtmlTable phase_table(const ReportInputs& inputs);
// "max_depth 6, learning_rate 0.1" of JSON.
std::string params_words(const std::string& json);
// "adult 3", or what the run is called.
std::string report_title(const ReportInputs& inputs);

}  // namespace assay::automl
