// Assay's boosted trees on one prepared data set, for bench/trees/compare.py: bins, trains,
// predicts and prints one JSON object. With --folds K > 1 it makes the K fits of a
// cross-validation on the same bins, as a trial does (--together auto), together (1) or one after
// the other (0), and predicts with the first. --learner random_forest or extra_trees grows --rounds
// trees instead. --growth is gbt's option; trees by level, symmetric ones and those of forests are
// as deep as so many leaves need. Forests of 0 leaves are grown to the end, and without --leaves
// and --column_share have the learner's own defaults. The folder holds raw arrays of f64:
// train_x.f64 and test_x.f64 (column after column), train_y.f64, and meta.txt with "task train_rows
// test_rows features classes".
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>

#include "automl/learners/learner.h"
#include "automl/metrics/decision.h"
#include "automl/models/tree_model.h"
#include "backends/cpu/thread_pool.h"
#include "backends/devices.h"
#include "bench/ceilings.h"
#include "datasets/binned_matrix.h"
#include "datasets/number_column.h"

namespace assay::bench {
namespace {

constexpr int kPredictRuns = 3;
constexpr int64_t kSingleRows = 20'000;

[[noreturn]] void give_up(const std::string& message) {
  std::fprintf(stderr, "tree_peer: %s\n", message.c_str());
  std::exit(4);
}

template <class T>
T value_of(Result<T> result) {
  if (!result) give_up(result.error().message);
  return std::move(*result);
}

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// CPU time of all threads so far.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// A line of /proc/self/status in MiB.
double memory_mib(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == name + ":") {
      double kib = 0;
      status >> kib;
      return kib / 1024;
    }
  }
  return 0;
}

std::vector<double> read_array(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) give_up("cannot read " + path);
  std::vector<double> values(static_cast<size_t>(file.tellg()) / sizeof(double));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(double)));
  return values;
}

// Columns of so many rows, held as a table's are.
std::vector<datasets::NumberColumn> read_columns(const std::string& path, int64_t rows) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up("cannot read " + path);
  std::vector<datasets::NumberColumn> columns;
  std::vector<double> values(static_cast<size_t>(rows));
  const auto bytes = static_cast<std::streamsize>(values.size() * sizeof(double));
  while (file.read(reinterpret_cast<char*>(values.data()), bytes)) columns.emplace_back(values);
  return columns;
}

struct Meta {
  std::string task;
  int64_t train_rows = 0;
  int64_t test_rows = 0;
  int64_t features = 0;
  int32_t classes = 0;

  explicit Meta(const std::string& folder) {
    std::ifstream file(folder + "/meta.txt");
    if (!(file >> task >> train_rows >> test_rows >> features >> classes)) {
      give_up("cannot read " + folder + "/meta.txt");
    }
  }
};

std::vector<datasets::FeatureColumn> columns_of(const std::vector<datasets::NumberColumn>& held) {
  std::vector<datasets::FeatureColumn> columns;
  for (const datasets::NumberColumn& column : held) columns.push_back({.numbers = column});
  return columns;
}

class BinnedRows final : public automl::FeatureView {
 public:
  explicit BinnedRows(datasets::BinnedMatrix matrix) : matrix_(std::move(matrix)) {}
  int64_t row_count() const override { return matrix_.row_count(); }
  int32_t feature_count() const override { return matrix_.feature_count(); }
  std::span<const int32_t> dense_features() const override { return {}; }
  Result<kernels::BinnedView> bins(kernels::Device&,
                                   const kernels::ComputeContext&) const override {
    return matrix_.view();
  }
  Result<kernels::BinnedView> growth_bins(kernels::Device&,
                                          const kernels::ComputeContext& context) const override {
    ASSAY_RETURN_IF_ERROR(matrix_.prepare_growth(*context.executor));
    return matrix_.view();
  }
  Result<automl::DenseView> dense(const kernels::ComputeContext&) const override {
    return fail(StatusCode::kInvalidArgument, "the bench has no dense form");
  }

 private:
  mutable datasets::BinnedMatrix matrix_;
};

