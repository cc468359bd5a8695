// A process that owns a worker and waits for a kernel that never ends, for tests that kill it. It
// prints "owner <session> <folder>" when the worker is up; what its device model does goes to the
// file `events` of that folder.
#include <cstdio>

#include "tests/backends/xrt/worker_fixture.h"

int main() {
  namespace xrt = assay::backends::xrt;
  const xrt::TestArena arena;
  xrt::WorkerSpec spec = xrt::test_spec();
  spec.environment.set.emplace_back(xrt::kEventVariable, "{run}/events");
  auto client = xrt::WorkerClient::start(spec, arena.file(), xrt::TestArena::kBytes);
  if (!client) {
    std::printf("%s\n", client.error().message.c_str());
    return 1;
  }
  const auto buffer = (*client)->create(0, xrt::kPageBytes, 0);
  if (!buffer) return 1;
  std::printf("owner %d %s\n", (*client)->process(), (*client)->run_folder().c_str());
  std::fflush(stdout);
  (void)(*client)->run(std::vector<xrt::Step>{
      xrt::start_step(xrt::kernel_index(**client, "never_end"), 0,
                      {xrt::buffer_arg(*buffer), xrt::scalar_arg(int32_t{0})}),
      xrt::wait_step(0)});
  return 0;
}
