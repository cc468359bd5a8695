#include "tracking/run.h"

#include <time.h>

#include <utility>

#include "tracking/environment.h"
#include "tracking/run_checks_internal.h"
#include "tracking/run_publisher.h"
#include "tracking/run_query.h"
#include "tracking/run_scratch.h"
#include "tracking/run_state_internal.h"
#include "tracking/system_sampler.h"
#include "tracking/ulid.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kMessageLimitBytes = 16 * 1024;

double now_seconds() { return static_cast<double>(wall_time_ns()) * 1e-9; }

// A few nanoseconds, against tens for the exact time.
double coarse_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

Status Metric::log(double value, int64_t step, std::optional<double> time) {
  return buffer_->log({step, time ? *time : coarse_seconds(), value});
}

Run::Run(std::shared_ptr<Workspace> workspace, Journal& journal, RunPublisher& publisher,
         std::shared_ptr<RunState> state)
    : workspace_(std::move(workspace)),
      journal_(journal),
      publisher_(publisher),
      state_(std::move(state)),
      id_(state_->id()) {}

Result<std::unique_ptr<Run>> Run::create(std::shared_ptr<Workspace> workspace, RunSpec spec) {
  RunInfo info;
  ASSAY_ASSIGN_OR_RETURN(info.run_id, make_ulid());
  info.kind = std::move(spec.kind);
  info.experiment = std::move(spec.experiment);
  info.name = std::move(spec.name);
  info.parent_run_id = std::move(spec.parent_run_id);
  ASSAY_RETURN_IF_ERROR(check_identity(info));
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace->writer());
  ASSAY_ASSIGN_OR_RETURN(Journal * journal, workspace->journal());
  ASSAY_ASSIGN_OR_RETURN(RunPublisher * publisher, workspace->publisher());
  if (publisher->backlog() > 2 * journal->options().backlog_bytes) {
    ASSAY_RETURN_IF_ERROR(publisher->health());
  }
  info.writer = writer->id();
  static const std::string user = user_name();
  info.user = user;
  info.created_ns = wall_time_ns();
  ASSAY_ASSIGN_OR_RETURN(auto state,
                         RunState::create(*journal, workspace->clock(), std::move(info)));
  return std::unique_ptr<Run>(
      new Run(std::move(workspace), *journal, *publisher, std::move(state)));
}

Result<std::unique_ptr<Run>> Run::reopen(std::shared_ptr<Workspace> workspace,
                                         std::string_view reference, RunRecord* record) {
  // What fails for another run does not matter; what this one's journal knows is read below.
  (void)workspace->recover();
  ASSAY_ASSIGN_OR_RETURN(const RunInfo before, find_run(*workspace, reference));
  const auto running = [&] {
    return fail(StatusCode::kAlreadyExists, "run {} is still running", before.run_id);
  };
  if (before.status == RunStatus::kRunning) return running();
  Status claimed = RunScratch(*workspace, before.run_id).claim(before.writer);
  if (!claimed) {
    return fail_with(std::move(claimed.error()), fmt::format("run {}", before.run_id));
  }
  ASSAY_ASSIGN_OR_RETURN(RunRecord last, load_run(*workspace, before.run_id));
  // Another process may have taken it over, gone on with it and ended it since it was found.
  if (last.info.writer != before.writer) return running();
  RunInfo& info = last.info;
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace->writer());
  info.writer = writer->id();
  info.status = RunStatus::kRunning;
  info.finished = false;
  info.ended_ns = 0;
  info.message.clear();
  if (record != nullptr) *record = last;
  ASSAY_ASSIGN_OR_RETURN(Journal * journal, workspace->journal());
  ASSAY_ASSIGN_OR_RETURN(RunPublisher * publisher, workspace->publisher());
  ASSAY_ASSIGN_OR_RETURN(auto state,
                         RunState::reopen(*journal, workspace->clock(), std::move(last)));
  std::unique_ptr<Run> run(new Run(std::move(workspace), *journal, *publisher, std::move(state)));
  // The journal first: a file that names a writer whose journal does not know the run would stay
  // for ever as it is.
  ASSAY_RETURN_IF_ERROR(run->durable());
  ASSAY_RETURN_IF_ERROR(run->checkpoint());
  return run;
}

