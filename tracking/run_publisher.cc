#include "tracking/run_publisher.h"

#include <chrono>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "tracking/catalog.h"
#include "tracking/idle_time.h"
#include "tracking/recovery.h"
#include "tracking/run_file.h"
#include "tracking/run_state_internal.h"
#include "tracking/side_by_side.h"
#include "tracking/workspace.h"

namespace assay::tracking {
namespace {

constexpr std::chrono::milliseconds kPoll{2};
// Between two looks for an idle processor.
constexpr std::chrono::milliseconds kLook{20};
constexpr double kForget = 1.03;

}  // namespace

RunPublisher::~RunPublisher() { stop(); }

Status RunPublisher::write(const RunRecord& record) {
  const auto start = std::chrono::steady_clock::now();
  const std::string& id = record.info.run_id;
  FileLayer& files = workspace_.files();
  ASSAY_ASSIGN_OR_RETURN(const std::string image, run_file_image(record));
  const std::string relative = run_file_path(id);
  Status status = workspace_.ensure_folder(std::filesystem::path(relative).parent_path().string());
  if (status) {
    status =
        publish_file(files, lease_.tmp_folder(), fmt::format("{}/{}", workspace_.path(), relative),
                     std::as_bytes(std::span(image)));
  }
  // Published or not: a writer that was taken over acknowledges nothing.
  if (Status held = lease_.check_held(); !held) status = std::move(held);
  if (!status) return fail_with(std::move(status.error()), fmt::format("run {}", id));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  // Near the least of the last ones: on a busy machine most were interrupted.
  const double before = file_seconds_.load();
  file_seconds_ = before == 0 ? took.count() : std::min(took.count(), kForget * before);
  Catalog::note(workspace_, lease_, record);
  return {};
}

Status RunPublisher::now(RunState& run) {
  const std::scoped_lock order(run.publish_mutex());
  return now_locked(run);
}

Status RunPublisher::now_locked(RunState& run) {
  bool final = false;
  uint64_t seq = 0;
  int64_t bytes = 0;
  Status status = run.with_snapshot([&](const RunRecord& record, bool last) -> Status {
    final = last;
    seq = record.info.wal_seq;
    bytes = run.held_bytes();
    // Published before, and freed since.
    if (last && run.published_seq() >= seq) return {};
    return write(record);
  });
  if (!status) return status;
  const bool fresh = run.published_seq() < seq;
  run.note_published(seq);
  if (fresh) journal_->note_published(run.id(), seq);
  if (final && fresh) {
    if (run.deferred()) note_backlog(-bytes);
    journal_->release(run.number());
    run.drop_record();
  }
  if (fresh) journal_->reclaim_soon();
  return {};
}

void RunPublisher::start_thread() {
  if (stopping_) return;
  if (thread_.joinable()) {
    wake_.notify_one();
    return;
  }
  try {
    thread_ = std::thread([this] { loop(); });
  } catch (const std::system_error&) {
    // The next job tries again, and drain() does without.
  }
}

void RunPublisher::soon(uint32_t run_number) {
  const std::scoped_lock lock(mutex_);
  if (!queued_.insert(run_number).second) return;
  queue_.push_back(run_number);
  start_thread();
}

void RunPublisher::recover_soon(std::vector<std::string> folders) {
  if (folders.empty()) return;
  const std::scoped_lock lock(mutex_);
  for (std::string& folder : folders) folders_.push_back(std::move(folder));
  start_thread();
}

std::optional<RunPublisher::Job> RunPublisher::next() {
  if (!queue_.empty()) {
    const Job job{queue_.front(), {}};
    queue_.pop_front();
    queued_.erase(job.run);  // what is logged from now on wants another publication
    return job;
  }
  if (!folders_.empty()) {
    Job job{0, std::move(folders_.front())};
    folders_.pop_front();
    return job;
  }
  return std::nullopt;
}

Status RunPublisher::publish(uint32_t run_number) {
  const auto run = std::static_pointer_cast<RunState>(journal_->find(run_number));
  return run == nullptr ? Status() : now(*run);
}

Status RunPublisher::recover(const std::string& folder, const RecoveryPace& pace) {
  const auto report = recover_folder(workspace_, *this, folder, pace);
  return report ? Status() : Status(tl::unexpected<Error>(report.error()));
}

Status RunPublisher::work_leisurely(const Job& job) {
  if (job.folder.empty()) return publish(job.run);
  int64_t begin_ns = thread_cpu_ns();
  RecoveryPace pace;
  pace.stopped = [&] {
    std::unique_lock lock(mutex_);
    await_leisure(lock, thread_cpu_ns() - begin_ns);
    begin_ns = thread_cpu_ns();
    return stopping_;
  };
  pace.runs_at_once = [] { return size_t{1}; };
  return recover(job.folder, pace);
}

Status RunPublisher::work(const Job& job, const StopToken* stop) {
  if (job.folder.empty()) return publish(job.run);
  BatchSize size(stop);
  RecoveryPace pace;
  pace.stopped = [&] {
    const std::scoped_lock lock(mutex_);
    return stopping_ || (stop != nullptr && stop->requested());
  };
  pace.runs_at_once = [&] { return size.next(); };
  return recover(job.folder, pace);
}

void RunPublisher::done(const Job& job, const Status& status) {
  --busy_;
  if (status) {
    failure_.reset();
  } else {
    failure_ = status.error();
    if (!job.folder.empty()) {
      failed_.push_back(job);
    } else if (queued_.insert(job.run).second) {
      failed_.push_back(job);
    }
  }
  idle_.notify_all();
}

void RunPublisher::retry_failed() {
  for (Job& job : failed_) {
    if (job.folder.empty()) {
      queue_.push_back(job.run);
    } else {
      folders_.push_back(std::move(job.folder));
    }
  }
  failed_.clear();
}

void RunPublisher::await_leisure(std::unique_lock<std::mutex>& lock, int64_t last_cpu_ns) {
  // What a broken journal lacks is nowhere else, also when it works again.
  const auto urgent = [&] {
    journal_failed_ |= !journal_->health().has_value();
    return stopping_ || waiting_ > 0 || journal_failed_;
  };
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::nanoseconds(pause_after_ns(last_cpu_ns));
  while (!urgent() && std::chrono::steady_clock::now() < until) {
    lock.unlock();
    const bool idle = has_idle_processor();
    lock.lock();
    if (idle || urgent()) return;
    urgent_.wait_until(lock, std::min(until, std::chrono::steady_clock::now() + kLook), urgent);
  }
}

void RunPublisher::loop() {
  int64_t last_cpu_ns = 0;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (queue_.empty() && failed_.empty()) journal_failed_ = false;
    if (queue_.empty() && folders_.empty()) {
      const auto something = [&] { return stopping_ || !queue_.empty() || !folders_.empty(); };
      if (failed_.empty()) {
        wake_.wait(lock, something);
      } else {
        const auto pause = std::chrono::nanoseconds(journal_->options().retry_ns);
        if (!wake_.wait_for(lock, pause, something)) {
          retry_failed();
        }
      }
      continue;
    }
    // Files can wait, training cannot: what is left at the end drain() publishes.
    await_leisure(lock, last_cpu_ns);
    const auto job = stopping_ ? std::nullopt : next();
    if (!job) continue;
    ++busy_;
    lock.unlock();
    const int64_t begin_ns = thread_cpu_ns();
    const Status status = work_leisurely(*job);
    last_cpu_ns = thread_cpu_ns() - begin_ns;
    lock.lock();
    done(*job, status);
  }
}

