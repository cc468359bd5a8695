// assay devices: what is there, what each op would use, and why not.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "automl/cli/device_timing.h"
#include "automl/cli/engine.h"
#include "automl/cli/invocation.h"
#include "automl/cli/json_text.h"
#include "automl/cli/output.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"

namespace assay::automl::cli {
namespace {

using Json = nlohmann::ordered_json;

// A typical problem of each op, to ask implementations about: a million rows, 32 features.
constexpr int64_t kRows = 1'000'000;
constexpr int32_t kFeatures = 32;

kernels::QuantileEdgesProblem typical(const kernels::QuantileEdges*) {
  return {.row_count = kRows};
}
kernels::BinColumnsProblem typical(const kernels::BinColumns*) { return {kRows, kFeatures}; }
kernels::LossProblem typical(const kernels::LossGradients*) {
  return {kernels::Loss::kLogistic, kRows, kRows, 1};
}
kernels::LossProblem typical(const kernels::LossValue*) {
  return {kernels::Loss::kLogistic, kRows, kRows, 1};
}
kernels::GrowTreeProblem typical(const kernels::GrowTree*) {
  kernels::GrowTreeProblem problem;
  problem.row_count = kRows;
  problem.sample_count = kRows;
  problem.feature_count = kFeatures;
  return problem;
}
kernels::GrowTreesProblem typical(const kernels::GrowTrees*) {
  kernels::GrowTreesProblem problem;
  problem.trees.assign(3, typical(static_cast<const kernels::GrowTree*>(nullptr)));
  return problem;
}
kernels::PredictTreesProblem typical(const kernels::PredictTrees*) {
  return {kRows, kFeatures, 0, 100, 1, 1};
}
kernels::TreeShapProblem typical(const kernels::TreeShap*) {
  // 100 trees of 31 leaves.
  kernels::TreeShapProblem problem{kRows, kFeatures, 100, 1, 1};
  problem.most_depth = 9;
  problem.most_nodes = 61;
  problem.work = 100 * 61 * 4;
  return problem;
}
kernels::LinearProblem typical(const kernels::LinearScores*) {
  return {kRows, kRows, kFeatures, 1};
}
kernels::LinearProblem typical(const kernels::LinearGradient*) {
  return {kRows, kRows, kFeatures, 1};
}
kernels::GemmProblem typical(const kernels::Gemm*) { return {.m = kRows, .n = 8, .k = kFeatures}; }
kernels::GemmNarrowProblem typical(const kernels::GemmBf16*) { return {kRows, 8, kFeatures}; }
kernels::GemmNarrowProblem typical(const kernels::GemmInt8*) { return {kRows, 8, kFeatures}; }
kernels::KnnTopkProblem typical(const kernels::KnnTopk*) { return {kRows, 1000, kFeatures, 10}; }

// One op on one device: where it runs and what was asked on the way.
struct OpPlan {
  std::string op;
  std::string runs_on;  // device id
  std::string chosen;   // implementation, or empty
  std::vector<kernels::Candidate> candidates;

