#include "tracking/catalog.h"

#include <algorithm>
#include <mutex>

#include "tracking/catalog_journal_internal.h"
#include "tracking/catalog_state_internal.h"
#include "tracking/quarantine.h"
#include "tracking/run_file.h"
#include "tracking/run_filter_internal.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_query.h"
#include "tracking/run_seal_internal.h"
#include "tracking/ulid.h"
#include "tracking/unknown_fields_internal.h"

namespace assay::tracking {
namespace {

// The journal is folded into catalog.h5 when it has half of that file's size, within these bounds:
// few rewritings for small catalogs, and quick reading of the journal for large ones.
constexpr int64_t kLeastJournal = int64_t{1} << 20;
constexpr int64_t kMostJournal = int64_t{6} << 20;
constexpr size_t kMostFrame = size_t{1} << 20;
constexpr int64_t kCatalogLimitBytes = int64_t{8} << 30;

// The first process that notes a run makes the journal.
Result<std::unique_ptr<File>> open_journal(Workspace& workspace,
                                           const std::string& temporary_folder) {
  FileLayer& files = workspace.files();
  const std::string path = journal_path(workspace);
  auto journal = files.open_append(path);
  if (journal || journal.error().code != StatusCode::kNotFound) return journal;
  ASSAY_ASSIGN_OR_RETURN(const std::string name, make_ulid());
  const std::string temporary = fmt::format("{}/catalog-{}.tmp", temporary_folder, name);
  const std::string header = journal_header();
  Status linked;
  {
    ASSAY_ASSIGN_OR_RETURN(auto file, files.create(temporary));
    linked = file->append(std::as_bytes(std::span(header)));
  }
  if (linked) linked = files.link(temporary, path);
  (void)files.unlink(temporary);
  if (!linked && linked.error().code != StatusCode::kAlreadyExists) {
    return tl::unexpected<Error>(linked.error());
  }
  return files.open_append(path);
}

// What a crash leaves is passed over (catalog_journal_internal.h).
void note_journal_damage(Workspace& workspace, std::vector<std::string>& problems) {
  const std::string path = journal_path(workspace);
  const auto text = read_file(workspace.files(), path, kJournalLimitBytes);
  if (!text) {
    if (text.error().code != StatusCode::kNotFound) problems.push_back(text.error().message);
    return;
  }
  const auto content = parse_journal(*text, true);
  if (!content) {
    problems.push_back(fmt::format("'{}' is damaged: {}", path, content.error().message));
  } else if (content->foreign) {
    problems.push_back(fmt::format("'{}' is damaged: between its entries are other bytes", path));
  }
}

// Against the hash in the seal: what HDF5 readers see, and searches do not.
Status check_image(FileLayer& files, const std::string& path) {
  const auto bytes = read_file(files, path, kCatalogLimitBytes);
  if (!bytes && bytes.error().code == StatusCode::kNotFound) return {};  // replaced meanwhile
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  const auto image = verified_image(*bytes, path, kCatalogSeal);
  return image ? Status() : tl::unexpected<Error>(image.error());
}

// What stands where a file of the catalog belongs, and is none.
std::vector<DamagedFile> odd_files(Workspace& workspace) {
  std::vector<DamagedFile> odd;
  for (const std::string& path : {catalog_path(workspace), journal_path(workspace)}) {
    std::string why = why_no_file_at(workspace.files(), path);
    if (why.empty()) continue;
    odd.push_back(
        {DamagedFile::Kind::kCatalog, path.substr(workspace.path().size() + 1), std::move(why)});
  }
  return odd;
}

// Gives the size of the journal afterwards.
Result<int64_t> append_note(Workspace& workspace, const WriterLease& writer,
                            const RunRecord& record) {
  FileLayer& files = workspace.files();
  ASSAY_ASSIGN_OR_RETURN(const FileInfo info,
                         files.stat(run_file_of(workspace, record.info.run_id)));
  // Once this writer is taken over, the file may already be the one that its successor published.
  if (!files.exists(writer.tmp_folder())) return 0;
  const std::string frame = entry_frame({identity_of(info), summary_of(record)});
  if (frame.size() > kMostFrame) return 0;
  ASSAY_ASSIGN_OR_RETURN(auto journal, open_journal(workspace, writer.tmp_folder()));
  ASSAY_RETURN_IF_ERROR(journal->append(std::as_bytes(std::span(frame))));
  return journal->size();
}

void fold_journal(Workspace& workspace, const WriterLease& writer, int64_t journal_bytes) {
  if (journal_bytes < kLeastJournal) return;
  const auto catalog = workspace.files().stat(catalog_path(workspace));
  const int64_t half = catalog ? catalog->size / 2 : 0;
  if (journal_bytes < std::clamp(half, kLeastJournal, kMostJournal)) return;
  static std::mutex folding;
  const std::unique_lock<std::mutex> lock(folding, std::try_to_lock);
  if (!lock) return;  // another thread does it
  CatalogState state(workspace);
  if (state.refresh()) (void)state.save(writer.tmp_folder());
}

// Reads rows of a table.
class RowReader {
 public:
  static Result<RowReader> create(RunTable& table, std::span<const RunField> shown) {
    RowReader reader(table);
    for (const char* name : kNames) {
      ASSAY_ASSIGN_OR_RETURN(const RunColumn* column, table.column({FieldGroup::kRun, name}));
      reader.columns_.push_back(column);
    }
    for (const RunField& field : shown) {
      ASSAY_ASSIGN_OR_RETURN(const RunColumn* column, table.column(field));
      reader.shown_.push_back(column);
    }
    return reader;
  }

