// The first steps of a sweep: the table is read and the config held against its target; then its
// run becomes visible. A run is made for a table that could not be read, too, so that who finds no
// model in the morning finds the reason, but not for a config that cannot be run.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "automl/config/column_check.h"
#include "automl/config/units.h"
#include "automl/scheduler/sweep_lead_internal.h"
#include "automl/validation/target_check.h"
#include "tracking/environment.h"
#include "tracking/snapshot.h"

namespace assay::automl {
namespace {

// Asking git may take long in a large repository: at most this share of the time left, and at most
// so many seconds.
constexpr double kSnapshotShare = 0.05;
constexpr double kSnapshotSeconds = 2;
// Under a tighter limit blocks of text are smaller: what is read ahead and parsed takes less.
constexpr int64_t kRoomyBytes = int64_t{1} << 30;
constexpr int64_t kSmallBlockBytes = int64_t{64} << 10;

// Of a file of which less was read it is not known how long the rest will take.
constexpr double kLeastKnownShare = 0.01;

// How often the use of the machine is sampled, in seconds.
constexpr double kSamples = 200;
constexpr double kShortestInterval = 0.2;
constexpr double kLongestInterval = 10;
constexpr double kUntimedInterval = 2;

bool beyond_host(const SweepCompute& compute) {
  return compute.devices.size() > 1 || compute.leading() != compute.host;
}

std::string device_ids(std::span<kernels::Device* const> devices) {
  std::string text;
  for (const kernels::Device* device : devices) {
    text += (text.empty() ? "" : ",") + device->info().id;
  }
  return text;
}

// No speed of an emulation may be taken for a card's.
std::string what_devices_are(std::span<kernels::Device* const> devices) {
  std::string text;
  for (const kernels::Device* device : devices) {
    const kernels::DeviceInfo& info = device->info();
    text += fmt::format("{}{} ({}{})", text.empty() ? "" : ", ", info.id, info.name,
                        info.emulated ? ", emulated" : "");
  }
  return text;
}

// What was loaded onto them: "fpga:0: assay.xclbin (uuid ...)"; empty if nothing was.
std::string what_images_are(std::span<kernels::Device* const> devices) {
  std::string text;
  for (const kernels::Device* device : devices) {
    const kernels::DeviceInfo& info = device->info();
    if (info.image.empty()) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", info.id, info.image);
  }
  return text;
}

}  // namespace

Status SweepLead::load() {
  executor_ = state_->request.compute.make_executor(threads_);
  progress(SweepPhase::kReading);
  table_ = state_->request.table;
  if (table_ == nullptr) ASSAY_RETURN_IF_ERROR(read_table());
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
  return past_ == nullptr ? Status() : check_table_identity();
}

// A table that is another one makes other trials.
Status SweepLead::check_table_identity() const {
  const std::string& now = table_->content_hash();
  if (past_->content_hash.empty() || past_->content_hash == now) return {};
  return fail(StatusCode::kData,
              "data.train: '{}' is not the table that run {} began with: its SHA-256 is {} and "
              "that of the run's {}. `assay run` begins a new run on it",
              table_->source(), past_->run_id, now, past_->content_hash);
}

Status SweepLead::read_table() {
  if (memory_limit_ <= kProgramBytes) {
    return fail(StatusCode::kBudgetTooSmall,
                "budget.memory={} is too small: the program alone takes {}, and the table comes "
                "on top",
                rounded_bytes(memory_limit_), mib_text(kProgramBytes));
  }
  const std::string& path = config_.data.train;
  ASSAY_ASSIGN_OR_RETURN(auto options, csv_options(config_.data));
  options.max_bytes = std::max<int64_t>(1, memory_limit_ - kProgramBytes);
  if (options.max_bytes < kRoomyBytes) options.block_bytes = kSmallBlockBytes;
  double share = 0;
  options.on_progress = [&share](double read) { share = read; };
  const Budget& budget = state_->budget;
  const StopToken stop(state_->request.clock, budget.read_deadline_ns(), state_->request.stop);
  const double before = budget.elapsed_seconds();
  auto table = datasets::read_csv(path, options, *executor_, stop);
  if (table) {
    table_ = std::move(*table);
    return {};
  }
  if (table.error().code == StatusCode::kCancelled && !user_stopped()) {
    const bool known = share > kLeastKnownShare && share < 1;
    const double spent = budget.elapsed_seconds() - before;
    return tl::unexpected<Error>(budget_error(
        known ? fmt::format("reading {} ({:.0f} % of it)", path, 100 * share) : "reading " + path,
        known ? before + spent / share : 0));
  }
  if (table.error().code == StatusCode::kResourceExhausted) {
    return fail(StatusCode::kBudgetTooSmall,
                "budget.memory={} is too small: {} (the program takes "
                "{} beside it)",
                mib_text(memory_limit_), table.error().message, mib_text(kProgramBytes));
  }
  return tl::unexpected<Error>(std::move(table.error()));
}

Status SweepLead::check() {
  ASSAY_ASSIGN_OR_RETURN(roles_, read_column_roles(*table_, config_));
  ASSAY_RETURN_IF_ERROR(check_target(config_, roles_->target, table_->row_count()));
  if (config_.model.init.empty()) return {};
  ASSAY_ASSIGN_OR_RETURN(state_->start,
                         StartModel::load(state_->request.workspace, config_.model.init));
  return state_->start->check_run(config_, roles_->target, state_->record.dataset);
}

Status SweepLead::begin() {
  RecordContext& record = state_->record;
  record.workspace = state_->request.workspace;
  record.experiment = config_.run.experiment;
  record.keep_predictions = config_.run.keep_predictions;
  ASSAY_RETURN_IF_ERROR(past_ == nullptr ? create_parent() : reopen_parent());
  const SweepCompute& compute = state_->request.compute;
  if (beyond_host(compute)) {
    note("trials run on " + what_devices_are(compute.devices));
  }
  state_->archive = std::make_unique<TrialArchive>(record.workspace, parent_->id());
  ASSAY_RETURN_IF_ERROR(parent_->set_tag("device", device_ids(compute.devices)));
  ASSAY_RETURN_IF_ERROR(parent_->set_tag(kMemoryTag, memory_limit_));
  ASSAY_RETURN_IF_ERROR(log_config());
  ASSAY_RETURN_IF_ERROR(keep_config());
  const double before = state_->budget.elapsed_seconds();
  ASSAY_RETURN_IF_ERROR(parent_->checkpoint());
  state_->budget.observe_save(state_->budget.elapsed_seconds() - before, 0);
  state_->publish_deadlines();
  return sample_machine();
}

// What the sweep uses of the machine, as metrics of its run: some hundred points within a budget of
// time, and of GPUs only where it has devices.
Status SweepLead::sample_machine() {
  const Budget& budget = state_->budget;
  const double period = budget.timed() ? std::clamp(budget.seconds_left() / kSamples,
                                                    kShortestInterval, kLongestInterval)
                                       : kUntimedInterval;
  return parent_->sample_system(period, beyond_host(state_->request.compute));
}

Status SweepLead::create_parent() {
  tracking::RunSpec spec;
  spec.kind = "sweep";
  spec.experiment = config_.run.experiment;
  ASSAY_ASSIGN_OR_RETURN(parent_, tracking::Run::create(state_->request.workspace, spec));
  outcome_.run_id = parent_->id();
  state_->record.parent_run_id = parent_->id();
  for (const std::string& text : outcome_.notes) {
    (void)parent_->log_text(tracking::TextStream::kStdout, text + "\n");
  }
  ASSAY_RETURN_IF_ERROR(take_snapshot());
  tracking::EnvironmentRequest environment;
  environment.command_line = state_->request.command_line;
  environment.seed = static_cast<uint64_t>(config_.run.seed);
  environment.threads = threads_;
  auto known = tracking::collect_environment(environment);
  known["devices"] = what_devices_are(state_->request.compute.devices);
  std::string images = what_images_are(state_->request.compute.devices);
  if (!images.empty()) known["device_images"] = std::move(images);
  ASSAY_RETURN_IF_ERROR(parent_->set_environment(std::move(known)));
  return parent_->set_source(state_->record.source);
}

Status SweepLead::reopen_parent() {
  tracking::RunRecord record;
  ASSAY_ASSIGN_OR_RETURN(parent_,
                         tracking::Run::reopen(state_->request.workspace, past_->run_id, &record));
  outcome_.run_id = parent_->id();
  state_->record.parent_run_id = parent_->id();
  if (record.source) state_->record.source = std::move(*record.source);
  has_dataset_ = !record.datasets.empty();
  if (const auto best = best_model_of(record)) {
    best_rows_ = best_models_of(record);
    // Rows of models that were not written any more.
    while (best_rows_.back().sha256 != best->sha256) best_rows_.pop_back();
  }
  for (const tracking::MetricPoint& point : record.metrics["trial_score"]) {
    told_.insert(point.step);
  }
  ASSAY_ASSIGN_OR_RETURN(state_->known,
                         KnownTrials::load(*state_->request.workspace, parent_->id()));
  note(fmt::format("going on with run {}: {} of its trials are known, {:.1f} s were spent",
                   past_->run_id, state_->known.size(), past_->elapsed_seconds));
  return {};
}

// What a process that goes on with the run is asked for.
Status SweepLead::keep_config() {
  ExperimentConfig config = config_;
  if (state_->start) config.model.init = state_->start->name();
  std::vector<OptionGroup> groups;
  for (const Learner* learner : state_->request.learners) groups.push_back(learner->options());
  if (groups.empty()) {
    for (const Learner* learner : learner_list()) groups.push_back(learner->options());
  }
  const std::string text = kept_config(std::move(config), groups);
  return parent_->log_artifact(kConfigArtifact, std::as_bytes(std::span(text)), "application/yaml");
}

Status SweepLead::take_snapshot() {
  const Clock& clock = *state_->request.clock;
  const Budget& budget = state_->budget;
  const double patience =
      std::min(kSnapshotSeconds, std::max(0.0, kSnapshotShare * budget.seconds_left()));
  const StopToken stop(&clock, clock.now_ns() + static_cast<int64_t>(patience * 1e9),
                       state_->request.stop);
  const StopToken late(&clock, budget.fit_deadline_ns(), state_->request.stop);
  tracking::SnapshotRequest snapshot;
  snapshot.config_path = state_->request.config_path;
  snapshot.config_text = state_->request.config_text;
  snapshot.command_line = state_->request.command_line;
  snapshot.stop = &stop;
  snapshot.scripts = config_.run.scripts;
  snapshot.cancel = &late;
  auto taken = tracking::take_snapshot(*state_->request.workspace, snapshot);
  if (!taken) {
    const bool cancelled = taken.error().code == StatusCode::kCancelled;
    if (cancelled && !user_stopped()) {
      return tl::unexpected<Error>(budget_error("keeping " + config_.run.scripts));
    }
    return tl::unexpected<Error>(std::move(taken.error()));
  }
  for (std::string& text : taken->notes) note(std::move(text));
  state_->record.source = std::move(taken->source);
  return {};
}

Status SweepLead::log_config() {
  std::map<std::string, tracking::Value> params = config_params(config_);
  // A name alone would stand for a later version soon.
  if (state_->start) params["model.init"] = state_->start->name();
  for (const auto& [key, value] : params) ASSAY_RETURN_IF_ERROR(parent_->log_param(key, value));
  return {};
}

}  // namespace assay::automl
