// usable_cpu_count and usable_memory_bytes: affinity mask and cgroup limits, v2 and v1.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/base/executor.h"

namespace assay {
namespace {

int affinity_count() {
  // The mask may be wider than cpu_set_t on machines with more than 1024 CPUs.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    const size_t size = CPU_ALLOC_SIZE(cpus);
    std::vector<char> storage(size, 0);
    auto* mask = reinterpret_cast<cpu_set_t*>(storage.data());
    if (sched_getaffinity(0, size, mask) == 0) return std::max(1, CPU_COUNT_S(size, mask));
  }
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

// The cgroup folders of this process for `controller`, from its own up to the root: every level
// can hold a limit.
std::vector<std::string> cgroup_folders(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  std::vector<std::string> folders;
  std::string line;
  while (std::getline(file, line)) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    std::string root;
    if (controllers.empty()) {
      root = "/sys/fs/cgroup";
    } else if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) {
      root = "/sys/fs/cgroup/" + controllers;
    } else {
      continue;
    }
    while (!path.empty()) {
      folders.push_back(path == "/" ? root : root + path);
      const size_t slash = path.rfind('/');
      if (slash == 0 && path.size() > 1) {
        path = "/";
      } else {
        path = path.substr(0, slash == std::string::npos ? 0 : slash);
      }
    }
  }
  return folders;
}

int64_t read_number(const std::string& path) {
  std::ifstream file(path);
  int64_t value = -1;
  if (!(file >> value)) return -1;
  return value;
}

int quota_count() {
  int64_t best = std::numeric_limits<int>::max();
  for (const std::string& folder : cgroup_folders("cpu")) {
    int64_t quota = -1;
    int64_t period = -1;
    std::ifstream file(folder + "/cpu.max");
    std::string first;
    if (file >> first >> period) {
      if (first != "max") std::istringstream(first) >> quota;
    } else {
      quota = read_number(folder + "/cpu.cfs_quota_us");
      period = read_number(folder + "/cpu.cfs_period_us");
    }
    if (quota > 0 && period > 0) best = std::min(best, (quota + period - 1) / period);
  }
  return static_cast<int>(std::max<int64_t>(1, best));
}

}  // namespace

int usable_cpu_count() { return std::min(affinity_count(), quota_count()); }

int64_t usable_memory_bytes() {
  int64_t bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE);
  for (const std::string& folder : cgroup_folders("memory")) {
    int64_t limit = read_number(folder + "/memory.max");
    if (limit <= 0) limit = read_number(folder + "/memory.limit_in_bytes");
    if (limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

}  // namespace assay
