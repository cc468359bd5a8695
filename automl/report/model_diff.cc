#include "automl/report/model_diff.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "automl/report/source_diff.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"

namespace assay::automl {
namespace {

using Json = nlohmann::ordered_json;
using tracking::ModelVersion;
using tracking::Value;
using Values = std::map<std::string, Value>;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The same or both not a number.
bool same(const Value& a, const Value& b) { return a == b || a.text() == b.text(); }

void add_row(std::vector<DiffRow>& rows, const char* section, const char* name,
             std::optional<Value> a, std::optional<Value> b) {
  if (!a && !b) return;
  if (a && b && same(*a, *b)) return;
  rows.push_back({section, name, std::move(a), std::move(b)});
}

// Empty text is no value.
std::optional<Value> maybe(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<Value>(text);
}

void add_values(std::vector<DiffRow>& rows, const char* section, const Values& a, const Values& b) {
  std::set<std::string> names;
  for (const auto& entry : a) names.insert(entry.first);
  for (const auto& entry : b) names.insert(entry.first);
  const auto value = [](const Values& values, const std::string& name) {
    const auto it = values.find(name);
    return it == values.end() ? std::nullopt : std::optional<Value>(it->second);
  };
  for (const std::string& name : names) {
    add_row(rows, section, name.c_str(), value(a, name), value(b, name));
  }
}

void add_model(std::vector<DiffRow>& rows, const ModelVersion& a, const ModelVersion& b) {
  const auto score = [](const ModelVersion& model) {
    return model.score ? std::optional<Value>(*model.score) : std::nullopt;
  };
  add_row(rows, "model", "metric", maybe(a.metric), maybe(b.metric));
  add_row(rows, "model", "score", score(a), score(b));
  add_row(rows, "model", "task", maybe(a.task), maybe(b.task));
  add_row(rows, "model", "stage", maybe(a.stage), maybe(b.stage));
  add_row(rows, "model", "description", maybe(a.description), maybe(b.description));
  add_row(rows, "model", "size", Value(a.size), Value(b.size));
  add_row(rows, "model", "sha256", maybe(a.sha256), maybe(b.sha256));
  add_row(rows, "model", "format", Value(a.format_version), Value(b.format_version));
  add_row(rows, "model", "run", maybe(a.run_id), maybe(b.run_id));
  Values tags_a;
  Values tags_b;
  for (const auto& [key, value] : a.tags) tags_a["tag " + key] = value;
  for (const auto& [key, value] : b.tags) tags_b["tag " + key] = value;
  add_values(rows, "model", tags_a, tags_b);
  add_row(rows, "data", "name", maybe(a.dataset_name), maybe(b.dataset_name));
  add_row(rows, "data", "version", maybe(a.dataset_version), maybe(b.dataset_version));
  add_row(rows, "data", "sha256", maybe(a.dataset_hash), maybe(b.dataset_hash));
  add_row(rows, "code", "commit", maybe(a.code_commit), maybe(b.code_commit));
}

// The commit is the model's own.
void add_source(std::vector<DiffRow>& rows, const DiffSide& a, const DiffSide& b) {
  if (!a.source || !b.source) return;
  const std::array manifests = {*a.source, *b.source};
  for (const SourceLine& line : diff_sources(manifests)) {
    if (line.name == "commit") continue;
    add_row(rows, "code", line.name.c_str(), maybe(line.values[0]), maybe(line.values[1]));
  }
}

// A column of a contract as one text: "numeric", "categorical (3 levels: a, b, c)".
std::string column_text(const Json& column) {
  std::string text = column.value("type", "");
  const auto levels = column.find("levels");
  if (levels == column.end() || !levels->is_array()) return text;
  std::string list;
  for (const Json& level : *levels) {
    list += list.empty() ? "" : ", ";
    list += level.is_string() ? level.get<std::string>() : dump(level);
  }
  const auto count = column.find("level_count");
  const size_t total =
      count != column.end() && count->is_number_unsigned() ? count->get<size_t>() : levels->size();
  return fmt::format("{} ({} levels: {})", text, total, list);
}

// Columns by name, as texts; false if the contract is not what we write.
bool read_columns(const std::string& contract, Json& json, Values& columns) {
  json = Json::parse(contract, nullptr, false);
  if (!json.is_object()) return false;
  const auto list = json.find("columns");
  if (list == json.end() || !list->is_array()) return false;
  for (const Json& column : *list) {
    const bool good = column.is_object() && column.contains("name") && column["name"].is_string() &&
                      column.contains("type") && column["type"].is_string();
    if (!good) return false;
    columns["column " + column["name"].get<std::string>()] = column_text(column);
  }
  return true;
}

void add_input(std::vector<DiffRow>& rows, const ModelVersion& a, const ModelVersion& b) {
  Json json_a;
  Json json_b;
  Values columns_a;
  Values columns_b;
  if (!read_columns(a.input_contract, json_a, columns_a) ||
      !read_columns(b.input_contract, json_b, columns_b)) {
    add_row(rows, "input", "contract", maybe(a.input_contract), maybe(b.input_contract));
    return;
  }
  add_values(rows, "input", columns_a, columns_b);
  for (const char* key : {"target", "labels"}) {
    const auto text = [&](const Json& json) -> std::optional<Value> {
      const auto it = json.find(key);
      if (it == json.end()) return std::nullopt;
      return Value(it->is_string() ? it->get<std::string>() : dump(*it));
    };
    add_row(rows, "input", key, text(json_a), text(json_b));
  }
}

Values last_metrics(const tracking::RunRecord& record) {
  Values values;
  for (const auto& [key, points] : record.metrics) {
    if (!points.empty()) values[key] = points.back().value;
  }
  return values;
}

Json value_json(const std::optional<Value>& value) {
  if (!value) return {};
  return std::visit(
      [](const auto& held) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, double>) {
          if (!std::isfinite(held)) return {};
        }
        return held;
      },
      value->data());
}

