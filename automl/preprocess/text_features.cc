#include "automl/preprocess/text_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

constexpr int64_t kVectorTexts = 128;
constexpr std::string_view kCounts[] = {"length", "words", "digits", "capitals"};
static_assert(std::size(kCounts) == kTextCounts);

// Rows in order of their codes; those of code c begin at begins[c].
struct RowsByCode {
  std::vector<uint32_t> rows;
  std::vector<uint32_t> begins;

  RowsByCode(std::span<const int32_t> codes, size_t code_count)
      : rows(codes.size()), begins(code_count + 1, 0) {
    for (const int32_t code : codes) ++begins[static_cast<size_t>(code) + 1];
    for (size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
    std::vector<uint32_t> next(begins.begin(), begins.end() - 1);
    for (size_t row = 0; row < codes.size(); ++row) {
      rows[next[static_cast<size_t>(codes[row])]++] = static_cast<uint32_t>(row);
    }
  }
  std::span<const uint32_t> of(size_t code) const {
    return std::span(rows).subspan(begins[code], begins[code + 1] - begins[code]);
  }
};

Status check(const TextFeatures::Rules& rules) {
  const auto bad = [](std::string_view what) {
    return fail(StatusCode::kData, "the text rules' {} not sound", what);
  };
  const TermRules& terms = rules.terms;
  const bool chars =
      terms.chars == 0 || (terms.chars >= kLeastCharRun && terms.chars <= kMaxCharRun);
  if (terms.words < 1 || terms.words > kMaxWordRun || !chars) return bad("terms are");
  const size_t count = rules.hashes.size();
  const bool rising = std::adjacent_find(rules.hashes.begin(), rules.hashes.end(),
                                         std::greater_equal<>()) == rules.hashes.end();
  if (count > static_cast<size_t>(kMaxTerms) || !rising) return bad("hashes are");
  const bool weighed = std::all_of(rules.weights.begin(), rules.weights.end(),
                                   [](float weight) { return weight > 0 && weight <= 1e6F; });
  if (rules.weights.size() != count || !weighed) return bad("weights are");
  const bool loaded = std::all_of(rules.loadings.begin(), rules.loadings.end(),
                                  [](float loading) { return std::abs(loading) <= 1e6F; });
  if (rules.topics < 0 || rules.topics > kMaxTopics ||
      rules.loadings.size() != count * static_cast<size_t>(rules.topics) || !loaded) {
    return bad("loadings are");
  }
  return {};
}

}  // namespace

void TextVector::assign(std::vector<int32_t>& numbers, std::span<const float> weights) {
  terms.clear();
  values.clear();
  std::sort(numbers.begin(), numbers.end());
  double squares = 0;
  for (size_t begin = 0; begin < numbers.size();) {
    size_t end = begin + 1;
    while (end < numbers.size() && numbers[end] == numbers[begin]) ++end;
    const double count = static_cast<double>(end - begin);
    const double value = (1 + (count > 1 ? kernels::exact_log(count) : 0)) *
                         double{weights[static_cast<size_t>(numbers[begin])]};
    terms.push_back(numbers[begin]);
    values.push_back(static_cast<float>(value));
    squares += value * value;
    begin = end;
  }
  const double length = std::sqrt(squares);
  for (float& value : values) value = static_cast<float>(double{value} / length);
}

// Reads texts one after the other, with memory of its own.
class TextFeatures::Reader {
 public:
  explicit Reader(const TextFeatures& features) : features_(features) {}

  // [outputs] of a text, output k at place k - 1.
  std::span<const float> read(std::string_view text, bool counts_wanted) {
    terms_.clear();
    numbers_.clear();
    const auto width = static_cast<size_t>(features_.rules_.topics);
    if (width > 0) append_terms(text, features_.rules_.terms, terms_);
    for (const uint32_t term : terms_) {
      if (const int32_t number = features_.find(term); number >= 0) numbers_.push_back(number);
    }
    vector_.assign(numbers_, features_.rules_.weights);
    out_.assign(width + static_cast<size_t>(kTextCounts), 0.0f);
    for (size_t i = 0; i < vector_.terms.size(); ++i) {
      const float value = vector_.values[i];
      const float* loadings =
          features_.rules_.loadings.data() + static_cast<size_t>(vector_.terms[i]) * width;
      for (size_t k = 0; k < width; ++k) out_[k] += value * loadings[k];
    }
    if (counts_wanted) {
      const TextCounts counts = count_text(text);
      out_[width] = static_cast<float>(counts.length);
      out_[width + 1] = static_cast<float>(counts.words);
      out_[width + 2] = static_cast<float>(counts.digits);
      out_[width + 3] = static_cast<float>(counts.capitals);
    }
    return out_;
  }

