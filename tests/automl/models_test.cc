#include "automl/models/model.h"

#include <gmock/gmock.h>

#include <limits>

#include "automl/models/average_model.h"
#include "automl/models/calibrated_model.h"
#include "automl/models/constant_model.h"
#include "automl/models/linear_model.h"
#include "automl/models/stacked_model.h"
#include "automl/models/tree_model.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Feature 0 is numeric with values 1, 2, 3, 4 in bins 1..4; the dense column is
// (x - 2.5) / sqrt(1.25).
std::unique_ptr<Problem> four_rows() {
  std::vector<datasets::Column> columns(1);
  columns[0].name = "x";
  columns[0].numbers = {1, 2, 3, 4};
  return encode_problem(std::move(columns));
}

// Bins 1..2 go left to `low`, others right to `high`.
kernels::Tree stump(float low, float high) {
  kernels::Tree tree;
  tree.nodes.resize(3);
  tree.nodes[0].feature = 0;
  tree.nodes[0].left = 1;
  tree.nodes[0].threshold = 2;
  tree.nodes[2].left = 1;
  tree.leaf_values = {low, high};
  tree.gains = {5, 0, 0};
  tree.covers = {4, 2, 2};
  return tree;
}

TreeModel::Parts stumps(const std::vector<kernels::Tree>& trees) {
  TreeModel::Parts parts;
  for (const kernels::Tree& tree : trees) parts.forest.append(tree);
  parts.base_scores = {0.5};
  parts.feature_count = 1;
  return parts;
}

std::vector<float> all(const Model& model, const Problem& problem) {
  const Cpu cpu;
  std::vector<float> out(static_cast<size_t>(problem.features->row_count()) *
                         static_cast<size_t>(model.output_count()));
  const Status status = model.predict_all(*problem.features, cpu.context, out);
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

TEST(TreeModel, AddsLeavesToTheBase) {
  const auto problem = four_rows();
  TreeModel::Parts parts = stumps({stump(1, 2), stump(10, 20)});
  parts.target = {100, 2};
  const auto model = must(TreeModel::make(std::move(parts)));
  EXPECT_THAT(all(*model, *problem), ElementsAre(123, 123, 145, 145));
  EXPECT_THAT(model->feature_importance(), ElementsAre(1));
}

TEST(TreeModel, AveragesAForest) {
  const auto problem = four_rows();
  TreeModel::Parts parts = stumps({stump(1, 2), stump(10, 20)});
  parts.base_scores = {0};
  parts.average = true;
  const auto model = must(TreeModel::make(std::move(parts)));
  EXPECT_THAT(all(*model, *problem), ElementsAre(5.5f, 5.5f, 11, 11));
}

TEST(TreeModel, LogisticGivesTwoProbabilities) {
  const auto problem = four_rows();
  TreeModel::Parts parts = stumps({stump(-0.5f, 1)});
  parts.link = Link::kLogistic;
  const auto model = must(TreeModel::make(std::move(parts)));
  const std::vector<float> out = all(*model, *problem);
  EXPECT_FLOAT_EQ(out[1], 0.5f);
  EXPECT_FLOAT_EQ(out[5], static_cast<float>(1 / (1 + std::exp(-1.5))));
  EXPECT_FLOAT_EQ(out[4], static_cast<float>(1 - 1 / (1 + std::exp(-1.5))));
}

TEST(TreeModel, RefusesPartsThatDoNotFit) {
  const auto code_of = [](TreeModel::Parts parts) {
    const auto model = TreeModel::make(std::move(parts));
    return model ? std::string("made") : std::string(name_of(model.error().code));
  };
  EXPECT_EQ(code_of(stumps({stump(1, 2)})), "made");
  TreeModel::Parts no_base = stumps({stump(1, 2)});
  no_base.base_scores.clear();
  EXPECT_EQ(code_of(std::move(no_base)), "invalid_argument");
  TreeModel::Parts none = stumps({});
  none.average = true;
  EXPECT_EQ(code_of(std::move(none)), "invalid_argument");
  TreeModel::Parts softmax = stumps({stump(1, 2)});
  softmax.link = Link::kSoftmax;
  EXPECT_EQ(code_of(std::move(softmax)), "invalid_argument");
  TreeModel::Parts beyond = stumps({stump(1, 2)});
  beyond.feature_count = 0;
  EXPECT_EQ(code_of(std::move(beyond)), "data");
  TreeModel::Parts infinite = stumps({stump(1, 2)});
  infinite.base_scores = {std::numeric_limits<double>::infinity()};
  EXPECT_EQ(code_of(std::move(infinite)), "invalid_argument");
}

TEST(LinearModel, MultipliesDenseRows) {
  const auto problem = four_rows();
  LinearModel::Parts parts;
  parts.coefficients = {std::sqrt(1.25)};  // of the scaled column: 1 of the raw one
  parts.intercepts = {2.5};
  parts.features = {0};
  parts.feature_count = 1;
  parts.target = {10, 2};
  const auto model = must(LinearModel::make(parts));
  const std::vector<float> out = all(*model, *problem);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(out[i], 10 + 2 * static_cast<double>(i + 1), 1e-5);
  }
  parts.features = {1};
  EXPECT_FALSE(LinearModel::make(parts));
  parts.features = {0};
  parts.coefficients = {std::nan("")};
  EXPECT_FALSE(LinearModel::make(parts));
}

