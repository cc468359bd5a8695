// golden/model_v1.assay is a model file of format version 1 as it was written when that format was
// made. Every later program reads it and predicts these values. It is never written again; a new
// format gets a file of its own, which WriterGivesTheNewestFile leaves in the folder of temporary
// files when it fails.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "automl/models/average_model.h"
#include "automl/models/constant_model.h"
#include "automl/models/linear_model.h"
#include "automl/models/tree_model.h"
#include "automl/preprocess/predictor.h"
#include "kernels/base/hash.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

const char* const kPath = ASSAY_SOURCE_DIR "/tests/automl/golden/model_v1.assay";

std::shared_ptr<const datasets::Table> golden_table() {
  std::vector<datasets::Column> columns(2);
  columns[0].name = "x";
  columns[0].numbers = {1, 2, 3, 4};
  columns[1].name = "colour";
  columns[1].type = datasets::ColumnType::kCategorical;
  columns[1].levels = {"blue", "green", "red"};
  columns[1].codes = {2, 4, 0, 3};
  columns[1].missing_count = 1;
  return must(datasets::Table::make(std::move(columns), "golden", ""));
}

// Half of it two trees: +1 for red (bin 4), else -1; +0.5 where x <= 2, else -0.5. A quarter logit
// 0.25 + 2 * (colour is green). A quarter the shares 0.9 and 0.1.
std::shared_ptr<const Model> golden_model() {
  kernels::Tree colour;
  colour.nodes.resize(3);
  colour.nodes[0].feature = 1;
  colour.nodes[0].left = 1;
  colour.nodes[0].category_set = 0;
  colour.nodes[2].left = 1;
  colour.category_sets.resize(1);
  colour.category_sets[0].insert(4);
  colour.leaf_values = {1, -1};
  colour.gains = {3, 0, 0};
  colour.covers = {4, 1, 3};
  kernels::Tree x = colour;
  x.nodes[0] = {};
  x.nodes[0].feature = 0;
  x.nodes[0].left = 1;
  x.nodes[0].threshold = 2;
  x.nodes[0].missing_left = 1;
  x.category_sets.clear();
  x.leaf_values = {0.5, -0.5};
  TreeModel::Parts trees;
  trees.forest.append(colour);
  trees.forest.append(x);
  trees.base_scores = {0};
  trees.link = Link::kLogistic;
  trees.feature_count = 2;
  LinearModel::Parts linear;
  linear.coefficients = {0, 0, 2, 0, 0};  // x, blue, green, red, missing
  linear.intercepts = {0.25};
  linear.features = {0, 1, 1, 1, 1};
  linear.link = Link::kLogistic;
  linear.feature_count = 2;
  return must(AverageModel::make(
      {must(TreeModel::make(std::move(trees))), must(LinearModel::make(std::move(linear))),
       must(ConstantModel::make({0.9, 0.1}, 2))},
      {0.5, 0.25, 0.25}));
}

std::string golden_bytes() {
  std::ifstream file(kPath, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ModelGolden, WriterGivesTheNewestFile) {
  const Cpu cpu;
  Predictor::Parts parts;
  parts.task = Task::kBinary;
  parts.target = "bought";
  parts.labels = {"no", "yes"};
  parts.encoder =
      std::make_shared<FeatureEncoder>(must(FeatureEncoder::fit(golden_table(), {}, cpu.context)));
  parts.model = golden_model();
  parts.notes = {{"metric", std::string("log_loss")}};
  const std::string bytes = must(must(Predictor::make(std::move(parts))).to_bytes());
  if (bytes == golden_bytes()) return;
  const std::string path = testing::TempDir() + "model_new.assay";
  std::ofstream(path, std::ios::binary) << bytes;
  FAIL() << "the bytes differ from " << kPath << "; the new ones are in " << path;
}

TEST(ModelGolden, VersionOneStaysReadable) {
  const Predictor predictor = must(Predictor::from_bytes(golden_bytes(), kPath));
  EXPECT_EQ(predictor.task(), Task::kBinary);
  EXPECT_EQ(predictor.target(), "bought");
  EXPECT_THAT(predictor.labels(), testing::ElementsAre("no", "yes"));
  EXPECT_EQ(predictor.notes(), (ParamMap{{"metric", std::string("log_loss")}}));
  ASSERT_EQ(predictor.encoder().columns().size(), 2u);
  EXPECT_EQ(predictor.encoder().columns()[1].name, "colour");
  EXPECT_THAT(predictor.encoder().columns()[1].levels,
              testing::ElementsAre("blue", "green", "red"));
  const Cpu cpu;
  const std::vector<float> out = must(predictor.predict(golden_table(), cpu.context));
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto expected = [&](double tree, double linear) {
    return 0.5 * sigmoid(tree) + 0.25 * sigmoid(linear) + 0.25 * 0.1;
  };
  ASSERT_EQ(out.size(), 8u);
  EXPECT_NEAR(out[1], expected(-0.5, 0.25), 1e-6);
  EXPECT_NEAR(out[3], expected(1.5, 0.25), 1e-6);
  EXPECT_NEAR(out[5], expected(-1.5, 0.25), 1e-6);
  EXPECT_NEAR(out[7], expected(-1.5, 2.25), 1e-6);
  EXPECT_NEAR(out[6], 1 - expected(-1.5, 2.25), 1e-6);
}

TEST(ModelGolden, IsWrittenBackByteForByte) {
  const Predictor predictor = must(Predictor::from_bytes(golden_bytes(), kPath));
  EXPECT_TRUE(must(predictor.to_bytes()) == golden_bytes());
}

// Any byte of a tensor may be wrong in a file with a right hash; then reading fails, or prediction
// runs without harm.
TEST(ModelGolden, DamageWithARightHashIsNeverUndefined) {
  const std::string golden = golden_bytes();
  const Cpu cpu;
  int read = 0;
  for (size_t i = 24; i + 64 < golden.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string bytes = golden.substr(0, golden.size() - 64);
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      bytes += sha256_hex(bytes);
      const auto predictor = Predictor::from_bytes(std::move(bytes), "damaged");
      if (!predictor) {
        EXPECT_EQ(predictor.error().code, StatusCode::kData);
        continue;
      }
      ++read;
      const auto out = predictor->predict(golden_table(), cpu.context);
      EXPECT_TRUE(!out || out->size() == 4 * static_cast<size_t>(predictor->output_count()));
    }
  }
  EXPECT_GT(read, 100) << "the test has found nothing to try";
}

}  // namespace
}  // namespace assay::automl
