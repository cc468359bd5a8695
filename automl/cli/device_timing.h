// `assay devices --calibrate`: times the ops of this machine's devices and keeps what came out.
#pragma once

#include "automl/cli/engine.h"
#include "automl/cli/invocation.h"

namespace assay::automl::cli {

// Times every device that can be used and is no emulation, writes the file of calibrations, and
// lets the engine plan by it from now on. What could not be timed is told in notes; what the file
// has of devices that are not there now is kept. Fails: io; cancelled after Ctrl-C, and then
// nothing is written; what timing the CPU fails with.
Status calibrate_machine(const Invocation& invocation, Engine& engine);

}  // namespace assay::automl::cli
