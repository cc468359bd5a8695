// ColumnTransform: a rule that makes numbers of one column of a table, row by row: parts of moments
// (calendar.h), what a text is about (text_features.h). It is fitted once, with the encoder, on the
// columns of the training table, and saved in the model. It never sees the target, so it cannot
// leak it; what is made from targets belongs into a fit, where only training rows are known.
//
// Every output of a row is a function of that row's cell alone: tables may come in blocks of any
// size. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "automl/preprocess/input_column.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

// Output 0 stands for the column's own number, without a transform; those of transforms count from
// 1.
inline constexpr int32_t kOwnNumber = 0;

class ColumnTransform {
 public:
  virtual ~ColumnTransform() = default;
  // Outputs are 1..output_count().
  virtual int32_t output_count() const = 0;
  // "month", "topic3": behind the column's name and a point it names the feature.
  virtual std::string output_name(int32_t output) const = 0;
  // After which the output begins anew, such as 24 of hours; 0: it does not.
  virtual double period(int32_t output) const = 0;

  // Appends a vector for each of `outputs`, a number a row: NaN where there is none. With a context
  // it runs on its executor and looks at its stop token; the bits are the same.
  // Fails: cancelled; resource_exhausted.
  virtual Status apply(const ColumnCells& cells, std::span<const int32_t> outputs,
                       const kernels::ComputeContext* context,
                       std::vector<std::vector<double>>& numbers) const = 0;
};

// Calls body(chunk) for each of `count` chunks: on the context's executor, in order without one,
// and no more of them once its stop token asks. Fails: cancelled; as parallel_for.
Status for_chunks(int64_t count, const kernels::ComputeContext* context,
                  FunctionRef<void(int64_t chunk)> body);

}  // namespace assay::automl
