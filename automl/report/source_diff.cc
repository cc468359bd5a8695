#include "automl/report/source_diff.h"

#include <algorithm>
#include <functional>
#include <map>

namespace assay::automl {
namespace {

using tracking::SourceManifest;

std::string uncommitted(const SourceManifest& manifest) {
  if (!manifest.git_diff_sha256.empty()) return manifest.git_diff_sha256;
  return manifest.git_dirty ? "not kept" : "";
}

bool differ(const std::vector<std::string>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) != values.end();
}

}  // namespace

std::vector<SourceLine> diff_sources(std::span<const SourceManifest> manifests) {
  std::vector<SourceLine> lines;
  const auto add = [&](const char* name, auto value_of) {
    SourceLine line{name, {}};
    for (const SourceManifest& manifest : manifests) line.values.push_back(value_of(manifest));
    lines.push_back(std::move(line));
  };
  add("commit", [](const SourceManifest& manifest) { return manifest.git_commit; });
  add("branch", [](const SourceManifest& manifest) { return manifest.git_branch; });
  add("uncommitted", uncommitted);
  std::map<std::string, std::vector<std::string>> files;
  for (size_t i = 0; i < manifests.size(); ++i) {
    for (const tracking::SourceFile& file : manifests[i].files) {
      std::vector<std::string>& values = files[file.path];
      values.resize(manifests.size());
      values[i] = file.sha256;
    }
  }
  for (auto& [path, values] : files) lines.push_back({"file " + path, std::move(values)});
  std::erase_if(lines, [](const SourceLine& line) { return !differ(line.values); });
  return lines;
}

}  // namespace assay::automl
