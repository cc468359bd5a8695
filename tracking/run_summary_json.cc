// The summary in a run file's seal.
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

#include "kernels/base/plurals.h"
#include "tracking/json_fields_internal.h"
#include "tracking/records_internal.h"
#include "tracking/run_fields_internal.h"

namespace assay::tracking {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kDetailsLimitBytes = size_t{512} << 10;
constexpr double kMostPoints = 9007199254740992;  // 2^53

std::string dump(const Json& json) {
  // Bytes that are no UTF-8 are replaced: the default would throw.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Numbers that JSON has no words for are written as text.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json info_json(const RunInfo& info) {
  Json json;
  visit_fields(info, [&](const char* name, const auto& field) {
    using Field = std::decay_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, RunStatus>) {
      json[name] = name_of(field);
    } else if constexpr (std::is_same_v<Field, std::optional<double>>) {
      if (field) json[name] = number(*field);
    } else {
      json[name] = field;
    }
  });
  return json;
}

// Numbers that JSON has no words for stand in a list, to be told from texts.
Json values_json(const std::map<std::string, Value>& values) {
  Json::object_t object;
  for (const auto& [key, value] : values) {
    const auto* real = std::get_if<double>(&value.data());
    object.emplace_back(
        key, real != nullptr && !std::isfinite(*real)
                 ? Json::array({number(*real)})
                 : std::visit([](const auto& held) { return Json(held); }, value.data()));
  }
  return object;
}

Json metrics_json(const std::map<std::string, MetricStats>& metrics) {
  Json::object_t object;
  for (const auto& [key, stats] : metrics) {
    object.emplace_back(key, Json::array({number(stats.last), number(stats.least),
                                          number(stats.greatest), stats.count}));
  }
  return object;
}

Json links_json(const RunLinks& links) {
  Json datasets = Json::array();
  for (const DatasetUse& use : links.datasets) {
    datasets.push_back(Json{{"name", use.name},
                            {"version", use.version},
                            {"content_hash", use.content_hash},
                            {"role", use.role},
                            {"rows", use.rows},
                            {"columns", use.columns}});
  }
  return Json{{"blobs", links.blobs}, {"sizes", links.sizes}, {"datasets", std::move(datasets)}};
}

Result<RunInfo> info_of(const Fields& fields, const std::string& source) {
  RunInfo info;
  std::string status;
  visit_fields(info, [&](const char* name, auto& field) {
    using Field = std::decay_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, RunStatus>) {
      status = fields.text(name);
    } else if constexpr (std::is_same_v<Field, std::optional<double>>) {
      field = fields.maybe_number(name);
    } else if constexpr (std::is_same_v<Field, bool>) {
      field = fields.flag(name);
    } else if constexpr (std::is_integral_v<Field>) {
      field = static_cast<Field>(fields.integer(name));
    } else {
      field = fields.text(name);
    }
  });
  ASSAY_RETURN_IF_ERROR(fields.status());
  auto parsed = parse_run_status(status);
  if (!parsed) {
    return fail(StatusCode::kData, "'{}' is damaged: {}", source, parsed.error().message);
  }
  info.status = *parsed;
  return info;
}

}  // namespace

std::string to_json(const RunSummary& summary, const RunLinks* links) {
  Json json = info_json(summary.info);
  const std::string without_details = dump(json);
  json["details"] = 1;
  json["dataset"] = summary.dataset;
  json["device"] = summary.device;
  json["trend"] = summary.trend;
  json["params"] = values_json(summary.params);
  json["tags"] = values_json(summary.tags);
  json["metrics"] = metrics_json(summary.metrics);
  std::string text = dump(json);
  if (text.size() > kDetailsLimitBytes) return without_details;
  if (links == nullptr || links->blobs.size() > kMostLinkedBlobs) return text;
  json["links"] = links_json(*links);
  std::string with_links = dump(json);
  return with_links.size() <= kDetailsLimitBytes ? with_links : text;
}

Result<RunInfo> parse_run_info(std::string_view text, const std::string& source) {
  return info_of(Fields(text, source), source);
}

Result<std::optional<RunSummary>> parse_run_summary(std::string_view text,
                                                    const std::string& source) {
  if (auto scanned = scan_run_summary(text)) return scanned;
  const Fields fields(text, source);
  RunSummary summary;
  ASSAY_ASSIGN_OR_RETURN(summary.info, info_of(fields, source));
  if (fields.integer("details", false) == 0) {
    ASSAY_RETURN_IF_ERROR(fields.status());
    return std::nullopt;
  }
  summary.dataset = fields.text("dataset");
  summary.device = fields.text("device");
  summary.trend = fields.text("trend");
  summary.params = fields.values("params");
  summary.tags = fields.values("tags");
  for (const auto& [key, numbers] : fields.number_lists("metrics")) {
    if (numbers.size() != 4 || !(numbers[3] >= 0 && numbers[3] <= kMostPoints)) {
      return fail(StatusCode::kData,
                  "'{}' is damaged: metric '{}' is not [last, least, greatest, count]", source,
                  key);
    }
    summary.metrics.emplace_hint(
        summary.metrics.end(), key,
        MetricStats{numbers[0], numbers[1], numbers[2], static_cast<int64_t>(numbers[3])});
  }
  ASSAY_RETURN_IF_ERROR(fields.status());
  return summary;
}

Result<std::optional<RunLinks>> parse_run_links(std::string_view text, const std::string& source) {
  const Fields fields(text, source);
  const std::optional<Fields> held = fields.object("links");
  RunLinks links;
  if (held) {
    links.blobs = held->text_list("blobs");
    links.sizes = held->integer_list("sizes");
    if (!links.sizes.empty() && links.sizes.size() != links.blobs.size()) {
      return fail(StatusCode::kData, "'{}' is damaged: it has {} of {}", source,
                  counted(std::ssize(links.sizes), "size"),
                  counted(std::ssize(links.blobs), "blob"));
    }
    for (const Fields& use : held->list("datasets")) {
      links.datasets.push_back({use.text("name"),
                                use.text("version"),
                                use.text("content_hash"),
                                use.text("role"),
                                use.integer("rows"),
                                use.integer("columns"),
                                {}});
    }
  }
  ASSAY_RETURN_IF_ERROR(fields.status());
  return held ? std::optional(std::move(links)) : std::nullopt;
}

}  // namespace assay::tracking
