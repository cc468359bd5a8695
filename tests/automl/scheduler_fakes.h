// What the scheduler's tests run on: a workspace in a folder of its own, small tables, learners
// whose every move is scripted, and a clock that moves only when a learner or the disk says so.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "automl/models/constant_model.h"
#include "automl/scheduler/sweep.h"
#include "automl/validation/training_set.h"
#include "backends/devices.h"
#include "kernels/base/file_layer.h"
#include "tests/tracking/test_folder.h"

namespace assay::automl {

inline constexpr int64_t kSecond = 1'000'000'000;
// Makes the baseline worse than most of what follows it.
inline constexpr double kBaselineBias = 0.7;

// Threads of its own for each loop, so that chunks meet in any order and thread sanitizers see it.
class ThreadedExecutor final : public Executor {
 public:
  explicit ThreadedExecutor(int threads) : threads_(threads) {}
  int thread_count() const override { return threads_; }
  Status parallel_for(int64_t count, FunctionRef<void(int64_t, int)> body) override {
    if (threads_ == 1 || count < 2) return SerialExecutor().parallel_for(count, body);
    std::atomic<int64_t> next{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < threads_; ++t) {
      threads.emplace_back([&, t] {
        for (int64_t i = next++; i < count; i = next++) body(i, t);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return {};
  }

 private:
  int threads_;
};

// What a model says of itself, or does.
struct ModelWeight {
  int64_t bytes = 0;                   // held; 0: what it holds
  int64_t file_bytes = 0;              // written on top
  std::function<void()> on_predict{};  // may be empty
};

// A constant model with such a weight.
class HeavyModel final : public Model {
 public:
  HeavyModel(std::unique_ptr<Model> inner, ModelWeight weight)
      : inner_(std::move(inner)), weight_(std::move(weight)) {}
  std::string_view kind() const override { return inner_->kind(); }
  int32_t output_count() const override { return inner_->output_count(); }
  int32_t feature_count() const override { return inner_->feature_count(); }
  int64_t byte_count() const override {
    return weight_.bytes > 0 ? weight_.bytes : inner_->byte_count();
  }
  std::vector<double> feature_importance() const override { return inner_->feature_importance(); }
  void save(ModelWriter& writer) const override {
    inner_->save(writer);
    const std::vector<uint8_t> padding(static_cast<size_t>(weight_.file_bytes));
    writer.put_tensor("padding", std::span<const uint8_t>(padding));
  }

 protected:
  Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out,
                    const TargetScale& frame) const override {
    if (weight_.on_predict) weight_.on_predict();
    return inner_->predict(features, rows, context, out, frame);
  }
  Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, ExplainedScale scale,
                    std::span<double> out) const override {
    return inner_->explain(features, rows, context, scale, out);
  }

 private:
  std::unique_ptr<Model> inner_;
  ModelWeight weight_;
};

// A learner that predicts the mean of its training targets plus `bias` (regression), or the class
// shares moved by `bias` towards class 0; the one named constant has kBaselineBias. Its fit
// runs `on_fit` first.
class FakeLearner final : public Learner {
 public:
  struct Call {
    const FitRequest& request;
    const kernels::ComputeContext& context;
    double bias = 0;
  };
  // What on_fit may do: fail, end truncated or stopped, or nothing.
  struct Script {
    Status status;
    bool truncated = false;
    bool stopped = false;
    std::optional<double> bias = {};  // in the place of that of the setting
  };

  explicit FakeLearner(std::string name, std::function<Script(const Call&)> on_fit = {})
      : name_(std::move(name)), on_fit_(std::move(on_fit)) {
    group_.name = name_;
    if (name_ == "constant") return;
    OptionInfo bias;
    bias.name = "bias";
    bias.default_value = 0.25;
    bias.search = SearchRange{.low = -1, .high = 1};
    group_.options.push_back(bias);
  }

