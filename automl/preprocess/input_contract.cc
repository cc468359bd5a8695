#include "automl/preprocess/input_contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace assay::automl {

std::string input_contract_json(const Predictor& predictor) {
  using Json = nlohmann::ordered_json;
  Json columns = Json::array();
  for (const InputColumn& column : predictor.encoder().columns()) {
    Json object = {{"name", column.name}, {"type", std::string(datasets::name_of(column.type))}};
    if (!column.levels.empty()) {
      const auto shown = std::min(column.levels.size(), kMaxListedLevels);
      object["levels"] = std::vector<std::string>(
          column.levels.begin(), column.levels.begin() + static_cast<ptrdiff_t>(shown));
      object["level_count"] = column.levels.size();
    }
    object["had_missing"] = column.had_missing;
    columns.push_back(std::move(object));
  }
  Json contract = {{"columns", std::move(columns)},
                   {"missing_tokens", predictor.missing_tokens()},
                   {"target", predictor.target()},
                   {"task", std::string(name_of(predictor.task()))}};
  if (!predictor.labels().empty()) contract["labels"] = predictor.labels();
  if (predictor.threshold() != kEvenThreshold) {
    contract["decision_threshold"] = predictor.threshold();
  }
  return contract.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string decision_text(const std::string& contract) {
  const auto parsed = nlohmann::json::parse(contract, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("decision_threshold")) return {};
  const auto& threshold = parsed["decision_threshold"];
  const auto labels = parsed.find("labels");
  const bool two = labels != parsed.end() && labels->is_array() && labels->size() == 2;
  if (!threshold.is_number() || !two || !(*labels)[1].is_string()) return {};
  const auto positive = (*labels)[1].get<std::string>();
  return fmt::format("'{0}' where proba_{0} is above {1:.6g}", positive, threshold.get<double>());
}

double decision_threshold(const std::string& contract) {
  const auto parsed = nlohmann::json::parse(contract, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("decision_threshold")) return kEvenThreshold;
  const auto& threshold = parsed["decision_threshold"];
  const double value = threshold.is_number() ? threshold.get<double>() : 0;
  return value > 0 && value < 1 ? value : kEvenThreshold;
}

}  // namespace assay::automl
