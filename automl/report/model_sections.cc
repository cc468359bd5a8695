// Predictions of the registered model, what it looks at, and the data.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "automl/preprocess/input_contract.h"
#include "automl/report/bar_chart.h"
#include "automl/report/class_charts.h"
#include "automl/report/column_chart.h"
#include "automl/report/prediction_tables.h"
#include "automl/report/report_parts_internal.h"
#include "automl/report/shap_chart.h"
#include "automl/report/text_table.h"
#include "automl/report/value_charts.h"
#include "datasets/profile.h"

namespace assay::automl {
namespace {

constexpr size_t kClasses = 10;
constexpr size_t kShownColumns = 40;
constexpr size_t kProfiledColumns = 400;
constexpr size_t kSketches = 200;

template <class T>
std::vector<T> values_as(const tracking::Predictions& predictions) {
  return std::visit([](const auto& values) { return std::vector<T>(values.begin(), values.end()); },
                    predictions.values);
}

// The classes that are told apart: of two the positive one; none if they are many.
std::vector<NamedScores> shown_classes(const ReportInputs& inputs,
                                       const tracking::Predictions& predictions) {
  const auto classes = static_cast<size_t>(predictions.columns);
  std::vector<NamedScores> shown;
  if (classes > kClasses) return shown;
  const auto probabilities = values_as<float>(predictions);
  for (size_t k = classes == 2 ? 1 : 0; k < classes; ++k) {
    shown.push_back({predictions.column_names[k],
                     scores_of_class(probabilities, inputs.truth.labels, classes, k)});
  }
  return shown;
}

Confusion model_confusion(const ReportInputs& inputs, const tracking::Predictions& predictions) {
  const auto& models = inputs.data.sweep.models;
  const double threshold =
      models.empty() ? kEvenThreshold : decision_threshold(models.back().input_contract);
  return confusion_of(values_as<float>(predictions), inputs.truth.labels, predictions.column_names,
                      kClasses, threshold);
}

void add_classes(HtmlPage& page, const ReportInputs& inputs,
                 const tracking::Predictions& predictions) {
  const std::vector<NamedScores> shown = shown_classes(inputs, predictions);
  if (shown.size() > 1) page.paragraph("Each class against all others.");
  if (shown.empty()) {
    page.paragraph(fmt::format("{} classes: the {} most frequent ones are told apart below.",
                               predictions.columns, kClasses));
  } else {
    page.figures({roc_figure(shown), precision_figure(shown), calibration_figure(shown)});
  }
  page.heading("Confusion matrix");
  page.table(confusion_table(model_confusion(inputs, predictions)));
}

// Whether predictions and truth are as many as they say, named, and numbers.
bool fits(const tracking::Predictions& predictions, const OofTruth& truth) {
  const auto rows = static_cast<size_t>(predictions.rows);
  const auto columns = static_cast<size_t>(predictions.columns);
  const bool sound = std::visit(
      [&](const auto& values) {
        return values.size() == rows * columns &&
               std::all_of(values.begin(), values.end(),
                           [](auto value) { return std::isfinite(value); });
      },
      predictions.values);
  if (!sound || predictions.rows <= 0 || predictions.columns <= 0) return false;
  if (!truth.missing.empty()) return true;  // nothing to compare with
  if (truth.labels.empty()) return truth.values.size() == rows && columns == 1;
  return truth.labels.size() == rows && predictions.column_names.size() == columns;
}

struct ProfileRow {
  std::string name;
  std::string type;
  int64_t missing = 0;
  int64_t distinct = 0;
  double low = 0;
  double high = 0;
};

std::vector<ProfileRow> recorded_profile(const tracking::DatasetUse& use) {
  const tracking::NamedTable table{"profile", use.profile};
  const auto* names = column_of<std::string>(table, "column");
  const auto* types = column_of<std::string>(table, "type");
  const auto* missing = column_of<int64_t>(table, "missing");
  const auto* distinct = column_of<int64_t>(table, "distinct");
  const auto* lows = column_of<double>(table, "min");
  const auto* highs = column_of<double>(table, "max");
  std::vector<ProfileRow> rows;
  if (!names || !types || !missing || !distinct || !lows || !highs) return rows;
  const size_t count = names->size();
  for (const size_t size :
       {types->size(), missing->size(), distinct->size(), lows->size(), highs->size()}) {
    if (size != count) return rows;
  }
  for (size_t i = 0; i < count; ++i) {
    rows.push_back(
        {(*names)[i], (*types)[i], (*missing)[i], (*distinct)[i], (*lows)[i], (*highs)[i]});
  }
  return rows;
}

std::vector<ProfileRow> profile_of(const datasets::Table& table) {
  std::vector<ProfileRow> rows;
  for (const datasets::Column& column : table.columns()) {
    if (rows.size() == kProfiledColumns) break;
    const datasets::ColumnProfile profile = datasets::profile_column(column);
    rows.push_back({profile.name, std::string(datasets::name_of(profile.type)),
                    profile.missing_count, profile.distinct_count, profile.min, profile.max});
  }
  return rows;
}

std::string range_words(const ProfileRow& row) {
  if (std::isnan(row.low) || row.type == "categorical" || row.type == "text" ||
      row.type == "boolean") {
    return "";
  }
  if (row.type == "datetime") {
    return datasets::datetime_text(row.low) + " .. " + datasets::datetime_text(row.high);
  }
  return score_text(row.low) + " .. " + score_text(row.high);
}

HtmlTable profile_table_of(std::span<const ProfileRow> rows, const ReportInputs& inputs,
                           int64_t row_count, size_t first) {
  HtmlTable table;
  table.columns = {{"column", false},  {"type", false},  {"missing", true},
                   {"distinct", true}, {"range", false}, {"values", false}};
  const std::string target = value_of(inputs.data.sweep.params, "data.target");
  for (size_t i = 0; i < rows.size(); ++i) {
    const ProfileRow& row = rows[i];
    HtmlCell sketch;
    const int64_t at = inputs.file.table != nullptr ? inputs.file.table->find(row.name) : -1;
    if (at >= 0 && first + i < kSketches) {
      sketch =
          HtmlCell::of_svg(column_sketch(inputs.file.table->columns()[static_cast<size_t>(at)]));
    }
    const double share =
        row_count > 0 ? static_cast<double>(row.missing) / static_cast<double>(row_count) : 0;
    table.rows.push_back(
        {HtmlCell(short_label(row.name, 40) + (row.name == target ? " (target)" : "")),
         HtmlCell(row.type),
         HtmlCell(row.missing == 0 ? std::string("0")
                                   : fmt::format("{} ({:.1f} %)", row.missing, 100 * share)),
         HtmlCell(fmt::format("{}", row.distinct)), HtmlCell(range_words(row)), std::move(sketch)});
    table.rows.back()[0].emphasis = row.name == target;
  }
  return table;
}

std::string predictions_gap(const ReportInputs& inputs) {
  const tracking::Predictions* predictions = predictions_of(inputs.data.sweep, "oof");
  if (predictions == nullptr) {
    return inputs.data.sweep.models.empty()
               ? "No pictures of predictions: the sweep registered no model."
               : "No pictures of predictions: the sweep kept no out-of-fold predictions (there was "
                 "no time to write them).";
  }
  if (!fits(*predictions, inputs.truth)) {
    return "No pictures of predictions: what is recorded of them does not fit together.";
  }
  if (inputs.truth.missing.empty()) return {};
  return "No pictures of predictions: " + inputs.truth.missing + ".";
}

std::string importance_gap(const ReportInputs& inputs) {
  if (table_of(inputs.data.sweep, "feature_importance") != nullptr) return {};
  return "No feature importance: the sweep registered no model.";
}

std::string shap_gap(const ReportInputs& inputs) {
  return inputs.shap ? std::string() : "No Shapley values: " + inputs.shap_missing + ".";
}

std::string sketch_gap(const ReportInputs& inputs) {
  if (inputs.file.table != nullptr) return {};
  return "No histograms of columns: " + inputs.file.missing + ".";
}

std::vector<std::string> predictions_preface(const tracking::Predictions& predictions) {
  return {fmt::format("Of the registered model on {} validation rows, each predicted by models "
                      "that did not see it. Rows count alike.",
                      predictions.rows),
          "Over all rows together: the score in the summary can differ, since it is the mean over "
          "folds for metrics that rank rows, and an estimate for rows that the model was not "
          "chosen on."};
}

void note_gap(HtmlPage& page, const std::string& gap) {
  if (!gap.empty()) page.note(gap);
}

}  // namespace

void add_predictions(HtmlPage& page, const ReportInputs& inputs) {
  page.section("predictions", "Predictions");
  const tracking::Predictions* predictions = predictions_of(inputs.data.sweep, "oof");
  if (const std::string gap = predictions_gap(inputs); !gap.empty()) {
    page.note(gap);
    return;
  }
  for (const std::string& words : predictions_preface(*predictions)) page.paragraph(words);
  if (!inputs.truth.labels.empty()) {
    add_classes(page, inputs, *predictions);
    return;
  }
  const auto predicted = values_as<double>(*predictions);
  const ValuePairs pairs{inputs.truth.values, predicted};
  page.figures({predicted_figure(pairs), residual_figure(pairs), residual_histogram(pairs)});
}

void add_importance(HtmlPage& page, const ReportInputs& inputs) {
  page.section("importance", "Feature importance");
  std::vector<Figure> figures;
  const tracking::NamedTable* table = table_of(inputs.data.sweep, "feature_importance");
  const auto* names = table != nullptr ? column_of<std::string>(*table, "feature") : nullptr;
  const auto* values = table != nullptr ? column_of<double>(*table, "importance") : nullptr;
  if (names != nullptr && values != nullptr && names->size() == values->size()) {
    double sum = 0;
    for (const double value : *values) sum += value;
    std::vector<Bar> bars;
    for (size_t i = 0; i < names->size() && sum > 0; ++i) {
      bars.push_back(
          {(*names)[i], (*values)[i], fmt::format("{:.1f} %", 100 * (*values)[i] / sum)});
    }
    figures.push_back(bar_figure("By the model's own gains", "Shares of importance", bars, 20));
    if (bars.empty()) figures.back().note = "the registered model uses no feature.";
    figures.back().note +=
        " Trees: what splits gained; linear models: sizes of coefficients; members by weight.";
  }
  if (inputs.shap) {
    const ShapSample& sample = *inputs.shap;
    std::vector<size_t> order(sample.columns.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return sample.importance[a] > sample.importance[b];
    });
    std::vector<Bar> bars;
    for (const size_t at : order) {
      bars.push_back({sample.columns[at], sample.importance[at],
                      fmt::format("{:.4g}", sample.importance[at])});
    }
    figures.push_back(bar_figure("By Shapley values (mean size of contributions)",
                                 "Mean sizes of contributions", bars, 20));
    figures.push_back(shap_figure(sample));
  }
  page.figures(figures);
  note_gap(page, importance_gap(inputs));
  note_gap(page, shap_gap(inputs));
}

