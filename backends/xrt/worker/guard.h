// The process around a worker, which sees to its end: a worker may hang in the driver, be stopped,
// or have lost its engine, and cannot help itself then. The guard is what the engine starts and
// waits for; it does nothing but wait, ends as its worker did, and leaves no process behind.
#pragma once

namespace assay::backends::xrt {

// Divides this process, which must have one thread, in two. Returns in the worker, whom the system
// kills when its guard is gone. The guard never returns:
//   * when the worker has ended, it kills what that left behind, and ends with the same code or
//     signal;
//   * when the engine has ended (its end of kWorkerFile is closed), the worker has three seconds
//     for closing the card, and is killed then;
//   * on SIGTERM the worker is killed at once.
// Without an engine the run folder, which is the working directory, is removed. Exits if the
// process cannot be divided.
void become_guarded();

}  // namespace assay::backends::xrt
