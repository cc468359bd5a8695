// What a Catalog knows, and how it is kept true. Not thread-safe: Catalog holds a lock.
//
// The runs known are those of catalog.h5, changed by the frames of catalog.wal. For each folder of
// run files there may be a stamp that vouches: while the folder shows it, the runs known are the
// files in it. A stamp of catalog.h5 vouches unless a frame of the journal touches the folder; a
// stamp in the journal vouches if it was made for this catalog.h5, no frame was lost before it, and
// no later frame touches the folder. All other folders are listed, and files that are not those
// known (inode, size, time) are read.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/catalog_entry_internal.h"
#include "tracking/journal_view.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_table_internal.h"
#include "tracking/workspace.h"

namespace assay::tracking {

std::string catalog_path(const Workspace& workspace);
std::string journal_path(const Workspace& workspace);

class CatalogState {
 public:
  explicit CatalogState(Workspace& workspace) : workspace_(workspace) {}

  // Makes the table true. Fails: io if the folders cannot be read; data or io if the cache cannot:
  // then call distrust() and this once more.
  Status refresh();
  // Only what the cache says. Never fails: without a cache the table is empty.
  void load();
  bool loaded() const { return table_.has_value(); }
  RunTable& table() { return *table_; }
  // Forgets the table; the next refresh loads it.
  void forget();
  // Likewise, and does not use this catalog.h5 any more.
  void distrust();
  // Likewise, and reads every run file. Of the cache it keeps which runs there were.
  void ignore_cache();
  // A message for each run file, folder and journal that could not be read.
  std::vector<std::string> damaged() const;
  // Those of the messages that say nothing of damage.
  std::vector<std::string> may_be_whole() const;
  // Runs that the cache knows, or once knew, whose files are gone although nobody deleted them.
  std::vector<MissingRun> missing() const;

  // Shows what the journals of writers have beyond the run files: runs without a file whole (their
  // attributes only, if the journal has more than 4 MiB of one), scores and ends of others.
  // hide_journals() takes it back, which refresh(), keep() and save() need.
  // Fails: as reading columns does.
  Status show_journals(const JournalView& journals);
  void hide_journals();

  // Keeps what reading taught, if it was much: appends it to the journal, or rewrites the catalog.
  // Trouble is ignored.
  void keep();
  // Rewrites the catalog, with temporary files in this folder of a writer.
  // Fails: io, and as reading columns does.
  Status save(const std::string& temporary_folder);

 private:
  void apply_journal();
  Result<std::vector<size_t>> stale_shards() const;
  Status rescan(const std::vector<size_t>& shards);
  Status compare(size_t shard, const ShardScan& scan, std::vector<RunFile>& unknown);
  std::unordered_map<std::string, CatalogEntry> journal_hints();
  // Gives the folders in which a file went away meanwhile.
  std::set<size_t> learn(const std::vector<RunFile>& files);
  // Of a row without a file; judge_absent() says what became of the run.
  void drop_absent(size_t row);
  void note_present(const std::string& run_id);
  void judge_absent();
  // Makes the run files durable that were found but that this process did not write.
  void sync_learned() const;
  // Sets the status of runs whose writers are dead. Gives the folders whose runs were finished
  // meanwhile.
  Result<std::vector<size_t>> judge_running();
  Status show_recorded_status();
  // Gives the row's attributes; those recorded, for a run that is not finished.
  Result<RunInfo> info_of(size_t row);
  Status show_news(size_t row, const JournalView::Found& found);
  // Sets a value until hide_journals().
  Status lend(const char* attribute, size_t row, const std::optional<Value>& value);
  bool append_to_journal();
  Status swap_journal(const std::string& temporary_folder);

  Workspace& workspace_;
  std::optional<RunTable> table_;
  std::array<std::optional<FolderStamp>, kShards> vouched_{};
  std::array<std::vector<std::string>, kShards> damaged_{};
  std::array<std::vector<std::string>, kShards> may_be_whole_{};
  std::array<std::set<std::string>, kShards> unreadable_{};  // run ids
  bool use_cache_ = true;
  std::optional<uint64_t> base_inode_{};     // of the catalog.h5 that was read
  std::optional<uint64_t> distrusted_{};     // of one that is damaged
  std::optional<uint64_t> journal_inode_{};  // of the journal that was read
  int64_t journal_end_ = 0;                  // bytes of it that were read
  std::vector<size_t> running_{};            // rows recorded as running
  size_t judged_rows_ = 0;                   // rows looked at for `running_`
  std::vector<size_t> unsaved_{};            // rows that neither file has
  std::vector<std::string> unsaved_removals_{};
  // Run ids and names: those that have no file, and of them those that nothing explains.
  std::map<std::string, std::string> absent_{};
  std::map<std::string, std::string> missing_{};
  std::vector<std::string> unsaved_missing_{};
  size_t files_listed_ = 0;  // since the cache was last written
  struct Lent {
    RunField field;
    size_t row;
    std::optional<Value> before;
  };
  std::vector<Lent> lent_{};
  std::vector<std::string> damaged_journals_{};     // while journals are shown
  std::vector<std::string> unreadable_journals_{};  // likewise, those of them that may be whole
};

}  // namespace assay::tracking
