// Learner: trains models. One object a learner, stateless and thread-safe, in one visible list.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "automl/config/option_info.h"
#include "automl/config/param_map.h"
#include "automl/metrics/aim.h"
#include "automl/metrics/task.h"
#include "automl/models/feature_view.h"
#include "automl/models/model.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

// Encoded rows and what is to be predicted, shared by all fits of a sweep. Not owned. Arrays run
// over the rows of `features`; rows without a target are never named in a FitRequest.
struct TrainingData {
  Task task = Task::kRegression;
  int32_t class_count = 0;  // classification: >= 2
  const FeatureView* features = nullptr;
  std::span<const double> targets = {};   // regression: [rows], finite
  std::span<const int32_t> classes = {};  // classification: [rows], 0..class_count - 1
  std::span<const float> weights = {};    // [rows], >= 0 and finite, or empty for 1; the scale does
                                          // not matter. Class weights are in here too
  // [rows]: the group of each row, a number >= 0, which rankings are of; or empty.
  std::span<const int32_t> queries = {};
  // What models must keep to (GrowTreeArgs): [features], or empty without such constraints.
  std::span<const int8_t> monotone = {};
  std::span<const uint64_t> interactions = {};
  // Regression: predictions of fits are numbers of this frame; targets are values as they are.
  TargetScale frame = {};
  // What predictions are to be of the targets: that of the sweep's metric. Learners follow it where
  // their settings do not say otherwise.
  Aim aim = {};
};

// How large a fit is, for plans made before it.
struct DataShape {
  Task task = Task::kRegression;
  int32_t class_count = 0;
  int64_t row_count = 0;  // of the encoded table
  int64_t train_count = 0;
  int64_t valid_count = 0;
  int32_t feature_count = 0;
  int64_t bin_count = 0;  // of all features together
  int32_t dense_column_count = 0;
  Aim aim = {};
  int32_t category_count = 0;  // features that are categorical
  int64_t init_bytes = 0;      // of a fold's initial model
  int64_t fits = 1;            // that are made at a time (Learner::fit_together)
};

// What settings aim at by themselves, whatever the sweep's metric.
struct OwnAim {
  std::string settings;                   // "objective=quantile, alpha=0.9", for messages
  std::vector<std::string_view> metrics;  // that score it, the nearest first; may be empty
};

// What a fit takes, an upper estimate.
struct PlannedBytes {
  // At its peak, on top of the encoded table, the model included; of all DataShape::fits together.
  int64_t fit = 0;
  int64_t model = 0;  // what is left of each: the model
};

struct FitProgress {
  int64_t step = 0;   // rounds, trees or iterations done
  int64_t total = 0;  // planned
  // Mean loss of the model so far on the validation rows (log loss; for regression that of
  // TrainingData::aim, in units of the target's standard deviation or mean, or what ndcg lacks of
  // 1); NaN without validation rows.
  double valid_loss = std::numeric_limits<double>::quiet_NaN();
  // False if valid_loss is of another kind, which fits of other settings cannot be compared by.
  bool common_loss = true;
};

// A boosting fit under way: all that its further rounds follow from.
struct FitState {
  // The rounds made, those of an initial model first. Of the bins that the fit grows trees on,
  // which need not be the table's features: for nothing but to go on from.
  std::shared_ptr<const Model> model;
  int64_t best_iteration = 0;
  double best_loss = std::numeric_limits<double>::quiet_NaN();
};

// Hears a fit's progress, on the thread that called fit.
class FitObserver {
 public:
  virtual ~FitObserver() = default;
  // False ends the fit: it returns what it has, marked as stopped.
  virtual bool report(const FitProgress& progress) = 0;
  // Asked by boosting after each round; true: keep_state is called with the state, whose model
  // takes `bytes`. `last`: no round follows, and a fit that goes on from it is done at once.
  virtual bool wants_state(int64_t bytes, bool last) {
    (void)bytes;
    (void)last;
    return false;
  }
  virtual void keep_state(FitState state) { (void)state; }
};

struct FitRequest {
  const TrainingData* data = nullptr;
  std::span<const uint32_t> train_rows = {};  // ascending, distinct; at least one
  std::span<const uint32_t> valid_rows = {};  // likewise; may be empty. Used for early stopping
  ParamMap params;                            // over the learner's defaults
  uint64_t seed = 0;
  FitObserver* observer = nullptr;  // may be null
  // Boosting: the model to go on from, of the same features and objective; its rounds come first.
  // Null: from the beginning.
  const Model* init_model = nullptr;
  // Boosting: the state that an earlier fit of the same request was in; the fit makes the rounds
  // that were left, and what it gives is the same bit for bit. Null: from the beginning.
  const FitState* state = nullptr;
  // The model keeps the steps behind the best one too: Model::first_steps cuts it later.
  bool keep_all_steps = false;
  // Boosting: a fit that is cut short gives its state.
  bool keep_end_state = false;
};

struct FitResult {
  std::unique_ptr<Model> model;
  // Ended by the context's stop token before it was done, or in time for it with much less than was
  // planned.
  bool truncated = false;
  // Ended by the observer.
  bool stopped = false;
  int64_t iterations = 0;  // steps made, and those of the initial model
  // Steps that the model keeps (unless it was to keep all): after early stopping the best one, else
  // all. A refit on all rows uses this many.
  int64_t best_iteration = 0;
  // Of a truncated fit that was asked to keep it (FitRequest::state of one that goes on): nothing
  // if no step was made that it can go on from.
  std::optional<FitState> state;
  // At best_iteration; NaN if the fit had no reason to compute it.
  double valid_loss = std::numeric_limits<double>::quiet_NaN();
  // What model->predict gives for the validation rows in the data's frame after best_iteration
  // steps, bit for bit, [rows, output_count]; empty if the fit did not have it at hand.
  std::vector<float> valid_predictions;
  // Forests asked to: predictions of the training rows in the data's frame by the trees that were
  // not grown on them, [rows, output_count], NaN where there is none; and their mean loss (as
  // FitProgress::valid_loss). NaN and empty if not asked, or stopped on the way.
  std::vector<float> oob_predictions;
  double oob_loss = std::numeric_limits<double>::quiet_NaN();
};