  RunRow row(size_t at) const {
    RunRow row;
    RunInfo& info = row.info;
    info.run_id = table_.id(at);
    info.parent_run_id = text(0, at);
    info.kind = text(1, at);
    info.name = text(2, at);
    info.experiment = text(3, at);
    info.user = text(4, at);
    info.status = parse_run_status(text(5, at)).value_or(RunStatus::kRunning);
    info.message = text(6, at);
    info.metric = text(7, at);
    const Cell score = columns_[8]->cell(at);
    if (score.kind == CellKind::kNumber) info.score = score.number();
    info.created_ns = whole(9, at);
    info.ended_ns = whole(10, at);
    info.writer = text(11, at);
    info.wal_seq = static_cast<uint64_t>(whole(12, at));
    info.finished = whole(13, at) != 0;
    row.dataset = text(14, at);
    row.device = text(15, at);
    row.trend = text(16, at);
    for (const RunColumn* column : shown_) row.values.push_back(column->value(at));
    return row;
  }

 private:
  static constexpr std::array<const char*, 17> kNames = {
      "parent",  "kind",     "name",    "experiment", "user",     "status",
      "message", "metric",   "score",   "start_time", "end_time", "writer",
      "wal_seq", "finished", "dataset", "device",     "trend"};

  explicit RowReader(const RunTable& table) : table_(table) {}
  std::string text(size_t column, size_t row) const {
    return std::string(columns_[column]->cell(row).text);
  }
  int64_t whole(size_t column, size_t row) const {
    const Cell cell = columns_[column]->cell(row);
    return cell.kind == CellKind::kInteger || cell.kind == CellKind::kFlag ? cell.integer() : 0;
  }

