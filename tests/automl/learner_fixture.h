// What tests of learners share: the CPU's kernels with any number of threads, and a made-up problem
// whose rows the script oracle/learner_rows.py makes too, bit for bit.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "automl/learners/learner.h"
#include "automl/models/tree_model.h"
#include "automl/preprocess/feature_encoder.h"
#include "backends/cpu/thread_pool.h"
#include "backends/devices.h"
#include "datasets/table.h"

namespace assay::automl {

// The value of a Result, or a failed test.
template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    std::abort();
  }
  return std::move(*result);
}

inline const backends::DeviceSet& device_set() {
  static const backends::DeviceSet set = must(backends::open_devices({}));
  return set;
}

// The CPU with `threads` threads.
struct Cpu {
  explicit Cpu(int threads = 2) : executor(threads) {
    context.kernels = &device_set().kernels();
    context.device = &device_set().host();
    context.host = &device_set().host();
    context.executor = &executor;
  }
  backends::cpu::ThreadPool executor;
  kernels::ComputeContext context;
};

// x -> 6364136223846793005 x + 1442695040888963407 (Knuth), its high bits as a number in [0, 1).
class Lcg {
 public:
  explicit Lcg(uint64_t seed) : state_(seed) {}
  double next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state_ >> 11) * 0x1p-53;
  }

 private:
  uint64_t state_;
};

struct Problem {
  std::shared_ptr<const datasets::Table> table;
  std::unique_ptr<EncodedTable> features;
  std::vector<double> targets;
  std::vector<int32_t> classes;
  std::vector<float> weights;
  std::vector<uint32_t> train_rows;
  std::vector<uint32_t> valid_rows;
  TrainingData data;

  FitRequest request(ParamMap params = {}, uint64_t seed = 1) const {
    FitRequest request;
    request.data = &data;
    request.train_rows = train_rows;
    request.valid_rows = valid_rows;
    request.params = std::move(params);
    request.seed = seed;
    return request;
  }
  DataShape shape() const {
    DataShape shape;
    shape.task = data.task;
    shape.class_count = data.class_count;
    shape.row_count = table->row_count();
    shape.train_count = static_cast<int64_t>(train_rows.size());
    shape.valid_count = static_cast<int64_t>(valid_rows.size());
    shape.feature_count = features->feature_count();
    for (const datasets::Column& column : table->columns()) {
      shape.category_count += column.type == datasets::ColumnType::kCategorical ? 1 : 0;
    }
    shape.dense_column_count = static_cast<int32_t>(features->dense_features().size());
    return shape;
  }
};

// Points `problem.data` at the problem's own arrays. Call when it has its final place.
inline void bind_problem(Problem& problem, Task task, int32_t class_count) {
  problem.data = {
      task, class_count, problem.features.get(), problem.targets, problem.classes, problem.weights};
}

inline std::unique_ptr<Problem> encode_problem(std::vector<datasets::Column> columns) {
  auto problem = std::make_unique<Problem>();
  problem->table = must(datasets::Table::make(std::move(columns), "made up", ""));
  const Cpu cpu;
  const FeatureEncoder encoder = must(FeatureEncoder::fit(problem->table, {}, cpu.context));
  problem->features = must(encoder.encode(problem->table));
  return problem;
}

