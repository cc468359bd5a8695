#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <set>

#include "automl/models/constant_model.h"
#include "automl/preprocess/predictor.h"
#include "automl/preprocess/text_features.h"
#include "automl/preprocess/text_terms.h"
#include "automl/preprocess/truncated_svd.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

using datasets::Column;
using datasets::ColumnType;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<uint32_t> terms_of(std::string_view text, TermRules rules) {
  std::vector<uint32_t> terms;
  append_terms(text, rules, terms);
  return terms;
}

// FNV-1a of the bytes, mixed as text_terms.cc says, by a few lines of Python.
constexpr uint32_t kRed = 3892154202;
constexpr uint32_t kWine = 407561546;
constexpr uint32_t kRedWine = 1796979972;

TEST(TextTerms, AreWordsAndRunsOfWords) {
  EXPECT_THAT(terms_of("Red  WINE!", {1, 0}), ElementsAre(kRed, kWine));
  EXPECT_THAT(terms_of("(red) wine", {2, 0}), ElementsAre(kRed, kWine, kRedWine));
  EXPECT_EQ(terms_of("a b c d", {3, 0}).size(), 4u + 3u + 2u);
  EXPECT_EQ(terms_of("red wine red wine", {2, 0}).back(), kRedWine);
  EXPECT_THAT(terms_of("", {2, 4}), ElementsAre());
  EXPECT_THAT(terms_of(" ,;- ", {2, 4}), ElementsAre());
  // Bytes of other scripts hold words together: the second is "café" in UTF-8.
  EXPECT_THAT(terms_of("caf\xc3\xa9", {1, 0}), ElementsAre(4068369936u));
}

TEST(TextTerms, HaveRunsOfCharactersWithinWords) {
  // " re", " red", "red", "red ", "ed ".
  const std::vector<uint32_t> terms = terms_of("Red", {1, 4});
  ASSERT_EQ(terms.size(), 6u);
  EXPECT_EQ(terms[0], kRed);
  EXPECT_EQ(terms[1], 1350596756u);
  EXPECT_EQ(terms[3], 3022375202u) << "told from the word that is spelled alike";
  EXPECT_EQ(terms[5], 3905486064u);
  EXPECT_EQ(terms_of("a b", {1, 3}).size(), 2u + 2u) << "of \" a \" and \" b \"";
}

TEST(TextTerms, LookAtTheFirstBytesOnly) {
  std::string text(kMaxTextBytes - 2, ' ');
  text += "ab cd";
  EXPECT_EQ(terms_of(text, {2, 0}), terms_of("ab", {2, 0}));
}

TEST(TextTerms, CountCharactersAndShares) {
  const TextCounts counts = count_text("Caf\xc3\xa9 NO 12");
  EXPECT_EQ(counts.length, 10);
  EXPECT_EQ(counts.words, 3);
  EXPECT_EQ(counts.digits, 0.2);
  EXPECT_NEAR(counts.capitals, 0.3, 1e-15);
  EXPECT_EQ(count_text("").digits, 0);
}

SparseRows sparse(int32_t columns, const std::vector<std::vector<float>>& rows) {
  SparseRows matrix;
  matrix.column_count = columns;
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      if (row[c] == 0) continue;
      matrix.columns.push_back(static_cast<int32_t>(c));
      matrix.values.push_back(row[c]);
    }
    matrix.offsets.push_back(static_cast<int64_t>(matrix.columns.size()));
  }
  return matrix;
}

TEST(TruncatedSvd, FindsWhatIsKnownByHand) {
  const Cpu cpu;
  // Column 2 is the sum of the others: rank 2. A'A = [[9,0,9],[0,4,4],[9,4,13]] has the
  // characteristic polynomial x (x^2 - 26 x + 108): 13 +- sqrt 61 and 0.
  const SparseRows matrix = sparse(3, {{3, 0, 3}, {0, -2, -2}, {0, 0, 0}});
  const TruncatedSvd svd = must(truncated_svd(matrix, 3, 1, cpu.context));
  ASSERT_EQ(svd.values.size(), 2u);
  const double square = 13 + std::sqrt(61.0);
  EXPECT_NEAR(svd.values[0], std::sqrt(square), 1e-5);
  EXPECT_NEAR(svd.values[1], std::sqrt(26 - square), 1e-5);
  // (A'A - square) v = 0: v is (9 / (square - 9), 4 / (square - 4), 1) but for its length.
  const double x = 9 / (square - 9), y = 4 / (square - 4);
  const double length = std::sqrt(x * x + y * y + 1);
  EXPECT_NEAR(svd.vectors[0], x / length, 1e-5);
  EXPECT_NEAR(svd.vectors[2], y / length, 1e-5);
  EXPECT_NEAR(svd.vectors[4], 1 / length, 1e-5);
}

