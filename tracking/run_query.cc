#include "tracking/run_query.h"

#include <algorithm>

#include "kernels/base/names.h"
#include "tracking/catalog.h"
#include "tracking/journal_view.h"
#include "tracking/run_file.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

// What its journal has beyond the run's file, or all of a run that has no file yet.
void bring_up_to_date(RunInfo& info, const JournalView::Found& found) {
  JournalIndex::replay_news(*found.entry, info);
  if (found.dead && info.status == RunStatus::kRunning) info.status = RunStatus::kInterrupted;
}

Result<RunInfo> read_current(Workspace& workspace, const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(RunInfo info, read_run_info(workspace.files(), path));
  const auto interrupted = [&] {
    return info.status == RunStatus::kRunning &&
           writer_liveness(workspace.files(), workspace.path(), info.writer) == Liveness::kDead;
  };
  if (!interrupted()) return info;
  // The writer may have finished the run and left between the two looks.
  ASSAY_ASSIGN_OR_RETURN(info, read_run_info(workspace.files(), path));
  if (interrupted()) info.status = RunStatus::kInterrupted;
  return info;
}

// Adds a condition that `field` is `text`, in lower case.
void require_equal(RunQuery& query, const char* field, std::string_view text) {
  query.nodes.push_back(
      {QueryOp::kEqual,
       {},
       {{RunField{FieldGroup::kRun, field}, {}}, {std::nullopt, Value(lower_case(text))}}});
}

RunQuery query_of(const RunFilter& filter) {
  RunQuery query;
  if (!filter.experiment.empty()) require_equal(query, "experiment", filter.experiment);
  if (!filter.kind.empty()) require_equal(query, "kind", filter.kind);
  if (filter.status) require_equal(query, "status", name_of(*filter.status));
  if (!filter.parent_run_id.empty()) require_equal(query, "parent", filter.parent_run_id);
  if (!query.nodes.empty()) {
    QueryNode all{QueryOp::kAnd, {}, {}};
    for (size_t i = 0; i < query.nodes.size(); ++i) all.children.push_back(static_cast<int>(i));
    query.root = static_cast<int>(query.nodes.size());
    query.nodes.push_back(std::move(all));
  }
  if (filter.limit > 0) query.limit = filter.limit;
  return query;
}

std::string upper_case(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

tl::unexpected<Error> unknown_run(const Workspace& workspace, Catalog& catalog,
                                  std::string_view reference) {
  const auto missing = catalog.missing();
  for (size_t i = 0; missing && i < missing->size(); ++i) {
    const MissingRun& run = (*missing)[i];
    if (!begins_id(reference, run.run_id) && run.name != reference) continue;
    return fail(StatusCode::kData, "{}", missing_run_message(workspace, run));
  }
  std::vector<std::string> names;
  if (const auto all = catalog.search({})) {
    for (const RunRow& row : all->rows) names.push_back(row.info.name);
  }
  const std::string_view near = nearest_name(reference, names);
  const std::string hint =
      near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near);
  if (near.empty() && reference.size() < kShortestPrefix) {
    return fail(StatusCode::kNotFound,
                "no run '{}' in the workspace (the beginning of an id has at least {} characters)",
                reference, kShortestPrefix);
  }
  return fail(StatusCode::kNotFound, "no run '{}' in the workspace{}", reference, hint);
}

// The newest runs, up to `limit`, whose `field` is like, or is, `text`.
Result<std::vector<RunRow>> newest(Catalog& catalog, QueryOp op, const char* field,
                                   std::string text, int64_t limit) {
  RunQuery query;
  query.nodes.push_back(
      {op, {}, {{RunField{FieldGroup::kRun, field}, {}}, {std::nullopt, Value(std::move(text))}}});
  query.root = 0;
  query.limit = limit;
  ASSAY_ASSIGN_OR_RETURN(RunPage page, catalog.search(query));
  return std::move(page.rows);
}

