// The CUDA backend as the program sees it: its module is opened at run time, so that the program
// links nothing of CUDA and starts on machines without GPU, driver or CUDA.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/cuda/driver.h"
#include "kernels/device.h"

namespace assay::backends::cuda {

// The module's name as a file.
inline constexpr char kModuleFile[] = "libassay_cuda.so";

// Where the module may lie, first to last: what the environment variable ASSAY_CUDA_MODULE names
// (if it is set, nowhere else), else kModuleFile beside the program, in lib/ and lib/assay/ beside
// its folder, and where `cmake --install` puts libraries.
std::vector<std::string> module_paths();

// Opens the module at one of the paths, the first that exists; it stays open. Fails: device, with
// the reason.
Result<Driver*> open_driver(const std::vector<std::string>& paths);

// Every GPU of the driver as a device, cuda:0 and on, none of them brought up. The driver must
// outlive them. Fails: device if there is none, with the reason.
Result<std::vector<std::unique_ptr<kernels::Device>>> open_gpus(Driver& driver);

// What may be planned with of a GPU's memory: all but a sixteenth and 256 MiB, which the driver,
// other programs and fragments need.
int64_t plannable_bytes(int64_t memory_bytes);

}  // namespace assay::backends::cuda