TEST(TruncatedSvd, VectorsAreOrthonormalAndSingular) {
  // 300 x 80 with values that fall: each vector must satisfy A'A v = s^2 v.
  Lcg lcg(3);
  constexpr size_t kRows = 300, kColumns = 80, kRank = 5;
  std::vector<std::vector<float>> rows(kRows, std::vector<float>(kColumns));
  for (size_t part = 0; part < 12; ++part) {
    const double size = std::pow(0.5, static_cast<double>(part));
    std::vector<double> left, right;
    for (size_t r = 0; r < kRows; ++r) left.push_back(lcg.next() - 0.5);
    for (size_t c = 0; c < kColumns; ++c) right.push_back(lcg.next() - 0.5);
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t c = 0; c < kColumns; ++c) {
        rows[r][c] += static_cast<float>(size * left[r] * right[c]);
      }
    }
  }
  const SparseRows matrix = sparse(kColumns, rows);
  std::vector<float> first;
  for (const int threads : {1, 2, 7}) {
    const Cpu cpu(threads);
    const TruncatedSvd svd = must(truncated_svd(matrix, kRank, 9, cpu.context));
    ASSERT_EQ(svd.values.size(), kRank);
    if (first.empty()) first = svd.vectors;
    EXPECT_EQ(svd.vectors, first) << threads << " threads";
  }
  const Cpu cpu;
  const TruncatedSvd svd = must(truncated_svd(matrix, kRank, 9, cpu.context));
  for (size_t a = 0; a < kRank; ++a) {
    for (size_t b = 0; b <= a; ++b) {
      double dot = 0;
      for (size_t c = 0; c < kColumns; ++c) {
        dot += double{svd.vectors[c * kRank + a]} * double{svd.vectors[c * kRank + b]};
      }
      EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-5);
    }
    std::vector<double> image(kColumns, 0.0);
    for (const auto& row : rows) {
      double along = 0;
      for (size_t c = 0; c < kColumns; ++c) along += double{row[c]} * svd.vectors[c * kRank + a];
      for (size_t c = 0; c < kColumns; ++c) image[c] += along * double{row[c]};
    }
    const double square = svd.values[a] * svd.values[a];
    for (size_t c = 0; c < kColumns; ++c) {
      EXPECT_NEAR(image[c] / square, svd.vectors[c * kRank + a], 2e-3);
    }
  }
}

TEST(TruncatedSvd, NothingGivesNothing) {
  const Cpu cpu;
  EXPECT_TRUE(must(truncated_svd(sparse(3, {}), 2, 1, cpu.context)).values.empty());
  EXPECT_TRUE(must(truncated_svd(sparse(3, {{0, 0, 0}}), 2, 1, cpu.context)).values.empty());
}

// A text column of these rows; "" is missing.
Column text_column(std::string name, const std::vector<std::string>& rows) {
  Column column;
  column.name = std::move(name);
  column.type = ColumnType::kText;
  std::set<std::string> levels(rows.begin(), rows.end());
  levels.erase("");
  column.levels.assign(levels.begin(), levels.end());
  for (const std::string& row : rows) {
    const auto at = std::lower_bound(column.levels.begin(), column.levels.end(), row);
    column.codes.push_back(row.empty() ? datasets::kMissingCode
                                       : static_cast<int32_t>(at - column.levels.begin()) +
                                             datasets::kFirstLevelCode);
    column.missing_count += row.empty() ? 1 : 0;
  }
  return column;
}

std::vector<std::vector<double>> applied(const TextFeatures& features, const Column& column,
                                         std::vector<int32_t> outputs) {
  std::vector<std::vector<double>> numbers;
  EXPECT_TRUE(features.apply({{}, column.levels, column.codes}, outputs, nullptr, numbers));
  return numbers;
}

