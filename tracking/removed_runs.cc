#include "tracking/removed_runs.h"

#include <utility>

#include "kernels/base/clock.h"
#include "tracking/environment.h"
#include "tracking/records_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr std::string_view kRecordEnding = ".json";
constexpr int64_t kMostRecordBytes = int64_t{256} << 20;
// More records than that are made one.
constexpr size_t kMostRecords = 64;

std::string removals_folder(const Workspace& workspace) {
  return fmt::format("{}/{}", workspace.path(), kRemovals);
}

// Names of the records, oldest first.
Result<std::vector<std::string>> record_names(const Workspace& workspace) {
  auto names = workspace.files().list(removals_folder(workspace));
  if (!names && names.error().code == StatusCode::kNotFound) return std::vector<std::string>();
  if (!names) return names;
  std::erase_if(*names, [](const std::string& name) {
    return !name.ends_with(kRecordEnding) ||
           !is_ulid(name.substr(0, name.size() - kRecordEnding.size()));
  });
  return names;
}

// Behind all records there are, also those of a clock that was ahead.
Result<std::string> next_id(const Workspace& workspace) {
  ASSAY_ASSIGN_OR_RETURN(std::string id, make_ulid());
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, record_names(workspace));
  if (names.empty() || names.back() < id) return id;
  return make_ulid_at(ulid_time_ms(names.back().substr(0, id.size())) + 1);
}

// What records say one after the other.
struct Ledger {
  std::set<std::string> removed{};
  std::set<std::string> restored{};

  void note(Removal what, std::string run_id) {
    std::set<std::string>& to = what == Removal::kRemoved ? removed : restored;
    (what == Removal::kRemoved ? restored : removed).erase(run_id);
    to.insert(std::move(run_id));
  }
};

Status add_record(const Workspace& workspace, const std::string& name, Ledger& ledger) {
  const std::string path = removals_folder(workspace) + "/" + name;
  const auto text = read_file(workspace.files(), path, kMostRecordBytes);
  // Made one with others meanwhile, by a process that wrote that one first.
  if (!text && text.error().code == StatusCode::kNotFound) return {};
  if (!text) return tl::unexpected<Error>(text.error());
  ASSAY_ASSIGN_OR_RETURN(const RemovalRecord record, parse_removal(*text, path));
  for (const std::string& run_id : record.removed) ledger.note(Removal::kRemoved, run_id);
  for (const std::string& run_id : record.restored) ledger.note(Removal::kRestored, run_id);
  return {};
}

Result<Ledger> read_ledger(const Workspace& workspace, std::span<const std::string> names) {
  Ledger ledger;
  for (const std::string& name : names) {
    ASSAY_RETURN_IF_ERROR(add_record(workspace, name, ledger));
  }
  return ledger;
}

Status publish_record(Workspace& workspace, const WriterLease& writer, const std::string& name,
                      const Ledger& ledger) {
  const std::string text = to_json(RemovalRecord{wall_time_ns(),
                                                 user_name(),
                                                 {ledger.removed.begin(), ledger.removed.end()},
                                                 {ledger.restored.begin(), ledger.restored.end()}});
  return publish_file(workspace.files(), writer.tmp_folder(),
                      removals_folder(workspace) + "/" + name, std::as_bytes(std::span(text)));
}

// The newest record takes over what the others say, which stays true if this ends half-way; a
// damaged one stops it.
Status make_one(Workspace& workspace, const WriterLease& writer) {
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, record_names(workspace));
  if (names.size() <= kMostRecords) return {};
  ASSAY_ASSIGN_OR_RETURN(const Ledger ledger, read_ledger(workspace, names));
  ASSAY_RETURN_IF_ERROR(publish_record(workspace, writer, names.back(), ledger));
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    (void)workspace.files().unlink(removals_folder(workspace) + "/" + names[i]);
  }
  return {};
}

}  // namespace

Status note_removal(Workspace& workspace, Removal what, std::span<const std::string> run_ids) {
  if (run_ids.empty()) return {};
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
  ASSAY_RETURN_IF_ERROR(workspace.ensure_folder(std::string(kRemovals)));
  Ledger ledger;
  for (const std::string& run_id : run_ids) ledger.note(what, run_id);
  ASSAY_ASSIGN_OR_RETURN(const std::string id, next_id(workspace));
  const Status written =
      publish_record(workspace, *writer, id + std::string(kRecordEnding), ledger);
  // Published or not: a writer that was taken over acknowledges nothing.
  ASSAY_RETURN_IF_ERROR(writer->check_held());
  ASSAY_RETURN_IF_ERROR(written);
  (void)make_one(workspace, *writer);
  return {};
}

Result<std::set<std::string>> removed_runs(Workspace& workspace) {
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, record_names(workspace));
  ASSAY_ASSIGN_OR_RETURN(Ledger ledger, read_ledger(workspace, names));
  return std::move(ledger.removed);
}

}  // namespace assay::tracking