std::string title_of(const ModelVersion& model) {
  return fmt::format("{}:{}", model.name, model.version);
}

std::string cell(const DiffRow& row, const std::optional<Value>& value) {
  if (!value) return "-";
  if (const auto* number = std::get_if<double>(&value->data())) return score_text(*number);
  if (row.name == "size") {
    if (const auto* bytes = std::get_if<int64_t>(&value->data())) {
      return size_text(static_cast<double>(*bytes));
    }
  }
  const std::string text = value->text();
  const bool hash = row.name == "sha256" || (row.section == "code" && row.name != "branch");
  return hash ? text.substr(0, 12) : text;
}

std::string missing_runs(const DiffSide& a, const DiffSide& b) {
  std::string text;
  for (const DiffSide* side : {&a, &b}) {
    if (side->run) continue;
    text += fmt::format(
        "the run of {} is not in this workspace: its scripts, parameters and metrics are "
        "not compared\n",
        title_of(side->model));
  }
  for (const DiffSide* side : {&a, &b}) {
    if (!side->run || side->source) continue;
    text += fmt::format("the run of {} kept no scripts: they are not compared\n",
                        title_of(side->model));
  }
  return text;
}

}  // namespace

std::vector<DiffRow> diff_models(const DiffSide& a, const DiffSide& b) {
  std::vector<DiffRow> rows;
  add_model(rows, a.model, b.model);
  add_source(rows, a, b);
  add_input(rows, a.model, b.model);
  if (a.run && b.run) {
    add_values(rows, "params", a.run->params, b.run->params);
    add_values(rows, "metrics", last_metrics(*a.run), last_metrics(*b.run));
  }
  return rows;
}

std::optional<double> score_change(const DiffSide& a, const DiffSide& b) {
  if (!a.model.score || !b.model.score || a.model.metric != b.model.metric) return std::nullopt;
  const double change = *b.model.score - *a.model.score;
  return std::isfinite(change) ? std::optional(change) : std::nullopt;
}

std::string diff_text(const DiffSide& a, const DiffSide& b, int width) {
  const std::vector<DiffRow> rows = diff_models(a, b);
  if (rows.empty()) {
    return fmt::format("{} and {} are the same\n", title_of(a.model), title_of(b.model)) +
           missing_runs(a, b);
  }
  TextTable table;
  table.add_column("");
  table.add_column("");
  table.add_column(title_of(a.model));
  table.add_column(title_of(b.model));
  std::string section;
  for (const DiffRow& row : rows) {
    table.add_row(
        {row.section == section ? "" : row.section, row.name, cell(row, row.a), cell(row, row.b)});
    section = row.section;
  }
  std::string text = table.render(width);
  if (const auto change = score_change(a, b); change && *change != 0) {
    text += fmt::format("\n{} changed by {:+.6g}\n", a.model.metric, *change);
  }
  return text + missing_runs(a, b);
}

std::string diff_json(const DiffSide& a, const DiffSide& b) {
  Json json{{"a", title_of(a.model)}, {"b", title_of(b.model)}};
  const auto change = score_change(a, b);
  json["score_change"] = change ? Json(*change) : Json();
  json["runs_compared"] = a.run && b.run;
  json["scripts_compared"] = a.source && b.source;
  json["differences"] = Json::array();
  for (const DiffRow& row : diff_models(a, b)) {
    json["differences"].push_back(Json{{"section", row.section},
                                       {"name", row.name},
                                       {"a", value_json(row.a)},
                                       {"b", value_json(row.b)}});
  }
  return dump(json);
}

}  // namespace assay::automl