TEST(TextFeatures, TopicsAreThoseOfTheWeightedTerms) {
  // Of five texts "red" and "wine" are in three, all others in fewer: both weigh 1 + log(6 / 4).
  // The vectors are (1,1)/sqrt 2 twice, (1,0), (0,1) and nothing; A'A = [[2,1],[1,2]], so the
  // topics are (1,1)/sqrt 2 and (1,-1)/sqrt 2 (or its opposite).
  const Column column =
      text_column("t", {"red wine", "red beer", "red wine white", "wine, rose", "beer beer"});
  const Cpu cpu;
  TextOptions options;
  options.words = 1;
  options.chars = false;
  const auto features = must(TextFeatures::fit(column, options, cpu.context));
  ASSERT_NE(features, nullptr);
  EXPECT_THAT(features->rules().hashes, ElementsAre(kWine, kRed));
  EXPECT_NEAR(features->rules().weights[0], 1.4054651081081644, 1e-6);
  ASSERT_EQ(features->rules().topics, 2);
  // "wine red red": (1, 1 + log 2), of length 1.
  const Column later = text_column("t", {"Wine, RED; red!", "", "gin", "red"});
  const auto numbers = applied(*features, later, {1, 2, 3, 4});
  ASSERT_EQ(numbers.size(), 4u);
  EXPECT_NEAR(numbers[0][0], 0.9684388219443361, 1e-6);
  EXPECT_NEAR(std::abs(numbers[1][0]), 0.24925137542462292, 1e-6);
  EXPECT_NEAR(numbers[0][3], std::sqrt(0.5), 1e-6);
  for (const size_t row : {1, 2}) {
    EXPECT_EQ(numbers[0][row], 0);
    EXPECT_EQ(numbers[1][row], 0);
  }
  EXPECT_THAT(numbers[3], ElementsAre(3, testing::IsNan(), 1, 1)) << "words; none of no text";
  EXPECT_EQ(numbers[2][0], 15);
  EXPECT_EQ(features->output_name(1), "topic1");
  EXPECT_EQ(features->output_name(4), "words");
}

// Rows about one of two things, and a number of their own.
std::vector<std::string> two_themes(int rows) {
  constexpr std::array<const char*, 4> kSea = {"ship on the sea", "the sea and waves",
                                               "a ship in waves", "sea ship harbour"};
  constexpr std::array<const char*, 4> kWood = {"tree in the wood", "the wood and leaves",
                                                "a tree with leaves", "wood tree bark"};
  std::vector<std::string> texts;
  for (int row = 0; row < rows; ++row) {
    const auto& theme = row % 2 == 0 ? kSea : kWood;
    texts.push_back(fmt::format("{} no{}x", theme[static_cast<size_t>(row / 2 % 4)], row));
  }
  return texts;
}

TEST(TextFeatures, TopicsTellThemesApart) {
  const Column column = text_column("t", two_themes(120));
  const Cpu cpu;
  const auto features = must(TextFeatures::fit(column, {}, cpu.context));
  ASSERT_NE(features, nullptr);
  EXPECT_GT(features->rules().terms.chars, 0) << "the texts are short";
  const auto numbers = applied(*features, column, {1, 2});
  // One of the first two topics alone tells sea (even rows) from wood.
  bool told = false;
  for (const auto& topic : numbers) {
    const auto side = [&](size_t first) {
      double low = 1e9, high = -1e9;
      for (size_t row = first; row < topic.size(); row += 2) {
        low = std::min(low, topic[row]);
        high = std::max(high, topic[row]);
      }
      return std::pair(low, high);
    };
    told |= side(0).first > side(1).second || side(1).first > side(0).second;
  }
  EXPECT_TRUE(told);
}

