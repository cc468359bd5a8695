// Versions, events, states and cards of models as JSON.
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/base/hash.h"
#include "tracking/json_fields_internal.h"
#include "tracking/record_seal_internal.h"
#include "tracking/records_internal.h"

namespace assay::tracking {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  // Bytes that are no UTF-8 are replaced: the default would throw.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Numbers that JSON has no words for are written as text.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json maybe(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

Json origin_json(const ModelOrigin& origin) {
  return Json{{"workspace", origin.workspace},
              {"workspace_uuid", origin.workspace_uuid},
              {"name", origin.name},
              {"version", origin.version},
              {"created_ns", origin.created_ns}};
}

ModelOrigin read_origin(const Fields& fields) {
  return {fields.text("workspace"), fields.text("workspace_uuid"), fields.text("name"),
          fields.integer("version"), fields.integer("created_ns")};
}

Json model_object(const ModelVersion& model) {
  Json json{{"record_version", kRecordVersion},
            {"name", model.name},
            {"version", model.version},
            {"sha256", model.sha256},
            {"size", model.size},
            {"created_ns", model.created_ns},
            {"user", model.user},
            {"format_version", model.format_version},
            {"task", model.task},
            {"metric", model.metric},
            {"stage", model.stage},
            {"description", model.description},
            {"tags", Json::object()},
            {"run_id", model.run_id},
            {"dataset_name", model.dataset_name},
            {"dataset_version", model.dataset_version},
            {"dataset_hash", model.dataset_hash},
            {"code_commit", model.code_commit},
            {"input_contract", model.input_contract}};
  for (const auto& [key, value] : model.tags) json["tags"][key] = value;
  if (model.score) json["score"] = number(*model.score);
  if (model.origin) json["origin"] = origin_json(*model.origin);
  return json;
}

ModelVersion read_model_fields(const Fields& fields) {
  ModelVersion model;
  model.name = fields.text("name");
  model.version = fields.integer("version");
  model.sha256 = fields.text("sha256");
  model.size = fields.integer("size");
  model.created_ns = fields.integer("created_ns");
  model.user = fields.text("user", false);
  model.format_version = fields.integer("format_version");
  model.task = fields.text("task");
  model.metric = fields.text("metric");
  model.score = fields.maybe_number("score");
  model.stage = fields.text("stage");
  if (model.stage.empty()) model.stage = "none";
  model.description = fields.text("description");
  model.tags = fields.texts("tags");
  model.run_id = fields.text("run_id");
  model.dataset_name = fields.text("dataset_name");
  model.dataset_version = fields.text("dataset_version", false);
  model.dataset_hash = fields.text("dataset_hash");
  model.code_commit = fields.text("code_commit");
  model.input_contract = fields.text("input_contract");
  if (const auto origin = fields.object("origin")) model.origin = read_origin(*origin);
  return model;
}

VersionState read_version_state(const Fields& fields) {
  return {fields.maybe_text("stage"), fields.maybe_text("description"), fields.maybe_texts("tags"),
          fields.integer("deleted_ns", false), fields.flag("purged", false)};
}

// A version number that is the key of an object; 0 if it is none.
int64_t version_key(const std::string& text) {
  int64_t version = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, version);
  return error == std::errc() && stop == end && version > 0 ? version : 0;
}

}  // namespace

std::string to_json(const ModelVersion& model) { return with_seal(dump(model_object(model))); }

Result<ModelVersion> parse_model(std::string_view text, const std::string& source) {
  const Fields fields(text, source);
  ASSAY_RETURN_IF_ERROR(check_record_version(fields, source));
  ModelVersion model = read_model_fields(fields);
  ASSAY_RETURN_IF_ERROR(fields.status());
  ASSAY_RETURN_IF_ERROR(check_seal(text, source));
  return model;
}

Result<int64_t> parse_alias(std::string_view text, const std::string& source) {
  const Fields fields(text, source);
  const int64_t version = fields.integer("version");
  ASSAY_RETURN_IF_ERROR(fields.status());
  return version;
}

std::string to_json(const ModelEvent& event) {
  Json json{{"record_version", kRecordVersion},
            {"number", event.number},
            {"at_ns", event.at_ns},
            {"user", event.user},
            {"host", event.host},
            {"reason", event.reason},
            {"changes", Json::array()}};
  for (const ModelChange& change : event.changes) {
    json["changes"].push_back(Json{{"what", change.what},
                                   {"version", change.version},
                                   {"key", change.key},
                                   {"from", maybe(change.from)},
                                   {"to", maybe(change.to)}});
  }
  if (event.lost_to != 0) json["lost_to"] = event.lost_to;
  return with_seal(dump(json));
}