void add_data(HtmlPage& page, const ReportInputs& inputs) {
  page.section("data", "Data");
  const tracking::DatasetUse* use = nullptr;
  for (const tracking::DatasetUse& each : inputs.data.sweep.datasets) {
    if (use == nullptr && each.role == "train") use = &each;
  }
  if (use == nullptr) {
    page.note("The run's record names no training table.");
    return;
  }
  page.paragraph(fmt::format("{}: {} rows, {} columns, SHA-256 {}", use->name, use->rows,
                             use->columns, use->content_hash));
  note_gap(page, sketch_gap(inputs));
  std::vector<ProfileRow> rows = recorded_profile(*use);
  if (rows.empty() && inputs.file.table != nullptr) rows = profile_of(*inputs.file.table);
  if (rows.empty()) {
    page.note("The record of so large a table has no profile of its columns.");
    return;
  }
  const size_t all = rows.size();
  rows.resize(std::min(all, kProfiledColumns));
  const std::span<const ProfileRow> view(rows);
  const size_t shown = std::min(rows.size(), kShownColumns);
  page.table(profile_table_of(view.first(shown), inputs, use->rows, 0));
  if (rows.size() > shown) {
    page.folded(fmt::format("{} further columns{}", rows.size() - shown,
                            all > rows.size() ? fmt::format(" ({} more are in the record only)",
                                                            all - rows.size())
                                              : std::string()),
                profile_table_of(view.subspan(shown), inputs, use->rows, shown));
  }
}

PredictionTables prediction_tables(const ReportInputs& inputs) {
  PredictionTables result;
  result.gap = predictions_gap(inputs);
  if (!result.gap.empty()) return result;
  const tracking::Predictions& predictions = *predictions_of(inputs.data.sweep, "oof");
  result.preface = predictions_preface(predictions);
  if (inputs.truth.labels.empty()) {
    const auto predicted = values_as<double>(predictions);
    result.tables.push_back(residual_table({inputs.truth.values, predicted}));
    return result;
  }
  const std::vector<NamedScores> shown = shown_classes(inputs, predictions);
  if (!shown.empty()) result.tables.push_back(class_table(shown));
  result.tables.push_back(confusion_table(model_confusion(inputs, predictions)));
  return result;
}

std::vector<std::string> report_gaps(const ReportInputs& inputs) {
  std::vector<std::string> gaps;
  for (std::string gap :
       {predictions_gap(inputs), importance_gap(inputs), shap_gap(inputs), sketch_gap(inputs)}) {
    if (!gap.empty()) gaps.push_back(std::move(gap));
  }
  return gaps;
}

}  // namespace assay::automl
