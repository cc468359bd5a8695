// Signals that ask the program to end: SIGINT, SIGTERM, SIGHUP. The first asks to stop, a further
// one leaves at once (the store is made for it).
#pragma once

#include "kernels/base/clock.h"

namespace assay::automl::cli {

// Requested by the first signal.
StopToken& stop_token();

// Installs the handlers, but not for signals that were ignored when the program was started: nohup
// and shells that start jobs in the background ask for that.
void install_handlers();

// What is said when a further signal leaves at once; `text` must live for ever.
void say_when_left(const char* text);

}  // namespace assay::automl::cli
