// What a GPU can do at most of the things that growing trees is made of, as one JSON object: the
// denominators of docs/gpu-performance.md. Stands alone: nvcc -O3 -std=c++17 -arch=sm_90
// ceilings.cu -o ceilings; ./ceilings [GPU].
//
// Each figure is the median of kRuns runs after one that warms up.
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int kRuns = 7;

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "error: %s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Seconds of what `work` asks of the default stream.
template <class Work>
double gpu_seconds(Work work) {
  cudaEvent_t start = nullptr;
  cudaEvent_t stop = nullptr;
  check(cudaEventCreate(&start), "event");
  check(cudaEventCreate(&stop), "event");
  std::vector<double> seconds;
  for (int run = 0; run <= kRuns; ++run) {
    check(cudaEventRecord(start), "record");
    work();
    check(cudaGetLastError(), "launch");
    check(cudaEventRecord(stop), "record");
    check(cudaEventSynchronize(stop), "wait");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start, stop), "time");
    if (run > 0) seconds.push_back(milliseconds * 1e-3);
  }
  check(cudaEventDestroy(start), "event");
  check(cudaEventDestroy(stop), "event");
  return median(seconds);
}

constexpr int kThreads = 256;
constexpr int kCells = 4096;
constexpr int kAdds = 4096;  // of a thread

// Additions to shared memory. kSpread: every lane of a warp has a bank of its own; otherwise the
// address is drawn, as bins of unsorted rows are.
template <class Word, bool kSpread>
__global__ void add_in_shared(Word* sink) {
  __shared__ Word cells[kCells];
  for (int i = threadIdx.x; i < kCells; i += kThreads) cells[i] = 0;
  __syncthreads();
  uint32_t state = (blockIdx.x * kThreads + threadIdx.x) * 2654435761u + 1;
  const uint32_t lane = threadIdx.x % 32;
#pragma unroll 8
  for (int i = 0; i < kAdds; ++i) {
    state = state * 1664525u + 1013904223u;
    // Neighbours' states are in step: the product makes their places independent.
    const uint32_t drawn = (state ^ state >> 15) * 2246822519u >> 20;
    const uint32_t cell = kSpread ? (drawn & ~31u) % kCells + lane : drawn % kCells;
    atomicAdd(cells + cell, static_cast<Word>(1));
  }
  __syncthreads();
  if (cells[threadIdx.x] == static_cast<Word>(0x7fffffff)) *sink = 1;
}

template <class Word, bool kSpread>
double shared_adds_per_second(int multiprocessors) {
  Word* sink = nullptr;
  check(cudaMalloc(&sink, sizeof(Word)), "memory");
  const int blocks = multiprocessors * 8;
  const double seconds =
      gpu_seconds([&] { add_in_shared<Word, kSpread><<<blocks, kThreads>>>(sink); });
  check(cudaFree(sink), "free");
  return double{1} * blocks * kThreads * kAdds / seconds;
}

__global__ void gather(const uint4* from, const uint32_t* order, int64_t count, uint4* sink) {
  uint32_t sum = 0;
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
#pragma unroll 4
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    const uint4* sector = from + 2 * int64_t{order[i]};
    sum += sector[0].x ^ sector[1].y;
  }
  if (sum == 0x12345678) sink->x = sum;
}

double copy_bytes_per_second() {
  constexpr size_t kBytes = size_t{2} << 30;
  void* from = nullptr;
  void* to = nullptr;
  check(cudaMalloc(&from, kBytes), "memory");
  check(cudaMalloc(&to, kBytes), "memory");
  check(cudaMemset(from, 7, kBytes), "fill");
  const double seconds = gpu_seconds(
      [&] { check(cudaMemcpyAsync(to, from, kBytes, cudaMemcpyDeviceToDevice), "copy"); });
  check(cudaFree(from), "free");
  check(cudaFree(to), "free");
  return 2.0 * kBytes / seconds;
}

