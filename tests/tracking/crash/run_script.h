// What a run of the crash tests logs: its k-th change is a pure function of the run's name and k.
// So a run file tells by itself how many changes it holds, and whether anything in it is lost,
// torn, repeated or invented, without any memory of the writer. Immutable, thread-safe.
//
// A crash may cut each metric's points at another place than the rest of the run, for points are
// buffered by metric; and large sets reach the disk apart from the rest. What was acknowledged must
// be there whatever the order: length_of() counts it.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/base/status.h"
#include "tracking/run.h"
#include "tracking/run_record.h"

namespace assay::tracking {

class RunScript {
 public:
  explicit RunScript(const std::string& run_name);

  // Makes change number `index` (from 0). Each must succeed before the next is made.
  Status apply(Run& run, int64_t index) const;
  // How runs of this name end: completed, failed, cancelled or pruned.
  RunStatus final_status() const;
  std::string final_message() const;

  // The record holds all changes below this number, and not this one.
  int64_t length_of(const RunRecord& record) const;
  // Empty if every metric of the record is the beginning of its series and the rest is what the
  // script makes up to the newest change in it; else what differs.
  std::string difference(const RunRecord& record) const;

 private:
  enum class Kind { kPoint, kPoints, kParam, kTag, kText, kArtifact, kScore, kTable, kPredictions };
  Kind kind_of(int64_t index) const;
  uint64_t draw(int64_t index) const;
  double value_of(int64_t index) const;
  std::string slot_of(int64_t index) const;
  std::string line_of(int64_t index) const;
  std::string artifact_of(int64_t index) const;
  NamedTable table_of(int64_t index) const;
  Predictions predictions_of(int64_t index) const;
  std::vector<std::string> metrics_of(int64_t index) const;
  bool holds_set(const RunRecord& record, int64_t index) const;
  std::string differing_metric(const RunRecord& record) const;
  std::string differing_set(const RunRecord& record) const;
  // Makes a change other than points and sets on a record.
  void expect(RunRecord& record, int64_t index) const;

  uint64_t seed_;
};

}  // namespace assay::tracking
