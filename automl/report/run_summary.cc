#include "automl/report/run_summary.h"

#include <nlohmann/json.hpp>

#include "automl/report/leaderboard.h"
#include "automl/scheduler/pareto_front.h"

namespace assay::automl {

std::string run_summary_json(const SweepOutcome& outcome) {
  nlohmann::ordered_json json;
  json["run_id"] = outcome.run_id;
  json["status"] = std::string(tracking::name_of(outcome.status));
  if (outcome.known_trials > 0) json["known_trials"] = outcome.known_trials;
  json["ended_by"] = std::string(name_of(outcome.ended_by));
  json["task"] = std::string(name_of(outcome.task));
  json["metric"] = outcome.metric;
  json["validation_score"] = outcome.validation_score;
  if (outcome.selection_score) json["selection_score"] = *outcome.selection_score;
  json["validation"] = outcome.validation_method;
  json["refitted"] = outcome.refitted;
  json["ensemble"] = {{"kind", outcome.ensemble_kind}};
  if (outcome.stack_check) {
    const StackCheck& check = *outcome.stack_check;
    json["ensemble"]["stacking"] = {{"average", check.average},
                                    {"stacked", check.stacked},
                                    {"gain", check.gain},
                                    {"noise", check.noise},
                                    {"blocks", check.blocks}};
  }
  if (!outcome.calibration.empty()) json["calibration"] = outcome.calibration;
  json["model"] = {{"name", outcome.model_name},
                   {"version", outcome.model_version},
                   {"path", outcome.model_path},
                   {"sha256", outcome.model_sha256},
                   {"file_bytes", outcome.footprint.file_bytes}};
  const double latency_us = outcome.footprint.latency_us;
  json["model"]["latency_us"] = latency_us > 0 ? nlohmann::ordered_json(latency_us) : nullptr;
  json["trials"] = {{"finished", outcome.finished},
                    {"failed", outcome.failed},
                    {"pruned", outcome.pruned},
                    {"cancelled", outcome.cancelled},
                    {"over_limit", outcome.over_limit}};
  if (!outcome.kept_partial.empty()) json["kept_partial"] = outcome.kept_partial;
  json["wall_seconds"] = outcome.wall_seconds;
  json["peak_rss_bytes"] = outcome.peak_rss_bytes;
  json["notes"] = outcome.notes;
  json["front"] = nlohmann::ordered_json::array();
  for (const FrontPoint& point : pareto_front(outcome.leaderboard)) {
    nlohmann::ordered_json entry;
    entry["trial"] = point.key.trial >= 0 ? nlohmann::ordered_json(point.key.trial) : nullptr;
    entry["members"] = point.key.members > 0 ? nlohmann::ordered_json(point.key.members) : nullptr;
    entry["model"] = point.name();
    entry["score"] = point.score;
    entry["latency_us"] = point.latency_us;
    json["front"].push_back(std::move(entry));
  }
  json["leaderboard"] = nlohmann::ordered_json::parse(leaderboard_json(outcome.leaderboard));
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace assay::automl
