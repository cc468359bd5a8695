// assay runs tail: what a run logs, as it comes. Reads only: the published file and the journal of
// the process that writes the run.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "automl/report/text_table.h"
#include "tracking/run_query.h"

namespace assay::automl::cli {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(250);
constexpr auto kStopEvery = std::chrono::milliseconds(25);

struct TailOptions {
  std::string run;
  bool follow = false;
  bool metrics = false;
  int64_t lines = 10;
};

// Begin of the last `lines` lines of a text.
size_t tail_begin(const std::string& text, int64_t lines) {
  size_t begin = text.size();
  if (begin > 0 && text[begin - 1] == '\n') --begin;
  for (; begin > 0; --begin) {
    if (text[begin - 1] == '\n' && --lines <= 0) break;
  }
  return lines <= 0 || begin > 0 ? begin : 0;
}

class Tail {
 public:
  Tail(const Invocation& invocation, const TailOptions& options)
      : invocation_(invocation), options_(options) {}

  // Prints what is new. The first time it is the end of each log, and each metric's last points.
  void show(const tracking::RunRecord& record) {
    show_text("stdout", record.stdout_text, stdout_size_);
    show_text("stderr", record.stderr_text, stderr_size_);
    if (options_.metrics || invocation_.json) show_metrics(record);
    first_ = false;
  }

 private:
  void show_text(const char* stream, const std::string& text, size_t& shown) {
    size_t begin = std::min(shown, text.size());
    if (first_) begin = options_.lines == 0 ? text.size() : tail_begin(text, options_.lines);
    const std::string fresh = text.substr(begin);
    shown = text.size();
    if (fresh.empty()) return;
    if (!invocation_.json) return print_result(fresh);
    nlohmann::ordered_json line;
    line["stream"] = stream;
    line["text"] = fresh;
    print_json(line);
  }

  void show_metrics(const tracking::RunRecord& record) {
    for (const auto& [key, points] : record.metrics) {
      size_t begin = std::min(points_[key], points.size());
      const auto lines = static_cast<size_t>(options_.lines);
      if (first_ && points.size() > lines) begin = points.size() - lines;
      for (size_t i = begin; i < points.size(); ++i) show_point(key, points[i]);
      points_[key] = points.size();
    }
  }

  void show_point(const std::string& key, const tracking::MetricPoint& point) {
    if (!invocation_.json) {
      return print_result(
          fmt::format("{} step {}: {}\n", key, point.step, score_text(point.value)));
    }
    nlohmann::ordered_json line;
    line["metric"] = key;
    line["step"] = point.step;
    line["time"] = point.time;
    line["value"] = point.value;
    print_json(line);
  }

  static void print_json(const nlohmann::ordered_json& line) {
    print_result(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  const Invocation& invocation_;
  const TailOptions& options_;
  bool first_ = true;
  size_t stdout_size_ = 0;
  size_t stderr_size_ = 0;
  std::map<std::string, size_t> points_;
};

// False if the user stopped it.
bool wait_for_more(const Invocation& invocation) {
  for (auto waited = kStopEvery; waited < kLookEvery; waited += kStopEvery) {
    if (invocation.stop->requested()) return false;
    std::this_thread::sleep_for(kStopEvery);
  }
  return !invocation.stop->requested();
}

Status tail_command(Invocation& invocation, const TailOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  ASSAY_ASSIGN_OR_RETURN(const tracking::RunInfo run, tracking::find_run(*workspace, options.run));
  Tail tail(invocation, options);
  for (;;) {
    ASSAY_ASSIGN_OR_RETURN(const tracking::RunRecord record,
                           tracking::load_run(*workspace, run.run_id));
    tail.show(record);
    ASSAY_RETURN_IF_ERROR(flush_output());
    if (record.info.status != tracking::RunStatus::kRunning) {
      print_note(invocation, fmt::format("run {} is {}", run.run_id, name_of(record.info.status)));
      return {};
    }
    if (!options.follow) return {};
    if (!wait_for_more(invocation)) {
      invocation.exit_code = exit_code_of(StatusCode::kCancelled);
      return {};
    }
  }
}

}  // namespace

void add_runs_tail(CLI::App& runs, Invocation& invocation) {
  CLI::App* command = runs.add_subcommand("tail", "Show the end of a run's log, and follow it");
  add_workspace_option(*command, invocation);
  auto options = std::make_shared<TailOptions>();
  command->add_option("run", options->run, "Run id, the beginning of one, or a name")->required();
  command->add_flag("-f,--follow", options->follow, "Go on as the run does, until it ends");
  command->add_flag("--metrics", options->metrics, "Metrics, too (always with --json)");
  command->add_option("-n,--lines", options->lines, "Lines, and points of a metric, to begin with")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  command->footer("Examples:\n  assay runs tail 01JD -f\n  assay runs tail 01JD --metrics -n 3");
  command->callback([&invocation, options] {
    invocation.action = [&invocation, options] { return tail_command(invocation, *options); };
  });
}

}  // namespace assay::automl::cli
