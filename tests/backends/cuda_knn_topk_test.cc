// knn_topk of the CUDA backend where the conformance suite does not reach: little memory, points in
// the order that is worst for its lists, and stopping between rounds.
#include <gtest/gtest.h>

#include <algorithm>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "kernels/base/rng.h"
#include "kernels/device_array.h"
#include "kernels/planner.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/emulated_gpu.h"

namespace assay::backends::cuda {
namespace {

using conformance::EmulatedGpu;
using kernels::DeviceArray;
using kernels::KnnTopkProblem;

struct Found {
  Status status;
  std::vector<int32_t> indices;
  std::vector<float> distances;
};

struct Data {
  KnnTopkProblem problem;
  std::vector<float> points;
  std::vector<float> queries;
};

Data draw(const KnnTopkProblem& problem) {
  Data data{problem, {}, {}};
  Rng rng(7);
  for (int64_t i = 0; i < problem.point_count * problem.dim; ++i) {
    data.points.push_back(static_cast<float>(rng.next_double()));
  }
  for (int64_t i = 0; i < problem.query_count * problem.dim; ++i) {
    data.queries.push_back(static_cast<float>(rng.next_double()));
  }
  return data;
}

Status search(const Data& data, kernels::Device& device, Found& found, const StopToken* stop) {
  const int64_t places = data.problem.query_count * data.problem.k;
  ASSAY_ASSIGN_OR_RETURN(auto points, DeviceArray<float>::copy_of(device, data.points));
  ASSAY_ASSIGN_OR_RETURN(auto queries, DeviceArray<float>::copy_of(device, data.queries));
  ASSAY_ASSIGN_OR_RETURN(auto indices, DeviceArray<int32_t>::make(device, places));
  ASSAY_ASSIGN_OR_RETURN(auto distances, DeviceArray<float>::make(device, places));
  kernels::KernelSet kernels;
  register_knn_topk(kernels);
  SerialExecutor serial;
  ASSAY_RETURN_IF_ERROR(run_op(
      kernels.table<kernels::KnnTopk>(), {&device, &serial, stop}, data.problem,
      {points.on_device(), queries.on_device(), indices.on_device(), distances.on_device()}));
  ASSAY_ASSIGN_OR_RETURN(const auto host_indices, indices.to_host());
  ASSAY_ASSIGN_OR_RETURN(const auto host_distances, distances.to_host());
  found.indices.assign(host_indices.begin(), host_indices.end());
  found.distances.assign(host_distances.begin(), host_distances.end());
  return {};
}

Found found_by(const Data& data, kernels::Device& device, const StopToken* stop = nullptr) {
  Found found;
  found.status = search(data, device, found, stop);
  return found;
}

Found expected_of(const Data& data) {
  Found found;
  const auto places = static_cast<size_t>(data.problem.query_count * data.problem.k);
  found.indices.resize(places);
  found.distances.resize(places);
  found.status = kernels::reference::knn_topk(
      {}, data.problem,
      {data.points.data(), data.queries.data(), found.indices.data(), found.distances.data()});
  return found;
}

TEST(CudaKnnTopk, LittleMemoryMeansMoreRoundsAndTheSameNeighbours) {
  const Data data = draw({5000, 70, 3, 20});
  const Found expected = expected_of(data);
  int64_t launches[2] = {};
  for (const bool roomy : {false, true}) {
    EmulatedGpu gpu = conformance::open_emulated_gpu(roomy ? 64 << 20 : 300'000);
    const Found found = found_by(data, *gpu.device);
    ASSERT_TRUE(found.status) << found.status.error().message;
    EXPECT_EQ(found.indices, expected.indices);
    EXPECT_EQ(found.distances, expected.distances);
    launches[roomy ? 1 : 0] = gpu.driver->log().launches;
  }
  // Two kernels a round: for each 32 queries one, or one for all of them.
  EXPECT_EQ(launches[0], 6);
  EXPECT_EQ(launches[1], 2);
}

// Every point is nearer than those before it, so that all of them enter the lists.
TEST(CudaKnnTopk, PointsThatComeNearerAndNearerAreSortedOut) {
  Data data = draw({2000, 3, 2, 5});
  std::fill(data.queries.begin(), data.queries.end(), 0.0f);
  for (size_t i = 0; i < data.points.size(); ++i) {
    data.points[i] = static_cast<float>(data.points.size() - i);
  }
  EmulatedGpu gpu = conformance::open_emulated_gpu(16 << 20);
  const Found found = found_by(data, *gpu.device);
  ASSERT_TRUE(found.status) << found.status.error().message;
  const Found expected = expected_of(data);
  EXPECT_EQ(expected.indices[0], 1999);
  EXPECT_EQ(found.indices, expected.indices);
  EXPECT_EQ(found.distances, expected.distances);
}

TEST(CudaKnnTopk, MemoryThatHoldsNoListsIsResourceExhausted) {
  const Data data = draw({100, 40, 2, 4096});
  EmulatedGpu gpu = conformance::open_emulated_gpu(2'000'000);
  const Found found = found_by(data, *gpu.device);
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, StatusCode::kResourceExhausted);
  EXPECT_EQ(gpu.driver->log().launches, 0);
}

TEST(CudaKnnTopk, StoppedRunLaunchesNothing) {
  EmulatedGpu gpu = conformance::open_emulated_gpu(16 << 20);
  StopToken stop;
  stop.request();
  const Found found = found_by(draw({100, 3, 2, 1}), *gpu.device, &stop);
  ASSERT_FALSE(found.status);
  EXPECT_EQ(found.status.error().code, StatusCode::kCancelled);
  EXPECT_EQ(gpu.driver->log().launches, 0);
}

TEST(CudaKnnTopk, FailureOfALaunchIsTheOpsFailure) {
  const Data data = draw({100, 3, 2, 1});
  EmulatedGpu whole = conformance::open_emulated_gpu(16 << 20);
  const int64_t before = whole.driver->log().calls;
  ASSERT_TRUE(found_by(data, *whole.device).status);
  const int64_t calls = whole.driver->log().calls - before;
  int64_t failures = 0;
  for (int64_t i = 0; i < calls; ++i) {
    EmulatedGpu gpu = conformance::open_emulated_gpu(16 << 20);
    gpu.driver->log().fail_at = gpu.driver->log().calls + i;
    const Found found = found_by(data, *gpu.device);
    if (found.status) continue;  // of what only gives back
    ++failures;
    EXPECT_EQ(found.status.error().code, StatusCode::kDevice) << i;
    EXPECT_EQ(static_cast<CudaDevice&>(*gpu.device).held_bytes(), 0) << i;
  }
  EXPECT_GT(failures, 10);
}

}  // namespace
}  // namespace assay::backends::cuda
