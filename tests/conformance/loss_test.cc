#include <vector>

#include "kernels/base/rng.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"

namespace assay::conformance {
namespace {

using kernels::Loss;
using kernels::LossGradients;
using kernels::LossGradientsArgs;
using kernels::LossProblem;
using kernels::LossValue;
using kernels::LossValueArgs;

struct LossData {
  std::vector<uint32_t> rows;
  std::vector<double> scores;
  std::vector<double> targets;
  std::vector<int32_t> classes;
  std::vector<float> weights;
  std::vector<int64_t> group_ends;
};

struct LossShape {
  Loss loss = Loss::kSquared;
  int64_t row_count = 0;
  int32_t output_count = 1;
  bool sampled = false;  // every third row
  bool weighted = false;
  double spread = 5;  // of the scores
  double parameter = 0;
  bool one_group = false;  // of rankings
};

std::string name_of(const LossShape& shape) {
  const char* names[] = {"squared",  "logistic", "softmax", "absolute",      "huber",
                         "quantile", "poisson",  "tweedie", "cross entropy", "lambdarank"};
  return fmt::format("{}({}) of {} rows x {}{}{}{}, spread {}", names[static_cast<int>(shape.loss)],
                     shape.parameter, shape.row_count, shape.output_count,
                     shape.sampled ? ", sampled" : "", shape.weighted ? ", weighted" : "",
                     shape.one_group ? ", one group" : "", shape.spread);
}

// Targets that the loss allows, with many that equal the score or are 0.
double target_of(const LossShape& shape, double score, Rng& rng) {
  const double drawn = shape.spread * (2 * rng.next_double() - 1);
  const uint64_t kind = rng.below(8);
  switch (shape.loss) {
    case Loss::kPoisson:
    case Loss::kTweedie:
      return kind == 0 ? 0 : (kind == 1 ? 1e-310 : std::min(std::abs(drawn), 1e100));
    case Loss::kCrossEntropy:
      return kind < 2 ? static_cast<double>(kind) : rng.next_double();
    case Loss::kSquared:
      return drawn;
    case Loss::kLambdaRank:
      return kind == 7 ? std::abs(drawn) : static_cast<double>(kind % 4);
    default:
      return kind == 0 ? score : drawn;
  }
}

LossData draw(const LossShape& shape) {
  Rng rng(11 + static_cast<uint64_t>(shape.row_count));
  LossData data;
  const auto outputs = static_cast<uint64_t>(shape.output_count);
  for (int64_t row = 0; row < shape.row_count; ++row) {
    if (row % 3 == 1) data.rows.push_back(static_cast<uint32_t>(row));
    for (uint64_t k = 0; k < outputs; ++k) {
      data.scores.push_back(shape.spread * (2 * rng.next_double() - 1));
    }
    data.targets.push_back(target_of(shape, data.scores.back(), rng));
    data.classes.push_back(
        static_cast<int32_t>(rng.below(shape.loss == Loss::kSoftmax ? outputs : 2)));
    // Scores that are equal in a group rank by place.
    if (shape.loss == Loss::kLambdaRank && rng.below(4) == 0) data.scores.back() = 0;
    data.weights.push_back(rng.below(5) == 0 ? 0.0f : static_cast<float>(rng.next_double() * 10));
  }
  if (shape.loss != Loss::kLambdaRank) return data;
  const int64_t count = shape.sampled ? static_cast<int64_t>(data.rows.size()) : shape.row_count;
  if (shape.one_group) {
    data.group_ends.push_back(count);
    return data;
  }
  for (int64_t end = 0; end < count;) {
    end = std::min(count, end + 1 + static_cast<int64_t>(rng.below(rng.below(9) == 0 ? 300 : 12)));
    data.group_ends.push_back(end);
  }
  return data;
}

LossProblem problem_of(const LossShape& shape, const LossData& data) {
  return {shape.loss,
          shape.row_count,
          shape.sampled ? static_cast<int64_t>(data.rows.size()) : shape.row_count,
          shape.output_count,
          shape.parameter,
          static_cast<int64_t>(data.group_ends.size())};
}

OpCase<LossGradients> gradients_case(const LossShape& shape) {
  const LossData data = draw(shape);
  OpCase<LossGradients> item;
  item.name = name_of(shape);
  item.problem = problem_of(shape, data);
  item.place = [shape, data](CaseBuffers& buffers) {
    const int64_t cells = shape.row_count * shape.output_count;
    LossGradientsArgs args;
    if (shape.sampled) args.rows = buffers.input("rows", data.rows);
    args.scores = buffers.input("scores", data.scores);
    args.targets = buffers.input("targets", data.targets);
    args.classes = buffers.input("classes", data.classes);
    if (shape.weighted) args.weights = buffers.input("weights", data.weights);
    args.gradients = buffers.output<float>("gradients", cells);
    args.hessians = buffers.output<float>("hessians", cells);
    args.max_abs_gradients = buffers.host_output<float>("max_abs_gradients", shape.output_count);
    args.max_hessians = buffers.host_output<float>("max_hessians", shape.output_count);
    args.group_ends = buffers.host_input("group_ends", data.group_ends);
    return args;
  };
  return item;
}

OpCase<LossValue> value_case(const LossShape& shape) {
  const LossData data = draw(shape);
  OpCase<LossValue> item;
  item.name = name_of(shape);
  item.problem = problem_of(shape, data);
  item.place = [shape, data](CaseBuffers& buffers) {
    LossValueArgs args;
    if (shape.sampled) args.rows = buffers.input("rows", data.rows);
    args.scores = buffers.input("scores", data.scores);
    args.targets = buffers.input("targets", data.targets);
    args.classes = buffers.input("classes", data.classes);
    if (shape.weighted) args.weights = buffers.input("weights", data.weights);
    args.value = buffers.host_output<double>("value", 1);
    args.group_ends = buffers.host_input("group_ends", data.group_ends);
    return args;
  };
  return item;
}

// The losses of targets, with their parameters.
std::vector<LossShape> target_losses() {
  std::vector<LossShape> all = {{.loss = Loss::kAbsolute},
                                {.loss = Loss::kHuber, .parameter = 1.25},
                                {.loss = Loss::kPoisson},
                                {.loss = Loss::kCrossEntropy}};
  for (const double cut : {0.5, 3.0, 1e9}) {
    all.push_back({.loss = Loss::kLambdaRank, .parameter = cut});
  }
  for (const double alpha : {0.1, 0.5, 0.99}) {
    all.push_back({.loss = Loss::kQuantile, .parameter = alpha});
  }
  for (const double power : {1.01, 1.5, 1.9}) {
    all.push_back({.loss = Loss::kTweedie, .parameter = power});
  }
  return all;
}

// Up to three chunks of rows with and without a list of rows and weights. Races do not depend on
// numbers.
std::vector<LossShape> thread_shapes() {
  std::vector<LossShape> all;
  for (const bool listed : {false, true}) {
    for (const int64_t rows : {0, 1, 513, 20'011}) {
      all.push_back({Loss::kSquared, rows, 1, listed, listed, 5});
      all.push_back({Loss::kLogistic, rows, 1, listed, listed, 5});
      all.push_back({Loss::kTweedie, rows, 1, listed, listed, 5, 1.5});
      all.push_back({Loss::kLambdaRank, rows, 1, listed, listed, 5, 10});
    }
    all.push_back({Loss::kSoftmax, 8193, 3, false, listed, 5});
    all.push_back({Loss::kSoftmax, 37, 509, listed, listed, 5});
  }
  return all;
}

std::vector<LossShape> shapes() {
  if (with_thread_sanitizer()) return thread_shapes();
  std::vector<LossShape> all;
  const auto add = [&](Loss loss, int64_t rows, int32_t outputs, double spread) {
    for (const bool sampled : {false, true}) {
      for (const bool weighted : {false, true}) {
        all.push_back({loss, rows, outputs, sampled, weighted, spread});
      }
    }
  };
  for (const int64_t rows : {0, 1, 2, 7, 8, 9, 511, 512, 513, 8191, 8193, 20'011}) {
    add(Loss::kSquared, rows, 1, 5);
    add(Loss::kLogistic, rows, 1, 5);
    if (rows < 10'000) add(Loss::kSoftmax, rows, 3, 5);
  }
  for (const double spread : {1e-300, 1e-8, 40.0, 800.0, 1e9, 1e308}) {
    add(Loss::kSquared, 101, 1, spread);
    add(Loss::kLogistic, 101, 1, spread);
    add(Loss::kSoftmax, 101, 5, spread);
  }
  for (LossShape shape : target_losses()) {
    for (const auto& [rows, spread] : {std::pair<int64_t, double>{0, 5},
                                       {1, 5},
                                       {9, 5},
                                       {513, 5},
                                       {8193, 5},
                                       {20'011, 5},
                                       {101, 1e-300},
                                       {101, 40},
                                       {101, 800},
                                       {101, 1e9}}) {
      for (const bool listed : {false, true}) {
        shape.row_count = rows;
        shape.spread = spread;
        shape.sampled = listed;
        shape.weighted = listed;
        all.push_back(shape);
      }
    }
  }
  for (const int32_t outputs : {2, 7, 26, 509, 5003}) add(Loss::kSoftmax, 37, outputs, 5);
  // More rows than several blocks of a GPU have.
  for (const double cut : {7.0, 1e9}) {
    all.push_back({Loss::kLambdaRank, 1201, 1, false, false, 5, cut, true});
    all.push_back({Loss::kLambdaRank, 3001, 1, true, true, 5, cut, true});
  }
  return all;
}

TEST(LossGradientsConformance, EveryImplementationMatchesTheReference) {
  std::vector<OpCase<LossGradients>> cases;
  for (const LossShape& shape : shapes()) cases.push_back(gradients_case(shape));
  check_op<LossGradients>(kernels::reference::loss_gradients, cases);
}

TEST(LossValueConformance, EveryImplementationMatchesTheReference) {
  std::vector<OpCase<LossValue>> cases;
  for (const LossShape& shape : shapes()) cases.push_back(value_case(shape));
  check_op<LossValue>(kernels::reference::loss_value, cases);
}

}  // namespace
}  // namespace assay::conformance