const kernels::Forest& trees_of(const automl::Model& model) {
  return dynamic_cast<const automl::TreeModel&>(model).parts().forest;
}

// Bins that the trees' histograms were added to: all rows of a root, the fewer of two children.
double histogram_updates(const automl::Model& model, int64_t features) {
  const kernels::Forest& forest = trees_of(model);
  double rows = 0;
  for (int64_t t = 0; t < forest.tree_count(); ++t) {
    const kernels::Tree tree = forest.tree(t);
    rows += double{tree.covers[0]};
    for (const kernels::TreeNode& node : tree.nodes) {
      if (node.is_leaf()) continue;
      const auto left = static_cast<size_t>(node.left);
      rows += double{std::min(tree.covers[left], tree.covers[left + 1])};
    }
  }
  return rows * static_cast<double>(features);
}

std::map<std::string, std::string> parse(int argc, char** argv) {
  std::map<std::string, std::string> options{{"--data", ""},
                                             {"--leaves", "auto"},
                                             {"--growth", "leaf_wise"},
                                             {"--rounds", "100"},
                                             {"--threads", "1"},
                                             {"--predictions", ""},
                                             {"--gradient_bits", "15"},
                                             {"--seed", "1"},
                                             {"--folds", "1"},
                                             {"--together", "auto"},
                                             {"--learner", "gbt"},
                                             {"--column_share", "auto"}};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!options.contains(argv[i])) give_up(std::string("unknown option ") + argv[i]);
    options[argv[i]] = argv[i + 1];
  }
  return options;
}

// Levels that so many leaves need: as deep as peers.py lets others grow.
int64_t depth_of(int64_t leaves) { return std::bit_width(static_cast<uint64_t>(leaves + 1)) - 1; }

class Peer {
 public:
  Peer(const std::map<std::string, std::string>& options, int threads)
      : options_(options),
        meta_(options.at("--data")),
        set_(value_of(backends::open_devices({}))),
        executor_(threads),
        context_{&set_.kernels(), &set_.host(), &set_.host(), &executor_, nullptr} {}

  void run() {
    note("rss_start_mib", memory_mib("VmRSS"));
    const std::string folder = options_.at("--data");
    auto train_x = read_columns(folder + "/train_x.f64", meta_.train_rows);
    const std::vector<double> train_y = read_array(folder + "/train_y.f64");
    note("rss_data_mib", memory_mib("VmRSS"));
    const double cpu = cpu_seconds();
    const double begin = seconds();
    const auto columns = columns_of(train_x);
    mapper_ = value_of(datasets::BinMapper::fit(columns, 254, 1, context_));
    const BinnedRows rows(value_of(mapper_->bin(columns, set_.host(), context_)));
    train_x.clear();  // as for the peers: training reads binned rows
    const double binned = seconds();
    const int64_t folds = std::stol(options_.at("--folds"));
    const std::unique_ptr<automl::Model> model = fit(rows, train_y, folds);
    const double done = seconds();
    note("binning_s", binned - begin);
    note("train_s", done - binned);
    note("total_s", done - begin);
    note("cpu_s", cpu_seconds() - cpu);
    note("rss_peak_mib", memory_mib("VmHWM"));
    note("trees", static_cast<double>(trees_of(*model).tree_count()));
    note("histogram_updates", histogram_updates(*model, meta_.features));
    predict(*model, read_columns(folder + "/test_x.f64", meta_.test_rows));
    std::printf("{%s}\n", json_.c_str());
  }

 private:
  void note(const char* name, double value) {
    char text[96];
    std::snprintf(text, sizeof(text), "%s\"%s\": %.9g", json_.empty() ? "" : ", ", name, value);
    json_ += text;
  }

  // The rows that are not in a fold: row r is in fold r % folds. All of them without folds.
  std::vector<uint32_t> rows_but(int64_t fold, int64_t folds) const {
    std::vector<uint32_t> rows;
    for (int64_t row = 0; row < meta_.train_rows; ++row) {
      if (folds == 1 || row % folds != fold) rows.push_back(static_cast<uint32_t>(row));
    }
    return rows;
  }

