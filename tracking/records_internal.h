// The small JSON records of a workspace: WORKSPACE, LEASE, a run's summary, a model's versions and
// changes, a source manifest. Readers check every field's type; unknown fields are ignored, so that
// a later version may add some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/model_log_internal.h"
#include "tracking/model_registry.h"
#include "tracking/run_links.h"
#include "tracking/run_record.h"
#include "tracking/run_summary.h"
#include "tracking/snapshot.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {

// What one process took away, or brought back (removed_runs.h).
struct RemovalRecord {
  int64_t at_ns = 0;
  std::string user;
  std::vector<std::string> removed;   // run ids
  std::vector<std::string> restored;  // run ids
};

struct WorkspaceRecord {
  int64_t format = 0;
  std::string uuid;
  std::string display_name;
};

// `source` is what messages call the text (a path). Readers fail with `data`.
std::string to_json(const WorkspaceRecord& record);
Result<WorkspaceRecord> parse_workspace(std::string_view text, const std::string& source);

std::string to_json(const RemovalRecord& record);
Result<RemovalRecord> parse_removal(std::string_view text, const std::string& source);

std::string to_json(const LeaseInfo& lease);
Result<LeaseInfo> parse_lease(std::string_view text, const std::string& source);

// The summary in a run file's seal: the fields of RunInfo, then the details, then the links (if
// given, and not too many). What would make it longer than 512 KiB is left out: the links, then the
// details, too.
std::string to_json(const RunSummary& summary, const RunLinks* links = nullptr);
Result<RunInfo> parse_run_info(std::string_view text, const std::string& source);
// Nothing if the text has no details (an earlier release wrote it, or they were too long).
Result<std::optional<RunSummary>> parse_run_summary(std::string_view text,
                                                    const std::string& source);
// The same for texts as to_json() writes most of them, ten times faster. Nothing for all others:
// escapes, numbers that JSON has no words for, damage.
std::optional<RunSummary> scan_run_summary(std::string_view text);

// Nothing if the text has no links.
Result<std::optional<RunLinks>> parse_run_links(std::string_view text, const std::string& source);

std::string to_json(const ModelVersion& model);
Result<ModelVersion> parse_model(std::string_view text, const std::string& source);

// The alias files of workspaces made before there were events.
Result<int64_t> parse_alias(std::string_view text, const std::string& source);

std::string to_json(const ModelEvent& event);
Result<ModelEvent> parse_event(std::string_view text, const std::string& source);

std::string to_json(const ModelState& state);
Result<ModelState> parse_state(std::string_view text, const std::string& source);

// What an exported model file says of itself (model_card.h).
struct ModelCard {
  ModelVersion model{};
  ModelOrigin origin{};  // the registered version that was exported
  int64_t exported_ns = 0;
};
std::string to_json(const ModelCard& card);
Result<ModelCard> parse_card(std::string_view text, const std::string& source);

std::string to_json(const SourceManifest& manifest);
Result<SourceManifest> parse_manifest(std::string_view text, const std::string& source);

}  // namespace assay::tracking
