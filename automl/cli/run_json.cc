#include "automl/cli/run_json.h"

#include <nlohmann/json.hpp>

#include "automl/cli/json_text.h"
#include "tracking/environment.h"

namespace assay::automl::cli {
namespace {

using Json = nlohmann::ordered_json;

Json map_json(const std::map<std::string, tracking::Value>& values) {
  Json object = Json::object();
  for (const auto& [key, value] : values) object[key] = value_json(value);
  return object;
}

Json info_object(const tracking::RunInfo& info) {
  Json object;
  object["run_id"] = info.run_id;
  object["parent_run_id"] = info.parent_run_id.empty() ? Json() : Json(info.parent_run_id);
  object["kind"] = info.kind;
  object["name"] = info.name;
  object["experiment"] = info.experiment;
  object["user"] = info.user;
  object["status"] = std::string(name_of(info.status));
  object["message"] = info.message;
  object["metric"] = info.metric.empty() ? Json() : Json(info.metric);
  object["score"] = info.score ? number_json(*info.score) : Json();
  object["created"] = tracking::iso_time(info.created_ns);
  object["ended"] = info.ended_ns > 0 ? Json(tracking::iso_time(info.ended_ns)) : Json();
  object["seconds"] = info.ended_ns > 0
                          ? Json(static_cast<double>(info.ended_ns - info.created_ns) * 1e-9)
                          : Json();
  return object;
}

Json metrics_json(const tracking::RunRecord& record) {
  Json metrics = Json::object();
  for (const auto& [key, points] : record.metrics) {
    Json list = Json::array();
    for (const tracking::MetricPoint& point : points) {
      list.push_back(
          {{"step", point.step}, {"time", point.time}, {"value", number_json(point.value)}});
    }
    metrics[key] = std::move(list);
  }
  return metrics;
}

Json tables_json(const tracking::RunRecord& record) {
  Json tables = Json::object();
  for (const auto& table : record.tables) {
    Json columns = Json::object();
    for (const tracking::TableColumn& column : table->columns) {
      std::visit([&](const auto& values) { columns[column.name] = values; }, column.values);
    }
    tables[table->name] = std::move(columns);
  }
  return tables;
}

Json record_object(const tracking::RunRecord& record) {
  Json object = info_object(record.info);
  object["params"] = map_json(record.params);
  object["tags"] = map_json(record.tags);
  object["metrics"] = metrics_json(record);
  object["tables"] = tables_json(record);
  object["artifacts"] = Json::array();
  for (const tracking::Artifact& artifact : record.artifacts) {
    object["artifacts"].push_back({{"path", artifact.path},
                                   {"sha256", artifact.sha256},
                                   {"size", artifact.size},
                                   {"media_type", artifact.media_type}});
  }
  object["datasets"] = Json::array();
  for (const tracking::DatasetUse& dataset : record.datasets) {
    object["datasets"].push_back({{"name", dataset.name},
                                  {"role", dataset.role},
                                  {"rows", dataset.rows},
                                  {"columns", dataset.columns},
                                  {"content_hash", dataset.content_hash}});
  }
  object["models"] = Json::array();
  for (const tracking::ModelUse& model : record.models) {
    object["models"].push_back({{"name", model.name},
                                {"version", model.version},
                                {"sha256", model.sha256},
                                {"size", model.size}});
  }
  object["predictions"] = Json::array();
  for (const auto& predictions : record.predictions) {
    object["predictions"].push_back({{"name", predictions->name},
                                     {"rows", predictions->rows},
                                     {"columns", predictions->columns}});
  }
  object["environment"] = map_json(record.environment);
  if (record.source) {
    object["source"] = {{"config_path", record.source->config_path},
                        {"git_commit", record.source->git_commit},
                        {"git_branch", record.source->git_branch},
                        {"git_dirty", record.source->git_dirty},
                        {"manifest_sha256", record.source->manifest_sha256}};
  }
  object["stdout"] = record.stdout_text;
  object["stderr"] = record.stderr_text;
  return object;
}

}  // namespace

std::string run_info_json(const tracking::RunInfo& info) { return json_text(info_object(info)); }

std::string run_row_json(const tracking::RunRow& row, std::span<const tracking::RunField> shown) {
  Json object = info_object(row.info);
  object["dataset"] = row.dataset.empty() ? Json() : Json(row.dataset);
  object["device"] = row.device.empty() ? Json() : Json(row.device);
  if (!shown.empty()) object["values"] = Json::object();
  for (size_t i = 0; i < shown.size() && i < row.values.size(); ++i) {
    object["values"][tracking::field_text(shown[i])] =
        row.values[i] ? value_json(*row.values[i]) : Json();
  }
  return json_text(object);
}

std::string run_record_json(const tracking::RunRecord& record) {
  return json_text(record_object(record));
}

std::string run_record_json(const tracking::RunRecord& record, const std::string& file) {
  Json object = record_object(record);
  object["file"] = file.empty() ? Json() : Json(file);
  return json_text(object);
}

std::string model_json(const tracking::ModelVersion& model) {
  Json object;
  object["name"] = model.name;
  object["version"] = model.version;
  object["aliases"] = model.aliases;
  object["stage"] = model.stage;
  object["task"] = model.task;
  object["metric"] = model.metric;
  object["score"] = model.score ? number_json(*model.score) : Json();
  object["created"] = tracking::iso_time(model.created_ns);
  object["user"] = model.user;
  object["deleted"] = model.deleted_ns > 0 ? Json(tracking::iso_time(model.deleted_ns)) : Json();
  object["sha256"] = model.sha256;
  object["size"] = model.size;
  object["format_version"] = model.format_version;
  object["description"] = model.description;
  object["tags"] = model.tags;
  object["run_id"] = model.run_id;
  object["dataset"] = {{"name", model.dataset_name},
                       {"version", model.dataset_version},
                       {"content_hash", model.dataset_hash}};
  object["code_commit"] = model.code_commit;
  object["origin"] = Json();
  if (model.origin) {
    object["origin"] = {{"workspace", model.origin->workspace},
                        {"workspace_uuid", model.origin->workspace_uuid},
                        {"name", model.origin->name},
                        {"version", model.origin->version},
                        {"created", tracking::iso_time(model.origin->created_ns)}};
  }
  const Json contract = Json::parse(model.input_contract, nullptr, false);
  object["input_contract"] = contract.is_discarded() ? Json() : contract;
  return json_text(object);
}

}  // namespace assay::automl::cli