  std::string_view name() const override { return name_; }
  const OptionGroup& options() const override { return group_; }
  bool supports(Task) const override { return true; }
  bool goes_on() const override { return goes_on_; }
  bool draws() const override { return draws_; }
  Result<PlannedBytes> planned_bytes(const DataShape&, const ParamMap& params, int) const override {
    // A setting with a great bias takes more.
    double bias = 0;
    if (const auto at = params.find("bias"); at != params.end())
      bias = std::get<double>(at->second);
    const auto extra = static_cast<int64_t>(std::abs(bias) * static_cast<double>(bias_bytes_));
    return PlannedBytes{bytes_ + extra, bytes_ / 2};
  }
  std::vector<ParamMap> smaller(const DataShape&, const ParamMap& params) const override {
    const auto at = params.find("bias");
    if (bias_bytes_ == 0 || at == params.end()) return {};
    const double bias = std::get<double>(at->second);
    if (std::abs(bias) < 0.01) return {};
    ParamMap setting = params;
    setting["bias"] = bias / 2;
    return {setting};
  }
  Result<double> logical_cost(const DataShape& shape, const ParamMap&) const override {
    return static_cast<double>(shape.train_count) * cost_;
  }

  Result<FitResult> fit(const FitRequest& request,
                        const kernels::ComputeContext& context) const override {
    fits_.fetch_add(1);
    double bias = kBaselineBias;
    if (const auto at = request.params.find("bias"); at != request.params.end()) {
      bias = std::get<double>(at->second);
      bias += std::copysign(gap_, bias);
    }
    FitResult result;
    if (on_fit_) {
      Script script = on_fit_({request, context, bias});
      if (!script.status) return tl::unexpected<Error>(std::move(script.status.error()));
      result.truncated = script.truncated;
      result.stopped = script.stopped;
      bias = script.bias.value_or(bias);
    }
    const TrainingData& data = *request.data;
    std::vector<double> outputs;
    if (data.task == Task::kRegression) {
      double sum = 0;
      for (const uint32_t row : request.train_rows) sum += data.targets[row];
      outputs.push_back(sum / static_cast<double>(request.train_rows.size()) + bias);
    } else {
      outputs.assign(static_cast<size_t>(data.class_count), 0.0);
      for (const uint32_t row : request.train_rows) {
        outputs[static_cast<size_t>(data.classes[row])] +=
            (1 - std::abs(bias)) / static_cast<double>(request.train_rows.size());
      }
      outputs[0] += std::abs(bias);
    }
    ASSAY_ASSIGN_OR_RETURN(result.model,
                           ConstantModel::make(outputs, data.features->feature_count()));
    if (model_weight_) {
      result.model = std::make_unique<HeavyModel>(std::move(result.model), *model_weight_);
    }
    result.iterations = 1;
    result.best_iteration = 1;
    if (result.truncated && request.keep_end_state) {
      ASSAY_ASSIGN_OR_RETURN(auto model,
                             ConstantModel::make(outputs, data.features->feature_count()));
      result.state = FitState{std::move(model), 1, 0};
    }
    return result;
  }

  FakeLearner& with_bytes(int64_t bytes) {
    bytes_ = bytes;
    return *this;
  }
  // Of each of its models.
  FakeLearner& with_model_bytes(int64_t bytes) { return with_model_weight({bytes}); }
  FakeLearner& with_model_weight(ModelWeight weight) {
    model_weight_ = std::move(weight);
    return *this;
  }
  // Bytes that a bias of 1 takes on top.
  FakeLearner& with_bias_bytes(int64_t bytes) {
    bias_bytes_ = bytes;
    return *this;
  }
  FakeLearner& with_cost(double cost) {
    cost_ = cost;
    return *this;
  }
  // No bias is nearer to 0 than this, so that only a blend of models on both sides gets near.
  FakeLearner& with_gap(double gap) {
    gap_ = gap;
    return *this;
  }
  // Its fits that are cut short have a state.
  FakeLearner& with_going_on() {
    goes_on_ = true;
    return *this;
  }
  // Its fits are the same whatever the seed.
  FakeLearner& without_draws() {
    draws_ = false;
    return *this;
  }
  int fits() const { return fits_.load(); }

