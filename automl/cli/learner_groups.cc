#include "automl/cli/learner_groups.h"

#include <filesystem>

#include "automl/learners/learner.h"

namespace assay::automl::cli {

std::vector<OptionGroup> learner_groups() {
  std::vector<OptionGroup> groups;
  for (const Learner* learner : learner_list()) groups.push_back(learner->options());
  return groups;
}

std::string experiment_name_of(const std::string& path) {
  std::string stem = std::filesystem::path(path).filename().string();
  stem = stem.substr(0, stem.find('.', 1));
  std::string name;
  for (const char c : stem) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alphanumeric || (c == '_' && !name.empty())) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name = name.substr(0, 64);
  return name.empty() ? "default" : name;
}

}  // namespace assay::automl::cli
