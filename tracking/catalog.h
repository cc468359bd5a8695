// The catalog answers questions about all runs from columns that are kept in catalog.h5 and
// catalog.wal. It is a cache: each question first compares it with the folders of run files, what
// is new or replaced is read, and what is damaged or missing in the cache is made up for. Nothing
// that happens to the cache is an error for whoever asks. What only the journals of writers know is
// added to each answer. Works in a read-only workspace, which must outlive it. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/missing_run.h"
#include "tracking/run_field.h"
#include "tracking/run_query_parser.h"
#include "tracking/run_record.h"
#include "tracking/run_summary.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// A run that a query found.
struct RunRow {
  RunInfo info{};  // a run that says running but whose writer is dead is interrupted
  std::string dataset{};
  std::string device{};
  std::string trend{};                         // run_summary.h
  std::vector<std::optional<Value>> values{};  // of the fields asked for
};

struct RunPage {
  std::vector<RunRow> rows{};
  int64_t matched = 0;  // runs that fit, on this page or not
  int64_t total = 0;    // runs in the workspace
  // A message for each run file that could not be read, and for runs that are missing.
  std::vector<std::string> damaged{};
  // Those of them that say nothing of damage: for want of rights, or since a disk failed.
  std::vector<std::string> unreadable{};
  std::vector<std::string> notes{};  // fields asked for that no run has, with the nearest
};

class Catalog {
 public:
  explicit Catalog(Workspace& workspace);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  // Remembers a run that was just published, so that lists need not read its file. Call it after
  // each successful publish; costs some ten microseconds and no fsync, and now and then the
  // rewriting of the catalog. Never fails: what it could not write down is found by the next list.
  static void note(Workspace& workspace, const WriterLease& writer, const RunRecord& record);

  // Remembers runs that came back from the trash. Never fails, likewise.
  static void note_restored(Workspace& workspace, const WriterLease& writer,
                            std::span<const std::string> run_ids);
  // Removes the cache, for want of room or so that nothing is known of runs that are not there:
  // whatever reads it does without, and the next writer makes it anew. Fails: io.
  static Status discard(Workspace& workspace);

  // The runs that fit, with the values of `shown`. Runs that are being written are found as they
  // are now; parameters, tags and metrics of those that have a file as it was last published.
  // Fails: io if the folders of runs or the journals cannot be read.
  Result<RunPage> search(const RunQuery& query, std::span<const RunField> shown = {});

  // Every parameter, tag and metric that some run has (metrics as kMetricLast), in order.
  // Fails: as search().
  Result<std::vector<RunField>> fields();

  // Runs that are not there although nobody deleted them, as far as the cache knows.
  // Fails: as search().
  Result<std::vector<MissingRun>> missing();

  // Writes what is known to catalog.h5, with this process's writer lease. Fails: io.
  Status save();
  // Forgets the cache, reads every run file, and saves. Gives the number of runs.
  // What is no file in the place of one goes to quarantine first. Fails: io.
  Result<int64_t> rebuild();

  // Whether catalog.h5 and catalog.wal are what run files say. Trouble that the next search would
  // repair by itself (runs not in it yet) is no trouble.
  struct Check {
    bool file = false;     // catalog.h5 is there
    bool journal = false;  // catalog.wal is
    int64_t rows = 0;      // known to both together, with a file
    std::vector<std::string> problems{};
  };
  Result<Check> check();

 private:
  struct State;
  Workspace& workspace_;
  std::unique_ptr<State> state_;
};

}  // namespace assay::tracking
