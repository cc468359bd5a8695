#include "automl/preprocess/input_contract.h"

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
  return contract.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace assay::automl