 private:
  std::string name_;
  std::function<Script(const Call&)> on_fit_;
  OptionGroup group_;
  int64_t bytes_ = 1000;
  int64_t bias_bytes_ = 0;
  std::optional<ModelWeight> model_weight_;
  double cost_ = 1;
  double gap_ = 0;
  bool goes_on_ = false;
  bool draws_ = true;
  mutable std::atomic<int> fits_{0};
};

// Takes virtual time for each file synced, and has no room for large blobs.
class SlowFileLayer final : public FileLayer {
 public:
  SlowFileLayer(ManualClock& clock, int64_t sync_ns) : clock_(clock), sync_ns_(sync_ns) {}
  // Writing a model of more bytes fails. (Of what else there is a blob depends on the machine, such
  // as the changes of the working tree that the tests run in.)
  int64_t model_limit = INT64_MAX;

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    ASSAY_ASSIGN_OR_RETURN(auto file, real_.create(path));
    const bool blob = path.find("/blob-") != std::string::npos;
    return std::unique_ptr<File>(
        new SlowFile(std::move(file), *this, blob ? model_limit : INT64_MAX));
  }
  Result<std::unique_ptr<File>> open(const std::string& path) override { return real_.open(path); }
  Result<std::unique_ptr<File>> open_append(const std::string& path) override {
    ASSAY_ASSIGN_OR_RETURN(auto file, real_.open_append(path));
    return std::unique_ptr<File>(new SlowFile(std::move(file), *this));
  }
  Status rename(const std::string& from, const std::string& to) override {
    return real_.rename(from, to);
  }
  Status link(const std::string& from, const std::string& to) override {
    return real_.link(from, to);
  }
  Status unlink(const std::string& path) override { return real_.unlink(path); }
  Status make_folder(const std::string& path) override { return real_.make_folder(path); }
  Status sync_folder(const std::string& path) override { return real_.sync_folder(path); }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return real_.list(path);
  }
  bool exists(const std::string& path) override { return real_.exists(path); }
  Result<FileInfo> stat(const std::string& path) override { return real_.stat(path); }
  Result<std::vector<FolderEntry>> scan(const std::string& path) override {
    return real_.scan(path);
  }
  Status remove_folder(const std::string& path) override { return real_.remove_folder(path); }

 private:
  class SlowFile final : public File {
   public:
    SlowFile(std::unique_ptr<File> file, SlowFileLayer& layer, int64_t room = INT64_MAX)
        : file_(std::move(file)), layer_(layer), room_(room) {}
    Status append(std::span<const std::byte> bytes) override {
      if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
              .starts_with("ASSAYMOD")) {
        in_model_ = true;
      }
      if (in_model_) room_ -= static_cast<int64_t>(bytes.size());
      if (room_ < 0) return fail(StatusCode::kIo, "no space left on device");
      return file_->append(bytes);
    }
    Status sync() override {
      layer_.clock_.advance(layer_.sync_ns_);
      return file_->sync();
    }
    Result<int64_t> read_at(int64_t offset, std::span<std::byte> bytes) override {
      return file_->read_at(offset, bytes);
    }
    Result<int64_t> size() override { return file_->size(); }

   private:
    std::unique_ptr<File> file_;
    SlowFileLayer& layer_;
    int64_t room_;
    bool in_model_ = false;
  };

  PosixFileLayer real_;
  ManualClock& clock_;
  int64_t sync_ns_;
};

inline datasets::Column number_column(std::string name, std::vector<double> numbers) {
  datasets::Column column;
  column.name = std::move(name);
  column.numbers = std::move(numbers);
  return column;
}

inline datasets::Column level_column(std::string name, std::vector<int32_t> codes,
                                     std::vector<std::string> levels) {
  datasets::Column column;
  column.name = std::move(name);
  column.type = datasets::ColumnType::kCategorical;
  for (int32_t& code : codes) code += datasets::kFirstLevelCode;
  column.codes = std::move(codes);
  column.levels = std::move(levels);
  return column;
}

inline std::shared_ptr<const datasets::Table> table_of(std::vector<datasets::Column> columns) {
  auto table = datasets::Table::make(std::move(columns), "memory.csv", "");
  return table ? *table : nullptr;
}

