// Every change that a run's record can undergo, as a value: what the journal stores, what recovery
// replays. apply() is the one place that says what a change does. Decoding trusts no length and
// checks names and shapes as logging does. Functions are thread-safe; values are plain.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_record.h"

namespace assay::tracking {

enum class TextStream { kStdout, kStderr };

// Identity and birth: run_id, parent_run_id, kind, name, experiment, user, created_ns, writer. Each
// journal segment that mentions a run says this first.
struct BeginRun {
  RunInfo info;
};
struct SetParam {
  std::string key;
  Value value;
};
struct SetTag {
  std::string key;
  Value value;
};
// Removes a tag, if it is there.
struct DropTag {
  std::string key;
};
struct AddPoints {
  std::string key;
  std::vector<MetricPoint> points;
};
struct DeclareMetric {
  std::string key;
};
struct AppendText {
  TextStream stream = TextStream::kStdout;
  std::string text;
};
struct PutArtifact {
  Artifact artifact;
};
struct PutPredictions {
  std::shared_ptr<const Predictions> set;  // not null
};
struct PutTable {
  std::shared_ptr<const NamedTable> table;  // not null
};
struct SetScore {
  std::string metric;
  double score = 0;
};
struct SetSource {
  SourceInfo source;
};
struct SetEnvironment {
  std::map<std::string, Value> values;
};
struct AddDataset {
  DatasetUse use;
};
struct AddModel {
  ModelUse use;
};
struct FinishRun {
  RunStatus status = RunStatus::kCompleted;
  std::string message;
  int64_t ended_ns = 0;
};
// The end could not be published and logging went on.
struct ReopenRun {};
// A change too large for the journal: it was in memory only, until the run file had it. What
// follows it in the journal counts only if the file has it.
struct OmittedChange {
  std::string what;
};
// What follows in the journal counts only after the change with this number: after a failed write
// the journal lacks changes until the run file has them.
struct AfterChange {
  uint64_t seq = 0;
};

// The position in this list, from 1, is a change's type in the journal: add at the end only.
using RunChange =
    std::variant<BeginRun, SetParam, SetTag, DropTag, AddPoints, DeclareMetric, AppendText,
                 PutArtifact, PutPredictions, PutTable, SetScore, SetSource, SetEnvironment,
                 AddDataset, AddModel, FinishRun, ReopenRun, OmittedChange, AfterChange>;

inline constexpr uint16_t kChangeTypeCount = std::variant_size_v<RunChange>;

// The type number of alternative T.
template <class T, size_t I = 0>
constexpr uint16_t change_type() {
  if constexpr (std::is_same_v<T, std::variant_alternative_t<I, RunChange>>) {
    return I + 1;
  } else {
    return change_type<T, I + 1>();
  }
}
uint16_t change_type_of(const RunChange& change);

// Makes the change. Shares large arrays instead of copying them.
void apply(RunRecord& record, RunChange change);

// About how many bytes encode_change() gives; cheap, never less than the arrays take.
int64_t change_bytes(const RunChange& change);

// Appends the payload, without its type.
void encode_change(const RunChange& change, std::string& to);
// The payload of an AddPoints, up to its points: those follow as they lie in memory.
void encode_points_head(std::string_view key, size_t count, std::string& to);

// Fails: data, with what is wrong, for an unknown type, a cut or overlong payload, names and
// shapes that logging would refuse.
Result<RunChange> decode_change(uint16_t type, std::string_view payload);

}  // namespace assay::tracking
