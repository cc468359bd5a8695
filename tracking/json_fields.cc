#include <limits>
#include <nlohmann/json.hpp>

#include "tracking/json_fields_internal.h"

namespace assay::tracking {
namespace {

using Json = nlohmann::ordered_json;

const Json& json_of(const void* node) { return *static_cast<const Json*>(node); }

bool is_whole(const Json& value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
}

std::optional<double> number_of(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

std::optional<Value> value_of(const Json& held) {
  if (held.is_number_float()) return held.get<double>();
  if (is_whole(held)) return held.get<int64_t>();
  if (held.is_boolean()) return held.get<bool>();
  if (held.is_string()) return held.get<std::string>();
  const auto number = held.is_array() && held.size() == 1 ? number_of(held[0]) : std::nullopt;
  return number ? std::optional<Value>(*number) : std::nullopt;
}

}  // namespace

struct Fields::State {
  Json root;
  std::string source;
  std::string problem;
};

Fields::Fields(std::string_view text, std::string source)
    : state_(std::make_shared<State>()), node_(&state_->root) {
  state_->root = Json::parse(text, nullptr, false);
  state_->source = std::move(source);
  if (!state_->root.is_object()) state_->problem = "is not a JSON object";
}

const void* Fields::find(const char* key, bool required) const {
  const Json& object = json_of(node_);
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  if (it != object.end()) return &*it;
  if (required) note(key, "there");
  return nullptr;
}

void Fields::note(const char* key, const char* expected) const {
  if (!state_->problem.empty()) return;
  state_->problem = fmt::format("has a field '{}' that is not {}", key, expected);
}

std::string Fields::text(const char* key, bool required) const {
  const void* field = find(key, required);
  if (field == nullptr) return {};
  if (!json_of(field).is_string()) return note(key, "text"), std::string();
  return json_of(field).get<std::string>();
}

int64_t Fields::integer(const char* key, bool required) const {
  const void* field = find(key, required);
  if (field == nullptr) return 0;
  if (!is_whole(json_of(field))) return note(key, "a whole number"), 0;
  return json_of(field).get<int64_t>();
}

bool Fields::flag(const char* key, bool required) const {
  const void* field = find(key, required);
  if (field == nullptr) return false;
  if (!json_of(field).is_boolean()) return note(key, "true or false"), false;
  return json_of(field).get<bool>();
}

std::optional<double> Fields::maybe_number(const char* key) const {
  const void* field = find(key, false);
  if (field == nullptr || json_of(field).is_null()) return std::nullopt;
  const auto number = number_of(json_of(field));
  if (!number) note(key, "a number");
  return number;
}

std::optional<std::string> Fields::maybe_text(const char* key) const {
  const void* field = find(key, false);
  if (field == nullptr || json_of(field).is_null()) return std::nullopt;
  if (!json_of(field).is_string()) return note(key, "text"), std::nullopt;
  return json_of(field).get<std::string>();
}

std::map<std::string, std::string> Fields::texts(const char* key) const {
  std::map<std::string, std::string> values;
  for (auto& [name, value] : maybe_texts(key)) {
    if (!value) return note(key, "an object of texts"), values;
    values[name] = std::move(*value);
  }
  return values;
}

std::map<std::string, std::optional<std::string>> Fields::maybe_texts(const char* key) const {
  std::map<std::string, std::optional<std::string>> values;
  const void* field = find(key, false);
  if (field == nullptr) return values;
  if (!json_of(field).is_object()) return note(key, "an object"), values;
  for (const auto& [name, value] : json_of(field).items()) {
    if (!value.is_string() && !value.is_null()) return note(key, "an object of texts"), values;
    values[name] = value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
  }
  return values;
}

std::map<std::string, Value> Fields::values(const char* key) const {
  std::map<std::string, Value> values;
  const void* field = find(key, false);
  if (field == nullptr) return values;
  if (!json_of(field).is_object()) return note(key, "an object"), values;
  for (const auto& [name, held] : json_of(field).items()) {
    auto value = value_of(held);
    if (!value) return note(key, "an object of values"), values;
    values.insert_or_assign(values.end(), name, std::move(*value));
  }
  return values;
}

std::map<std::string, std::vector<double>> Fields::number_lists(const char* key) const {
  std::map<std::string, std::vector<double>> lists;
  const void* field = find(key, false);
  if (field == nullptr) return lists;
  if (!json_of(field).is_object()) return note(key, "an object"), lists;
  for (const auto& [name, held] : json_of(field).items()) {
    if (!held.is_array()) return note(key, "an object of lists"), lists;
    std::vector<double>& list = lists[name];
    for (const Json& item : held) {
      const auto number = number_of(item);
      if (!number) return note(key, "an object of lists of numbers"), lists;
      list.push_back(*number);
    }
  }
  return lists;
}

std::vector<std::string> Fields::text_list(const char* key) const {
  std::vector<std::string> values;
  const void* field = find(key, false);
  if (field == nullptr) return values;
  if (!json_of(field).is_array()) return note(key, "a list"), values;
  for (const Json& value : json_of(field)) {
    if (!value.is_string()) return note(key, "a list of texts"), values;
    values.push_back(value.get<std::string>());
  }
  return values;
}

std::vector<int64_t> Fields::integer_list(const char* key) const {
  std::vector<int64_t> values;
  const void* field = find(key, false);
  if (field == nullptr) return values;
  if (!json_of(field).is_array()) return note(key, "a list"), values;
  for (const Json& value : json_of(field)) {
    if (!value.is_number_integer()) return note(key, "a list of whole numbers"), values;
    values.push_back(value.get<int64_t>());
  }
  return values;
}

std::optional<Fields> Fields::object(const char* key) const {
  const void* field = find(key, false);
  if (field == nullptr || json_of(field).is_null()) return std::nullopt;
  if (!json_of(field).is_object()) return note(key, "an object"), std::nullopt;
  return Fields(state_, field);
}

std::vector<Fields> Fields::list(const char* key) const {
  std::vector<Fields> items;
  const void* field = find(key, false);
  if (field == nullptr) return items;
  if (!json_of(field).is_array()) return note(key, "a list"), items;
  for (const Json& value : json_of(field)) {
    if (!value.is_object()) return note(key, "a list of objects"), items;
    items.push_back(Fields(state_, &value));
  }
  return items;
}

std::map<std::string, Fields> Fields::objects(const char* key) const {
  std::map<std::string, Fields> items;
  const void* field = find(key, false);
  if (field == nullptr) return items;
  if (!json_of(field).is_object()) return note(key, "an object"), items;
  for (const auto& [name, value] : json_of(field).items()) {
    if (!value.is_object()) return note(key, "an object of objects"), items;
    items.emplace(name, Fields(state_, &value));
  }
  return items;
}

Status Fields::status() const {
  if (state_->problem.empty()) return {};
  return fail(StatusCode::kData, "'{}' is damaged: it {}", state_->source, state_->problem);
}

}  // namespace assay::tracking