 private:
  const TextFeatures& features_;
  std::vector<uint32_t> terms_;
  std::vector<int32_t> numbers_;
  TextVector vector_;
  std::vector<float> out_;
};

TextFeatures::TextFeatures(Rules rules) : rules_(std::move(rules)) {
  const size_t size = std::bit_ceil(2 * rules_.hashes.size() + 1);
  slots_.assign(size, -1);
  for (size_t i = 0; i < rules_.hashes.size(); ++i) {
    size_t at = rules_.hashes[i] & (size - 1);
    while (slots_[at] >= 0) at = (at + 1) & (size - 1);
    slots_[at] = static_cast<int32_t>(i);
  }
  for (int32_t output = 1; output <= output_count(); ++output) useful_.push_back(output);
}

int32_t TextFeatures::find(uint32_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at] >= 0; at = (at + 1) & mask) {
    if (rules_.hashes[static_cast<size_t>(slots_[at])] == hash) return slots_[at];
  }
  return -1;
}

Result<std::shared_ptr<const TextFeatures>> TextFeatures::from_rules(Rules rules) {
  ASSAY_RETURN_IF_ERROR(check(rules));
  return std::shared_ptr<const TextFeatures>(new TextFeatures(std::move(rules)));
}

int32_t TextFeatures::output_count() const { return rules_.topics + kTextCounts; }

std::string TextFeatures::output_name(int32_t output) const {
  if (output <= rules_.topics) return fmt::format("topic{}", output);
  return std::string(kCounts[output - rules_.topics - 1]);
}

Status TextFeatures::apply(const ColumnCells& cells, std::span<const int32_t> outputs,
                           const kernels::ComputeContext* context,
                           std::vector<std::vector<double>>& numbers) const {
  const size_t first = numbers.size();
  const bool counts = std::any_of(outputs.begin(), outputs.end(),
                                  [&](int32_t output) { return output > rules_.topics; });
  for (const int32_t output : outputs) {
    const double missing = output > rules_.topics ? std::numeric_limits<double>::quiet_NaN() : 0.0;
    numbers.emplace_back(cells.codes.size(), missing);
  }
  const RowsByCode rows(cells.codes, cells.levels.size() + datasets::kFirstLevelCode);
  const auto count = static_cast<int64_t>(cells.levels.size());
  return for_chunks(chunk_count_of(count, kVectorTexts), context, [&](int64_t chunk) {
    const ChunkRange range = chunk_range(count, kVectorTexts, chunk);
    Reader reader(*this);
    for (auto level = static_cast<size_t>(range.begin); level < static_cast<size_t>(range.end);
         ++level) {
      const auto places = rows.of(level + datasets::kFirstLevelCode);
      if (places.empty()) continue;
      const std::span<const float> values = reader.read(cells.levels[level], counts);
      for (size_t i = 0; i < outputs.size(); ++i) {
        const double value = double{values[static_cast<size_t>(outputs[i] - 1)]};
        for (const uint32_t row : places) numbers[first + i][row] = value;
      }
    }
  });
}

void TextFeatures::save(ModelWriter& writer) const {
  writer.put_integer("words", rules_.terms.words);
  writer.put_integer("chars", rules_.terms.chars);
  writer.put_tensor("hashes", std::span<const uint32_t>(rules_.hashes));
  writer.put_tensor("weights", std::span<const float>(rules_.weights));
  writer.put_tensor("loadings", std::span<const float>(rules_.loadings),
                    {static_cast<int64_t>(rules_.hashes.size()), rules_.topics});
  writer.put_integer("topics", rules_.topics);
}

Result<std::shared_ptr<const TextFeatures>> TextFeatures::load(const ModelReader& reader) {
  Rules rules;
  ASSAY_ASSIGN_OR_RETURN(const int64_t words, reader.integer("words", 1, kMaxWordRun));
  ASSAY_ASSIGN_OR_RETURN(const int64_t chars, reader.integer("chars", 0, kMaxCharRun));
  ASSAY_ASSIGN_OR_RETURN(const int64_t topics, reader.integer("topics", 0, kMaxTopics));
  rules.terms = {static_cast<int32_t>(words), static_cast<int32_t>(chars)};
  rules.topics = static_cast<int32_t>(topics);
  ASSAY_ASSIGN_OR_RETURN(rules.hashes, reader.tensor<uint32_t>("hashes"));
  const auto count = static_cast<int64_t>(rules.hashes.size());
  ASSAY_ASSIGN_OR_RETURN(rules.weights, reader.tensor<float>("weights", count));
  ASSAY_ASSIGN_OR_RETURN(rules.loadings, reader.tensor<float>("loadings", count * topics));
  auto features = from_rules(std::move(rules));
  if (!features) return reader.damaged(features.error().message);
  return features;
}

}  // namespace assay::automl
