#include "tracking/run_check.h"

#include <algorithm>
#include <numeric>

#include "tracking/catalog.h"
#include "tracking/run_folders_internal.h"

namespace assay::tracking {

Result<RunCheck> check_runs(Workspace& workspace) {
  RunCheck check;
  std::vector<size_t> shards(kShards);
  std::iota(shards.begin(), shards.end(), size_t{0});
  std::vector<RunFile> files;
  for (ShardScan& scan : scan_shards(workspace, shards)) {
    check.damaged.insert(check.damaged.end(), scan.odd.begin(), scan.odd.end());
    if (!scan.failure.empty()) check.damaged.push_back(scan.failure);
    for (RunFile& file : scan.files) {
      check.bytes += file.identity.size;
      files.push_back(std::move(file));
    }
  }
  check.files = static_cast<int64_t>(files.size());
  for (const Status& status : verify_files(workspace, files)) {
    // A file that was removed since the folder was listed is no damage.
    if (status || status.error().code == StatusCode::kNotFound) continue;
    check.damaged.push_back(status.error().message);
  }
  ASSAY_ASSIGN_OR_RETURN(Catalog::Check catalog, Catalog(workspace).check());
  check.catalog_present = catalog.present;
  check.catalog_runs = catalog.rows;
  check.catalog_problems = std::move(catalog.problems);
  return check;
}

}  // namespace assay::tracking
