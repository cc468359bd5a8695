#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "automl/models/average_model.h"
#include "automl/models/constant_model.h"
#include "automl/models/tree_model.h"
#include "automl/preprocess/input_contract.h"
#include "automl/preprocess/predictor.h"
#include "kernels/base/rng.h"
#include "kernels/gemm.h"
#include "tests/automl/preprocess_tables.h"

namespace assay::automl {
namespace {

using datasets::Column;
using datasets::ColumnType;
using testing::ElementsAre;
using testing::HasSubstr;

std::string encode_error(const FeatureEncoder& encoder, std::vector<Column> columns) {
  const auto encoded = encoder.encode(table_of(std::move(columns)));
  if (encoded) return "encoded";
  EXPECT_EQ(encoded.error().code, StatusCode::kData);
  return encoded.error().message;
}

TEST(FeatureEncoder, ChoosesColumnsAndSaysWhyNot) {
  const auto table =
      table_of({numbers("age", {20, 30, 40}), numbers("same", {1, 1, 1}),
                numbers("gone", {kNaN, kNaN, kNaN}),
                texts("id", {"a", "b", "c"}, {2, 3, 4}, ColumnType::kText), numbers("y", {1, 2, 3}),
                numbers("rare", {5, kNaN, 5}), texts("one", {"x"}, {2, 2, 2})});
  const FeatureEncoder encoder = fit(table, {"y"});
  std::vector<std::string> names;
  for (const InputColumn& column : encoder.columns()) names.push_back(column.name);
  EXPECT_THAT(names, ElementsAre("age", "rare"));
  std::vector<std::string> reasons;
  for (const DroppedColumn& column : encoder.dropped()) {
    reasons.push_back(column.name + ": " + column.reason);
  }
  EXPECT_THAT(reasons,
              ElementsAre("same: constant", "gone: all values are missing",
                          "id: identifiers: 3 distinct values in 3 rows, hardly a word in common",
                          "one: constant"));
}

TEST(FeatureEncoder, FailsWithoutAFeature) {
  const Cpu cpu;
  const auto encoder = FeatureEncoder::fit(table_of({numbers("same", {1, 1})}), {}, cpu.context);
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().code, StatusCode::kData);
  EXPECT_THAT(encoder.error().message, HasSubstr("'same' (constant)"));
  const auto empty = FeatureEncoder::fit(table_of({numbers("x", {})}), {}, cpu.context);
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("no rows"));
  EncoderOptions options;
  options.exclude = {"yy"};
  const auto unknown = FeatureEncoder::fit(small_table(), options, cpu.context);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("no column 'yy'"));
}

TEST(FeatureEncoder, BinsKeepMissingAndUnseenApart) {
  const FeatureEncoder encoder = fit(small_table(), {"y"});
  const auto train = must(encoder.encode(small_table()));
  EXPECT_THAT(bin_column(*train, 0), ElementsAre(1, 0, 2, 3));
  EXPECT_THAT(bin_column(*train, 1), ElementsAre(1, 2, 2, 0));
  EXPECT_THAT(bin_column(*train, 2), ElementsAre(2, 3, 0, 3));
  // Another order of columns, other levels, no target.
  const auto test = must(encoder.encode(
      table_of({texts("city", {"Oslo", "Rome"}, {2, 3, 0}), numbers("extra", {0, 0, 0}),
                numbers("member", {1, 0, kNaN}, ColumnType::kBoolean),
                numbers("age", {-1e308, 31, 1e308})})));
  EXPECT_THAT(bin_column(*test, 0), ElementsAre(1, 2, 3));
  EXPECT_THAT(bin_column(*test, 1), ElementsAre(2, 1, 0));
  EXPECT_THAT(bin_column(*test, 2), ElementsAre(1, 3, 0));
}