TEST(TextFeatures, RefusesIdentifiers) {
  const Cpu cpu;
  std::vector<std::string> ids, prefixed, names;
  for (int row = 0; row < 400; ++row) {
    ids.push_back(fmt::format("{:08x}-{:06x}", row * 2654435761u, row * 40503u));
    prefixed.push_back(fmt::format("user {}", 10000 + 7 * row));
    names.push_back(fmt::format("{} no{}", row % 3 == 0 ? "mrs" : "mr", row));
  }
  EXPECT_EQ(must(TextFeatures::fit(text_column("t", ids), {}, cpu.context)), nullptr);
  EXPECT_EQ(must(TextFeatures::fit(text_column("t", prefixed), {}, cpu.context)), nullptr)
      << "a word of all rows tells none apart";
  EXPECT_NE(must(TextFeatures::fit(text_column("t", names), {}, cpu.context)), nullptr);
}

std::shared_ptr<const datasets::Table> text_table(int rows, int first = 0) {
  std::vector<std::string> texts = two_themes(first + rows);
  texts.erase(texts.begin(), texts.begin() + first);
  if (rows > 5) texts[5] = "";
  Column x;
  x.name = "x";
  for (int row = 0; row < rows; ++row) x.numbers.push_back((first + row) % 13);
  return must(datasets::Table::make({text_column("title", texts), x}, "t.csv", ""));
}

FeatureEncoder text_encoder(const Cpu& cpu, EncoderOptions options = {}) {
  return must(FeatureEncoder::fit(text_table(200), options, cpu.context));
}

TEST(FeatureEncoder, MakesNumbersOfText) {
  const Cpu cpu;
  EncoderOptions options;
  options.texts.topics = 3;
  const FeatureEncoder encoder = text_encoder(cpu, options);
  std::vector<std::string> names;
  for (const Feature& feature : encoder.features()) names.push_back(feature.name);
  EXPECT_THAT(names, ElementsAre("title.topic1", "title.topic2", "title.topic3", "title.length",
                                 "title.words", "title.digits", "x"));
  EXPECT_EQ(encoder.columns()[0].type, ColumnType::kText);
  EXPECT_TRUE(encoder.columns()[0].levels.empty());
  // 6 derived numbers of 8 bytes, and three forms of bins of 7 features.
  EXPECT_EQ(encoder.binned_bytes(10), 10 * (6 * 8 + 7 * 3));
}

std::vector<float> dense_of(const FeatureEncoder& encoder,
                            const std::shared_ptr<const datasets::Table>& table, const Cpu& cpu) {
  const auto encoded = must(encoder.encode(table, &cpu.context));
  const DenseView dense = must(encoded->dense(cpu.context));
  return {dense.values, dense.values + dense.row_count * dense.column_count};
}

TEST(FeatureEncoder, TextComesInBlocksOfAnySize) {
  const Cpu cpu;
  const FeatureEncoder encoder = text_encoder(cpu);
  const std::vector<float> whole = dense_of(encoder, text_table(30), cpu);
  std::vector<float> parts = dense_of(encoder, text_table(17), cpu);
  const std::vector<float> rest = dense_of(encoder, text_table(13, 17), cpu);
  // Row 5 of a table has no text: of the rest that is row 22, which the whole has.
  const auto width = static_cast<size_t>(encoder.dense_column_count());
  parts.insert(parts.end(), rest.begin(), rest.end());
  ASSERT_EQ(parts.size(), whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    if (i / width == 22) continue;
    EXPECT_EQ(parts[i], whole[i]) << "row " << i / width;
  }
}

TEST(FeatureEncoder, TextIsTheSameOnAnyThreadsAndInFiles) {
  std::string first;
  for (const int threads : {1, 2, 7}) {
    const Cpu cpu(threads);
    const FeatureEncoder encoder = text_encoder(cpu);
    Predictor::Parts parts;
    parts.target = "y";
    parts.encoder = std::make_shared<FeatureEncoder>(encoder);
    parts.model = must(ConstantModel::make({1}, encoder.feature_count()));
    const std::string bytes = must(must(Predictor::make(std::move(parts))).to_bytes());
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first);
    const Predictor loaded = must(Predictor::from_bytes(bytes, "m.assay"));
    EXPECT_EQ(must(loaded.to_bytes()), bytes);
    EXPECT_EQ(dense_of(loaded.encoder(), text_table(40, 7), cpu),
              dense_of(encoder, text_table(40, 7), cpu));
  }
}

