#include "backends/calibration_run.h"

#include <algorithm>
#include <utility>

#include "backends/calibration_data.h"

namespace assay::backends {
namespace {

using kernels::CostSample;
using kernels::Implementation;

constexpr size_t kRuns = 3;

class Calibrator {
 public:
  Calibrator(const kernels::OpContext& context, const Clock& clock, CalibrationData& data)
      : context_(context), clock_(clock), data_(data) {}

  template <class Op>
  void time_op(const kernels::OpTable<Op>& table) {
    const kernels::DeviceInfo& info = context_.device->info();
    if (!table.declared_by(info.kind) || stopped()) return;
    const auto problems = data_.problems(static_cast<const Op*>(nullptr));
    for (const Implementation<Op>& item : table.items()) {
      if (item.device_kind == info.kind) time_implementation(item, problems);
    }
  }

  bool stopped() const { return context_.stop != nullptr && context_.stop->requested(); }

  CalibrationRun result;

 private:
  template <class Op>
  void time_implementation(const Implementation<Op>& item,
                           const std::vector<TimedProblem<Op>>& problems) {
    const kernels::DeviceInfo& info = context_.device->info();
    std::vector<std::pair<double, const TimedProblem<Op>*>> by_cost;
    for (const TimedProblem<Op>& problem : problems) {
      if (item.decline(info, problem.problem)) continue;
      by_cost.emplace_back(item.cost(info, problem.problem), &problem);
    }
    std::stable_sort(by_cost.begin(), by_cost.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<CostSample> samples;
    for (const auto& [cost, problem] : by_cost) {
      const Result<double> time = median_time(item, *problem);
      if (!time) {
        result.failed.push_back(
            fmt::format("{} ({}): {}", Op::kName, item.name, time.error().message));
        break;
      }
      samples.push_back({cost, *time});
      if (*time > static_cast<double>(kLongestRun)) break;
    }
    const auto fit = kernels::fit_cost(samples);
    if (!fit) return;
    result.device.ops.push_back(
        {std::string(Op::kName), std::string(item.name), *fit, kernels::misfit(*fit, samples)});
  }

  template <class Op>
  Result<double> median_time(const Implementation<Op>& item, const TimedProblem<Op>& problem) {
    std::vector<double> times;
    for (size_t run = 0; run <= kRuns; ++run) {
      const int64_t start = clock_.now_ns();
      ASSAY_RETURN_IF_ERROR(item.run(context_, problem.problem, problem.args));
      if (run > 0) times.push_back(static_cast<double>(clock_.now_ns() - start));
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }

  const kernels::OpContext& context_;
  const Clock& clock_;
  CalibrationData& data_;
};

}  // namespace

Result<CalibrationRun> calibrate_device(const kernels::KernelSet& kernels,
                                        const kernels::OpContext& context, const Clock& clock) {
  ASSAY_RETURN_IF_ERROR(context.device->bring_up());
  ASSAY_ASSIGN_OR_RETURN(const auto data, CalibrationData::make(*context.device));
  Calibrator calibrator(context, clock, *data);
  kernels.for_each([&]<class Op>(const kernels::OpTable<Op>& table) { calibrator.time_op(table); });
  if (calibrator.stopped()) return fail(StatusCode::kCancelled, "calibration was stopped");
  calibrator.result.device.kind = context.device->info().kind;
  calibrator.result.device.device = kernels::DeviceIdentity::of(context.device->info());
  return std::move(calibrator.result);
}

}  // namespace assay::backends
