#include "automl/scheduler/sweep_past.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "automl/config/config_template.h"
#include "automl/config/yaml_config.h"
#include "automl/scheduler/trial_archive.h"
#include "tracking/blob_store.h"
#include "tracking/run_query.h"
#include "tracking/run_scratch.h"

namespace assay::automl {
namespace {

using tracking::RunInfo;
using tracking::RunRecord;
using tracking::RunStatus;

constexpr int64_t kConfigLimitBytes = 1 << 20;

template <class T>
T tag_or(const RunRecord& record, std::string_view key, T absent) {
  const auto at = record.tags.find(std::string(key));
  if (at == record.tags.end()) return absent;
  const auto* value = std::get_if<T>(&at->second.data());
  return value == nullptr ? absent : *value;
}

Status check_kind(tracking::Workspace& workspace, const RunInfo& info) {
  if (info.kind == "sweep") return {};
  std::string hint;
  if (info.kind == "trial" && !info.parent_run_id.empty()) {
    const auto sweep = tracking::find_run(workspace, info.parent_run_id);
    if (sweep) hint = fmt::format("; it belongs to the sweep {}", sweep->run_id);
  }
  return fail(StatusCode::kInvalidArgument, "run {} is a {} (only a sweep can be resumed{})",
              info.run_id, info.kind, hint);
}

Result<ExperimentConfig> read_config(tracking::Workspace& workspace, const RunRecord& record,
                                     std::span<const OptionGroup> learners) {
  const auto artifact = std::find_if(record.artifacts.begin(), record.artifacts.end(),
                                     [](const auto& each) { return each.path == kConfigArtifact; });
  if (artifact == record.artifacts.end()) {
    return fail(StatusCode::kInvalidArgument,
                "run {} has no {} to go on from: it ended before its search began, or an earlier "
                "release recorded it. `assay run` begins anew",
                record.info.run_id, kConfigArtifact);
  }
  tracking::BlobStore blobs(workspace);
  ASSAY_ASSIGN_OR_RETURN(const std::string text, blobs.read(artifact->sha256, kConfigLimitBytes));
  const ConfigSource source{fmt::format("{} of run {}", kConfigArtifact, record.info.run_id), ""};
  return parse_config(text, source, learners);
}

void read_elapsed(tracking::Workspace& workspace, const RunRecord& record, SweepPast& past) {
  const ElapsedTime kept =
      automl::read_elapsed(tracking::RunScratch(workspace, record.info.run_id));
  past.elapsed_seconds = std::max(kept.seconds, tag_or(record, kElapsedTag, 0.0));
  past.prepare_seconds = kept.seconds > 0 ? kept.prepare_seconds : tag_or(record, kPrepareTag, 0.0);
}

}  // namespace

int64_t SweepPast::budget_start_ns(int64_t start_ns, std::optional<double> limit) const {
  double spent = elapsed_seconds - prepare_seconds;
  // Preparing may take longer than it did.
  if (limit) spent = std::min(spent, (1 - kLeastShare) * *limit - 2 * prepare_seconds);
  return start_ns - std::llround(std::max(0.0, spent) * 1e9);
}

Result<SweepPast> find_past(tracking::Workspace& workspace, std::string_view reference,
                            std::span<const OptionGroup> learners) {
  ASSAY_ASSIGN_OR_RETURN(const RunInfo info, tracking::find_run(workspace, reference));
  ASSAY_RETURN_IF_ERROR(check_kind(workspace, info));
  if (info.status == RunStatus::kRunning) {
    return fail(StatusCode::kAlreadyExists,
                "run {} is still running: its process is alive. Ctrl-C ends it with a model",
                info.run_id);
  }
  ASSAY_ASSIGN_OR_RETURN(const RunRecord record, tracking::load_run(workspace, info.run_id));
  SweepPast past;
  past.run_id = info.run_id;
  past.status = info.status;
  ASSAY_ASSIGN_OR_RETURN(past.config, read_config(workspace, record, learners));
  for (const tracking::DatasetUse& use : record.datasets) {
    if (use.role == "train") past.content_hash = use.content_hash;
  }
  past.memory_limit = tag_or(record, kMemoryTag, int64_t{0});
  past.fold_count = tag_or(record, kFoldsTag, int64_t{0});
  past.screen_rows = tag_or(record, kScreenTag, int64_t{0});
  past.strategy = tag_or(record, kStrategyTag, std::string());
  read_elapsed(workspace, record, past);
  return past;
}

std::string kept_config(ExperimentConfig config, std::span<const OptionGroup> learners) {
  std::error_code error;
  const auto path = std::filesystem::absolute(config.data.train, error);
  if (!error) config.data.train = path.lexically_normal().string();
  return config_template(config, learners, {});
}

}  // namespace assay::automl
