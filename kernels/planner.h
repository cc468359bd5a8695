// The planner: which implementation of an op runs a problem on a device, and why the others do not.
// Among the implementations that do not decline, the cheapest by its own cost, as calibrated where
// the machine was (OpTable::set_fit); ties go to the one registered first. Pure: the same question
// has the same answer on every call.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/op_table.h"
#include "kernels/usage.h"

namespace assay::kernels {

// One line of an answer to "what would run?".
struct Candidate {
  std::string_view name;
  std::optional<std::string> declined;  // the reason, if it declined
  double cost = 0;
  const CostFit* fit = nullptr;  // if it was calibrated: the cost is in nanoseconds
};

template <class Op>
struct Plan {
  const Implementation<Op>* chosen = nullptr;  // null if every candidate declined
  std::vector<Candidate> candidates;           // of this device's kind, in table order
};

template <class Op>
Plan<Op> plan_op(const OpTable<Op>& table, const DeviceInfo& device,
                 const typename Op::Problem& problem) {
  Plan<Op> plan;
  double best = std::numeric_limits<double>::infinity();
  for (const auto& item : table.items()) {
    if (item.device_kind != device.kind) continue;
    Candidate candidate{item.name, item.decline(device, problem)};
    if (!candidate.declined) {
      candidate.cost = item.cost(device, problem);
      candidate.fit = table.fit(item, device);
      if (candidate.fit != nullptr) candidate.cost = candidate.fit->nanoseconds(candidate.cost);
      if (plan.chosen == nullptr || candidate.cost < best) {
        best = candidate.cost;
        plan.chosen = &item;
      }
    }
    plan.candidates.push_back(std::move(candidate));
  }
  return plan;
}

// Plans and runs, and counts that in the caller's Usage. Fails: device if every candidate declined
// (the message lists the reasons), and whatever the implementation fails with.
template <class Op>
Status run_op(const OpTable<Op>& table, const OpContext& context,
              const typename Op::Problem& problem, const typename Op::Args& args) {
  const DeviceInfo& device = context.device->info();
  const Plan<Op> plan = plan_op(table, device, problem);
  if (plan.chosen != nullptr) {
    count_use(device.id, Op::kName, plan.chosen->name);
    return plan.chosen->run(context, problem, args);
  }
  std::string reasons;
  for (const Candidate& candidate : plan.candidates) {
    reasons += fmt::format("; {}: {}", candidate.name, *candidate.declined);
  }
  return fail(StatusCode::kDevice, "no implementation of {} on {}{}", Op::kName, device.id,
              reasons.empty() ? "; none is registered" : reasons);
}

}  // namespace assay::kernels
