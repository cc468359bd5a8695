#include "backends/cuda/module.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "backends/cuda/device.h"
#include "kernels/base/program_path.h"

namespace assay::backends::cuda {
namespace {

std::string device_name(const GpuFacts& facts) {
  return fmt::format("{}, sm_{}{}, {} multiprocessors", facts.name, facts.capability_major,
                     facts.capability_minor, facts.multiprocessors);
}

}  // namespace

std::vector<std::string> module_paths() {
  const char* named = std::getenv("ASSAY_CUDA_MODULE");
  if (named != nullptr && *named != '\0') return {named};
  const std::string folder = program_folder();
  std::vector<std::string> paths;
  for (const char* place : {"", "/../lib", "/../lib/assay", "/../" ASSAY_CUDA_MODULE_FOLDER}) {
    paths.push_back(fmt::format("{}{}/{}", folder, place, kModuleFile));
  }
  return paths;
}

Result<Driver*> open_driver(const std::vector<std::string>& paths) {
  const auto found = std::find_if(paths.begin(), paths.end(), [](const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
  });
  if (found == paths.end()) {
    return fail(StatusCode::kDevice,
                "no module {} (it is built where the CUDA toolkit is; see README.md)",
                paths.size() == 1 ? paths[0] : std::string(kModuleFile));
  }
  void* module = dlopen(found->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    return fail(StatusCode::kDevice, "the module did not load: {}", dlerror());
  }
  const auto entry = reinterpret_cast<DriverEntry>(dlsym(module, kDriverEntry));
  Driver* driver = entry == nullptr ? nullptr : entry(kDriverVersion);
  if (driver == nullptr) {
    dlclose(module);
    return fail(StatusCode::kDevice, "{} is of another build of Assay", *found);
  }
  return driver;
}

int64_t plannable_bytes(int64_t memory_bytes) {
  return std::max<int64_t>(0, memory_bytes - memory_bytes / 16 - (int64_t{256} << 20));
}

Result<std::vector<std::unique_ptr<kernels::Device>>> open_gpus(Driver& driver) {
  if (const char* obstacle = driver.obstacle()) return fail(StatusCode::kDevice, "{}", obstacle);
  std::vector<std::unique_ptr<kernels::Device>> devices;
  std::string reasons;
  for (int32_t gpu = 0; gpu < driver.gpu_count(); ++gpu) {
    GpuFacts facts;
    if (!driver.describe(gpu, &facts)) {
      reasons += fmt::format("{}GPU {}: {}", reasons.empty() ? "" : "; ", gpu, facts.problem);
      continue;
    }
    kernels::DeviceInfo info;
    info.id = fmt::format("cuda:{}", gpu);
    info.kind = "cuda";
    info.name = device_name(facts);
    info.memory_bytes = plannable_bytes(facts.memory_bytes);
    const auto open = [&driver, gpu](std::string& why) {
      GpuFacts opened;
      std::unique_ptr<Session> session(driver.open(gpu, &opened));
      if (session == nullptr) why = opened.problem;
      return session;
    };
    devices.push_back(
        CudaDevice::make(open, std::move(info), facts.multiprocessors, CudaDevice::kLanes));
  }
  if (devices.empty()) {
    return fail(StatusCode::kDevice, "{}", reasons.empty() ? "there is no NVIDIA GPU" : reasons);
  }
  return devices;
}

}  // namespace assay::backends::cuda