Status RunPublisher::drain(const StopToken* stop) {
  std::unique_lock lock(mutex_);
  ++waiting_;
  urgent_.notify_all();
  const Status drained = drain_locked(lock, stop);
  --waiting_;
  return drained;
}

Status RunPublisher::drain_locked(std::unique_lock<std::mutex>& lock, const StopToken* stop) {
  const auto any_left = [&] {
    return busy_ > 0 || !queue_.empty() || !folders_.empty() || !failed_.empty();
  };
  const auto stopped = [&] { return stop != nullptr && stop->requested(); };
  retry_failed();
  BatchSize size(stop);
  Status first;
  bool again = false;
  while (true) {
    if (stopped() && any_left())
      return fail(StatusCode::kCancelled, "not all runs were published in time");
    std::vector<Job> jobs;
    const size_t most = size.next();
    while (jobs.size() < most) {
      auto job = next();
      if (!job) break;
      jobs.push_back(std::move(*job));
      if (!jobs.back().folder.empty()) break;  // its runs are as many as that
    }
    if (jobs.empty() && busy_ == 0) {
      // What the thread had taken it may have failed at before this call: that is no answer yet.
      if (!first || again || failed_.empty()) break;
      again = true;
      retry_failed();
      continue;
    }
    if (jobs.empty()) {
      idle_.wait_for(lock, kPoll);
      continue;
    }
    busy_ += static_cast<int>(jobs.size());
    lock.unlock();
    std::vector<Status> ended(jobs.size());
    side_by_side(jobs.size(), [&](size_t i) { ended[i] = work(jobs[i], stop); });
    lock.lock();
    for (size_t i = 0; i < jobs.size(); ++i) {
      done(jobs[i], ended[i]);
      if (!ended[i] && first) first = ended[i];
    }
  }
  // The thread may have taken it again.
  if (first && failure_ && !failed_.empty()) first = tl::unexpected<Error>(*failure_);
  return first;
}

Status RunPublisher::health() const {
  const std::scoped_lock lock(mutex_);
  if (failure_) return tl::unexpected<Error>(*failure_);
  return {};
}

void RunPublisher::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  urgent_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace assay::tracking
