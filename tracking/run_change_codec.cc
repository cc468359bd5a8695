// The bytes of changes: docs/store-format.md lists them. Encoder and decoder of each change stand
// side by side.
#include <array>
#include <utility>

#include "tracking/run_change.h"
#include "tracking/run_checks_internal.h"
#include "tracking/utf8_internal.h"
#include "tracking/wire_internal.h"

namespace assay::tracking {
namespace {

static_assert(sizeof(MetricPoint) == 24, "points lie in the journal as in memory");

constexpr size_t kLeastText = 4;  // an empty text takes its length

// Values

void put(WireWriter& to, const Value& value) {
  to.number(static_cast<uint8_t>(value.data().index()));
  if (const auto* number = std::get_if<double>(&value.data())) {
    to.number(*number);
  } else if (const auto* whole = std::get_if<int64_t>(&value.data())) {
    to.number(*whole);
  } else if (const auto* flag = std::get_if<bool>(&value.data())) {
    to.flag(*flag);
  } else {
    to.text(std::get<std::string>(value.data()));
  }
}

Value get_value(WireReader& from) {
  switch (from.number<uint8_t>()) {
    case 0:
      return from.number<double>();
    case 1:
      return from.number<int64_t>();
    case 2:
      return from.flag();
    case 3:
      return from.text();
    default:
      from.refuse();
      return {};
  }
}

void put_texts(WireWriter& to, const std::vector<std::string>& texts) {
  to.number(static_cast<uint64_t>(texts.size()));
  for (const std::string& text : texts) to.text(text);
}

std::vector<std::string> get_texts(WireReader& from) {
  const auto size = from.number<uint64_t>();
  if (size > from.left() / kLeastText) from.refuse();
  std::vector<std::string> texts;
  for (uint64_t i = 0; from.ok() && i < size; ++i) texts.push_back(from.text());
  return texts;
}

void put_columns(WireWriter& to, const std::vector<TableColumn>& columns) {
  to.count(columns.size());
  for (const TableColumn& column : columns) {
    to.text(column.name);
    to.number(static_cast<uint8_t>(column.values.index()));
    if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) {
      to.array(*numbers);
    } else if (const auto* wholes = std::get_if<std::vector<int64_t>>(&column.values)) {
      to.array(*wholes);
    } else {
      put_texts(to, std::get<std::vector<std::string>>(column.values));
    }
  }
}

std::vector<TableColumn> get_columns(WireReader& from) {
  constexpr size_t kLeastColumn = kLeastText + 1 + 8;
  std::vector<TableColumn> columns(from.count(kLeastColumn));
  for (TableColumn& column : columns) {
    column.name = from.text();
    switch (from.number<uint8_t>()) {
      case 0:
        column.values = from.array<double>();
        break;
      case 1:
        column.values = from.array<int64_t>();
        break;
      case 2:
        column.values = get_texts(from);
        break;
      default:
        from.refuse();
    }
    if (!from.ok()) return {};
  }
  return columns;
}

// Changes

void put(WireWriter& to, const BeginRun& change) {
  const RunInfo& info = change.info;
  for (const std::string* text : {&info.run_id, &info.parent_run_id, &info.kind, &info.name,
                                  &info.experiment, &info.user, &info.writer}) {
    to.text(*text);
  }
  to.number(info.created_ns);
}
Status get(WireReader& from, BeginRun& change) {
  RunInfo& info = change.info;
  for (std::string* text : {&info.run_id, &info.parent_run_id, &info.kind, &info.name,
                            &info.experiment, &info.user, &info.writer}) {
    *text = from.text();
  }
  info.created_ns = from.number<int64_t>();
  return from.ok() ? check_identity(info) : Status();
}

void put(WireWriter& to, const SetParam& change) {
  to.text(change.key);
  put(to, change.value);
}
Status get(WireReader& from, SetParam& change) {
  change.key = from.text();
  change.value = get_value(from);
  return check_key("parameter", change.key);
}

void put(WireWriter& to, const SetTag& change) {
  to.text(change.key);
  put(to, change.value);
}
Status get(WireReader& from, SetTag& change) {
  change.key = from.text();
  change.value = get_value(from);
  return check_key("tag", change.key);
}

void put(WireWriter& to, const DropTag& change) { to.text(change.key); }
Status get(WireReader& from, DropTag& change) {
  change.key = from.text();
  return check_key("tag", change.key);
}

void put(WireWriter& to, const AddPoints& change) {
  to.text(change.key);
  to.array(change.points);
}
Status get(WireReader& from, AddPoints& change) {
  change.key = from.text();
  change.points = from.array<MetricPoint>();
  return check_key("metric", change.key);
}

void put(WireWriter& to, const DeclareMetric& change) { to.text(change.key); }
Status get(WireReader& from, DeclareMetric& change) {
  change.key = from.text();
  return check_key("metric", change.key);
}

void put(WireWriter& to, const AppendText& change) {
  to.flag(change.stream == TextStream::kStderr);
  to.text(change.text);
}
Status get(WireReader& from, AppendText& change) {
  change.stream = from.flag() ? TextStream::kStderr : TextStream::kStdout;
  change.text = from.text();
  return {};
}

void put(WireWriter& to, const PutArtifact& change) {
  const Artifact& artifact = change.artifact;
  to.text(artifact.path);
  to.text(artifact.sha256);
  to.number(artifact.size);
  to.text(artifact.media_type);
}
Status get(WireReader& from, PutArtifact& change) {
  Artifact& artifact = change.artifact;
  artifact.path = from.text();
  artifact.sha256 = from.text();
  artifact.size = from.number<int64_t>();
  artifact.media_type = from.text();
  return check_artifact_path(artifact.path);
}

void put(WireWriter& to, const PutPredictions& change) {
  const Predictions& set = *change.set;
  to.text(set.name);
  to.number(set.rows);
  to.number(set.columns);
  to.number(static_cast<uint8_t>(set.values.index()));
  std::visit([&](const auto& values) { to.array(values); }, set.values);
  to.array(set.row_ids);
  put_texts(to, set.column_names);
}
Status get(WireReader& from, PutPredictions& change) {
  auto set = std::make_shared<Predictions>();
  set->name = from.text();
  set->rows = from.number<int64_t>();
  set->columns = from.number<int64_t>();
  switch (from.number<uint8_t>()) {
    case 0:
      set->values = from.array<float>();
      break;
    case 1:
      set->values = from.array<double>();
      break;
    default:
      from.refuse();
  }
  set->row_ids = from.array<int64_t>();
  set->column_names = get_texts(from);
  clean_texts(set->column_names);
  Status checked = check_predictions(*set);
  change.set = std::move(set);
  return checked;
}

void put(WireWriter& to, const PutTable& change) {
  to.text(change.table->name);
  put_columns(to, change.table->columns);
}
Status get(WireReader& from, PutTable& change) {
  auto table = std::make_shared<NamedTable>();
  table->name = from.text();
  table->columns = get_columns(from);
  Status checked = check_key("table", table->name);
  if (checked) checked = prepare_columns(table->name, table->columns);
  change.table = std::move(table);
  return checked;
}

void put(WireWriter& to, const SetScore& change) {
  to.text(change.metric);
  to.number(change.score);
}
Status get(WireReader& from, SetScore& change) {
  change.metric = from.text();
  change.score = from.number<double>();
  return check_key("metric", change.metric);
}

void put(WireWriter& to, const SetSource& change) {
  const SourceInfo& source = change.source;
  for (const std::string* text :
       {&source.manifest_sha256, &source.config, &source.config_path, &source.git_commit,
        &source.git_branch, &source.git_diff_sha256, &source.git_note}) {
    to.text(*text);
  }
  to.flag(source.git_dirty);
  to.count(source.files.size());
  for (const SourceFile& file : source.files) {
    to.text(file.path);
    to.number(file.mode);
    to.number(file.size);
    to.text(file.sha256);
  }
}
Status get(WireReader& from, SetSource& change) {
  constexpr size_t kLeastFile = 2 * kLeastText + 4 + 8;
  SourceInfo& source = change.source;
  for (std::string* text :
       {&source.manifest_sha256, &source.config, &source.config_path, &source.git_commit,
        &source.git_branch, &source.git_diff_sha256, &source.git_note}) {
    *text = from.text();
  }
  source.git_dirty = from.flag();
  source.files.resize(from.count(kLeastFile));
  for (SourceFile& file : source.files) {
    file.path = clean_utf8(from.text());
    file.mode = from.number<uint32_t>();
    file.size = from.number<int64_t>();
    file.sha256 = from.text();
  }
  return {};
}

void put(WireWriter& to, const SetEnvironment& change) {
  to.count(change.values.size());
  for (const auto& [key, value] : change.values) {
    to.text(key);
    put(to, value);
  }
}
Status get(WireReader& from, SetEnvironment& change) {
  const size_t size = from.count(kLeastText + 2);
  for (size_t i = 0; from.ok() && i < size; ++i) {
    std::string key = from.text();
    Value value = get_value(from);
    ASSAY_RETURN_IF_ERROR(check_key("environment", key));
    change.values.insert_or_assign(std::move(key), std::move(value));
  }
  return {};
}

void put(WireWriter& to, const AddDataset& change) {
  const DatasetUse& use = change.use;
  to.text(use.name);
  to.text(use.version);
  to.text(use.content_hash);
  to.text(use.role);
  to.number(use.rows);
  to.number(use.columns);
  put_columns(to, use.profile);
}
Status get(WireReader& from, AddDataset& change) {
  DatasetUse& use = change.use;
  use.name = from.text();
  use.version = from.text();
  use.content_hash = from.text();
  use.role = from.text();
  use.rows = from.number<int64_t>();
  use.columns = from.number<int64_t>();
  use.profile = get_columns(from);
  return prepare_columns("profile", use.profile);
}

void put(WireWriter& to, const AddModel& change) {
  const ModelUse& use = change.use;
  to.text(use.name);
  to.number(use.version);
  to.text(use.sha256);
  to.number(use.size);
  to.number(use.format_version);
  to.text(use.input_contract);
}
Status get(WireReader& from, AddModel& change) {
  ModelUse& use = change.use;
  use.name = from.text();
  use.version = from.number<int64_t>();
  use.sha256 = from.text();
  use.size = from.number<int64_t>();
  use.format_version = from.number<int64_t>();
  use.input_contract = from.text();
  return {};
}

void put(WireWriter& to, const FinishRun& change) {
  to.number(static_cast<uint8_t>(change.status));
  to.number(change.ended_ns);
  to.text(change.message);
}
Status get(WireReader& from, FinishRun& change) {
  const auto status = from.number<uint8_t>();
  if (status == static_cast<uint8_t>(RunStatus::kRunning) ||
      status > static_cast<uint8_t>(RunStatus::kPruned)) {
    from.refuse();
  }
  change.status = static_cast<RunStatus>(from.ok() ? status : 1);
  change.ended_ns = from.number<int64_t>();
  change.message = from.text();
  return {};
}

void put(WireWriter&, const ReopenRun&) {}
Status get(WireReader&, ReopenRun&) { return {}; }

void put(WireWriter& to, const OmittedChange& change) { to.text(change.what); }
Status get(WireReader& from, OmittedChange& change) {
  change.what = from.text();
  return {};
}

void put(WireWriter& to, const AfterChange& change) { to.number(change.seq); }
Status get(WireReader& from, AfterChange& change) {
  change.seq = from.number<uint64_t>();
  return {};
}

template <size_t I>
Result<RunChange> decode_as(std::string_view payload) {
  using Change = std::variant_alternative_t<I, RunChange>;
  WireReader from(payload);
  Change change{};
  const Status checked = get(from, change);
  // A cut payload makes wrong names: what is missing is said first.
  if (!from.ok() || !from.at_end()) {
    return fail(StatusCode::kData, "a change of type {} has {} bytes and does not fit them", I + 1,
                payload.size());
  }
  if (!checked) return fail(StatusCode::kData, "{}", checked.error().message);
  return RunChange(std::in_place_index<I>, std::move(change));
}

using Decoder = Result<RunChange> (*)(std::string_view);

template <size_t... I>
constexpr std::array<Decoder, sizeof...(I)> decoders(std::index_sequence<I...>) {
  return {decode_as<I>...};
}

}  // namespace

void encode_change(const RunChange& change, std::string& to) {
  WireWriter writer(to);
  std::visit([&](const auto& held) { put(writer, held); }, change);
}

void encode_points_head(std::string_view key, size_t count, std::string& to) {
  WireWriter writer(to);
  writer.text(key);
  writer.number(static_cast<uint64_t>(count));
}

Result<RunChange> decode_change(uint16_t type, std::string_view payload) {
  static constexpr auto kDecoders = decoders(std::make_index_sequence<kChangeTypeCount>());
  if (type == 0 || type > kChangeTypeCount) {
    return fail(StatusCode::kData, "unknown type of change {} (this release knows 1 to {})", type,
                kChangeTypeCount);
  }
  return kDecoders[type - size_t{1}](payload);
}

}  // namespace assay::tracking
