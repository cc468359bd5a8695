// Tags of finished runs. A run file is immutable: it is read, changed and published anew by rename,
// so that a reader sees the tags before or after, and nothing else of the run changes. Processes
// that change runs at once wait for each other, and each changes what the one before left.
// Thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct TagEdit {
  std::map<std::string, Value> set{};
  std::vector<std::string> remove{};
};

// Changes the tags of a run; durable when it returns. Gives the record.
// Fails: as find_only_run(); invalid_argument for a bad key or a run that is still running (whose
// process sets its tags); not_found with the nearest for a tag to remove that is not there; io.
Result<RunRecord> tag_run(Workspace& workspace, std::string_view reference, const TagEdit& edit);

// `true`, `false`, a whole number or a number in its shortest form as such; else text.
Value parse_tag_value(const std::string& text);

}  // namespace assay::tracking
