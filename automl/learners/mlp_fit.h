// MlpFit: trains a network (models/mlp_network.h) by AdamW (Loshchilov, Hutter, "Decoupled Weight
// Decay Regularization", ICLR 2019) on batches of shuffled rows.
//
// The rate falls in a straight line from learning_rate to 0 over all steps, or, where a deadline
// comes before their end, over those that there is time for (step_pace.h); with less than nine
// tenths of them a fit counts as cut. A weight's own rate is
// that over the square root of its layer's inputs (neural tangent parametrisation), a bias's and a
// wave's a tenth, an input scale's six times (Holzmueller, Grinsztajn, Steinwart, "Better by
// Default", NeurIPS 2024). The last layer begins with zeros and the best constant. Columns with
// more than two values get waves, unless they are many. Of the epochs the one with the least loss
// on the validation rows is kept, and the fit ends when that was `patience` epochs ago (a third of
// all, if they are few). Where a quantile is the aim the last bias is moved so that the training
// rows have it.
//
// A batch is cut into parts, whose gradients are made side by side and added up in order. All sums
// run in fixed orders, so the bits do not depend on threads, devices or machines. A fit whose rate
// was too high has a model all the same: the best of its epochs, if there are validation rows.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "automl/learners/fit_data.h"
#include "automl/learners/learner.h"
#include "automl/learners/mlp_options.h"
#include "automl/learners/score_loss.h"
#include "automl/learners/step_pace.h"
#include "automl/models/mlp_network.h"
#include "kernels/base/function_ref.h"

namespace assay::automl {

class MlpFit {
 public:
  // All must outlive it.
  MlpFit(const FitRequest& request, const MlpOptions& options, const FitData& data, DenseView dense,
         const kernels::ComputeContext& context);
  // Fails: cancelled before the first step; resource_exhausted; invalid_argument if there are more
  // scores than networks have.
  Result<FitResult> run();

  // For plans: the network, at most; memory of a fit beside FitData; rows of a batch, and the parts
  // that it is cut into.
  static MlpShape planned_shape(const DataShape& shape, const MlpOptions& options);
  static int64_t bytes(const DataShape& shape, const MlpOptions& options);
  static int64_t batch_of(int64_t train_count, const MlpOptions& options);
  static int64_t parts_of(int64_t batch);

 private:
  struct Group {  // of parameters with one rate
    size_t begin;
    size_t end;
    float rate;
    bool decays;
  };
  struct Part {
    MlpPass pass;
    std::vector<float> gradient;
  };
  void start();
  void find_groups();
  Status train_part(std::span<const uint32_t> rows, size_t batch, int64_t number, Part& part);
  void set_derivatives(std::span<const uint32_t> rows, double share, MlpPass& pass) const;
  Status train_batch(std::span<const uint32_t> rows);
  double steps_left() const;
  // Ends in the middle of an epoch where the schedule does.
  Status train_epoch(int64_t epoch);
  // Epochs that will have been begun at the end, at least `begun`.
  int64_t epochs_in_all(int64_t begun) const;
  Status step(size_t parts);
  // Calls visit(row, scores) for each of `rows`, in order.
  Status score_rows(std::span<const uint32_t> rows,
                    FunctionRef<void(uint32_t, std::span<double>)> visit);
  Result<double> validate();
  Status settle_quantile();
  Result<std::vector<double>> importance();
  Result<std::unique_ptr<Model>> model(int64_t epochs);

  const FitRequest& request_;
  const MlpOptions& options_;
  const FitData& data_;
  DenseView dense_;
  const kernels::ComputeContext& context_;
  ScoreLoss loss_;
  MlpShape shape_;
  MlpLayout layout_;
  std::vector<Group> groups_;
  std::vector<uint32_t> rows_;  // that have a weight
  std::vector<float> parameters_;
  std::vector<float> best_;
  std::vector<float> turned_;  // weights, for the way back
  std::vector<float> mean_;    // of the gradients
  std::vector<float> square_;  // of their squares
  std::vector<Part> parts_;
  int64_t steps_ = 0;
  int64_t epoch_steps_ = 1;
  double rate_left_ = 1;  // of the learning rate
  // What a pass over the validation rows took; before the first one nothing is known.
  std::optional<double> validation_seconds_;
  std::optional<StepPace> pace_;
  double mean_power_ = 1;  // of the decays of mean_ and square_
  double square_power_ = 1;
};

}  // namespace assay::automl
