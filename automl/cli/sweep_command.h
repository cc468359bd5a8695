// What `assay run` and `assay resume` share once they know what sweep to run: devices, progress,
// the outcome on stdout, and an end in time.
#pragma once

#include "automl/cli/engine.h"
#include "automl/cli/invocation.h"
#include "automl/cli/output_file.h"
#include "automl/config/config_places.h"
#include "automl/config/experiment_config.h"
#include "automl/scheduler/sweep.h"
#include "kernels/base/status.h"

namespace assay::automl::cli {

// The devices that the config asks for. Never deleted: a stalled trial may outlive the sweep and
// still compute until the process ends. Fails: as Engine::open, naming the place in the config.
Result<Engine*> open_sweep_engine(const Invocation& invocation, const ExperimentConfig& config,
                                  const ConfigPlaces& places);

// Runs the sweep of a request that has config, workspace and what the run's record says of its
// origin; the rest is filled in here. Prints the outcome; sets the exit code of an interrupted one.
// `picture`: where a picture of the scores goes, or empty.
// Fails: as run_sweep.
Status run_sweep_here(Invocation& invocation, Engine& engine, SweepRequest request,
                      const ConfigPlaces& places, const OutputPlace& picture);

}  // namespace assay::automl::cli
