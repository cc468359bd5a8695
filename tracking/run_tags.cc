#include "tracking/run_tags.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/run_rewrite_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

Status check_edit(const TagEdit& edit) {
  for (const auto& [key, value] : edit.set) ASSAY_RETURN_IF_ERROR(check_key("tag", key));
  for (const std::string& key : edit.remove) {
    ASSAY_RETURN_IF_ERROR(check_key("tag", key));
    if (!edit.set.contains(key)) continue;
    return fail(StatusCode::kInvalidArgument, "tag '{}' is both set and removed", key);
  }
  return {};
}

Status apply_edit(const TagEdit& edit, RunRecord& record) {
  for (const std::string& key : edit.remove) {
    if (record.tags.erase(key) > 0) continue;
    std::vector<std::string> known;
    for (const auto& entry : record.tags) known.push_back(entry.first);
    return fail(StatusCode::kNotFound, "run {} has no tag '{}'{}", record.info.run_id, key,
                name_hint(key, known));
  }
  for (const auto& [key, value] : edit.set) record.tags.insert_or_assign(key, value);
  return {};
}

}  // namespace

Result<RunRecord> tag_run(Workspace& workspace, std::string_view reference, const TagEdit& edit) {
  ASSAY_RETURN_IF_ERROR(check_edit(edit));
  // What dead writers left, and what this process has not published yet, becomes files first. If
  // that fails for another run, it does not matter here; if for this one, it shows below.
  const Status recovered = workspace.recover();
  return rewrite_run(workspace, reference, recovered, [&](RunRecord& record) -> Result<bool> {
    const auto tags = record.tags;
    ASSAY_RETURN_IF_ERROR(apply_edit(edit, record));
    return record.tags != tags;
  });
}

Value parse_tag_value(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  const char* end = text.data() + text.size();
  int64_t whole = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, whole);
  if (error == std::errc() && stop == end && std::to_string(whole) == text) return whole;
  double number = 0;
  const auto [number_stop, number_error] = std::from_chars(text.data(), end, number);
  const bool shortest = number_error == std::errc() && number_stop == end &&
                        std::isfinite(number) && Value(number).text() == text;
  if (shortest) return number;
  return text;
}

}  // namespace assay::tracking
