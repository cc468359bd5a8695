// What the journal of one writer holds, found by reading its segments once: which runs, and where
// their changes are. Recovery and readers replay one run at a time from it, so that memory is that
// of one segment and one run. Keeps the segments open: they may be renamed or removed meanwhile.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
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
    uint64_t lost = 0;  // changes that damage took, where it is known whose they were
  };

  // Reads all segments of the folder. A torn end is what a crash leaves; what comes after it in
  // the same segment was never acknowledged. Where notes say that what does not check was on disk,
  // or one bit of it changed, it is damage: told, and reading goes on behind it. Segments may
  // vanish meanwhile, the oldest first: their runs have files.
  // Fails: not_found if the folder is gone, io.
  static Result<JournalIndex> read(FileLayer& files, const std::string& folder);

  // How far a record that has all changes up to `seq` gets by replaying: never past a change that
  // the journal lacks, so that what is shown is always what the run was at some moment.
  static uint64_t reach(const Entry& entry, uint64_t seq);

  // By run id.
  const std::map<std::string, Entry>& runs() const { return runs_; }
  // All segments, oldest first: those read, and those that cannot be.
  const std::vector<std::string>& segments() const { return segments_; }
  // A message for each place where something is damaged, and each segment of a newer release.
  const std::vector<std::string>& damaged() const { return damaged_; }
  bool empty() const { return runs_.empty(); }

  // Applies the run's changes above record.info.wal_seq and raises that. A record that another
  // writer published is later than this journal and stays as it is.
  // Fails: io; data for a change that does not decode.
  Status replay(const std::string& run_id, RunRecord& record) const;
  // The same for what lists show.
  static void replay_news(const Entry& entry, RunInfo& info);

 private:
  // What one segment says of the one before it.
  struct FirstNote {
    std::optional<SyncedNote> of_previous;  // the one that is there
    std::optional<SyncedNote> of_missing;   // one that is not, though an older one is
  };
  // A segment while it is read.
  struct Reading {
    uint32_t segment = 0;
    std::string_view bytes{};
    uint64_t salt = 0;
    uint64_t synced = 0;      // how many bytes were on disk, as far as notes say
    uint64_t synced_seq = 0;  // with changes up to this one; 0: not known
  };

  Result<FirstNote> first_note(uint32_t segment) const;
  Status read_segment(uint32_t segment);
  void read_frames(Reading& reading);
  // Takes frames from `at` on while they check. Where they end; nothing if none may be taken
  // behind.
  std::optional<size_t> take_stretch(const Reading& reading, size_t at);
  // False if nothing of the segment may be taken from there on.
  bool take_frame(const Reading& reading, const Frame& frame);
  void take_note(const Frame& frame);
  // Takes the note in which one bit changed. Where it ends; 0 if there is none.
  size_t take_mended_note(const Reading& reading, size_t at);
  // Tells that nothing checks from `begin` to `end`.
  void note_gap(const Reading& reading, size_t begin, size_t end);
  // How many changes are missing there, if it is known.
  std::optional<uint64_t> lost_in_gap(const Reading& reading, size_t end) const;
  void note_missing(uint32_t segment, const SyncedNote& note);
  void note_orphans();
  void note_deleted(FileLayer& files, const std::string& folder);

  std::map<std::string, Entry> runs_;
  std::vector<std::string> segments_;
  std::vector<std::unique_ptr<File>> files_;  // by segment; null if it was not readable
  std::vector<std::string> damaged_;
  // While the journal is read.
  std::vector<FirstNote> first_notes_;              // by segment
  std::unordered_map<uint32_t, Entry*> by_number_;  // numbers of runs hold for all segments
  std::map<uint32_t, uint64_t> orphans_;            // changes of runs whose beginnings are lost
  uint64_t last_seq_ = 0;
};

}  // namespace assay::tracking