// A pattern of `like` that only the text itself fits.
std::string pattern_of(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

Result<RunInfo> find_with(Workspace& workspace, std::string_view reference,
                          const JournalView& journals) {
  if (is_ulid(reference)) {
    const std::string id = upper_case(reference);
    const std::string path = run_file_of(workspace, id);
    const JournalView::Found* live = journals.find(id);
    if (workspace.files().exists(path)) {
      ASSAY_ASSIGN_OR_RETURN(RunInfo info, read_current(workspace, path));
      if (live != nullptr) bring_up_to_date(info, *live);
      return info;
    }
    if (live != nullptr && live->entry->published_seq == 0) {
      RunInfo info = live->entry->identity;
      bring_up_to_date(info, *live);
      return info;
    }
  }
  Catalog catalog(workspace);
  ASSAY_ASSIGN_OR_RETURN(auto found,
                         newest(catalog, QueryOp::kEqual, "name", std::string(reference), 1));
  if (!found.empty()) return std::move(found[0].info);
  const std::string pattern = pattern_of(reference);
  ASSAY_ASSIGN_OR_RETURN(found, newest(catalog, QueryOp::kILike, "name", pattern, 1));
  if (!found.empty()) return std::move(found[0].info);
  if (reference.size() >= kShortestPrefix) {
    ASSAY_ASSIGN_OR_RETURN(found, newest(catalog, QueryOp::kLike, "run_id", pattern + "%", 2));
  }
  if (found.empty() && !journals.unreadable().empty()) {
    return fail(StatusCode::kIo, "no run '{}' is to be found, and {}", reference,
                journals.unreadable().front());
  }
  if (found.empty()) return unknown_run(workspace, catalog, reference);
  if (found.size() > 1) {
    return ambiguous_prefix(reference, found[0].info.run_id, found[1].info.run_id);
  }
  return std::move(found[0].info);
}

}  // namespace

Result<RunList> list_runs(Workspace& workspace, const RunFilter& filter) {
  ASSAY_ASSIGN_OR_RETURN(RunPage page, Catalog(workspace).search(query_of(filter)));
  RunList list;
  list.damaged = std::move(page.damaged);
  list.unreadable = std::move(page.unreadable);
  for (RunRow& row : page.rows) list.runs.push_back(std::move(row.info));
  return list;
}

Result<RunInfo> find_run(Workspace& workspace, std::string_view reference) {
  ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
  return find_with(workspace, reference, journals);
}

Result<RunInfo> find_only_run(Workspace& workspace, std::string_view reference) {
  ASSAY_ASSIGN_OR_RETURN(const RunInfo found, find_run(workspace, reference));
  if (begins_id(reference, found.run_id)) return found;
  ASSAY_ASSIGN_OR_RETURN(const RunList all, list_runs(workspace));
  const auto count = std::count_if(all.runs.begin(), all.runs.end(),
                                   [&](const RunInfo& run) { return run.name == found.name; });
  if (count <= 1) return found;
  return fail(StatusCode::kInvalidArgument,
              "{} runs are named '{}': say which by its id (the newest is {})", count, found.name,
              found.run_id);
}

Result<RunRecord> load_run(Workspace& workspace, std::string_view reference) {
  ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
  ASSAY_ASSIGN_OR_RETURN(const RunInfo info, find_with(workspace, reference, journals));
  const std::string path = run_file_of(workspace, info.run_id);
  RunRecord record;
  const JournalView::Found* found = journals.find(info.run_id);
  if (found == nullptr || workspace.files().exists(path)) {
    ASSAY_ASSIGN_OR_RETURN(record, read_run(workspace.files(), path));
  }
  if (found != nullptr) ASSAY_RETURN_IF_ERROR(found->index->replay(info.run_id, record));
  if (record.info.status == RunStatus::kRunning) record.info.status = info.status;
  return record;
}

bool begins_id(std::string_view prefix, std::string_view id) {
  return prefix.size() >= kShortestPrefix && prefix.size() <= id.size() &&
         lower_case(id.substr(0, prefix.size())) == lower_case(prefix);
}

tl::unexpected<Error> ambiguous_prefix(std::string_view prefix, std::string_view one,
                                       std::string_view other) {
  return fail(StatusCode::kInvalidArgument, "'{}' begins several run ids, {} and {} for two",
              prefix, one, other);
}

std::string run_file_of(const Workspace& workspace, const std::string& run_id) {
  return fmt::format("{}/{}", workspace.path(), run_file_path(run_id));
}

}  // namespace assay::tracking
