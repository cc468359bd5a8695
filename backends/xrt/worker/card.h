// One card through XRT's native interface: an xclbin, buffers over shared memory, kernels and runs.
// It knows nothing of emulation. XRT's exceptions end here, as Status. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <xrt/xrt_bo.h>
#include <xrt/xrt_device.h>
#include <xrt/xrt_kernel.h>

#include "backends/xrt/worker_protocol.h"
#include "kernels/base/status.h"

namespace assay::backends::xrt {

class Card {
 public:
  ~Card();
  // `file` is the arena's, and taken over.
  // Fails: device if there is no such card, or it refuses the xclbin; io if that cannot be read.
  Status open(const OpenRequest& request, int file);
  const CardInfo& info() const { return info_; }

  // Fails: invalid_argument; resource_exhausted if the card has no room.
  Status create(const CreateRequest& request);
  Status destroy(uint64_t number);
  // Fails: invalid_argument for steps that name what is not there, before any of them is made;
  // device for what XRT refuses. No run is under way when it returns.
  Status run(std::span<const Step> steps);

 private:
  struct Buffer {
    uint64_t bytes = 0;
    int32_t group = 0;
    ::xrt::bo bo;
  };
  Status map_arena(uint64_t bytes, int file);
  Status list_kernels(const std::string& xclbin_path);
  Status check(const Step& step) const;
  Status check_start(const Step& step) const;
  void start(const Step& step);
  Status wait(uint32_t number);
  Status make(const Step& step);

  std::byte* arena_ = nullptr;
  uint64_t arena_bytes_ = 0;
  ::xrt::device device_;
  ::xrt::uuid uuid_;
  std::vector<::xrt::kernel> kernels_;  // as info_ has them
  std::map<uint64_t, Buffer> buffers_;
  std::map<uint32_t, ::xrt::run> runs_;  // under way
  CardInfo info_;
};

}  // namespace assay::backends::xrt
