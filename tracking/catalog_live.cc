// What runs are while they are written: the journals of their writers know more than their files.
#include <algorithm>
#include <array>

#include "tracking/catalog_state_internal.h"

namespace assay::tracking {
namespace {

// Replaying reads all of a run's journal.
constexpr int64_t kMostReplayed = int64_t{4} << 20;

int64_t journal_bytes(const JournalIndex::Entry& entry) {
  int64_t bytes = 0;
  for (const JournalIndex::Place& place : entry.places) bytes += place.size;
  return bytes;
}

RunSummary live_summary(const std::string& run_id, const JournalView::Found& found) {
  RunSummary summary;
  RunRecord record;
  if (journal_bytes(*found.entry) <= kMostReplayed && found.index->replay(run_id, record)) {
    summary = summary_of(record);
  } else {
    summary.info = found.entry->identity;
    JournalIndex::replay_news(*found.entry, summary.info);
  }
  if (found.dead && summary.info.status == RunStatus::kRunning) {
    summary.info.status = RunStatus::kInterrupted;
  }
  return summary;
}

}  // namespace

Result<RunInfo> CatalogState::info_of(size_t row) {
  constexpr std::array<const char*, 9> kNames = {"status",   "message",    "metric",
                                                 "score",    "start_time", "end_time",
                                                 "finished", "wal_seq",    "writer"};
  std::array<Cell, kNames.size()> cells;
  for (size_t i = 0; i < kNames.size(); ++i) {
    ASSAY_ASSIGN_OR_RETURN(const RunColumn* column, table_->column({FieldGroup::kRun, kNames[i]}));
    cells[i] = column->cell(row);
  }
  RunInfo info;
  info.run_id = table_->id(row);
  const bool running = std::find(running_.begin(), running_.end(), row) != running_.end();
  info.status = running ? RunStatus::kRunning
                        : parse_run_status(cells[0].text).value_or(RunStatus::kInterrupted);
  info.message = cells[1].text;
  info.metric = cells[2].text;
  if (cells[3].kind == CellKind::kNumber) info.score = cells[3].number();
  info.created_ns = cells[4].integer();
  info.ended_ns = cells[5].kind == CellKind::kInteger ? cells[5].integer() : 0;
  info.finished = cells[6].bits != 0;
  info.wal_seq = cells[7].bits;
  info.writer = cells[8].text;
  return info;
}

Status CatalogState::lend(const char* attribute, size_t row, const std::optional<Value>& value) {
  const RunField field{FieldGroup::kRun, attribute};
  ASSAY_ASSIGN_OR_RETURN(RunColumn* const column, table_->column(field));
  lent_.push_back({field, row, column->value(row)});
  column->set(row, value);
  return {};
}

Status CatalogState::show_news(size_t row, const JournalView::Found& found) {
  ASSAY_ASSIGN_OR_RETURN(RunInfo info, info_of(row));
  const bool news = info.writer == found.entry->identity.writer &&
                    (JournalIndex::reach(*found.entry, info.wal_seq) > info.wal_seq ||
                     info.status == RunStatus::kRunning);
  if (!news) return {};
  JournalIndex::replay_news(*found.entry, info);
  if (found.dead && info.status == RunStatus::kRunning) info.status = RunStatus::kInterrupted;
  RunSummary summary;
  summary.info = std::move(info);
  for (const char* name :
       {"status", "message", "metric", "score", "end_time", "duration", "finished"}) {
    ASSAY_RETURN_IF_ERROR(lend(name, row, field_value(summary, {FieldGroup::kRun, name})));
  }
  return {};
}

Status CatalogState::show_journals(const JournalView& journals) {
  damaged_journals_ = journals.damaged();
  unreadable_journals_ = journals.unreadable();
  damaged_journals_.insert(damaged_journals_.end(), unreadable_journals_.begin(),
                           unreadable_journals_.end());
  for (const auto& [run_id, found] : journals.runs()) {
    if (const auto row = table_->find(run_id)) {
      ASSAY_RETURN_IF_ERROR(show_news(*row, found));
    } else if (found.entry->published_seq == 0 && !unreadable_[shard_of(run_id)].contains(run_id)) {
      // One that was published and has no file was deleted; a damaged file is not made up for.
      table_->show({{}, live_summary(run_id, found)});
    }
  }
  return {};
}

void CatalogState::hide_journals() {
  damaged_journals_.clear();
  unreadable_journals_.clear();
  if (!table_) return;
  table_->drop_shown();
  for (auto lent = lent_.rbegin(); lent != lent_.rend(); ++lent) {
    const auto column = table_->column(lent->field);  // loaded: it was changed
    if (column) (*column)->set(lent->row, lent->before);
  }
  lent_.clear();
}

}  // namespace assay::tracking