// Bytes per second of sectors of 32 bytes at drawn places, those of the list of places counted.
double gather_bytes_per_second(int multiprocessors) {
  constexpr int64_t kSectors = int64_t{1} << 25;
  std::vector<uint32_t> places(kSectors / 4);
  uint64_t state = 1;
  for (uint32_t& place : places) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    place = static_cast<uint32_t>(state >> 33) % kSectors;
  }
  uint4* from = nullptr;
  uint4* sink = nullptr;
  uint32_t* order = nullptr;
  check(cudaMalloc(&from, kSectors * 32), "memory");
  check(cudaMalloc(&sink, sizeof(uint4)), "memory");
  check(cudaMalloc(&order, places.size() * sizeof(uint32_t)), "memory");
  check(cudaMemset(from, 3, kSectors * 32), "fill");
  check(cudaMemcpy(order, places.data(), places.size() * sizeof(uint32_t), cudaMemcpyHostToDevice),
        "copy");
  const auto count = static_cast<int64_t>(places.size());
  const double seconds =
      gpu_seconds([&] { gather<<<multiprocessors * 8, 256>>>(from, order, count, sink); });
  check(cudaFree(from), "free");
  check(cudaFree(sink), "free");
  check(cudaFree(order), "free");
  return static_cast<double>(count) * 36 / seconds;
}

__global__ void nothing() {}

// Seconds of one of many launches behind each other, and of a launch that the host waits for.
double launch_seconds() {
  constexpr int kLaunches = 1000;
  return gpu_seconds([] {
           for (int i = 0; i < kLaunches; ++i) nothing<<<1, 32>>>();
         }) /
         kLaunches;
}

double round_trip_seconds(bool sleeping) {
  cudaEvent_t done = nullptr;
  const unsigned flags = cudaEventDisableTiming | (sleeping ? cudaEventBlockingSync : 0u);
  check(cudaEventCreateWithFlags(&done, flags), "event");
  std::vector<double> seconds;
  for (int i = 0; i < 200; ++i) {
    const auto start = std::chrono::steady_clock::now();
    nothing<<<1, 32>>>();
    check(cudaEventRecord(done), "record");
    check(cudaEventSynchronize(done), "wait");
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  check(cudaEventDestroy(done), "event");
  return median(seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const int gpu = argc > 1 ? std::atoi(argv[1]) : 0;
  check(cudaSetDevice(gpu), "GPU");
  cudaDeviceProp properties = {};
  check(cudaGetDeviceProperties(&properties, gpu), "properties");
  const int processors = properties.multiProcessorCount;
  std::printf("{\"gpu\": \"%s\", \"multiprocessors\": %d, \"runs\": %d,\n", properties.name,
              processors, kRuns);
  std::printf(" \"shared_adds_32_spread_per_s\": %.4g,\n",
              shared_adds_per_second<uint32_t, true>(processors));
  std::printf(" \"shared_adds_32_drawn_per_s\": %.4g,\n",
              shared_adds_per_second<uint32_t, false>(processors));
  std::printf(" \"shared_adds_64_spread_per_s\": %.4g,\n",
              shared_adds_per_second<unsigned long long, true>(processors));
  std::printf(" \"shared_adds_64_drawn_per_s\": %.4g,\n",
              shared_adds_per_second<unsigned long long, false>(processors));
  std::printf(" \"copy_bytes_per_s\": %.4g,\n", copy_bytes_per_second());
  std::printf(" \"gather_bytes_per_s\": %.4g,\n", gather_bytes_per_second(processors));
  std::printf(" \"launch_s\": %.3g,\n", launch_seconds());
  std::printf(" \"round_trip_spinning_s\": %.3g,\n", round_trip_seconds(false));
  std::printf(" \"round_trip_sleeping_s\": %.3g}\n", round_trip_seconds(true));
  return 0;
}
