// Two devices as NVIDIA's management library would show them, for the sampler's test.
#include <cstdint>

namespace {

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
struct Utilization {
  unsigned int gpu;
  unsigned int memory;
};

}  // namespace

extern "C" {

int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** device) {
  *device = reinterpret_cast<void*>(static_cast<uintptr_t>(index + 1));
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  const auto number = reinterpret_cast<uintptr_t>(device);
  *memory = {80'000'000'000, 80'000'000'000 - number * 1'000'000'000, number * 1'000'000'000};
  return 0;
}
// The second device does not tell.
int nvmlDeviceGetUtilizationRates(void* device, Utilization* use) {
  *use = {37, 5};
  return reinterpret_cast<uintptr_t>(device) == 1 ? 0 : 3;
}
}