TEST(ConstantModel, RepeatsItsOutputs) {
  const auto problem = four_rows();
  const auto model = must(ConstantModel::make({0.25, 0.75}, 1));
  EXPECT_THAT(all(*model, *problem),
              ElementsAre(0.25f, 0.75f, 0.25f, 0.75f, 0.25f, 0.75f, 0.25f, 0.75f));
  EXPECT_FALSE(ConstantModel::make({}, 1));
  const auto huge = must(ConstantModel::make({1e308}, 1));
  EXPECT_EQ(all(*huge, *problem)[0], std::numeric_limits<float>::max());
}

TEST(AverageModel, WeighsItsMembers) {
  const auto problem = four_rows();
  const std::shared_ptr<const Model> one = must(ConstantModel::make({8}, 1));
  const std::shared_ptr<const Model> two = must(TreeModel::make(stumps({stump(1.5f, 3.5f)})));
  const std::shared_ptr<const Model> unused = must(ConstantModel::make({1e6}, 1));
  const auto model = must(AverageModel::make({one, two, unused}, {1, 3, 0}));
  EXPECT_THAT(all(*model, *problem), ElementsAre(3.5f, 3.5f, 5, 5));
  EXPECT_EQ(dynamic_cast<const AverageModel&>(*model).members().size(), 2u);
  EXPECT_THAT(model->feature_importance(), ElementsAre(1));
}

TEST(AverageModel, RefusesMembersThatDoNotFit) {
  const std::shared_ptr<const Model> one = must(ConstantModel::make({8}, 1));
  const std::shared_ptr<const Model> two = must(ConstantModel::make({0.5, 0.5}, 1));
  const std::shared_ptr<const Model> three = must(ConstantModel::make({8}, 2));
  EXPECT_FALSE(AverageModel::make({}));
  EXPECT_FALSE(AverageModel::make({one, two}));
  EXPECT_FALSE(AverageModel::make({one, three}));
  EXPECT_FALSE(AverageModel::make({one}, {0}));
  EXPECT_FALSE(AverageModel::make({one}, {-1}));
  EXPECT_FALSE(AverageModel::make({one}, {std::nan("")}));
  EXPECT_FALSE(AverageModel::make({one}, {1, 1}));
}

TEST(Model, ChecksWhatItIsAskedToPredict) {
  const auto problem = four_rows();
  const Cpu cpu;
  const auto model = must(TreeModel::make(stumps({stump(1, 2)})));
  std::vector<float> out(2);
  const std::vector<uint32_t> rows = {3, 0};
  EXPECT_TRUE(model->predict(*problem->features, rows, cpu.context, out));
  EXPECT_THAT(out, ElementsAre(2.5f, 1.5f));
  const std::vector<uint32_t> beyond = {0, 4};
  EXPECT_FALSE(model->predict(*problem->features, beyond, cpu.context, out));
  EXPECT_FALSE(model->predict(*problem->features, std::span(rows).first(1), cpu.context, out));
  EXPECT_TRUE(model->predict(*problem->features, {}, cpu.context, {}));
  const auto other = must(ConstantModel::make({1}, 5));
  EXPECT_FALSE(other->predict(*problem->features, rows, cpu.context, out));
}

