// The summary in a run file's seal.
#include <cmath>
#include <nlohmann/json.hpp>

#include "tracking/json_fields_internal.h"
#include "tracking/records_internal.h"

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
  Json json{{"run_id", info.run_id},
            {"parent_run_id", info.parent_run_id},
            {"kind", info.kind},
            {"name", info.name},
            {"experiment", info.experiment},
            {"user", info.user},
            {"status", name_of(info.status)},
            {"message", info.message},
            {"metric", info.metric},
            {"created_ns", info.created_ns},
            {"ended_ns", info.ended_ns},
            {"writer", info.writer},
            {"wal_seq", info.wal_seq},
            {"finished", info.finished}};
  if (info.score) json["score"] = number(*info.score);
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

Result<RunInfo> info_of(const Fields& fields, const std::string& source) {
  RunInfo info;
  info.run_id = fields.text("run_id");
  info.parent_run_id = fields.text("parent_run_id");
  info.kind = fields.text("kind");
  info.name = fields.text("name");
  info.experiment = fields.text("experiment");
  info.user = fields.text("user");
  const std::string status = fields.text("status");
  info.message = fields.text("message");
  info.metric = fields.text("metric");
  info.score = fields.maybe_number("score");
  info.created_ns = fields.integer("created_ns");
  info.ended_ns = fields.integer("ended_ns");
  info.writer = fields.text("writer");
  info.wal_seq = static_cast<uint64_t>(fields.integer("wal_seq"));
  info.finished = fields.flag("finished");
  ASSAY_RETURN_IF_ERROR(fields.status());
  auto parsed = parse_run_status(status);
  if (!parsed) {
    return fail(StatusCode::kData, "'{}' is damaged: {}", source, parsed.error().message);
  }
  info.status = *parsed;
  return info;
}

}  // namespace

std::string to_json(const RunSummary& summary) {
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
  return text.size() <= kDetailsLimitBytes ? text : without_details;
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

}  // namespace assay::tracking