  // The model of the first fold.
  std::unique_ptr<automl::Model> fit(const BinnedRows& rows, const std::vector<double>& targets,
                                     int64_t folds) {
    automl::TrainingData data;
    data.features = &rows;
    data.class_count = meta_.classes;
    std::vector<int32_t> classes;
    if (meta_.task == "regression") {
      data.task = automl::Task::kRegression;
      data.targets = targets;
    } else {
      data.task = meta_.classes == 2 ? automl::Task::kBinary : automl::Task::kMulticlass;
      for (const double target : targets) classes.push_back(static_cast<int32_t>(target));
      data.classes = classes;
    }
    std::vector<std::vector<uint32_t>> train_rows;
    std::vector<automl::FitRequest> requests;
    for (int64_t fold = 0; fold < folds; ++fold) train_rows.push_back(rows_but(fold, folds));
    for (const std::vector<uint32_t>& train : train_rows) {
      automl::FitRequest& request = requests.emplace_back();
      request.data = &data;
      request.train_rows = train;
      request.seed = std::stoull(options_.at("--seed"));
      request.params = params();
    }
    const automl::Learner& learner = *value_of(automl::find_learner(options_.at("--learner")));
    std::vector<std::unique_ptr<automl::Model>> models;
    automl::DataShape shape;
    shape.task = data.task;
    shape.class_count = meta_.classes;
    shape.train_count = static_cast<int64_t>(train_rows.front().size());
    const std::string& choice = options_.at("--together");
    const bool gains = learner.gains_together(shape, executor_.thread_count());
    if (folds == 1 || choice == "0" || (choice == "auto" && !gains)) {
      for (const auto& request : requests) {
        models.push_back(std::move(value_of(learner.fit(request, context_)).model));
      }
    } else {
      for (auto& result : learner.fit_together(requests, context_)) {
        models.push_back(std::move(value_of(std::move(result)).model));
      }
    }
    return std::move(models.front());
  }

  automl::ParamMap params() const {
    const bool boosted = options_.at("--learner") == "gbt";
    const std::string& leaves = options_.at("--leaves");
    if (leaves != "auto") {
      return boosted ? boosting_params(std::stol(leaves)) : forest_params(std::stol(leaves));
    }
    return boosted ? boosting_params(31) : forest_params(std::nullopt);
  }

  automl::ParamMap boosting_params(int64_t leaves) const {
    const std::string& growth = options_.at("--growth");
    automl::ParamMap params = {
        {"rounds", int64_t{std::stol(options_.at("--rounds"))}},
        {"max_leaves", leaves},
        {"growth", growth},
        {"gradient_bits", int64_t{std::stol(options_.at("--gradient_bits"))}}};
    if (growth != "leaf_wise") {
      params["max_depth"] = depth_of(leaves);
      params["max_leaves"] = int64_t{1} << depth_of(leaves);
    }
    return params;
  }

  automl::ParamMap forest_params(std::optional<int64_t> leaves) const {
    automl::ParamMap params = {{"trees", int64_t{std::stol(options_.at("--rounds"))}}};
    const std::string& share = options_.at("--column_share");
    if (share != "auto") params["node_column_fraction"] = std::stod(share);
    if (leaves && *leaves > 0) {
      params["max_depth"] = depth_of(*leaves);
      params["max_leaves"] = int64_t{1} << depth_of(*leaves);
    } else if (leaves) {  // no tree has more leaves than rows
      params["max_leaves"] = std::clamp<int64_t>(meta_.train_rows, 2, int64_t{1} << 22);
    }
    return params;
  }