TEST(LoadModel, GivesBackNestedAverages) {
  const auto problem = four_rows();
  const std::shared_ptr<const Model> tree = must(TreeModel::make(stumps({stump(1, 2)})));
  const std::shared_ptr<const Model> constant = must(ConstantModel::make({0.1}, 1));
  const std::shared_ptr<const Model> folds = must(AverageModel::make({tree, constant, constant}));
  const auto model = must(AverageModel::make({folds, constant}, {0.7, 0.3}));
  const std::string bytes = model_bytes(*model);
  const auto loaded = must(load_model(must(ModelReader::open(bytes, "m"))));
  EXPECT_EQ(all(*loaded, *problem), all(*model, *problem));
  EXPECT_EQ(model_bytes(*loaded), bytes);
}

TEST(LoadModel, RefusesWhatItDoesNotKnow) {
  ModelWriter unknown;
  unknown.put_text("kind", "oracle");
  const auto model = load_model(must(ModelReader::open(must(unknown.finish()), "m")));
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("unknown kind of model 'oracle'"));
  std::shared_ptr<const Model> nested = must(ConstantModel::make({1}, 1));
  for (int i = 0; i < 6; ++i) nested = must(AverageModel::make({nested}));
  const auto deep = load_model(must(ModelReader::open(model_bytes(*nested), "m")));
  ASSERT_FALSE(deep);
  EXPECT_THAT(deep.error().message, HasSubstr("nested too deep"));
}

TEST(CalibratedModel, TakesThePowerOfAnothersProbabilities) {
  const auto problem = four_rows();
  TreeModel::Parts parts = stumps({stump(-0.5f, 1)});
  parts.link = Link::kLogistic;
  const std::shared_ptr<const Model> plain = must(TreeModel::make(std::move(parts)));
  const std::shared_ptr<const Model> sharp = must(CalibratedModel::make(plain, 2));
  const std::vector<float> before = all(*plain, *problem);
  const std::vector<float> after = all(*sharp, *problem);
  for (size_t row = 0; row < 4; ++row) {
    const double p = static_cast<double>(before[2 * row + 1]);
    EXPECT_NEAR(after[2 * row + 1], p * p / (p * p + (1 - p) * (1 - p)), 1e-6);
    EXPECT_NEAR(after[2 * row] + after[2 * row + 1], 1, 1e-6);
  }
  // Saved and read again.
  const auto loaded = must(load_model(must(ModelReader::open(model_bytes(*sharp), "t"))));
  EXPECT_EQ(loaded->kind(), "calibrated");
  EXPECT_EQ(all(*loaded, *problem), after);
  EXPECT_EQ(model_bytes(*loaded), model_bytes(*sharp));
  // Contributions sum to what is predicted, and those to scores are twice the others'.
  const Cpu cpu;
  const std::vector<uint32_t> rows = {0, 1, 2, 3};
  std::vector<double> shares(4 * 2 * 2);
  ASSERT_TRUE(
      sharp->explain(*problem->features, rows, cpu.context, ExplainedScale::kPredictions, shares));
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(shares[2 * i] + shares[2 * i + 1], static_cast<double>(after[i]), 1e-6);
  }
  std::vector<double> own(4 * 2);
  std::vector<double> doubled(4 * 2);
  ASSERT_TRUE(plain->explain(*problem->features, rows, cpu.context, ExplainedScale::kScores, own));
  ASSERT_TRUE(
      sharp->explain(*problem->features, rows, cpu.context, ExplainedScale::kScores, doubled));
  for (size_t i = 0; i < own.size(); ++i) EXPECT_DOUBLE_EQ(doubled[i], 2 * own[i]);
  EXPECT_FALSE(CalibratedModel::make(plain, 0));
  EXPECT_FALSE(CalibratedModel::make(must(TreeModel::make(stumps({stump(1, 2)}))), 2));
}

