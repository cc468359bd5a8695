// The engine's side of a device worker: starts the process, asks, and waits with a limit. A worker
// that dies, hangs or is killed is a Status of code device from then on, with the last words of the
// device if it left any. Owns the process, its socket and its run folder; the destructor ends all
// three, and so does the end of this process, whatever it dies of and whatever the worker is at
// (worker/guard.h). Thread-safe: requests of several threads are made one after the other.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/xrt/run_folder.h"
#include "backends/xrt/worker_environment.h"
#include "backends/xrt/worker_protocol.h"
#include "kernels/base/clock.h"
#include "kernels/base/status.h"

namespace assay::backends::xrt {

struct WorkerSpec {
  std::string device;   // its id, for messages
  std::string program;  // assay-device-worker
  std::string xclbin;
  uint32_t card = 0;
  EnvironmentRules environment;
  // How long a reply may take, in seconds; 0: ASSAY_FPGA_TIMEOUT or 300.
  double timeout_seconds = 0;
};

class WorkerClient {
 public:
  // `arena` is the file of the shared memory that buffers are parts of, and stays the caller's.
  // Fails: device, if the worker cannot be started or refuses the card or xclbin; config if
  // ASSAY_FPGA_TIMEOUT is no time.
  static Result<std::unique_ptr<WorkerClient>> start(const WorkerSpec& spec, int arena,
                                                     uint64_t arena_bytes);
  ~WorkerClient();
  WorkerClient(const WorkerClient&) = delete;
  WorkerClient& operator=(const WorkerClient&) = delete;

  const CardInfo& card() const { return card_; }
  // The worker's guard, whose session all of its processes are in.
  pid_t process() const { return process_; }
  const std::string& run_folder() const { return folder_.path(); }
  // Whether it has died, and can do no more.
  bool dead();

  // A buffer of the card over bytes [offset, offset + bytes) of the arena, whole pages. Its number.
  // Fails: resource_exhausted if the card has no room; device.
  Result<uint64_t> create(uint64_t offset, uint64_t bytes, int32_t group);
  void destroy(uint64_t buffer);
  // Makes the steps in order; kMostSteps at most. Fails: device; invalid_argument.
  Status run(std::span<const Step> steps);

 private:
  explicit WorkerClient(WorkerSpec spec) : spec_(std::move(spec)) {}
  Status spawn();
  std::vector<std::string> environment() const;
  // Sends and waits for the reply.
  Result<std::unique_ptr<Reply>> ask(Request& request, size_t bytes, int file);
  Status send_request(const Request& request, size_t bytes, int file) const;
  Status await(Reply& reply) const;
  // The worker is of no use any more: ends it, and says why it failed.
  Error bury(std::string reason);
  std::string last_words() const;
  // Whether the process ended within some seconds.
  bool ends_within(double seconds);
  // The process' end: asked for, waited for, forced.
  void end(bool ask_first);

  WorkerSpec spec_;
  std::mutex mutex_;
  pid_t process_ = -1;
  int socket_ = -1;
  RunFolder folder_;
  uint64_t last_number_ = 0;
  uint64_t last_buffer_ = 0;
  CardInfo card_;
  std::string death_;  // why there is no worker any more
};

}  // namespace assay::backends::xrt