// What a model's costs grow with where it serves: two such numbers of one learner's models compare
// as the time of a prediction for one row, and as the bytes of the file, beside what all models
// take.
struct ModelUnits {
  double latency = 0;
  double size = 0;
};

class Learner {
 public:
  virtual ~Learner() = default;
  // "gbt"
  virtual std::string_view name() const = 0;
  // Its options: names, ranges, defaults, search ranges, help.
  virtual const OptionGroup& options() const = 0;
  // The option that says how many steps a fit makes, for a refit with a fixed number of them and
  // for halving by steps; empty if there is none.
  virtual std::string_view step_option() const { return {}; }
  // Whether fits of a setting differ by their seeds.
  virtual bool draws() const { return true; }
  virtual bool supports(Task task) const = 0;
  // Whether fits go on from an initial model.
  virtual bool goes_on() const { return false; }
  // Whether fits go on from this very model; asked of a learner that goes on, before a first trial.
  // `settled` holds the parameters that are not searched. Fails: config, saying why not.
  virtual Status check_start(const Model& start, Task task, const Aim& aim,
                             const ParamMap& settled) const;
  // Whether its models keep to the data's constraints.
  virtual bool keeps_constraints(const TrainingData& data) const;
  // Whether such settings can learn from such data at all: asked before a first trial.
  // Fails: config if an option does not go with the task, data if a target is not allowed.
  virtual Status check(const TrainingData& data, const ParamMap& params) const;
  // What such settings aim at, if that is not left to TrainingData::aim. `settled` holds the
  // parameters that are not searched. Asked for regression.
  virtual std::optional<OwnAim> own_aim(const ParamMap& settled) const;
  // The settings with which a person can read its models, over whatever else is set; nothing if
  // there are none. Empty: all.
  virtual std::optional<ParamMap> readable_params() const { return std::nullopt; }
  // Whether fits read the dense form of the features, which is then held for all of them.
  virtual bool uses_dense() const { return false; }

  // Memory that a fit takes. Fails: invalid_argument if params are not allowed.
  virtual Result<PlannedBytes> planned_bytes(const DataShape& shape, const ParamMap& params,
                                             int threads) const = 0;
  // Settings that take less memory than `params` and are the next best thing, the best first, for
  // when memory is short. Empty if there is nothing sensible left.
  // `params` must be allowed.
  virtual std::vector<ParamMap> smaller(const DataShape& shape, const ParamMap& params) const;
  // Likewise settings that cost less work, for when time is short.
  virtual std::vector<ParamMap> cheaper(const DataShape& shape, const ParamMap& params) const;
  // Likewise settings that come about as far in fewer steps, if not as well: for when a fit would
  // be cut long before its end.
  virtual std::vector<ParamMap> hastier(const ParamMap& params) const;
  // Of a model that such a fit made, keeping `steps` steps (FitResult::best_iteration); 0: that
  // does not tell. `params` must be allowed.
  virtual ModelUnits model_units(const DataShape& shape, const ParamMap& params,
                                 int64_t steps) const;
  // Settings like `params` whose models have at most so many units whatever steps they make, the
  // better ones first; `params` itself where it is one. Empty: there is none.
  virtual std::vector<ParamMap> within(const DataShape& shape, const ParamMap& params,
                                       const ModelUnits& most) const;
  // Share of the planned steps that fits usually make: early stopping ends most of them long
  // before.
  virtual double usual_share() const { return 1; }
  // How many threads make its fits quicker.
  virtual int useful_threads() const { return std::numeric_limits<int>::max(); }
  // The work of a fit in units of about a nanosecond on one core, all steps made. A pure function
  // of its arguments.
  virtual Result<double> logical_cost(const DataShape& shape, const ParamMap& params) const = 0;

  // Trains. When the context's stop token asks, a fit that has made at least one step ends within
  // one node of a tree or one pass over the data and gives the model so far, `truncated`.
  // Same request, same bits on any number of threads.
  // Fails: invalid_argument if params are not allowed or the request is malformed; data if the
  // training rows cannot be learned from (weights that sum to 0); cancelled if stopped before the
  // first step was made; resource_exhausted; device.
  virtual Result<FitResult> fit(const FitRequest& request,
                                const kernels::ComputeContext& context) const = 0;
  // Several fits at a time, which may share work and threads. Result i is what fit gives for
  // requests[i], bit for bit. A fit that fails keeps none of the others from its end, but where
  // memory that they share runs out all of them may fail with resource_exhausted. Observers are
  // called on this thread, in order of requests. One after the other unless gains_together.
  virtual std::vector<Result<FitResult>> fit_together(std::span<const FitRequest> requests,
                                                      const kernels::ComputeContext& context) const;
  // Whether fits of such data take less time together than one after the other, on so many
  // threads.
  virtual bool gains_together(const DataShape& shape, int threads) const;
};

// All learners: constant, linear, gbt, extra_trees, random_forest, mlp.
std::span<const Learner* const> learner_list();

// Fails: invalid_argument with the nearest name.
Result<const Learner*> find_learner(std::string_view name);

}  // namespace assay::automl