std::shared_ptr<const Model> logistic_stump(float low, float high) {
  TreeModel::Parts parts = stumps({stump(low, high)});
  parts.link = Link::kLogistic;
  return must(TreeModel::make(std::move(parts)));
}

// Of every row and output the contributions sum to what is predicted.
void expect_explained(const Model& model, const Problem& problem) {
  const Cpu cpu;
  const std::vector<uint32_t> rows = {0, 1, 2, 3};
  const std::vector<float> predicted = all(model, problem);
  std::vector<double> shares(predicted.size() * 2);
  const Status explained =
      model.explain(*problem.features, rows, cpu.context, ExplainedScale::kPredictions, shares);
  ASSERT_TRUE(explained) << explained.error().message;
  for (size_t i = 0; i < predicted.size(); ++i) {
    EXPECT_NEAR(shares[2 * i] + shares[2 * i + 1], static_cast<double>(predicted[i]), 1e-6);
  }
}

std::unique_ptr<Model> reloaded(const Model& model) {
  auto loaded = must(load_model(must(ModelReader::open(model_bytes(model), "t"))));
  EXPECT_EQ(loaded->kind(), model.kind());
  EXPECT_EQ(model_bytes(*loaded), model_bytes(model));
  return loaded;
}

TEST(CalibratedModel, ShiftsLogOdds) {
  const auto problem = four_rows();
  const auto plain = logistic_stump(-0.5f, 1);  // log-odds 0 and 1.5
  Calibrator calibrator;
  calibrator.kind = Calibrator::Kind::kSigmoid;
  calibrator.power = 2;
  calibrator.shifts = {0, -1};
  const auto model = must(CalibratedModel::make(plain, calibrator));
  const std::vector<float> out = all(*model, *problem);
  EXPECT_NEAR(out[1], 1 / (1 + std::exp(1.0)), 1e-6);
  EXPECT_NEAR(out[5], 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_EQ(all(*reloaded(*model), *problem), out);
  expect_explained(*model, *problem);
  // Scores sum to the log-odds.
  const Cpu cpu;
  const std::vector<uint32_t> rows = {0, 2};
  std::vector<double> scores(2 * 2);
  ASSERT_TRUE(
      model->explain(*problem->features, rows, cpu.context, ExplainedScale::kScores, scores));
  EXPECT_NEAR(scores[0] + scores[1], -1, 1e-6);
  EXPECT_NEAR(scores[2] + scores[3], 2, 1e-6);
}

TEST(CalibratedModel, FollowsACurve) {
  const auto problem = four_rows();
  const auto plain = logistic_stump(-0.5f, 1);  // probabilities 0.5 and 0.818
  Calibrator calibrator;
  calibrator.kind = Calibrator::Kind::kIsotonic;
  calibrator.curves = {{{0.4, 0.6, 0.7}, {0.1, 0.3, 0.9}}};
  const auto model = must(CalibratedModel::make(plain, calibrator));
  const std::vector<float> out = all(*model, *problem);
  EXPECT_NEAR(out[1], 0.2, 1e-6);
  EXPECT_NEAR(out[0], 0.8, 1e-6);
  EXPECT_NEAR(out[5], 0.9, 1e-6);
  EXPECT_EQ(all(*reloaded(*model), *problem), out);
  expect_explained(*model, *problem);
  EXPECT_FALSE(model->score_link());
}

TEST(CalibratedModel, RefusesCalibratorsThatDoNotFit) {
  const auto plain = logistic_stump(-0.5f, 1);
  Calibrator shifts;
  shifts.kind = Calibrator::Kind::kSigmoid;
  EXPECT_FALSE(CalibratedModel::make(plain, shifts)) << "no shifts";
  shifts.shifts = {0, std::nan("")};
  EXPECT_FALSE(CalibratedModel::make(plain, shifts));
  shifts.shifts = {0, 1};
  EXPECT_TRUE(CalibratedModel::make(plain, shifts));
  const auto code_of = [&](Calibrator::Curve curve) {
    Calibrator calibrator;
    calibrator.kind = Calibrator::Kind::kIsotonic;
    calibrator.curves = {std::move(curve)};
    return CalibratedModel::make(plain, std::move(calibrator)).has_value();
  };
  EXPECT_TRUE(code_of({{0.5}, {0.5}}));
  EXPECT_FALSE(code_of({{}, {}}));
  EXPECT_FALSE(code_of({{0.5, 0.5}, {0.1, 0.2}})) << "one place";
  EXPECT_FALSE(code_of({{0.4, 0.5}, {0.2, 0.1}})) << "falls";
  EXPECT_FALSE(code_of({{0.4}, {1.1}}));
  EXPECT_FALSE(code_of({{std::nan("")}, {0.5}}));
}

TEST(StackedModel, AddsLogOdds) {
  const auto problem = four_rows();
  const auto one = logistic_stump(-0.5f, 1);     // log-odds 0 and 1.5
  const auto two = logistic_stump(0.5f, -1.5f);  // 1 and -1
  const auto unused = logistic_stump(9, 9);
  const auto model = must(StackedModel::make({{one, two, unused}, {0.8, 0.5, 0}, 0}));
  const std::vector<float> out = all(*model, *problem);
  EXPECT_NEAR(out[1], 1 / (1 + std::exp(-0.5)), 1e-6);
  EXPECT_NEAR(out[5], 1 / (1 + std::exp(-(0.8 * 1.5 - 0.5))), 1e-6);
  EXPECT_EQ(all(*reloaded(*model), *problem), out);
  expect_explained(*model, *problem);
  EXPECT_THAT(model->feature_importance(), ElementsAre(1));
  const Cpu cpu;
  const std::vector<uint32_t> rows = {2};
  std::vector<double> scores(2);
  ASSERT_TRUE(
      model->explain(*problem->features, rows, cpu.context, ExplainedScale::kScores, scores));
  EXPECT_NEAR(scores[0] + scores[1], 0.7, 1e-6);
  // A calibrated stack of averages nests as deep as models do.
  const auto deep = must(CalibratedModel::make(
      must(StackedModel::make({{must(AverageModel::make({one, two}))}, {1.5}, 0})), 2));
  EXPECT_EQ(all(*reloaded(*deep), *problem), all(*deep, *problem));
}

TEST(StackedModel, AddsValuesInAnyFrame) {
  const auto problem = four_rows();
  const std::shared_ptr<const Model> one = must(TreeModel::make(stumps({stump(1.5f, 3.5f)})));
  const std::shared_ptr<const Model> two = must(ConstantModel::make({10}, 1));
  const auto model = must(StackedModel::make({{one, two}, {2, 0.5}, -3}));
  EXPECT_THAT(all(*model, *problem), ElementsAre(6, 6, 10, 10));
  EXPECT_EQ(all(*reloaded(*model), *problem), all(*model, *problem));
  expect_explained(*model, *problem);
  const Cpu cpu;
  std::vector<float> numbers(4);
  const TargetScale frame{1000, 4};
  ASSERT_TRUE(model->predict_all(*problem->features, cpu.context, numbers, frame));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(frame.value(static_cast<double>(numbers[i])), i < 2 ? 6 : 10, 1e-3);
  }
}

TEST(StackedModel, RefusesMembersThatDoNotFit) {
  const std::shared_ptr<const Model> one = must(ConstantModel::make({8}, 1));
  const std::shared_ptr<const Model> two = must(ConstantModel::make({0.5, 0.5}, 1));
  EXPECT_FALSE(StackedModel::make({{}, {}, 0}));
  EXPECT_FALSE(StackedModel::make({{one}, {0}, 0}));
  EXPECT_FALSE(StackedModel::make({{one}, {-1}, 0}));
  EXPECT_FALSE(StackedModel::make({{one}, {std::nan("")}, 0}));
  EXPECT_FALSE(StackedModel::make({{one}, {1, 1}, 0}));
  EXPECT_FALSE(StackedModel::make({{one, two}, {1, 1}, 0}));
  EXPECT_FALSE(StackedModel::make({{two}, {1}, 0.5})) << "a constant of classes";
  EXPECT_FALSE(StackedModel::make({{one}, {1}, std::nan("")}));
}

}  // namespace
}  // namespace assay::automl