  const RunTable& table_;
  std::vector<const RunColumn*> columns_;
  std::vector<const RunColumn*> shown_;
};

Result<RunPage> find_page(CatalogState& state, const RunQuery& query,
                          std::span<const RunField> shown) {
  RunTable& table = state.table();
  RunPage page;
  ASSAY_ASSIGN_OR_RETURN(std::vector<uint32_t> rows, filter_rows(table, query));
  page.matched = static_cast<int64_t>(rows.size());
  page.total = static_cast<int64_t>(table.living());
  ASSAY_RETURN_IF_ERROR(order_rows(table, query, rows));
  const auto begin = std::min(static_cast<size_t>(query.offset), rows.size());
  size_t end = rows.size();
  if (query.limit && static_cast<uint64_t>(*query.limit) < end - begin) {
    end = begin + static_cast<size_t>(*query.limit);
  }
  ASSAY_ASSIGN_OR_RETURN(const RowReader reader, RowReader::create(table, shown));
  for (size_t i = begin; i < end; ++i) page.rows.push_back(reader.row(rows[i]));
  page.damaged = state.damaged();
  page.unreadable = state.may_be_whole();
  std::vector<RunField> asked = query_fields(query);
  asked.insert(asked.end(), shown.begin(), shown.end());
  ASSAY_ASSIGN_OR_RETURN(page.notes, unknown_field_notes(table, asked));
  return page;
}

std::string differing_field(RunTable& table, size_t row, const CatalogEntry& entry,
                            const std::vector<RunField>& fields) {
  size_t in_table = 0;
  for (const RunField& field : fields) {
    const auto column = table.column(field);
    if (!column) return column.error().message;
    const std::optional<Value> held = (*column)->value(row);
    const std::optional<Value> expected = field_value(entry.summary, field);
    if (held) ++in_table;
    const bool same =
        held.has_value() == expected.has_value() && (!held || held->text() == expected->text());
    if (!same) return field_text(field);
  }
  RunTable alone = std::move(*RunTable::create(nullptr));
  alone.put(entry);
  size_t in_file = 0;
  for (const RunField& field : alone.fields()) in_file += field_value(entry.summary, field) ? 1 : 0;
  return in_file == in_table ? std::string() : "a column is missing";
}

}  // namespace

struct Catalog::State {
  explicit State(Workspace& workspace) : known(workspace) {}
  std::mutex mutex;
  CatalogState known;

  // body() with a true table; once more without the cache if the cache turns out to be damaged.
  template <class Body>
  auto ask(Workspace& workspace, Body body) -> decltype(body()) {
    const std::scoped_lock lock(mutex);
    // Journals first: what is published and dropped from them later is then found as a file.
    ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
    auto answer = attempt(journals, body);
    if (!answer) {
      known.distrust();
      answer = attempt(journals, body);
    }
    if (answer) known.keep();
    return answer;
  }

  template <class Body>
  auto attempt(const JournalView& journals, Body& body) -> decltype(body()) {
    ASSAY_RETURN_IF_ERROR(known.refresh());
    const Status shown = known.show_journals(journals);
    decltype(body()) answer = tl::unexpected<Error>(Error{});
    if (shown) {
      answer = body();
    } else {
      answer = tl::unexpected<Error>(shown.error());
    }
    known.hide_journals();
    return answer;
  }