TEST(FeatureEncoder, ReadsTextThatWasTypedOtherwise) {
  const Cpu cpu;
  const FeatureEncoder encoder = text_encoder(cpu);
  // A block whose texts are all numbers, and one without any.
  Column numbers;
  numbers.name = "title";
  numbers.numbers = {12, NAN};
  numbers.missing_count = 1;
  Column x;
  x.name = "x";
  x.numbers = {1, 2};
  const auto encoded = must(encoder.encode(must(datasets::Table::make({numbers, x}, "t.csv", ""))));
  EXPECT_EQ(encoded->row_count(), 2);
  Column moments = numbers;
  moments.type = ColumnType::kDatetime;
  const auto failed = encoder.encode(must(datasets::Table::make({moments, x}, "t.csv", "")));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("read it as text"));
}

TEST(FeatureEncoder, LeavesTextOutForWantOfTimeOrMemory) {
  const Cpu cpu;
  EncoderOptions options;
  const auto reason = [&] {
    const FeatureEncoder encoder = text_encoder(cpu, options);
    EXPECT_EQ(encoder.columns().size(), 1u);
    return encoder.dropped().empty() ? std::string() : encoder.dropped()[0].reason;
  };
  options.text_bytes = 100;
  EXPECT_THAT(reason(), HasSubstr("MB of text: there is time for"));
  // Where it is all there is no feature is left, but for want of time and not of data.
  options.exclude = {"x"};
  const auto none = FeatureEncoder::fit(text_table(200), options, cpu.context);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, StatusCode::kBudgetTooSmall);
  EXPECT_THAT(none.error().message, HasSubstr("times the time is needed"));
  options = {};
  options.derived_bytes = 1 << 20;
  EXPECT_THAT(reason(), HasSubstr("there is no memory"));
  options = {};
  options.text = false;
  EXPECT_THAT(reason(), HasSubstr("features.text is false"));
  // Less memory than all topics take: fewer of them.
  options = {};
  options.texts.topics = 256;
  options.derived_bytes = TextFeatures::fit_bytes(64) + 200 * (64 + 4) * 11;
  const FeatureEncoder fewer = text_encoder(cpu, options);
  EXPECT_LE(fewer.feature_count(), 64 + 4 + 1);
  EXPECT_GT(fewer.feature_count(), 8);
}

TEST(FeatureEncoder, StopsWithinText) {
  Cpu cpu;
  const FeatureEncoder encoder = text_encoder(cpu);
  StopToken stop;
  stop.request();
  cpu.context.stop = &stop;
  const auto encoded = encoder.encode(text_table(10), &cpu.context);
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().code, StatusCode::kCancelled);
  const auto fitted = TextFeatures::fit(text_column("t", two_themes(50)), {}, cpu.context);
  ASSERT_FALSE(fitted);
  EXPECT_EQ(fitted.error().code, StatusCode::kCancelled);
}

TEST(TextFeatures, RefusesRulesThatAreNotSound) {
  const TextFeatures::Rules sound = {{2, 0}, {1, 5}, {1, 2}, 1, {0.5F, -0.5F}};
  EXPECT_TRUE(TextFeatures::from_rules(sound));
  const auto refused = [&](auto change) {
    TextFeatures::Rules rules = sound;
    change(rules);
    const auto features = TextFeatures::from_rules(rules);
    return !features && features.error().code == StatusCode::kData;
  };
  EXPECT_TRUE(refused([](auto& rules) { rules.hashes = {5, 1}; }));
  EXPECT_TRUE(refused([](auto& rules) { rules.hashes = {5, 5}; }));
  EXPECT_TRUE(refused([](auto& rules) { rules.weights = {1}; }));
  EXPECT_TRUE(refused([](auto& rules) { rules.weights[1] = NAN; }));
  EXPECT_TRUE(refused([](auto& rules) { rules.loadings[0] = INFINITY; }));
  EXPECT_TRUE(refused([](auto& rules) { rules.loadings.pop_back(); }));
  EXPECT_TRUE(refused([](auto& rules) { rules.topics = -1; }));
  EXPECT_TRUE(refused([](auto& rules) { rules.terms.words = 4; }));
  EXPECT_TRUE(refused([](auto& rules) { rules.terms.chars = 1; }));
}

}  // namespace
}  // namespace assay::automl