// Friedman's first function of five of six uniform numbers, plus an effect of a category with five
// levels and noise. One in 16 values of x3 is missing. Classes cut the value at fixed places. The
// first 3/4 of the rows train.
inline std::unique_ptr<Problem> friedman(Task task, int64_t rows) {
  Lcg lcg(42);
  std::vector<datasets::Column> columns(7);
  for (size_t c = 0; c < 6; ++c) columns[c].name = "x" + std::to_string(c);
  columns[6].name = "level";
  columns[6].type = datasets::ColumnType::kCategorical;
  columns[6].levels = {"a", "b", "c", "d", "e"};
  const std::array<double, 5> effects = {0, 4, -4, 2, -2};
  std::vector<double> values;
  for (int64_t row = 0; row < rows; ++row) {
    std::array<double, 6> x;
    for (double& value : x) value = lcg.next();
    const auto level = static_cast<size_t>(lcg.next() * 5);
    const double noise = lcg.next() + lcg.next() + lcg.next() + lcg.next() - 2;
    const bool missing = lcg.next() < 1.0 / 16;
    values.push_back(10 * std::sin(3.14159265358979 * x[0] * x[1]) +
                     20 * (x[2] - 0.5) * (x[2] - 0.5) + 10 * x[3] + 5 * x[4] + effects[level] +
                     noise);
    if (missing) x[3] = std::nan("");
    columns[3].missing_count += missing ? 1 : 0;
    for (size_t c = 0; c < 6; ++c) columns[c].numbers.push_back(x[c]);
    columns[6].codes.push_back(static_cast<int32_t>(level) + datasets::kFirstLevelCode);
  }
  auto problem = encode_problem(std::move(columns));
  if (task == Task::kRegression) problem->targets = values;
  for (const double value : values) {
    if (task == Task::kBinary) problem->classes.push_back(value > 14 ? 1 : 0);
    if (task == Task::kMulticlass) {
      problem->classes.push_back(value < 11 ? 0 : (value < 17 ? 1 : 2));
    }
  }
  for (int64_t row = 0; row < rows; ++row) {
    auto& side = row < rows * 3 / 4 ? problem->train_rows : problem->valid_rows;
    side.push_back(static_cast<uint32_t>(row));
  }
  bind_problem(*problem, task, task == Task::kRegression ? 0 : (task == Task::kBinary ? 2 : 3));
  return problem;
}

inline std::vector<float> predictions(const Model& model, const Problem& problem,
                                      std::span<const uint32_t> rows, const Cpu& cpu) {
  std::vector<float> out(rows.size() * static_cast<size_t>(model.output_count()));
  const Status status = model.predict(*problem.features, rows, cpu.context, out);
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

// Root mean squared error on the validation rows, or their mean log loss.
inline double valid_score(const Model& model, const Problem& problem, const Cpu& cpu) {
  const std::vector<float> out = predictions(model, problem, problem.valid_rows, cpu);
  const auto width = static_cast<size_t>(model.output_count());
  double sum = 0;
  for (size_t i = 0; i < problem.valid_rows.size(); ++i) {
    const uint32_t row = problem.valid_rows[i];
    if (problem.data.task == Task::kRegression) {
      sum += (double{out[i]} - problem.targets[row]) * (double{out[i]} - problem.targets[row]);
    } else {
      const double p = out[i * width + static_cast<size_t>(problem.classes[row])];
      sum -= std::log(std::max(p, 1e-15));
    }
  }
  const double mean = sum / static_cast<double>(problem.valid_rows.size());
  return problem.data.task == Task::kRegression ? std::sqrt(mean) : mean;
}

inline const Learner& gbt() { return *must(find_learner("gbt")); }

// Of a model of trees.
inline const kernels::Forest& forest_of(const Model& model) {
  return dynamic_cast<const TreeModel&>(model).parts().forest;
}

inline std::string model_bytes(const Model& model) {
  ModelWriter writer;
  save_model(model, writer);
  return must(writer.finish());
}

// Stops a fit when it has reported so many steps.
class StopAfter final : public FitObserver {
 public:
  explicit StopAfter(int64_t steps, StopToken* token = nullptr) : steps_(steps), token_(token) {}
  bool report(const FitProgress& progress) override {
    seen.push_back(progress);
    if (progress.step < steps_) return true;
    if (token_ != nullptr) token_->request();
    return token_ != nullptr;
  }
  std::vector<FitProgress> seen;

 private:
  int64_t steps_;
  StopToken* token_;
};

// Asks for the end of its fit after so many rounds.
class Stopper final : public FitObserver {
 public:
  explicit Stopper(int64_t rounds) : rounds_(rounds) {}
  bool report(const FitProgress& progress) override {
    if (progress.step == rounds_) stop.request();
    return true;
  }
  StopToken stop;

 private:
  int64_t rounds_;
};

}  // namespace assay::automl
