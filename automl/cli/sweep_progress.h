// Progress of a sweep for people, on stderr: on a terminal one line that is redrawn, with new best
// scores and notes above it; elsewhere, and with TERM=dumb, a plain line for each trial and note.
// With --quiet only what was lost is said.
#pragma once

#include <optional>
#include <string>

#include "automl/cli/invocation.h"
#include "automl/metrics/metric.h"
#include "automl/scheduler/sweep_observer.h"

namespace assay::automl::cli {

class SweepDisplay final : public SweepObserver {
 public:
  explicit SweepDisplay(const Invocation& invocation);
  ~SweepDisplay() override;
  SweepDisplay(const SweepDisplay&) = delete;
  SweepDisplay& operator=(const SweepDisplay&) = delete;

  void on_progress(const SweepProgress& progress) override;
  void on_trial(const TrialResult& trial, std::optional<double> score) override;
  void on_known(const TrialResult& trial) override;
  void on_note(const std::string& note) override;
  void on_loss(const std::string& loss) override;
  // Takes the redrawn line away.
  void finish();

 private:
  void print_line(const std::string& text);
  void redraw();
  std::string erased() const;
  int width() const;

  bool quiet_;
  bool terminal_;
  size_t drawn_ = 0;  // characters of the line that is drawn
  SweepProgress progress_;
  std::optional<double> shown_loss_;  // of the best trial shown so far
};

}  // namespace assay::automl::cli
