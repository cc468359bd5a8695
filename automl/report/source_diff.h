// What differs between what runs were started from: commits, changes that were not committed, and
// each file of the snapshots by its content. Plain values; thread-safe.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tracking/snapshot.h"

namespace assay::automl {

// One thing, and what each run has of it; "" for what it has not.
struct SourceLine {
  std::string name;  // commit, branch, uncommitted, or "file <path>"
  std::vector<std::string> values;
};

// Lines of which at least two values differ: the commit; the branch; the SHA-256 of the patch of
// what was not committed ("not kept" if there is no patch); and the SHA-256 of each file, in the
// order of their paths. Empty for less than two manifests.
std::vector<SourceLine> diff_sources(std::span<const tracking::SourceManifest> manifests);

}  // namespace assay::automl