Result<ModelEvent> parse_event(std::string_view text, const std::string& source) {
  const Fields fields(text, source);
  ASSAY_RETURN_IF_ERROR(check_record_version(fields, source));
  ModelEvent event;
  event.number = fields.integer("number");
  event.at_ns = fields.integer("at_ns");
  event.user = fields.text("user");
  event.host = fields.text("host");
  event.reason = fields.text("reason");
  for (const Fields& item : fields.list("changes")) {
    event.changes.push_back({item.text("what"), item.integer("version"), item.text("key"),
                             item.maybe_text("from"), item.maybe_text("to")});
  }
  event.lost_to = fields.integer("lost_to", false);
  ASSAY_RETURN_IF_ERROR(fields.status());
  ASSAY_RETURN_IF_ERROR(check_seal(text, source));
  return event;
}

namespace {

Json state_object(const ModelState& state) {
  Json json{{"record_version", kRecordVersion},
            {"number", state.number},
            {"aliases", Json::object()},
            {"versions", Json::object()}};
  for (const auto& [alias, version] : state.aliases) {
    json["aliases"][alias] = Json{{"version", version}};
  }
  for (const auto& [version, entry] : state.versions) {
    Json tags = Json::object();
    for (const auto& [key, value] : entry.tags) tags[key] = maybe(value);
    json["versions"][std::to_string(version)] = Json{{"stage", maybe(entry.stage)},
                                                     {"description", maybe(entry.description)},
                                                     {"tags", std::move(tags)},
                                                     {"deleted_ns", entry.deleted_ns},
                                                     {"purged", entry.purged}};
  }
  return json;
}

bool is_number(int64_t number) { return number >= 1 && number <= kLargestNumber; }

}  // namespace

std::string to_json(const ModelState& state) {
  Json json = state_object(state);
  json["sha256"] = sha256_hex(dump(json));
  return dump(json);
}

Result<ModelState> parse_state(std::string_view text, const std::string& source) {
  const Fields fields(text, source);
  ASSAY_RETURN_IF_ERROR(check_record_version(fields, source));
  ModelState state;
  state.number = fields.integer("number");
  bool keys_good = state.number == 0 || is_number(state.number);
  for (const auto& [alias, entry] : fields.objects("aliases")) {
    state.aliases[alias] = entry.integer("version");
    keys_good = keys_good && is_number(state.aliases[alias]);
  }
  for (const auto& [key, entry] : fields.objects("versions")) {
    const int64_t version = version_key(key);
    keys_good = keys_good && is_number(version);
    state.versions[version] = read_version_state(entry);
  }
  ASSAY_RETURN_IF_ERROR(fields.status());
  if (!keys_good) {
    return fail(StatusCode::kData, "'{}' is damaged: it has numbers that nothing has", source);
  }
  // Earlier releases wrote none.
  const auto hash = fields.maybe_text("sha256");
  ASSAY_RETURN_IF_ERROR(fields.status());
  if (hash && *hash != sha256_hex(dump(state_object(state)))) {
    return fail(StatusCode::kData, "'{}' is damaged: its content is not that of its hash", source);
  }
  return state;
}

std::string to_json(const ModelCard& card) {
  return dump(Json{{"record_version", kRecordVersion},
                   {"exported_ns", card.exported_ns},
                   {"origin", origin_json(card.origin)},
                   {"model", model_object(card.model)}});
}

Result<ModelCard> parse_card(std::string_view text, const std::string& source) {
  const Fields fields(text, source);
  ASSAY_RETURN_IF_ERROR(check_record_version(fields, source));
  ModelCard card;
  card.exported_ns = fields.integer("exported_ns");
  const auto origin = fields.object("origin");
  const auto model = fields.object("model");
  if (fields.status() && (!origin || !model)) {
    return fail(StatusCode::kData, "'{}' is damaged: its card has no {}", source,
                origin ? "model" : "origin");
  }
  if (origin) card.origin = read_origin(*origin);
  if (model) card.model = read_model_fields(*model);
  ASSAY_RETURN_IF_ERROR(fields.status());
  return card;
}

}  // namespace assay::tracking
