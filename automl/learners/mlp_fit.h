// MlpFit: trains a network (models/mlp_network.h) by AdamW (Loshchilov, Hutter, "Decoupled Weight
// Decay Regularization", ICLR 2019) on batches of shuffled rows.
//
// The rate falls in a straight line from learning_rate to 0 over all steps. A weight's own rate is
// that over the square root of its layer's inputs (neural tangent parametrisation), a bias's and a
// wave's a tenth, an input scale's six times (Holzmueller, Grinsztajn, Steinwart, "Better by
// Default", NeurIPS 2024). The last layer begins with zeros and the best constant. Columns with
// more than two values get waves, unless they are many. Of the epochs the one with the least loss
// on the validation rows is kept, and the fit ends
// when it was `patience` epochs ago. Where a quantile is the aim the last bias is moved so that the
// training rows have it.
//
// All sums run in fixed orders, so the bits do not depend on threads, devices or machines. A fit
// whose rate was too high gives what it had before it diverged.
#pragma once

#include <cstdint>
#include <vector>

#include "automl/learners/fit_data.h"
#include "automl/learners/learner.h"
#include "automl/learners/mlp_options.h"
#include "automl/learners/score_loss.h"
#include "automl/models/mlp_network.h"
#include "kernels/base/function_ref.h"

namespace assay::automl {

class MlpFit {
 public:
  // All must outlive it.
  MlpFit(const FitRequest& request, const MlpOptions& options, const FitData& data, DenseView dense,
         const kernels::ComputeContext& context);
  // Fails: cancelled before the end of the first epoch; resource_exhausted.
  Result<FitResult> run();

  // Memory of a fit beside FitData, and that of its parameters, and steps of an epoch, for plans.
  static MlpShape planned_shape(const DataShape& shape, const MlpOptions& options);
  static int64_t bytes(const DataShape& shape, const MlpOptions& options);
  static int64_t batch_of(int64_t train_count, const MlpOptions& options);

 private:
  struct Group {  // of parameters with one rate
    size_t begin;
    size_t end;
    float rate;
    bool decays;
  };
  void start();
  void find_groups();
  Status train_batch(std::span<const uint32_t> rows);
  void step();
  // Calls visit(row, scores) for each of `rows`, in order.
  Status score_rows(std::span<const uint32_t> rows,
                    FunctionRef<void(uint32_t, std::span<double>)> visit);
  Result<double> validate();
  Status settle_quantile();
  Result<std::unique_ptr<Model>> model() const;

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
  std::vector<float> gradient_;
  std::vector<float> mean_;    // of the gradients
  std::vector<float> square_;  // of their squares
  MlpPass pass_;
  int64_t steps_ = 0;
  int64_t total_steps_ = 0;
  double mean_power_ = 1;  // of the decays of mean_ and square_
  double square_power_ = 1;
};

}  // namespace assay::automl