// x1, x2, and y = 3 x1 + noise (regression) or y = yes/no (binary).
inline std::shared_ptr<const datasets::Table> small_table(int64_t rows, bool binary) {
  std::vector<double> x1;
  std::vector<double> x2;
  std::vector<double> y;
  std::vector<int32_t> codes;
  for (int64_t row = 0; row < rows; ++row) {
    x1.push_back(std::sin(static_cast<double>(row)));
    x2.push_back(static_cast<double>(row % 7));
    y.push_back(3 * x1.back() + 0.1 * static_cast<double>(row % 5));
    codes.push_back((row * 5) % 9 < 4 ? 1 : 0);
  }
  std::vector<datasets::Column> columns;
  columns.push_back(number_column("x1", x1));
  columns.push_back(number_column("x2", x2));
  columns.push_back(binary ? level_column("y", codes, {"no", "yes"}) : number_column("y", y));
  return table_of(std::move(columns));
}

// A sweep in virtual time.
class SweepBench {
 public:
  explicit SweepBench(FileLayer* files = nullptr) : devices_(*backends::open_devices({})) {
    auto workspace = tracking::Workspace::create(folder_ / "ws", "test", files);
    EXPECT_TRUE(workspace) << workspace.error().message;
    request.workspace = *workspace;
    request.compute.kernels = &devices_.kernels();
    request.compute.devices = {&devices_.host()};
    request.compute.host = &devices_.host();
    request.compute.make_executor = [](int threads) {
      return std::make_unique<ThreadedExecutor>(threads);
    };
    request.clock = &clock;
    request.threads = 2;
    request.table = small_table(60, false);
    request.config.data.train = "memory.csv";
    request.config.data.target = "y";
    request.config.run.seed = 5;
  }

  FakeLearner& add(std::unique_ptr<FakeLearner> learner) {
    FakeLearner& added = *learner;
    learners_.push_back(std::move(learner));
    request.learners.push_back(&added);
    return added;
  }
  Result<SweepOutcome> run() { return run_sweep(request); }
  tracking::TestFolder& folder() { return folder_; }
  // The request's table, planned by its config; a failed expectation and null if that fails.
  std::unique_ptr<TrainingSet> planned_set(Executor& executor, const StopToken& stop) const {
    auto set = TrainingSet::make(request.table, request.config, context(executor, stop));
    EXPECT_TRUE(set) << set.error().message;
    if (!set) return nullptr;
    const Status planned = (*set)->plan(request.config, 0, std::nullopt);
    EXPECT_TRUE(planned) << planned.error().message;
    return planned ? std::move(*set) : nullptr;
  }

  kernels::ComputeContext context(Executor& executor, const StopToken& stop) const {
    return {&devices_.kernels(), &devices_.host(), &devices_.host(), &executor, &stop};
  }

  ManualClock clock;
  SweepRequest request;

 private:
  tracking::TestFolder folder_;
  backends::DeviceSet devices_;
  std::vector<std::unique_ptr<FakeLearner>> learners_;
};

inline std::unique_ptr<FakeLearner> fake(
    std::string name, std::function<FakeLearner::Script(const FakeLearner::Call&)> on_fit = {}) {
  return std::make_unique<FakeLearner>(std::move(name), std::move(on_fit));
}

// Hears what could not be kept.
class LossObserver : public SweepObserver {
 public:
  void on_loss(const std::string& loss) override { losses.push_back(loss); }
  std::vector<std::string> losses;
};

// 300 rows of a wave, a line and noise: x1, x2, y.
inline std::shared_ptr<const datasets::Table> noisy_table() {
  std::vector<double> x1;
  std::vector<double> x2;
  std::vector<double> y;
  Rng rng(3);
  for (int row = 0; row < 300; ++row) {
    x1.push_back(rng.next_double());
    x2.push_back(rng.next_double());
    y.push_back(std::sin(6 * x1.back()) + x2.back() + rng.next_double());
  }
  std::vector<datasets::Column> columns;
  columns.push_back(number_column("x1", x1));
  columns.push_back(number_column("x2", x2));
  columns.push_back(number_column("y", y));
  return table_of(std::move(columns));
}

// As a model file.
inline std::string bytes_of(const Model& model) {
  ModelWriter writer;
  save_model(model, writer);
  return *writer.finish();
}

}  // namespace assay::automl
