#include "tracking/run_links.h"

#include <map>
#include <optional>
#include <utility>

#include "tracking/records_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_seal_internal.h"

namespace assay::tracking {

RunLinks links_of(const RunRecord& record) {
  std::map<std::string_view, int64_t> sizes;
  const auto add = [&](const std::string& sha256, int64_t size) {
    if (sha256.empty()) return;
    const auto [it, fresh] = sizes.emplace(sha256, size);
    if (!fresh && it->second < 0) it->second = size;
  };
  for (const Artifact& artifact : record.artifacts) add(artifact.sha256, artifact.size);
  for (const ModelUse& model : record.models) add(model.sha256, model.size);
  if (record.source) {
    add(record.source->manifest_sha256, -1);
    add(record.source->git_diff_sha256, -1);
    for (const SourceFile& file : record.source->files) add(file.sha256, file.size);
  }
  RunLinks links;
  for (const auto& [sha256, size] : sizes) {
    links.blobs.emplace_back(sha256);
    links.sizes.push_back(size);
  }
  links.datasets = record.datasets;
  for (DatasetUse& use : links.datasets) use.profile.clear();
  return links;
}

Result<RunLinks> read_run_links(FileLayer& files, const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_summary(files, path));
  ASSAY_ASSIGN_OR_RETURN(std::optional<RunLinks> links, parse_run_links(text, path));
  if (links) return std::move(*links);
  ASSAY_ASSIGN_OR_RETURN(const RunRecord record, read_run(files, path));
  return links_of(record);
}

}  // namespace assay::tracking
