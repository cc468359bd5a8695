// The first steps of a sweep: its run becomes visible, then the table is read.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "automl/config/column_check.h"
#include "automl/scheduler/sweep_lead_internal.h"
#include "tracking/environment.h"
#include "tracking/snapshot.h"

namespace assay::automl {
namespace {

// Asking git may take long in a large repository: at most this share of a time budget, and at most
// so many seconds.
constexpr double kSnapshotShare = 0.05;
constexpr double kSnapshotSeconds = 2;
// Under a tighter limit blocks of text are smaller: what is read ahead and parsed takes less.
constexpr int64_t kRoomyBytes = int64_t{1} << 30;
constexpr int64_t kSmallBlockBytes = int64_t{64} << 10;

}  // namespace

Status SweepLead::begin() {
  executor_ = state_->request.compute.make_executor(threads_);
  tracking::RunSpec spec;
  spec.kind = "sweep";
  spec.experiment = config_.run.experiment;
  ASSAY_ASSIGN_OR_RETURN(parent_, tracking::Run::create(state_->request.workspace, spec));
  outcome_.run_id = parent_->id();

  const Clock& clock = *state_->request.clock;
  double patience = kSnapshotSeconds;
  if (const auto limit = config_.budget.time_limit()) {
    patience = std::min(patience, kSnapshotShare * *limit);
  }
  const StopToken stop(&clock, clock.now_ns() + static_cast<int64_t>(patience * 1e9),
                       state_->request.stop);
  tracking::SnapshotRequest snapshot;
  snapshot.config_path = state_->request.config_path;
  snapshot.config_text = state_->request.config_text;
  snapshot.command_line = state_->request.command_line;
  snapshot.stop = &stop;
  snapshot.scripts = config_.run.scripts;
  const StopToken half(&clock, state_->budget.half_ns(), state_->request.stop);
  snapshot.cancel = &half;
  auto taken = tracking::take_snapshot(*state_->request.workspace, snapshot);
  if (!taken) {
    const bool cancelled = taken.error().code == StatusCode::kCancelled;
    if (cancelled && !user_stopped()) {
      return tl::unexpected<Error>(budget_error("keeping " + config_.run.scripts));
    }
    return tl::unexpected<Error>(std::move(taken.error()));
  }
  for (std::string& text : taken->notes) note(std::move(text));
  tracking::SourceInfo source = std::move(taken->source);
  RecordContext& record = state_->record;
  record.workspace = state_->request.workspace;
  record.experiment = config_.run.experiment;
  record.parent_run_id = parent_->id();
  record.source = source;
  record.device = state_->request.compute.device->info().id;
  record.keep_predictions = config_.run.keep_predictions;

  tracking::EnvironmentRequest environment;
  environment.command_line = state_->request.command_line;
  environment.seed = static_cast<uint64_t>(config_.run.seed);
  environment.threads = threads_;
  ASSAY_RETURN_IF_ERROR(parent_->set_environment(tracking::collect_environment(environment)));
  ASSAY_RETURN_IF_ERROR(parent_->set_source(std::move(source)));
  ASSAY_RETURN_IF_ERROR(parent_->set_tag("device", record.device));
  ASSAY_RETURN_IF_ERROR(log_config());
  const double before = state_->budget.elapsed_seconds();
  ASSAY_RETURN_IF_ERROR(parent_->checkpoint());
  state_->budget.observe_save(state_->budget.elapsed_seconds() - before, 0);
  state_->publish_deadlines();
  return {};
}

Status SweepLead::log_config() {
  Status status;
  for_each_section(config_, [&](const auto& section) {
    const auto& table = section.table();
    const std::string prefix =
        table.group().name.empty() ? std::string() : std::string(table.group().name) + ".";
    for (size_t i = 0; i < table.options().size(); ++i) {
      if (!status) return;
      const OptionInfo& info = table.options()[i];
      const OptionValue value = table.at(section, i);
      const std::string key = prefix + std::string(info.name);
      status = std::visit(
          [&](const auto& held) {
            if constexpr (std::is_constructible_v<ParamValue, decltype(held)>) {
              return parent_->log_param(key, held);
            } else {
              return parent_->log_param(key, value_text(info, value));
            }
          },
          value);
    }
  });
  return status;
}

Status SweepLead::load() {
  progress(SweepPhase::kReading);
  const StopToken stop(state_->request.clock, state_->budget.half_ns(), state_->request.stop);
  table_ = state_->request.table;
  if (table_ == nullptr) {
    if (memory_limit_ <= kProgramBytes) {
      return fail(StatusCode::kBudgetTooSmall,
                  "budget.memory={} is too small: the program alone takes {}, and the table comes "
                  "on top",
                  mib_text(memory_limit_), mib_text(kProgramBytes));
    }
    ASSAY_ASSIGN_OR_RETURN(auto options, csv_options(config_.data));
    options.max_bytes = std::max<int64_t>(1, memory_limit_ - kProgramBytes);
    if (options.max_bytes < kRoomyBytes) options.block_bytes = kSmallBlockBytes;
    auto table = datasets::read_csv(config_.data.train, options, *executor_, stop);
    if (!table) {
      const bool cancelled = table.error().code == StatusCode::kCancelled;
      if (cancelled && !user_stopped()) {
        return tl::unexpected<Error>(budget_error("reading " + config_.data.train));
      }
      if (table.error().code == StatusCode::kResourceExhausted) {
        return fail(StatusCode::kBudgetTooSmall,
                    "budget.memory={} is too small: {} (the program takes "
                    "{} beside it)",
                    mib_text(memory_limit_), table.error().message, mib_text(kProgramBytes));
      }
      return tl::unexpected<Error>(std::move(table.error()));
    }
    table_ = std::move(*table);
  }
  note(fmt::format("{}: {} rows, {} columns", table_->source(), table_->row_count(),
                   table_->column_count()));
  for (const datasets::Column& column : table_->columns()) {
    if (column.misfits.count == 0) continue;
    const int64_t values = column.row_count() - column.missing_count + column.misfits.count;
    note(fmt::format("warning: {}; data.column_types: {{{}: categorical}} reads the column as text",
                     datasets::misfit_note(table_->source(), column, values), column.name));
  }
  tracking::DatasetUse use;
  use.name = std::filesystem::path(table_->source()).filename().string();
  use.content_hash = table_->content_hash();
  use.role = "train";
  use.rows = table_->row_count();
  use.columns = table_->column_count();
  state_->record.dataset = use;
  return {};
}

}  // namespace assay::automl