  // Of what was chosen; null if nothing was, or it was not calibrated.
  const kernels::Candidate* timed() const {
    for (const kernels::Candidate& candidate : candidates) {
      if (candidate.name == chosen && candidate.fit != nullptr) return &candidate;
    }
    return nullptr;
  }
};

std::vector<OpPlan> plan_ops(const backends::DeviceSet& devices, const kernels::Device& device) {
  std::vector<OpPlan> plans;
  devices.kernels().for_each([&]<class Op>(const kernels::OpTable<Op>& table) {
    const bool declared = table.declared_by(device.info().kind);
    const kernels::DeviceInfo& place = declared ? device.info() : devices.host().info();
    auto plan = kernels::plan_op(table, place, typical(static_cast<const Op*>(nullptr)));
    plans.push_back({std::string(Op::kName), place.id,
                     plan.chosen != nullptr ? std::string(plan.chosen->name) : std::string(),
                     std::move(plan.candidates)});
  });
  return plans;
}

// A time as people read it: three digits.
std::string time_text(double nanoseconds) {
  constexpr std::pair<double, const char*> kUnits[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
  for (const auto& [size, unit] : kUnits) {
    if (nanoseconds >= size) return fmt::format("{:.3g} {}", nanoseconds / size, unit);
  }
  return fmt::format("{:.3g} ns", nanoseconds);
}

std::string timing_text(const OpPlan& plan) {
  const kernels::Candidate* timed = plan.timed();
  if (timed == nullptr) return {};
  return fmt::format(", about {} ({} + {:.3g} x cost)", time_text(timed->cost),
                     time_text(timed->fit->wait_ns), timed->fit->factor);
}

std::string calibration_text(const KnownCalibration& known) {
  if (!known.note.empty()) return printable(known.note) + "\n";
  if (!known.calibration) {
    return "not calibrated: assay devices --calibrate measures how long ops take here\n";
  }
  return fmt::format("calibrated {}; times are of {} rows and {} columns, a tree, or 100 trees\n",
                     tracking::iso_time(known.calibration->made_ns), kRows, kFeatures);
}

Json calibration_json_of(const KnownCalibration& known) {
  const std::string path = calibration_path();
  return {
      {"file", path.empty() ? Json() : Json(path)},
      {"made", known.calibration ? Json(tracking::iso_time(known.calibration->made_ns)) : Json()},
      {"note", known.note.empty() ? Json() : Json(known.note)}};
}

Json timing_json(const OpPlan& plan) {
  const kernels::Candidate* timed = plan.timed();
  if (timed == nullptr) return {};
  return {{"predicted_ns", timed->cost},
          {"wait_ns", timed->fit->wait_ns},
          {"factor", timed->fit->factor}};
}

Json plan_json(const OpPlan& plan) {
  Json candidates = Json::array();
  for (const auto& candidate : plan.candidates) {
    candidates.push_back({{"name", std::string(candidate.name)},
                          {"declined", candidate.declined ? Json(*candidate.declined) : Json()}});
  }
  return {{"op", plan.op},
          {"runs_on", plan.runs_on},
          {"implementation", plan.chosen.empty() ? Json() : Json(plan.chosen)},
          {"timing", timing_json(plan)},
          {"candidates", std::move(candidates)}};
}

std::string devices_json(const Engine& engine) {
  Json object;
  object["threads"] = engine.threads();
  object["memory_bytes"] = engine.memory_bytes();
  object["devices"] = Json::array();
  for (kernels::Device* device : engine.devices().devices()) {
    const Status started = device->bring_up();
    const kernels::DeviceInfo& info = device->info();
    Json plans = Json::array();
    for (const OpPlan& plan : plan_ops(engine.devices(), *device)) plans.push_back(plan_json(plan));
    object["devices"].push_back({{"id", info.id},
                                 {"kind", info.kind},
                                 {"name", info.name},
                                 {"memory_bytes", info.memory_bytes},
                                 {"emulated", info.emulated},
                                 {"untried", info.untried},
                                 {"image", info.image.empty() ? Json() : Json(info.image)},
                                 {"error", started ? Json() : Json(started.error().message)},
                                 {"ops", std::move(plans)}});
  }
  object["unavailable"] = Json::array();
  for (const backends::UnavailableDevice& missing : engine.devices().unavailable()) {
    object["unavailable"].push_back({{"kind", missing.kind}, {"reason", missing.reason}});
  }
  object["calibration"] = calibration_json_of(engine.calibration());
  return json_line(object);
}

std::string devices_text(const Engine& engine) {
  std::string out;
  for (kernels::Device* device : engine.devices().devices()) {
    const Status started = device->bring_up();
    const kernels::DeviceInfo& info = device->info();
    out += fmt::format("{}  {}{}\n    {} to plan with{}\n", info.id, info.name,
                       info.emulated ? " (emulated)" : "",
                       size_text(static_cast<double>(info.memory_bytes)),
                       info.kind == "cpu" ? fmt::format(", {} threads", engine.threads()) : "");
    if (info.untried) {
      out += fmt::format(
          "    untried: its code has run in an emulation only; auto leaves it alone, --device {} "
          "uses it\n",
          info.id);
    }
    if (!started) {
      out += fmt::format("    cannot be used: {}\n", printable(started.error().message));
    }
    for (const OpPlan& plan : plan_ops(engine.devices(), *device)) {
      const bool elsewhere = plan.runs_on != info.id;
      out += fmt::format(
          "    {:<16} {}{}{}\n", plan.op, plan.chosen.empty() ? "nothing can run it" : plan.chosen,
          timing_text(plan),
          elsewhere ? fmt::format(" (host work: {} does not declare it)", info.id) : "");
      for (const auto& candidate : plan.candidates) {
        if (candidate.declined) {
          out += fmt::format("    {:<16} not {}: {}\n", "", candidate.name, *candidate.declined);
        }
      }
    }
  }
  for (const backends::UnavailableDevice& missing : engine.devices().unavailable()) {
    out += fmt::format("{}  not available: {}\n", missing.kind, printable(missing.reason));
  }
  return out + calibration_text(engine.calibration());
}

}  // namespace

void add_devices_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("devices", "What can compute here, what each op would use, and why not");
  add_output_options(*command, invocation);
  const auto calibrate = std::make_shared<bool>(false);
  command->add_flag("--calibrate", *calibrate,
                    "Time the ops of each device first, some seconds each, and keep the figures "
                    "for this user and machine: costs become times");
  command->footer(
      "The figures are kept in $XDG_CONFIG_HOME/assay/calibration.json (~/.config without it).\n"
      "They may change which implementation of an op runs, never a result; a file from another\n"
      "machine, or for another number of processors, is not used. Delete it to go without.\n"
      "Calibrate while the machine is idle.\n\n"
      "Examples:\n  assay devices\n  assay devices --json\n  assay devices --calibrate");
  command->callback([&invocation, calibrate] {
    invocation.action = [&invocation, calibrate]() -> Status {
      ASSAY_ASSIGN_OR_RETURN(auto engine, Engine::open({}));
      if (*calibrate) ASSAY_RETURN_IF_ERROR(calibrate_machine(invocation, *engine));
      print_result(invocation.json ? devices_json(*engine) : devices_text(*engine));
      return {};
    };
  });
}

}  // namespace assay::automl::cli
