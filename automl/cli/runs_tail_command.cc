// assay runs tail: what a run logs, as it comes. Reads only: the published file and the journal of
// the process that writes the run.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/report/text_table.h"
#include "tracking/run_follower.h"

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
  void show(const tracking::RunNews& news) {
    show_text("stdout", news.stdout_text);
    show_text("stderr", news.stderr_text);
    if (options_.metrics || invocation_.json) show_metrics(news);
    first_ = false;
  }

 private:
  void show_text(const char* stream, const std::string& text) {
    size_t begin = 0;
    if (first_) begin = options_.lines == 0 ? text.size() : tail_begin(text, options_.lines);
    const std::string fresh = text.substr(begin);
    if (fresh.empty()) return;
    if (!invocation_.json) return print_result(fresh);
    nlohmann::ordered_json line;
    line["stream"] = stream;
    line["text"] = fresh;
    print_json(line);
  }

  void show_metrics(const tracking::RunNews& news) {
    for (const auto& [key, points] : news.points) {
      const auto lines = static_cast<size_t>(options_.lines);
      size_t begin = first_ && points.size() > lines ? points.size() - lines : 0;
      for (; begin < points.size(); ++begin) show_point(key, points[begin]);
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

  static void print_json(const nlohmann::ordered_json& line) { print_result(json_line(line)); }

  const Invocation& invocation_;
  const TailOptions& options_;
  bool first_ = true;
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
  ASSAY_ASSIGN_OR_RETURN(auto follower, tracking::RunFollower::open(*workspace, options.run));
  Tail tail(invocation, options);
  for (;;) {
    ASSAY_ASSIGN_OR_RETURN(const tracking::RunNews news, follower.next());
    tail.show(news);
    ASSAY_RETURN_IF_ERROR(flush_output());
    const tracking::RunInfo& run = news.info;
    if (run.status != tracking::RunStatus::kRunning) {
      print_note(invocation, fmt::format("run {} is {}", run.run_id, name_of(run.status)));
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
