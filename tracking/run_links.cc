#include "tracking/run_links.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "tracking/records_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_seal_internal.h"

namespace assay::tracking {

RunLinks links_of(const RunRecord& record) {
  RunLinks links;
  const auto add = [&](const std::string& sha256) {
    if (!sha256.empty()) links.blobs.push_back(sha256);
  };
  for (const Artifact& artifact : record.artifacts) add(artifact.sha256);
  for (const ModelUse& model : record.models) add(model.sha256);
  if (record.source) {
    add(record.source->manifest_sha256);
    add(record.source->git_diff_sha256);
    for (const SourceFile& file : record.source->files) add(file.sha256);
  }
  std::sort(links.blobs.begin(), links.blobs.end());
  links.blobs.erase(std::unique(links.blobs.begin(), links.blobs.end()), links.blobs.end());
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