  // From raw columns, as the peers predict.
  void predict(const automl::Model& model, const std::vector<datasets::NumberColumn>& test_x) {
    const auto columns = columns_of(test_x);
    std::vector<float> out(
        static_cast<size_t>(meta_.test_rows * std::max(1, model.output_count())));
    double best = 1e300;
    double best_binned = 1e300;
    std::vector<uint8_t> used(columns.size());
    model.mark_binned(used);
    for (int run = 0; run < kPredictRuns; ++run) {
      const double begin = seconds();
      const BinnedRows rows(value_of(mapper_->bin(columns, set_.host(), context_, used)));
      const double binned = seconds();
      if (Status status = model.predict_all(rows, context_, out); !status) {
        give_up(status.error().message);
      }
      const double end = seconds();
      best = std::min(best, end - begin);
      best_binned = std::min(best_binned, end - binned);
    }
    note("predict_rows_per_s", static_cast<double>(meta_.test_rows) / best);
    note("predict_binned_rows_per_s", static_cast<double>(meta_.test_rows) / best_binned);
    model.keep_prepared();  // from here on as where tables are read in many pieces
    std::vector<float> kept(out.size());
    double best_kept = 1e300;
    const BinnedRows rows(value_of(mapper_->bin(columns, set_.host(), context_, used)));
    for (int run = 0; run < kPredictRuns; ++run) {
      const double begin = seconds();
      if (!model.predict_all(rows, context_, kept)) give_up("predicting again");
      best_kept = std::min(best_kept, seconds() - begin);
    }
    if (kept != out) give_up("predictions differ from the first ones");
    note("predict_kept_rows_per_s", static_cast<double>(meta_.test_rows) / best_kept);
    const BinnedRows whole(value_of(mapper_->bin(columns, set_.host(), context_)));
    if (model.output_count() > 1) decide(model, whole, out);
    predict_singly(model, whole);
    if (options_.at("--predictions").empty()) return;
    std::ofstream file(options_.at("--predictions"), std::ios::binary);
    file.write(reinterpret_cast<const char*>(out.data()),
               static_cast<std::streamsize>(out.size() * sizeof(float)));
  }

  // Binned rows whose classes alone are wanted; they must be those of the predictions.
  void decide(const automl::Model& model, const BinnedRows& rows,
              std::span<const float> predictions) {
    std::vector<uint32_t> numbers(static_cast<size_t>(meta_.test_rows));
    std::iota(numbers.begin(), numbers.end(), 0u);
    std::vector<float> out(predictions.size());
    double best = 1e300;
    for (int run = 0; run < kPredictRuns; ++run) {
      const double begin = seconds();
      if (!model.predict_decisions(rows, numbers, context_, automl::kEvenThreshold, out)) {
        give_up("deciding rows");
      }
      best = std::min(best, seconds() - begin);
    }
    note("decide_binned_rows_per_s", static_cast<double>(meta_.test_rows) / best);
    const auto width = static_cast<size_t>(model.output_count());
    for (size_t at = 0; at < out.size(); at += width) {
      if (automl::decide_class(std::span(out).subspan(at, width)) !=
          automl::decide_class(predictions.subspan(at, width))) {
        give_up("a decision differs from the prediction");
      }
    }
  }

  // One row a call, already binned.
  void predict_singly(const automl::Model& model, const BinnedRows& rows) {
    std::vector<float> out(static_cast<size_t>(model.output_count()));
    const int64_t count = std::min(kSingleRows, meta_.test_rows);
    const double begin = seconds();
    for (int64_t i = 0; i < count; ++i) {
      const auto row = static_cast<uint32_t>(i);
      if (!model.predict(rows, std::span(&row, 1), context_, out)) give_up("predicting a row");
    }
    note("predict_one_us", (seconds() - begin) * 1e6 / static_cast<double>(count));
  }

  const std::map<std::string, std::string>& options_;
  Meta meta_;
  backends::DeviceSet set_;
  backends::cpu::ThreadPool executor_;
  kernels::ComputeContext context_;
  std::optional<datasets::BinMapper> mapper_;
  std::string json_;
};

int main_of(int argc, char** argv) {
  const std::map<std::string, std::string> options = parse(argc, argv);
  const int threads = std::stoi(options.at("--threads"));
  if (options.at("--data").empty()) {  // the ceilings alone
    backends::cpu::ThreadPool executor(threads);
    std::printf("{\"triad_bytes_per_s\": %.6g, \"histogram_updates_per_s\": %.6g}\n",
                triad_bytes_per_second(executor), histogram_updates_per_second(executor));
    return 0;
  }
  Peer(options, threads).run();
  return 0;
}

}  // namespace
}  // namespace assay::bench

int main(int argc, char** argv) { return assay::bench::main_of(argc, argv); }
