// What tests of device workers share: shared memory, a worker for the test kernels, and a look at
// what a worker leaves behind.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/xrt/installation.h"
#include "backends/xrt/worker_client.h"

namespace assay::backends::xrt {

// Shared memory from which tests take pages one behind the other. It costs nothing until touched.
class TestArena {
 public:
  static constexpr uint64_t kBytes = uint64_t{8} << 30;
  TestArena() : file_(memfd_create("assay_test", MFD_CLOEXEC)) {
    if (ftruncate(file_, static_cast<off_t>(kBytes)) != 0) std::abort();
    memory_ = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_, 0);
  }
  ~TestArena() {
    munmap(memory_, kBytes);
    close(file_);
  }
  TestArena(const TestArena&) = delete;
  TestArena& operator=(const TestArena&) = delete;
  // The offset of `bytes` rounded up to whole pages.
  uint64_t take(uint64_t bytes) {
    const uint64_t offset = taken_;
    taken_ += (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
    return offset;
  }
  template <class T>
  T* at(uint64_t offset) const {
    return reinterpret_cast<T*>(static_cast<std::byte*>(memory_) + offset);
  }
  int file() const { return file_; }

 private:
  int file_;
  void* memory_ = nullptr;
  uint64_t taken_ = 0;
};

// A worker on the emulated card with an xclbin of the build's folder of test files.
inline WorkerSpec test_spec(const std::string& xclbin_name = "test_kernels.xclbin") {
  const auto installation = find_installation();
  EXPECT_TRUE(installation.has_value()) << installation.error().message;
  if (!installation) return {};
  const std::string folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  auto spec = emulated_card(*installation, folder + "/" + xclbin_name);
  EXPECT_TRUE(spec.has_value()) << (spec ? "" : spec.error().message);
  return spec ? *spec : WorkerSpec{};
}

inline uint32_t kernel_index(const WorkerClient& client, const std::string& name) {
  for (int32_t i = 0; i < client.card().kernel_count; ++i) {
    if (name == client.card().kernels[i].name) return static_cast<uint32_t>(i);
  }
  ADD_FAILURE() << "no kernel " << name;
  return 0;
}

inline KernelArg buffer_arg(uint64_t buffer) { return {0, 0, buffer}; }
template <class T>
KernelArg scalar_arg(T value) {
  KernelArg arg{sizeof(T), 0, 0};
  std::memcpy(&arg.value, &value, sizeof(T));
  return arg;
}

inline Step start_step(uint32_t kernel, uint32_t run, const std::vector<KernelArg>& args) {
  Step step;
  step.kind = StepKind::kStart;
  step.kernel = kernel;
  step.run = run;
  step.arg_count = static_cast<uint32_t>(args.size());
  std::copy(args.begin(), args.end(), step.args);
  return step;
}
inline Step wait_step(uint32_t run) {
  Step step;
  step.kind = StepKind::kWait;
  step.run = run;
  return step;
}
inline Step copy_step(StepKind kind, uint64_t buffer, uint64_t offset, uint64_t bytes) {
  Step step;
  step.kind = kind;
  step.buffer = buffer;
  step.offset = offset;
  step.bytes = bytes;
  return step;
}

// What the device model of a worker did, by backends/xrt/emulation/event_log.h. The file is removed
// with the object.
class EventFile {
 public:
  EventFile();
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;
  const std::string& path() const { return path_; }
  std::vector<std::string> lines() const;
  // Waits until there are so many lines of that text; false after minutes.
  bool wait_for(const std::string& line, int count = 1) const;

 private:
  std::string path_;
};
inline constexpr char kEventVariable[] = "ASSAY_FPGA_EVENTS";

// Processes of a worker: those whose session is its guard's.
std::vector<pid_t> processes_of_session(pid_t session);
std::vector<pid_t> children_of(pid_t process);
// What one of them is: "guard", "worker" or "model".
std::string role_of(pid_t process, pid_t session);

}  // namespace assay::backends::xrt
