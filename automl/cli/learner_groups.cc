#include "automl/cli/learner_groups.h"

#include <filesystem>
#include <string_view>

#include "automl/learners/learner.h"

namespace assay::automl::cli {

namespace {

// Letters of Latin-1 (U+00C0 to U+00FF, two bytes of UTF-8) by those they come from.
std::string without_accents(const std::string& text) {
  constexpr std::string_view kLetters =
      "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo-ouuuuyty";
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool accented = text[i] == '\xc3' && i + 1 < text.size();
    plain += accented ? kLetters[static_cast<unsigned char>(text[++i]) & 0x3FU] : text[i];
  }
  return plain;
}

}  // namespace

std::vector<OptionGroup> learner_groups() {
  std::vector<OptionGroup> groups;
  for (const Learner* learner : learner_list()) groups.push_back(learner->options());
  return groups;
}

std::string experiment_name_of(const std::string& path) {
  std::string stem = std::filesystem::path(path).filename().string();
  stem = stem.substr(0, stem.find('.', 1));
  std::string name;
  for (const char c : without_accents(stem)) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alphanumeric || (c == '_' && !name.empty())) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name = name.substr(0, 64);
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "default" : name;
}

}  // namespace assay::automl::cli