Run::~Run() {
  sampler_.reset();
  const auto sealed = state_->seal(std::nullopt);
  if (!sealed || !*sealed) return;
  state_->set_deferred();
  publisher_.note_backlog(state_->held_bytes());
  publisher_.soon(state_->number());
}

Result<std::unique_ptr<Run>> Run::start_child(RunSpec spec) const {
  if (spec.experiment == RunSpec().experiment) spec.experiment = state_->experiment();
  spec.parent_run_id = id_;
  return create(workspace_, std::move(spec));
}

Status Run::log_param(std::string_view key, Value value) {
  ASSAY_RETURN_IF_ERROR(check_key("parameter", key));
  return state_->change(SetParam{std::string(key), std::move(value)});
}

Status Run::set_tag(std::string_view key, Value value) {
  ASSAY_RETURN_IF_ERROR(check_key("tag", key));
  return state_->change(SetTag{std::string(key), std::move(value)});
}

Result<Metric> Run::metric(std::string_view key) {
  ASSAY_RETURN_IF_ERROR(check_key("metric", key));
  return Metric(state_, state_->metric(key));
}

Status Run::log_metric(std::string_view key, double value, int64_t step,
                       std::optional<double> time) {
  ASSAY_RETURN_IF_ERROR(check_key("metric", key));
  return state_->metric(key).log({step, time ? *time : now_seconds(), value});
}

Status Run::log_metrics(std::span<const MetricValue> values, int64_t step,
                        std::optional<double> time) {
  for (const MetricValue& entry : values) ASSAY_RETURN_IF_ERROR(check_key("metric", entry.key));
  const double at = time ? *time : now_seconds();
  for (const MetricValue& entry : values) {
    ASSAY_RETURN_IF_ERROR(state_->metric(entry.key).log({step, at, entry.value}));
  }
  return {};
}

Status Run::declare_metric(std::string_view key) {
  ASSAY_RETURN_IF_ERROR(check_key("metric", key));
  return state_->change(DeclareMetric{std::string(key)});
}

Status Run::log_text(TextStream stream, std::string_view text) {
  return state_->append_text(stream, text);
}

Status Run::log_artifact(std::string_view path, std::span<const std::byte> bytes,
                         std::string_view media_type) {
  ASSAY_RETURN_IF_ERROR(check_artifact_path(path));
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put(bytes));
  return log_blob(path, blob, media_type);
}

Status Run::log_blob(std::string_view path, const BlobRef& blob, std::string_view media_type) {
  ASSAY_RETURN_IF_ERROR(check_artifact_path(path));
  return state_->change(
      PutArtifact{{std::string(path), blob.sha256, blob.size, clean_utf8(media_type)}});
}

Status Run::log_artifact_file(std::string_view path, const std::string& file,
                              std::string_view media_type) {
  ASSAY_RETURN_IF_ERROR(check_artifact_path(path));
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put_file(file));
  return log_blob(path, blob, media_type);
}

Status Run::log_predictions(Predictions predictions) {
  ASSAY_RETURN_IF_ERROR(check_predictions(predictions));
  clean_texts(predictions.column_names);
  return state_->change(
      PutPredictions{std::make_shared<const Predictions>(std::move(predictions))});
}

Status Run::log_table(NamedTable table) {
  ASSAY_RETURN_IF_ERROR(check_key("table", table.name));
  ASSAY_RETURN_IF_ERROR(prepare_columns(table.name, table.columns));
  return state_->change(PutTable{std::make_shared<const NamedTable>(std::move(table))});
}

Status Run::set_score(std::string_view metric, double score) {
  ASSAY_RETURN_IF_ERROR(check_key("metric", metric));
  return state_->change(SetScore{std::string(metric), score});
}

