#include "tracking/run_checks_internal.h"

#include <algorithm>
#include <array>
#include <set>

#include "kernels/base/names.h"
#include "tracking/source_restore.h"
#include "tracking/ulid.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kNameLimitBytes = 256;
constexpr size_t kTableTextLimit = 4096;
constexpr size_t kColumnLimitBytes = size_t{256} << 20;
constexpr std::array<std::string_view, 5> kKinds = {"sweep", "trial", "job", "pipeline", "step"};

}  // namespace

Status check_identity(RunInfo& info) {
  if (!is_ulid(info.run_id)) {
    return fail(StatusCode::kInvalidArgument, "'{}' is not a run id (26 characters)", info.run_id);
  }
  if (std::find(kKinds.begin(), kKinds.end(), info.kind) == kKinds.end()) {
    return fail(StatusCode::kInvalidArgument, "unknown kind of run '{}'{}", info.kind,
                name_hint(info.kind, kKinds));
  }
  ASSAY_RETURN_IF_ERROR(check_name("experiment", info.experiment));
  if (info.name.empty()) {
    info.name =
        fmt::format("{}-{}", info.kind, lower_case(info.run_id.substr(info.run_id.size() - 8)));
  }
  const bool text = info.name.find('\0') == std::string::npos && is_utf8(info.name);
  if (!text || info.name.size() > kNameLimitBytes) {
    return fail(StatusCode::kInvalidArgument, "run name '{}' (must be UTF-8 of at most {} bytes)",
                clean_utf8(cut_utf8(info.name, 80)), kNameLimitBytes);
  }
  if (!info.parent_run_id.empty() && !is_ulid(info.parent_run_id)) {
    return fail(StatusCode::kInvalidArgument, "parent run '{}' is not a run id (26 characters)",
                info.parent_run_id);
  }
  return {};
}

Status check_artifact_path(std::string_view path) {
  ASSAY_RETURN_IF_ERROR(check_key("artifact", path));
  if (check_inside("run", path)) return {};
  return fail(StatusCode::kInvalidArgument,
              "artifact path '{}' (must be relative, of parts of 1 to 255 bytes, none of them '.', "
              "'..' or '.git')",
              path);
}

Status check_predictions(const Predictions& set) {
  ASSAY_RETURN_IF_ERROR(check_key("predictions", set.name));
  const size_t count = std::visit([](const auto& values) { return values.size(); }, set.values);
  const bool shape_ok = set.rows >= 0 && set.columns >= 0 &&
                        (set.columns == 0 || set.rows <= INT64_MAX / set.columns) &&
                        static_cast<size_t>(set.rows * set.columns) == count;
  if (!shape_ok) {
    return fail(StatusCode::kInvalidArgument,
                "predictions '{}': {} values for {} rows x {} columns", set.name, count, set.rows,
                set.columns);
  }
  if (!set.row_ids.empty() && static_cast<int64_t>(set.row_ids.size()) != set.rows) {
    return fail(StatusCode::kInvalidArgument, "predictions '{}': {} row ids for {} rows", set.name,
                set.row_ids.size(), set.rows);
  }
  if (!set.column_names.empty() && static_cast<int64_t>(set.column_names.size()) != set.columns) {
    return fail(StatusCode::kInvalidArgument, "predictions '{}': {} column names for {} columns",
                set.name, set.column_names.size(), set.columns);
  }
  return {};
}

void clean_texts(std::vector<std::string>& texts) {
  for (std::string& text : texts) text = cut_utf8(clean_utf8(text), kTableTextLimit);
}

// Checks names and lengths, and makes texts what a fixed-width column can hold.
Status prepare_columns(const std::string& table, std::vector<TableColumn>& columns) {
  std::set<std::string> names;
  size_t rows = 0;
  for (TableColumn& column : columns) {
    ASSAY_RETURN_IF_ERROR(check_key("column", column.name));
    if (!names.insert(column.name).second) {
      return fail(StatusCode::kInvalidArgument, "table '{}' has two columns '{}'", table,
                  column.name);
    }
    const size_t size = std::visit([](const auto& values) { return values.size(); }, column.values);
    if (names.size() == 1) rows = size;
    if (size != rows) {
      return fail(StatusCode::kInvalidArgument, "table '{}': column '{}' has {} rows, others {}",
                  table, column.name, size, rows);
    }
    auto* texts = std::get_if<std::vector<std::string>>(&column.values);
    if (texts == nullptr) continue;
    clean_texts(*texts);
    size_t width = 1;
    for (const std::string& text : *texts) width = std::max(width, text.size());
    if (width > kColumnLimitBytes / std::max<size_t>(1, rows)) {
      return fail(StatusCode::kInvalidArgument,
                  "table '{}': column '{}' takes {} rows x {} bytes (must be at most {} bytes)",
                  table, column.name, rows, width, kColumnLimitBytes);
    }
  }
  return {};
}

}  // namespace assay::tracking