TEST(FeatureEncoder, DenseFormIsScaledImputedAndOneHot) {
  const FeatureEncoder encoder = fit(small_table(), {"y"});
  const auto train = must(encoder.encode(small_table()));
  // age: mean 40, deviation sqrt(800 / 3); then its missing column. member: mean 2/3, deviation
  // sqrt(2)/3, missing. city: Bern, Rome, missing.
  const float age = static_cast<float>(20 / std::sqrt(800.0 / 3));
  const float no = static_cast<float>(-2 / std::sqrt(2.0));
  const float yes = static_cast<float>(1 / std::sqrt(2.0));
  EXPECT_EQ(encoder.dense_column_count(), 7);
  EXPECT_THAT(train->dense_features(), ElementsAre(0, 0, 1, 1, 2, 2, 2));
  const auto row = [&](int64_t index) { return dense_row(*train, index); };
  const auto near = [](const std::vector<float>& values) {
    return testing::Pointwise(testing::FloatNear(1e-6f), values);
  };
  EXPECT_THAT(row(0), near({-age, 0, no, 0, 1, 0, 0}));
  EXPECT_THAT(row(1), near({0, 1, yes, 0, 0, 1, 0}));
  EXPECT_THAT(row(2), near({0, 0, yes, 0, 0, 0, 1}));
  EXPECT_THAT(row(3), near({age, 0, 0, 1, 0, 1, 0}));
}

