// Follows a run: what it logged since the last look. Reads on in the journal of the process that
// writes it, from where the last look ended, and reads the run's file only if that was replaced by
// one that knows more than the journal showed. So a look costs what is new, and a listing of
// writers/ and of one folder in it. Only reads. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/journal_segment.h"
#include "tracking/run_change.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct RunNews {
  RunInfo info{};             // as it is now; interrupted if it runs and its writer is dead
  std::string stdout_text{};  // what was appended
  std::string stderr_text{};
  std::map<std::string, std::vector<MetricPoint>> points{};  // by metric, in order
};

class RunFollower {
 public:
  // `workspace` must outlive it. Fails: as find_run().
  static Result<RunFollower> open(Workspace& workspace, std::string_view reference);

  // What came since the last call; the first gives all there is. Journal frames are seen as soon as
  // they are written, like in every reader: a moment before they are acknowledged.
  // Fails: not_found if the run was deleted; io; data if its file or journal is damaged.
  Result<RunNews> next();

 private:
  // A segment that is being read. Open, so that the rest can be read after it was removed.
  struct Segment {
    std::unique_ptr<File> file{};
    bool has_header = false;
    uint64_t salt = 0;
    int64_t offset = 0;             // of the first frame that was not taken
    uint64_t least_seq = 0;         // numbers never fall within a segment
    std::optional<uint32_t> run{};  // the run's number here, once it has begun
  };

  RunFollower(Workspace& workspace, RunInfo info);
  // False if a segment may have come and gone between two looks.
  Result<bool> open_segments();
  Result<bool> open_new(const std::vector<std::string>& names, const std::string& folder);
  Status look_at_file();
  bool file_is_ahead() const;
  // Up to the first change that the file must show first.
  Status read_journal();
  Result<bool> read_segment(Segment& segment, const std::string& source);
  Result<bool> take(Segment& segment, const Frame& frame);
  static Status check_end(const Segment& segment, std::string_view bytes,
                          const std::string& source);
  Status read_whole_file();

  Workspace& workspace_;
  const std::string path_;  // of the run's file
  RunRecord fresh_;         // what came since the last look; its info is up to the last change seen
  bool begun_ = false;      // there was a look before
  bool writer_is_dead_ = false;
  std::map<uint64_t, Segment> segments_;  // by epoch
  uint64_t last_epoch_ = 0;
  std::optional<FileInfo> file_;       // the run's file at the last look
  std::optional<RunInfo> file_state_;  // what its summary says
  size_t stdout_bytes_ = 0;            // given before
  size_t stderr_bytes_ = 0;
  std::map<std::string, size_t> points_;
};

}  // namespace assay::tracking
