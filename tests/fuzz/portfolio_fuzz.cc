// Fuzz target of read_portfolio: what is read, written as lines, reads as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "automl/learners/learner.h"
#include "automl/search/portfolio.h"

namespace {

using namespace assay::automl;

void require(bool holds) {
  if (!holds) std::abort();
}

const std::vector<OptionGroup>& groups() {
  static const std::vector<OptionGroup> all = [] {
    std::vector<OptionGroup> made;
    for (const Learner* learner : learner_list()) made.push_back(learner->options());
    return made;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto settings = read_portfolio(text, "fuzz", groups());
  if (!settings) {
    require(settings.error().code == assay::StatusCode::kData);
    require(settings.error().message.starts_with("fuzz, line "));
    return 0;
  }
  std::string again;
  for (const WantedSetting& setting : *settings) {
    require(setting.origin == TrialOrigin::kPortfolio && !setting.params.empty());
    again += setting.learner;
    for (const auto& [name, value] : setting.params) again += " " + name + "=" + to_text(value);
    again += "\n";
  }
  const auto read = read_portfolio(again, "again", groups());
  require(read.has_value() && read->size() == settings->size());
  for (size_t i = 0; i < read->size(); ++i) {
    require((*read)[i].learner == (*settings)[i].learner);
    require((*read)[i].params == (*settings)[i].params);
  }
  return 0;
}