Status Run::set_source(SourceInfo source) {
  for (SourceFile& file : source.files) file.path = clean_utf8(file.path);
  return state_->change(SetSource{std::move(source)});
}

Status Run::set_environment(std::map<std::string, Value> values) {
  for (const auto& [key, value] : values) ASSAY_RETURN_IF_ERROR(check_key("environment", key));
  return state_->change(SetEnvironment{std::move(values)});
}

Status Run::add_dataset(DatasetUse dataset) {
  ASSAY_RETURN_IF_ERROR(prepare_columns("profile", dataset.profile));
  return state_->change(AddDataset{std::move(dataset)});
}

Status Run::add_model(ModelUse model) { return state_->change(AddModel{std::move(model)}); }

Status Run::sample_system(double period_seconds, bool with_gpus) {
  constexpr double kShortest = 0.1;
  constexpr double kLongest = 3600;
  if (!(period_seconds >= kShortest && period_seconds <= kLongest)) {
    return fail(StatusCode::kInvalidArgument, "period_seconds={} (must be {}..{})", period_seconds,
                kShortest, kLongest);
  }
  if (state_->sealed()) return finished_error();
  const std::scoped_lock lock(sampler_mutex_);
  sampler_ = std::make_unique<SystemSampler>(
      period_seconds,
      [this](std::string_view key, double value) { return log_metric(key, value).has_value(); },
      with_gpus);
  return {};
}

Status Run::finished_error() const {
  return fail(StatusCode::kInvalidArgument, "run {} is finished: nothing can be added", id_);
}

Status Run::durable() {
  ASSAY_ASSIGN_OR_RETURN(const uint64_t seq, state_->last_change());
  // The committer of a writer that was taken over drops points: they have no number.
  if (journal_.fenced()) return journal_.health();
  if (state_->published_seq() >= seq) return {};
  if (!state_->has_hole()) ASSAY_RETURN_IF_ERROR(journal_.settle(seq));
  // What the journal could not take is durable once the run's file has it.
  return state_->has_hole() ? publisher_.now(*state_) : Status();
}

Status Run::checkpoint() {
  if (state_->sealed()) return finished_error();
  return publisher_.now(*state_);
}

Status Run::publish_end(FinishRun end) {
  const std::scoped_lock order(state_->publish_mutex());
  ASSAY_ASSIGN_OR_RETURN(const bool sealed, state_->seal(std::move(end)));
  if (!sealed) return finished_error();
  Status published = publisher_.now_locked(*state_);
  if (!published) state_->unseal();
  return published;
}

Status Run::finish(RunStatus status, std::string_view message, FinishMode mode) {
  if (status == RunStatus::kRunning) {
    return fail(StatusCode::kInvalidArgument, "run {} cannot finish as running", id_);
  }
  // Its file may be under way: that is not waited for.
  if (state_->sealed()) return finished_error();
  {
    const std::scoped_lock lock(sampler_mutex_);
    sampler_.reset();
  }
  FinishRun end{status, cut_utf8(clean_utf8(message), kMessageLimitBytes), 0};
  if (mode == FinishMode::kPublish) return publish_end(std::move(end));
  ASSAY_ASSIGN_OR_RETURN(const bool sealed, state_->seal(std::move(end)));
  if (!sealed) return finished_error();
  state_->set_deferred();
  publisher_.note_backlog(state_->held_bytes());
  publisher_.soon(state_->number());
  // Trials that end faster than files are written: their own threads help.
  if (publisher_.backlog() > journal_.options().backlog_bytes) return publisher_.now(*state_);
  // The journal cannot be relied on: the file is all there will be. If it fails too, it is queued.
  if (!journal_.fenced() && !journal_.health()) (void)publisher_.now(*state_);
  return {};
}

Status Run::health() const {
  ASSAY_RETURN_IF_ERROR(journal_.health());
  return publisher_.health();
}

}  // namespace assay::tracking
