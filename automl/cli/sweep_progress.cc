#include "automl/cli/sweep_progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "automl/cli/interrupt.h"
#include "automl/cli/output.h"
#include "automl/report/text_table.h"

namespace assay::automl::cli {

SweepDisplay::SweepDisplay(const Invocation& invocation)
    : quiet_(invocation.quiet), terminal_(redraws_lines()) {}

SweepDisplay::~SweepDisplay() { finish(); }

void SweepDisplay::on_progress(const SweepProgress& progress) {
  const bool new_phase = progress.phase != progress_.phase;
  progress_ = progress;
  if (new_phase && progress.phase == SweepPhase::kSaving) {
    say_when_left("whether the model came to be registered, `assay models list` says");
  }
  if (quiet_) return;
  if (terminal_) {
    redraw();
  } else if (new_phase) {
    print_line(fmt::format("{:7.2f} s  {}", progress.elapsed_seconds, name_of(progress.phase)));
  }
}

void SweepDisplay::on_trial(const TrialResult& trial, std::optional<double> score) {
  if (quiet_) return;
  const bool best =
      has_score(trial.status) && trial.loss && (!shown_loss_ || *trial.loss < *shown_loss_);
  if (best) shown_loss_ = trial.loss;
  if (terminal_ && !best && trial.status != TrialStatus::kFailed) return;
  std::string line = fmt::format("{:7.2f} s  trial {:<4} {:<14} {:<9}", progress_.elapsed_seconds,
                                 trial.spec.number, trial.spec.learner, name_of(trial.status));
  if (score) line += fmt::format(" {} {}", progress_.metric, score_text(*score));
  if (best) line += "  best so far";
  if (!trial.message.empty()) line += fmt::format("  ({})", trial.message);
  print_line(line);
}

void SweepDisplay::on_known(const TrialResult& trial) {
  const bool best = has_score(trial.status) && (!shown_loss_ || *trial.loss < *shown_loss_);
  if (best) shown_loss_ = trial.loss;
}

void SweepDisplay::on_note(const std::string& note) {
  if (!quiet_) print_line("           " + note);
}

void SweepDisplay::on_loss(const std::string& loss) {
  if (quiet_) {
    print_message(fmt::format("assay: {}\n", loss));
  } else {
    on_note(loss);
  }
}

void SweepDisplay::finish() {
  if (drawn_ > 0) print_message(erased());
  std::fflush(stderr);
  drawn_ = 0;
}

// Blanks, not an escape sequence: any terminal and any log understands them.
std::string SweepDisplay::erased() const { return "\r" + std::string(drawn_, ' ') + "\r"; }

void SweepDisplay::print_line(const std::string& text) {
  // In one write, so that nothing else of this program comes between.
  print_message((drawn_ > 0 ? erased() : std::string()) + text + "\n");
  drawn_ = 0;
  if (terminal_) redraw();
}

int SweepDisplay::width() const {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void SweepDisplay::redraw() {
  const SweepProgress& p = progress_;
  std::string line = fmt::format("{:.1f}", p.elapsed_seconds);
  if (p.limit_seconds) line += fmt::format("/{:.0f}", *p.limit_seconds);
  line += fmt::format(" s  {}  {}", name_of(p.phase), p.trials_done);
  if (p.trial_limit > 0) line += fmt::format("/{}", p.trial_limit);
  line += p.trials_done == 1 && p.trial_limit == 0 ? " trial" : " trials";
  if (p.best_score) {
    line += fmt::format("  best {} {} ({})", p.metric, score_text(*p.best_score), p.best_learner);
  }
  for (size_t i = 0; i < p.running.size(); ++i) {
    line += fmt::format("{}{}", i == 0 ? "  now " : ", ", p.running[i]);
  }
  // One column is left free, or some terminals wrap.
  const auto limit = static_cast<size_t>(std::max(1, width() - 1));
  if (line.size() > limit) line.resize(limit);
  const size_t rest = drawn_ > line.size() ? drawn_ - line.size() : 0;
  print_message("\r" + line + std::string(rest, ' '));
  std::fflush(stderr);
  drawn_ = line.size();
}

}  // namespace assay::automl::cli
