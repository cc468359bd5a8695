// The report about a sweep: an HTML page with everything, and a shorter one in Markdown. Pure: all
// they show was gathered before.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "automl/report/report_data.h"
#include "automl/report/shap_sample.h"
#include "automl/report/training_file.h"

namespace assay::automl {

struct ReportInputs {
  ReportData data;
  TrainingFile file;
  OofTruth truth;  // of data.sweep's predictions "oof", if it has them
  std::optional<ShapSample> shap;
  std::string shap_missing;  // why there is none
};

// Begins with HtmlPage::kStart.
std::string report_html(const ReportInputs& inputs);

// Begins with kMarkdownStart: summary, leaderboard, importance, time, and how to reproduce it.
inline constexpr std::string_view kMarkdownStart = "<!-- assay report -->";
std::string report_markdown(const ReportInputs& inputs);

// What the report cannot show, a line each, with the reason.
std::vector<std::string> report_gaps(const ReportInputs& inputs);

}  // namespace assay::automl