  Status save(Workspace& workspace) {
    ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
    return known.save(writer->tmp_folder());
  }
};

Catalog::Catalog(Workspace& workspace)
    : workspace_(workspace), state_(std::make_unique<State>(workspace)) {}
Catalog::~Catalog() = default;

void Catalog::note(Workspace& workspace, const WriterLease& writer, const RunRecord& record) try {
  const auto size = append_note(workspace, writer, record);
  if (size) fold_journal(workspace, writer, *size);
} catch (const std::exception&) {
  // Out of memory, or of threads: the next list reads the run's file.
}

void Catalog::note_restored(Workspace& workspace, const WriterLease& writer,
                            std::span<const std::string> run_ids) {
  std::vector<RunFile> restored;
  for (const std::string& run_id : run_ids) {
    const auto info = workspace.files().stat(run_file_of(workspace, run_id));
    if (info) restored.push_back({run_id, identity_of(*info)});
  }
  std::string frames;
  for (const auto& entry : read_entries(workspace, restored)) {
    if (entry) frames += entry_frame(*entry);
  }
  const auto journal = open_journal(workspace, writer.tmp_folder());
  if (journal && !frames.empty()) (void)(*journal)->append(std::as_bytes(std::span(frames)));
}

Status Catalog::discard(Workspace& workspace) {
  FileLayer& files = workspace.files();
  for (const std::string& path : {journal_path(workspace), catalog_path(workspace)}) {
    const Status gone = files.unlink(path);
    if (!gone && gone.error().code != StatusCode::kNotFound) return gone;
  }
  return files.sync_folder(workspace.path());
}

Result<RunPage> Catalog::search(const RunQuery& query, std::span<const RunField> shown) {
  return state_->ask(workspace_, [&] { return find_page(state_->known, query, shown); });
}

Result<std::vector<RunField>> Catalog::fields() {
  return state_->ask(workspace_, [&]() -> Result<std::vector<RunField>> {
    std::vector<RunField> fields = state_->known.table().fields();
    std::erase_if(fields, [](const RunField& field) {
      return field.group == FieldGroup::kRun || field.group > FieldGroup::kMetricLast;
    });
    return fields;
  });
}

Result<std::vector<MissingRun>> Catalog::missing() {
  return state_->ask(workspace_,
                     [&]() -> Result<std::vector<MissingRun>> { return state_->known.missing(); });
}

Status Catalog::save() {
  const std::scoped_lock lock(state_->mutex);
  Status status = state_->known.refresh();
  if (status) status = state_->save(workspace_);
  if (status) return status;
  // The cache that this began with may be damaged.
  state_->known.distrust();
  ASSAY_RETURN_IF_ERROR(state_->known.refresh());
  return state_->save(workspace_);
}

Result<int64_t> Catalog::rebuild() {
  const std::scoped_lock lock(state_->mutex);
  const std::vector<DamagedFile> odd = odd_files(workspace_);
  if (!odd.empty()) ASSAY_RETURN_IF_ERROR(quarantine_files(workspace_, odd));
  state_->known.ignore_cache();
  ASSAY_RETURN_IF_ERROR(state_->known.refresh());
  const auto runs = static_cast<int64_t>(state_->known.table().living());
  ASSAY_RETURN_IF_ERROR(state_->save(workspace_));
  return runs;
}

Result<Catalog::Check> Catalog::check() {
  const std::scoped_lock lock(state_->mutex);
  Check check;
  FileLayer& files = workspace_.files();
  for (const DamagedFile& odd : odd_files(workspace_)) check.problems.push_back(odd.why);
  if (!check.problems.empty()) return check;
  check.file = files.exists(catalog_path(workspace_));
  check.journal = files.exists(journal_path(workspace_));
  if (check.file) {
    const auto opened = CatalogFile::open(files, catalog_path(workspace_));
    const Status whole = opened ? check_image(files, catalog_path(workspace_))
                                : Status(tl::unexpected<Error>(opened.error()));
    if (!whole) {
      check.problems.push_back(whole.error().message);
      return check;
    }
  }
  if (check.journal) note_journal_damage(workspace_, check.problems);
  state_->known.load();
  RunTable& table = state_->known.table();
  const std::vector<RunField> fields = table.fields();
  std::vector<RunFile> same;
  for (size_t row = 0; row < table.rows(); ++row) {
    if (!table.alive(row)) continue;
    const std::string run_id(table.id(row));
    const auto info = files.stat(run_file_of(workspace_, run_id));
    if (!info) continue;
    ++check.rows;
    const auto identity = table.identity(row);
    if (!identity) {
      check.problems.push_back(identity.error().message);
      break;
    }
    if (identity_of(*info) == *identity) same.push_back({run_id, *identity});
  }
  const std::vector<Result<CatalogEntry>> entries = read_entries(workspace_, same);
  for (size_t i = 0; i < same.size(); ++i) {
    if (!entries[i]) continue;  // a damaged run file is no fault of the catalog
    const std::string field =
        differing_field(table, *table.find(same[i].run_id), *entries[i], fields);
    if (field.empty()) continue;
    check.problems.push_back(
        fmt::format("the catalog is wrong about run {}: {}", same[i].run_id, field));
  }
  state_->known.forget();
  return check;
}

}  // namespace assay::tracking
