// Checks a workspace: every run file against its seal, the catalog against the run files, every
// model's record, every journal, and that each blob which something names is there; thoroughly also
// every run file as HDF5 and every blob against its hash. Reads all of it, on several threads, and
// writes nothing. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// Called now and then with the number of things checked so far; may be empty.
using CheckProgress = std::function<void(int64_t done)>;

struct CheckOptions {
  bool thorough = true;
  CheckProgress progress{};
};

// A file, or the folder of a writer, that is damaged or missing.
struct DamagedFile {
  // An event is a change of a model. Of missing ones the path is that of the first. In place of the
  // catalog, which is never put away for what it says, is no file.
  enum class Kind {
    kRun,
    kBlob,
    kMissingBlob,
    kMissingRun,
    kVersion,
    kEvent,
    kMissingEvents,
    kAlias,
    kJournal,
    kCatalog
  };
  Kind kind = Kind::kRun;
  std::string path{};  // below the workspace
  std::string why{};   // as in problems
};

struct CheckReport {
  int64_t runs = 0;  // checked, those in the trash included
  int64_t run_bytes = 0;
  int64_t blobs = 0;  // there, and if thorough whole
  int64_t blob_bytes = 0;
  int64_t models = 0;    // versions, those in the trash included
  int64_t journals = 0;  // runs that a journal names
  // One message for each thing that is damaged or missing, naming it.
  std::vector<std::string> problems{};
  // Those of the problems that say nothing of damage: what could not be read, for want of rights or
  // memory, or because a disk failed.
  std::vector<std::string> unreadable{};
  // Files that are no part of a workspace; they are in nobody's way.
  std::vector<std::string> foreign{};
  // Those of the problems that can be put away (quarantine.h).
  std::vector<DamagedFile> damaged{};
  // A message for each blob that something names and that was put away: a known loss, no problem.
  std::vector<std::string> lost{};
  bool catalog_file = false;     // catalog.h5 is there
  bool catalog_journal = false;  // catalog.wal is
  int64_t catalog_runs = 0;      // known to both together
  // What is wrong with the catalog, which is a cache: it can be made anew.
  std::vector<std::string> catalog_problems{};

  bool whole() const { return problems.empty() && catalog_problems.empty(); }
};

// Fails: io if a folder cannot be read; cancelled if `stop` says so.
Result<CheckReport> check_workspace(Workspace& workspace, const StopToken& stop,
                                    const CheckOptions& options = {});

}  // namespace assay::tracking
