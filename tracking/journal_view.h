// The journals of all writers of a workspace, read only: what readers see beyond the run files.
// Nothing but a listing of writers/ where there is no journal. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/journal_index.h"
#include "tracking/workspace.h"

namespace assay::tracking {

class JournalView {
 public:
  struct Found {
    const JournalIndex* index = nullptr;
    const JournalIndex::Entry* entry = nullptr;
    bool dead = false;  // its writer: what did not end was interrupted
  };

  // A folder that is taken over or removed meanwhile is looked for again. One that cannot be read
  // is left out, and told in unreadable(): runs are then as their files say.
  // Fails: io if the writers' folders cannot be listed.
  static Result<JournalView> read(Workspace& workspace);

  // By run id.
  const std::map<std::string, Found>& runs() const { return runs_; }
  // nullptr if no journal names the run.
  const Found* find(const std::string& run_id) const;
  // A message for each damaged segment.
  std::vector<std::string> damaged() const;
  // A message for each journal that could not be read, and may be whole.
  const std::vector<std::string>& unreadable() const { return unreadable_; }

 private:
  std::vector<std::string> unreadable_;
  std::vector<std::unique_ptr<JournalIndex>> indexes_;
  std::map<std::string, Found> runs_;
};

}  // namespace assay::tracking
