#include "tracking/system_sampler.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

namespace assay::tracking {
namespace {

// Processor time of less than this is mostly noise.
constexpr double kLeastInterval = 0.01;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double rss_bytes() {
  std::ifstream file("/proc/self/statm");
  double total_pages = 0;
  double resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

// NVIDIA's management library, opened when the program runs: nothing is linked. Its C interface is
// stable; only what is used is declared here.
struct SystemMeter::Gpus {
  using Device = void*;
  struct Memory {
    unsigned long long total;
    unsigned long long free;
    unsigned long long used;
  };
  struct Utilization {
    unsigned int gpu;
    unsigned int memory;
  };

  void* library = nullptr;
  int (*shutdown)() = nullptr;
  int (*memory_of)(Device, Memory*) = nullptr;
  int (*utilization_of)(Device, Utilization*) = nullptr;
  std::vector<Device> devices;

  Gpus() = default;
  Gpus(const Gpus&) = delete;
  Gpus& operator=(const Gpus&) = delete;
  ~Gpus() {
    if (shutdown != nullptr) shutdown();
    if (library != nullptr) ::dlclose(library);
  }

  template <class Function>
  bool find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
  }

  // Null if there is no driver or no device.
  static std::unique_ptr<Gpus> open() {
    auto gpus = std::make_unique<Gpus>();
    gpus->library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (gpus->library == nullptr) return nullptr;
    int (*init)() = nullptr;
    int (*count_of)(unsigned int*) = nullptr;
    int (*device_of)(unsigned int, Device*) = nullptr;
    const bool found = gpus->find("nvmlInit_v2", init) &&
                       gpus->find("nvmlDeviceGetCount_v2", count_of) &&
                       gpus->find("nvmlDeviceGetHandleByIndex_v2", device_of) &&
                       gpus->find("nvmlDeviceGetMemoryInfo", gpus->memory_of) &&
                       gpus->find("nvmlDeviceGetUtilizationRates", gpus->utilization_of);
    if (!found || init() != 0) return nullptr;
    (void)gpus->find("nvmlShutdown", gpus->shutdown);
    unsigned int count = 0;
    if (count_of(&count) != 0) return nullptr;
    for (unsigned int i = 0; i < count; ++i) {
      Device device = nullptr;
      if (device_of(i, &device) == 0) gpus->devices.push_back(device);
    }
    return gpus->devices.empty() ? nullptr : std::move(gpus);
  }
};

SystemMeter::SystemMeter(bool with_gpus)
    : gpus_(with_gpus ? Gpus::open() : nullptr),
      last_cpu_seconds_(cpu_seconds()),
      last_wall_seconds_(wall_seconds()) {}
SystemMeter::~SystemMeter() = default;

std::vector<std::pair<std::string, double>> SystemMeter::read() {
  const double cpu = cpu_seconds();
  const double wall = wall_seconds();
  std::vector<std::pair<std::string, double>> readings;
  if (wall - last_wall_seconds_ >= kLeastInterval) {
    readings.emplace_back("system/cpu_percent",
                          100 * (cpu - last_cpu_seconds_) / (wall - last_wall_seconds_));
    last_cpu_seconds_ = cpu;
    last_wall_seconds_ = wall;
  }
  readings.emplace_back("system/rss_bytes", rss_bytes());
  if (gpus_ == nullptr) return readings;
  for (size_t i = 0; i < gpus_->devices.size(); ++i) {
    Gpus::Memory memory{};
    if (gpus_->memory_of(gpus_->devices[i], &memory) == 0) {
      readings.emplace_back(fmt::format("system/gpu{}_memory_bytes", i),
                            static_cast<double>(memory.used));
    }
    Gpus::Utilization use{};
    if (gpus_->utilization_of(gpus_->devices[i], &use) == 0) {
      readings.emplace_back(fmt::format("system/gpu{}_percent", i), static_cast<double>(use.gpu));
    }
  }
  return readings;
}

SystemSampler::SystemSampler(double period_seconds, Take take, bool with_gpus)
    : thread_([this, period_seconds, take = std::move(take), with_gpus] {
        loop(period_seconds, take, with_gpus);
      }) {}

SystemSampler::~SystemSampler() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void SystemSampler::loop(double period_seconds, const Take& take, bool with_gpus) {
  SystemMeter meter(with_gpus);
  while (true) {
    for (const auto& [key, value] : meter.read()) {
      if (!take(key, value)) return;
    }
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, std::chrono::duration<double>(period_seconds),
                       [this] { return stopping_; })) {
      return;
    }
  }
}

}  // namespace assay::tracking
