// The fields of a RunInfo under the names that they have on disk: the one list behind the
// attributes of a run file's root and the JSON in its seal.
#pragma once

namespace assay::tracking {

// visit(name, field) for each field, in the order of the summary. Fields are texts, the status,
// i64, u64 (wal_seq), a flag, and a number that may be missing (score, the last).
template <class Info, class Visit>
void visit_fields(Info& info, Visit visit) {
  visit("run_id", info.run_id);
  visit("parent_run_id", info.parent_run_id);
  visit("kind", info.kind);
  visit("name", info.name);
  visit("experiment", info.experiment);
  visit("user", info.user);
  visit("status", info.status);
  visit("message", info.message);
  visit("metric", info.metric);
  visit("created_ns", info.created_ns);
  visit("ended_ns", info.ended_ns);
  visit("writer", info.writer);
  visit("wal_seq", info.wal_seq);
  visit("finished", info.finished);
  visit("score", info.score);
}

}  // namespace assay::tracking
