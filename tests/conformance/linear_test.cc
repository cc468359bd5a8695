#include <cmath>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"

namespace assay::conformance {
namespace {

using kernels::LinearGradient;
using kernels::LinearGradientArgs;
using kernels::LinearProblem;
using kernels::LinearScores;
using kernels::LinearScoresArgs;

struct LinearShape {
  int64_t row_count = 0;
  int32_t column_count = 0;
  int32_t output_count = 1;
  bool picked_rows = false;  // most of them, in another order
};

struct LinearRows {
  std::vector<float> features;
  std::vector<float> gradients;
  std::vector<double> parameters;
  std::vector<uint32_t> rows;
};

LinearRows draw_linear(const LinearShape& shape) {
  Rng rng(17 + static_cast<uint64_t>(shape.row_count) +
          (static_cast<uint64_t>(shape.column_count) << 32));
  LinearRows data;
  // Of many magnitudes, so that an addition in another order shows.
  const auto number = [&] {
    return (rng.next_double() - 0.5) * std::ldexp(1.0, static_cast<int>(rng.below(24)));
  };
  for (int64_t i = 0; i < shape.row_count * shape.column_count; ++i) {
    data.features.push_back(rng.below(5) == 0 ? 0.0f : static_cast<float>(number()));
  }
  for (int64_t i = 0; i < shape.row_count * shape.output_count; ++i) {
    data.gradients.push_back(static_cast<float>(number()));
  }
  for (int64_t i = 0; i < (int64_t{shape.column_count} + 1) * shape.output_count; ++i) {
    data.parameters.push_back(number());
  }
  for (int64_t row = shape.row_count; shape.picked_rows && row-- > 0;) {
    if (rng.below(8) > 0) data.rows.push_back(static_cast<uint32_t>(row));
    if (data.rows.size() > 1 && rng.below(2) == 0) {
      std::swap(data.rows.back(), data.rows[rng.below(data.rows.size())]);
    }
  }
  return data;
}

template <class Op>
OpCase<Op> linear_case(const LinearShape& shape, const LinearRows& data) {
  OpCase<Op> item;
  item.name = fmt::format("{} rows x {}, {} outputs{}", shape.row_count, shape.column_count,
                          shape.output_count, shape.picked_rows ? ", picked" : "");
  item.problem = {shape.row_count,
                  shape.picked_rows ? static_cast<int64_t>(data.rows.size()) : shape.row_count,
                  shape.column_count, shape.output_count};
  return item;
}

OpCase<LinearScores> scores_case(const LinearShape& shape) {
  const LinearRows data = draw_linear(shape);
  OpCase<LinearScores> item = linear_case<LinearScores>(shape, data);
  item.place = [shape, data](CaseBuffers& buffers) {
    LinearScoresArgs args;
    args.features = buffers.input("features", data.features);
    if (shape.picked_rows) args.rows = buffers.input("rows", data.rows);
    args.parameters = buffers.input("parameters", data.parameters);
    args.scores = buffers.output<double>("scores", shape.row_count * shape.output_count);
    return args;
  };
  return item;
}

OpCase<LinearGradient> gradient_case(const LinearShape& shape) {
  const LinearRows data = draw_linear(shape);
  OpCase<LinearGradient> item = linear_case<LinearGradient>(shape, data);
  item.place = [shape, data](CaseBuffers& buffers) {
    LinearGradientArgs args;
    args.features = buffers.input("features", data.features);
    if (shape.picked_rows) args.rows = buffers.input("rows", data.rows);
    args.gradients = buffers.input("gradients", data.gradients);
    args.sums =
        buffers.host_output<double>("sums", (int64_t{shape.column_count} + 1) * shape.output_count);
    return args;
  };
  return item;
}

std::vector<LinearShape> linear_shapes() {
  std::vector<LinearShape> shapes;
  for (const bool picked : {false, true}) {
    for (const int64_t rows : {0, 1, 2, 9, 127, 129, 500}) {
      shapes.push_back({rows, 1, 1, picked});
      shapes.push_back({rows, 31, 3, picked});
      shapes.push_back({rows, 33, 1, picked});
      shapes.push_back({rows, 64, 8, picked});
    }
    shapes.push_back({70, 0, 2, picked});  // intercepts alone
    shapes.push_back({200, 127, 9, picked});
    shapes.push_back({200, 128, 20, picked});
    shapes.push_back({150, 200, 16, picked});
    // Several chunks.
    shapes.push_back({2047, 3, 2, picked});
    shapes.push_back({2049, 5, 1, picked});
    shapes.push_back({7000, 17, 7, picked});
    shapes.push_back({40'000, 2, 1, picked});
  }
  return shapes;
}

TEST(LinearScores, Agrees) {
  std::vector<OpCase<LinearScores>> cases;
  for (const LinearShape& shape : linear_shapes()) cases.push_back(scores_case(shape));
  check_op<LinearScores>(kernels::reference::linear_scores, cases);
}

TEST(LinearGradient, Agrees) {
  std::vector<OpCase<LinearGradient>> cases;
  for (const LinearShape& shape : linear_shapes()) cases.push_back(gradient_case(shape));
  check_op<LinearGradient>(kernels::reference::linear_gradient, cases);
}

}  // namespace
}  // namespace assay::conformance
