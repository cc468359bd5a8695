// What the journal of one writer holds, found by reading its segments once: which runs, and where
// their changes are. Recovery and readers replay one run at a time from it, so that memory is that
// of one segment and one run. Keeps the segments open: they may be renamed or removed meanwhile.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/journal_segment.h"
#include "tracking/run_change.h"
#include "tracking/run_record.h"

namespace assay::tracking {

class JournalIndex {
 public:
  struct Place {
    uint32_t segment = 0;
    int64_t offset = 0;  // of the payload
    uint32_t size = 0;
    uint16_t type = 0;
    uint64_t seq = 0;
    uint64_t after_seq = 0;  // of an AfterChange
  };
  struct Entry {
    RunInfo identity{};  // as the run began
    // Known to be in the run's file; if there is a number and no file, the run was deleted.
    uint64_t published_seq = 0;
    std::vector<Place> places{};
    // The changes that a list shows: scores and ends.
    std::vector<std::pair<uint64_t, RunChange>> news{};
  };

  // Reads all segments of the folder. A torn end is what a crash leaves; what comes after it in
  // the same segment was never acknowledged. Segments may vanish meanwhile,
  // the oldest first: their runs have files.
  // Fails: not_found if the folder is gone, io.
  static Result<JournalIndex> read(FileLayer& files, const std::string& folder);

  // How far a record that has all changes up to `seq` gets by replaying: never past a change that
  // the journal lacks, so that what is shown is always what the run was at some moment.
  static uint64_t reach(const Entry& entry, uint64_t seq);

  // By run id.
  const std::map<std::string, Entry>& runs() const { return runs_; }
  // All segments, oldest first: those read, and those that cannot be.
  const std::vector<std::string>& segments() const { return segments_; }
  // A message for each segment whose content cannot be trusted or is of a newer release.
  const std::vector<std::string>& damaged() const { return damaged_; }
  bool empty() const { return runs_.empty(); }

  // Applies the run's changes above record.info.wal_seq and raises that. A record that another
  // writer published is later than this journal and stays as it is.
  // Fails: io; data for a change that does not decode.
  Status replay(const std::string& run_id, RunRecord& record) const;
  // The same for what lists show.
  static void replay_news(const Entry& entry, RunInfo& info);

 private:
  Status read_segment(uint32_t segment);
  Status take_frames(std::string_view bytes, uint32_t segment);
  void take_note(const Frame& frame);

  std::map<std::string, Entry> runs_;
  std::vector<std::string> segments_;
  std::vector<std::unique_ptr<File>> files_;  // by segment; null if it was not readable
  std::vector<std::string> damaged_;
};

}  // namespace assay::tracking