TEST(FeatureEncoder, DenseValuesAreFiniteWhateverTheTableHolds) {
  const double most = std::numeric_limits<double>::max();
  const auto table =
      table_of({numbers("huge", {-most, most, 1, 2}), numbers("tiny", {5e-324, 0, 0, 1e-323}),
                numbers("nearly", {1e300, 1e300 * (1 + 1e-15), 1e300, 1e300})});
  const FeatureEncoder encoder = fit(table);
  const auto encoded = must(encoder.encode(table));
  for (int64_t row = 0; row < 4; ++row) {
    for (const float value : dense_row(*encoded, row)) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(FeatureEncoder, OneWildValueDoesNotBlindTheScale) {
  std::vector<double> values;
  for (int i = 0; i < 5000; ++i) values.push_back(i % 100);
  values[17] = 1e300;
  const auto table = table_of({numbers("x", values)});
  const FeatureEncoder encoder = fit(table);
  const auto encoded = must(encoder.encode(table));
  const float spread = dense_row(*encoded, 99)[0] - dense_row(*encoded, 0)[0];
  EXPECT_NEAR(spread, std::sqrt(12.0), 0.2);  // of a uniform distribution
}

TEST(DenseEncoder, ClipsOneRangeBeyondTheOuterThousandths) {
  const Cpu cpu;
  Rng rng(5);
  for (const size_t rows : {1, 2, 999, 1000, 1001, 1002, 2001, 2500, 30'000}) {
    std::vector<double> values;
    std::vector<double> sorted;
    for (size_t row = 0; row < rows; ++row) {
      const bool far = rng.below(700) == 0;
      values.push_back(std::floor(rng.next_double() * 900) / 8 * (far ? 1000 : 1));
      sorted.push_back(values.back());
      if (rng.below(5) == 0) values.push_back(std::numeric_limits<double>::quiet_NaN());
    }
    std::sort(sorted.begin(), sorted.end());
    const auto last = static_cast<double>(rows - 1);
    double low = sorted[static_cast<size_t>(std::floor(0.001 * last))];
    double high = sorted[static_cast<size_t>(std::ceil(0.999 * last))];
    const datasets::NumberColumn narrow(values);
    for (const datasets::NumberView& numbers : {datasets::NumberView(values), narrow.view()}) {
      const datasets::FeatureColumn column{.numbers = numbers};
      const auto encoder = must(DenseEncoder::fit(std::span(&column, 1), {}, cpu.context));
      EXPECT_EQ(encoder.rules()[0].low, low - (high - low)) << rows;
      EXPECT_EQ(encoder.rules()[0].high, high + (high - low)) << rows;
    }
  }
}

TEST(FeatureEncoder, RareLevelsShareAColumnAndABin) {
  // 400 levels; level k occurs 1 + (k < 300) times.
  std::vector<std::string> levels;
  std::vector<int32_t> codes;
  for (int k = 0; k < 400; ++k) {
    levels.push_back(fmt::format("{:03}", k));
    for (int i = 0; i < 1 + (k < 300 ? 1 : 0); ++i) codes.push_back(k + 2);
  }
  const auto table = table_of({texts("c", levels, codes)});
  const FeatureEncoder encoder = fit(table);
  const auto encoded = must(encoder.encode(table));
  const std::vector<uint8_t> bins = bin_column(*encoded, 0);
  std::set<uint8_t> distinct(bins.begin(), bins.end());
  EXPECT_EQ(distinct.size(), 254u);  // 253 levels and the rest
  EXPECT_EQ(bins[0], 2);
  EXPECT_EQ(bins[2 * 252], 254);
  EXPECT_EQ(bins[2 * 253], kernels::kUnseenBin);
  EXPECT_EQ(bins.back(), kernels::kUnseenBin);
  EXPECT_EQ(encoder.dense_column_count(), kMaxOneHotLevels + 1 + 1) << "their counts are one more";
  EXPECT_EQ(dense_row(*encoded, 0)[0], 1);
  EXPECT_EQ(dense_row(*encoded, 699)[kMaxOneHotLevels], 1);
}

TEST(FeatureEncoder, BoundsTheWidthOfManyCategories) {
  std::vector<Column> columns;
  std::vector<std::string> levels;
  std::vector<int32_t> codes;
  for (int k = 0; k < 60; ++k) {
    levels.push_back(fmt::format("{:02}", k));
    codes.push_back(k + 2);
  }
  for (int c = 0; c < 300; ++c) columns.push_back(texts(fmt::format("c{}", c), levels, codes));
  const Cpu cpu;
  EncoderOptions options;
  options.drop_duplicates = false;
  const auto table = table_of(std::move(columns));
  const FeatureEncoder encoder = must(FeatureEncoder::fit(table, options, cpu.context));
  EXPECT_LE(encoder.dense_column_count(), kMaxDenseColumns);
  EXPECT_GT(encoder.dense_column_count(), kMaxDenseColumns / 2);
  EXPECT_EQ(encoder.dense_bytes(1000), 4000 * encoder.dense_column_count());
}

TEST(FeatureEncoder, NamesWhatBreaksTheContract) {
  const FeatureEncoder encoder = fit(small_table(), {"y"});
  const Column member = numbers("member", {0}, ColumnType::kBoolean);
  const Column city = texts("city", {"Rome"}, {2});
  EXPECT_EQ(encode_error(encoder, {numbers("agee", {1}), member, city}),
            "t.csv: no column 'age' (did you mean 'agee'?)");
  EXPECT_EQ(encode_error(encoder, {texts("age", {"old", "33"}, {3, 2}),
                                   numbers("member", {0, 1}, ColumnType::kBoolean),
                                   texts("city", {"Rome"}, {2, 2})}),
            "t.csv: column 'age', row 2: 'old' is no numeric value");
  EXPECT_EQ(encode_error(encoder, {numbers("age", {1}), numbers("member", {2}), city}),
            "t.csv: column 'member', row 1: '2' is no boolean value");
  EXPECT_EQ(encode_error(encoder, {numbers("age", {1}, ColumnType::kDatetime), member, city}),
            "t.csv: column 'age', row 1: '1' is no numeric value");
}

TEST(FeatureEncoder, ReadsValuesThatWereTypedOtherwise) {
  const FeatureEncoder encoder = fit(small_table(), {"y"});
  // Strings that are numbers, one spelling of a boolean, a category of numbers, all missing.
  const auto encoded = must(
      encoder.encode(table_of({texts("age", {"20", "61"}, {2, 3}), texts("member", {"yes"}, {2, 0}),
                               numbers("city", {5, kNaN})})));
  EXPECT_THAT(bin_column(*encoded, 0), ElementsAre(1, 3));
  EXPECT_THAT(bin_column(*encoded, 1), ElementsAre(2, 0));
  EXPECT_THAT(bin_column(*encoded, 2), ElementsAre(kernels::kUnseenBin, 0));
  const auto missing = must(encoder.encode(
      table_of({numbers("age", {kNaN}), numbers("member", {kNaN}), numbers("city", {kNaN})})));
  for (int32_t f = 0; f < 3; ++f) EXPECT_THAT(bin_column(*missing, f), ElementsAre(0));
  // A third value of a boolean is an unseen level, which is no error.
  const auto third = must(
      encoder.encode(table_of({numbers("age", {20, 20}), texts("member", {"maybe", "yes"}, {2, 3}),
                               texts("city", {"Rome"}, {2, 2})})));
  EXPECT_THAT(bin_column(*third, 1), ElementsAre(0, 2));
}

TEST(FeatureEncoder, ListsIgnoredColumns) {
  const FeatureEncoder encoder = fit(small_table(), {"y"});
  EXPECT_THAT(encoder.ignored_columns(*small_table()), ElementsAre("y"));
}

TEST(FeatureEncoder, EncodesNoRows) {
  const FeatureEncoder encoder = fit(small_table(), {"y"});
  const auto encoded = must(
      encoder.encode(table_of({numbers("age", {}), numbers("member", {}), texts("city", {}, {})})));
  EXPECT_EQ(encoded->row_count(), 0);
  const Cpu cpu;
  EXPECT_TRUE(encoded->bins(*cpu.context.device, cpu.context));
  EXPECT_EQ(must(encoded->dense(cpu.context)).row_count, 0);
}

TEST(FeatureEncoder, FitsWideTablesTheSameOnAnyThreads) {
  std::vector<Column> columns;
  Lcg lcg(5);
  for (int c = 0; c < 150; ++c) {
    std::vector<double> values;
    for (int row = 0; row < 300; ++row) values.push_back(lcg.next());
    columns.push_back(numbers(fmt::format("x{}", c), std::move(values)));
  }
  const auto table = table_of(std::move(columns));
  std::string first;
  for (const int threads : {1, 2, 7}) {
    const Cpu cpu(threads);
    ModelWriter writer;
    must(FeatureEncoder::fit(table, {}, cpu.context)).save(writer);
    const std::string bytes = must(writer.finish());
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first);
  }
}

TEST(FeatureEncoder, StopsWhenAsked) {
  Cpu cpu;
  StopToken stop;
  stop.request();
  cpu.context.stop = &stop;
  const auto encoder = FeatureEncoder::fit(small_table(), {}, cpu.context);
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().code, StatusCode::kCancelled);
}

Predictor sample_predictor() {
  Predictor::Parts parts;
  parts.task = Task::kBinary;
  parts.target = "y";
  parts.labels = {"no", "caf\xe9"};
  parts.encoder = std::make_shared<FeatureEncoder>(fit(small_table(), {"y"}));
  parts.model = must(ConstantModel::make({0.25, 0.75}, 3));
  parts.notes = {{"metric", std::string("roc_auc")}, {"validation_score", 0.5}};
  return must(Predictor::make(std::move(parts)));
}

Predictor far_predictor(TargetScale frame) {
  Predictor::Parts parts;
  parts.target = "y";
  parts.encoder = std::make_shared<FeatureEncoder>(fit(small_table(), {"y"}));
  parts.model = must(ConstantModel::make({1700000005.25}, 3));
  parts.frame = frame;
  return must(Predictor::make(std::move(parts)));
}

TEST(Predictor, KeepsTheMissingTokensOfTraining) {
  const auto with_tokens = [](std::optional<std::vector<std::string>> tokens) {
    Predictor::Parts parts;
    parts.target = "y";
    parts.encoder = std::make_shared<FeatureEncoder>(fit(small_table(), {"y"}));
    parts.model = must(ConstantModel::make({1}, 3));
    parts.missing_tokens = std::move(tokens);
    return must(must(Predictor::make(std::move(parts))).to_bytes());
  };
  const auto read = [](const std::string& bytes) {
    const Predictor loaded = must(Predictor::from_bytes(bytes, "m.assay"));
    EXPECT_EQ(must(loaded.to_bytes()), bytes);
    return loaded.missing_tokens();
  };
  EXPECT_THAT(read(with_tokens(std::vector<std::string>{"-", "caf\xe9"})),
              ElementsAre("-", "caf\xe9"));
  EXPECT_THAT(read(with_tokens(std::vector<std::string>{})), ElementsAre());
  // Files of the time before they named them were trained with these.
  EXPECT_THAT(read(with_tokens(std::nullopt)),
              ElementsAre("NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"));
}

TEST(Predictor, KeepsTheFrameOfFarTargets) {
  const TargetScale frame = {1700000000.1, 0.5};
  const std::string bytes = must(far_predictor(frame).to_bytes());
  const Predictor loaded = must(Predictor::from_bytes(bytes, "m.assay"));
  EXPECT_EQ(loaded.frame(), frame);
  EXPECT_EQ(must(loaded.to_bytes()), bytes);
  const Cpu cpu;
  const std::vector<float> out = must(loaded.predict(small_table(), cpu.context));
  EXPECT_NEAR(frame.value(double{out[0]}), 1700000005.25, 1e-6);
  // Without a frame a file has no word of it, as before there were any.
  const std::string plain = must(far_predictor({}).to_bytes());
  EXPECT_EQ(plain.find("frame_"), std::string::npos);
  EXPECT_EQ(must(Predictor::from_bytes(plain, "m.assay")).frame(), TargetScale{});
}

TEST(Predictor, RefusesAFrameThatIsNone) {
  const auto make = [](Task task, TargetScale frame) {
    Predictor::Parts parts;
    parts.task = task;
    parts.target = "y";
    if (is_classification(task)) parts.labels = {"no", "yes"};
    parts.encoder = std::make_shared<FeatureEncoder>(fit(small_table(), {"y"}));
    const bool classes = is_classification(task);
    parts.model = must(
        ConstantModel::make(classes ? std::vector<double>{0.5, 0.5} : std::vector<double>{1}, 3));
    parts.frame = frame;
    return Predictor::make(std::move(parts)).has_value();
  };
  EXPECT_TRUE(make(Task::kRegression, {1e300, 1e-300}));
  EXPECT_FALSE(make(Task::kRegression, {INFINITY, 1}));
  EXPECT_FALSE(make(Task::kRegression, {0, 0}));
  EXPECT_FALSE(make(Task::kRegression, {0, -1}));
  EXPECT_FALSE(make(Task::kBinary, {1, 1}));
}

Predictor binary_predictor(double threshold) {
  Predictor::Parts parts;
  parts.task = Task::kBinary;
  parts.target = "y";
  parts.labels = {"no", "yes"};
  parts.encoder = std::make_shared<FeatureEncoder>(fit(small_table(), {"y"}));
  parts.model = must(ConstantModel::make({0.7, 0.3}, 3));
  parts.threshold = threshold;
  return must(Predictor::make(std::move(parts)));
}

TEST(Predictor, DecidesByItsThreshold) {
  const std::vector<float> row = {0.75F, 0.25F};
  EXPECT_EQ(binary_predictor(0.2).decide(row), 1u);
  EXPECT_EQ(binary_predictor(0.25).decide(row), 0u) << "above, not at";
  EXPECT_EQ(binary_predictor(0.5).decide(row), 0u);
  EXPECT_EQ(binary_predictor(0.5).decide(std::vector<float>{0.5F, 0.5F}), 0u);
}

TEST(Predictor, KeepsItsThresholdAndFilesWithoutOneMeanAHalf) {
  const std::string bytes = must(binary_predictor(0.125).to_bytes());
  const Predictor loaded = must(Predictor::from_bytes(bytes, "m.assay"));
  EXPECT_EQ(loaded.threshold(), 0.125);
  EXPECT_EQ(must(loaded.to_bytes()), bytes);
  const std::string plain = must(binary_predictor(0.5).to_bytes());
  EXPECT_EQ(plain.find("threshold"), std::string::npos);
  EXPECT_EQ(must(Predictor::from_bytes(plain, "m.assay")).threshold(), 0.5);
}

TEST(Predictor, RefusesAThresholdThatIsNone) {
  const auto makes = [](Task task, double threshold) {
    Predictor::Parts parts;
    parts.task = task;
    parts.target = "y";
    if (task == Task::kBinary) parts.labels = {"no", "yes"};
    parts.encoder = std::make_shared<FeatureEncoder>(fit(small_table(), {"y"}));
    parts.model = must(ConstantModel::make(
        task == Task::kBinary ? std::vector<double>{0.5, 0.5} : std::vector<double>{1}, 3));
    parts.threshold = threshold;
    return Predictor::make(std::move(parts)).has_value();
  };
  EXPECT_TRUE(makes(Task::kBinary, 1e-6));
  EXPECT_FALSE(makes(Task::kBinary, 0));
  EXPECT_FALSE(makes(Task::kBinary, 1));
  EXPECT_FALSE(makes(Task::kBinary, NAN));
  EXPECT_FALSE(makes(Task::kRegression, 0.25));
}

TEST(InputContract, SaysHowTwoClassesAreDecided) {
  EXPECT_EQ(decision_text(input_contract_json(binary_predictor(0.125))),
            "'yes' where proba_yes is above 0.125");
  EXPECT_EQ(decision_text(input_contract_json(binary_predictor(0.5))), "");
  EXPECT_EQ(decision_text("no contract"), "");
  EXPECT_EQ(decision_threshold(input_contract_json(binary_predictor(0.125))), 0.125);
  EXPECT_EQ(decision_threshold(input_contract_json(binary_predictor(0.5))), 0.5);
  EXPECT_EQ(decision_threshold("{\"decision_threshold\": 7}"), 0.5);
  EXPECT_EQ(decision_threshold("no contract"), 0.5);
}

TEST(Predictor, ComesBackFromItsBytes) {
  const Predictor predictor = sample_predictor();
  const std::string bytes = must(predictor.to_bytes());
  const Predictor loaded = must(Predictor::from_bytes(bytes, "m.assay"));
  EXPECT_EQ(must(loaded.to_bytes()), bytes);
  EXPECT_EQ(loaded.labels(), predictor.labels());
  EXPECT_EQ(loaded.notes(), predictor.notes());
  EXPECT_EQ(loaded.encoder().columns(), predictor.encoder().columns());
  EXPECT_EQ(loaded.encoder().features().size(), 3u);
  const Cpu cpu;
  EXPECT_EQ(must(loaded.predict(small_table(), cpu.context)),
            must(predictor.predict(small_table(), cpu.context)));
  const auto before = must(predictor.encoder().encode(small_table()));
  const auto after = must(loaded.encoder().encode(small_table()));
  for (int64_t row = 0; row < 4; ++row) {
    EXPECT_EQ(dense_row(*after, row), dense_row(*before, row));
  }
  for (int32_t f = 0; f < 3; ++f) EXPECT_EQ(bin_column(*after, f), bin_column(*before, f));
}

// Ages up to 20 give `low`, the others and those that are missing `high`; one split.
std::shared_ptr<const Model> age_model() {
  kernels::Tree stump;
  stump.nodes.resize(3);
  stump.nodes[0].feature = 0;
  stump.nodes[0].left = 1;
  stump.nodes[0].threshold = 1;
  stump.nodes[0].missing_left = false;
  stump.nodes[2].left = 1;
  stump.leaf_values = {-5, 7};
  stump.gains = {1, 0, 0};
  stump.covers = {4, 1, 3};
  TreeModel::Parts parts;
  parts.forest.append(stump);
  parts.base_scores = {100};
  parts.feature_count = 3;
  return must(TreeModel::make(std::move(parts)));
}

TEST(Predictor, MakesBinsOfTheFeaturesThatItsModelReads) {
  const Cpu cpu;
  Predictor::Parts parts;
  parts.target = "y";
  parts.encoder = std::make_shared<FeatureEncoder>(fit(small_table(), {"y"}));
  parts.model = must(AverageModel::make({age_model(), must(ConstantModel::make({0}, 3))}));
  std::vector<uint8_t> used(3, 0);
  parts.model->mark_binned(used);
  EXPECT_THAT(used, ElementsAre(1, 0, 0));
  const auto features = must(parts.encoder->encode(small_table()));
  std::vector<float> expected(4);
  ASSERT_TRUE(parts.model->predict_all(*features, cpu.context, expected));
  EXPECT_THAT(expected, ElementsAre(47.5f, 53.5f, 53.5f, 53.5f));
  const Predictor predictor = must(Predictor::make(std::move(parts)));
  EXPECT_EQ(must(predictor.predict(small_table(), cpu.context)), expected);
  const auto limited = must(predictor.encoder().encode(small_table()));
  limited->want_bins(used);
  EXPECT_EQ(bin_column(*limited, 0), bin_column(*features, 0));
  EXPECT_THAT(bin_column(*limited, 2), ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(dense_row(*limited, 1), dense_row(*features, 1));
}

TEST(Predictor, RefusesPartsThatDoNotFit) {
  const auto encoder = std::make_shared<FeatureEncoder>(fit(small_table(), {"y"}));
  const auto made = [&](Task task, std::vector<std::string> labels, std::vector<double> outputs,
                        int32_t features) {
    Predictor::Parts parts;
    parts.task = task;
    parts.labels = std::move(labels);
    parts.encoder = encoder;
    parts.model = must(ConstantModel::make(std::move(outputs), features));
    return Predictor::make(std::move(parts)).has_value();
  };
  EXPECT_TRUE(made(Task::kRegression, {}, {1}, 3));
  EXPECT_FALSE(made(Task::kRegression, {}, {1}, 4));
  EXPECT_FALSE(made(Task::kRegression, {"a"}, {1}, 3));
  EXPECT_FALSE(made(Task::kBinary, {"a", "b", "c"}, {0.2, 0.2, 0.6}, 3));
  EXPECT_TRUE(made(Task::kMulticlass, {"a", "b", "c"}, {0.2, 0.2, 0.6}, 3));
  EXPECT_FALSE(made(Task::kMulticlass, {"a", "b"}, {0.2, 0.2, 0.6}, 3));
  EXPECT_FALSE(made(Task::kBinary, {"a"}, {1}, 3));
}

}  // namespace
}  // namespace assay::automl
