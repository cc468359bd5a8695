// How TextFeatures are fitted.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "automl/preprocess/text_features.h"
#include "automl/preprocess/truncated_svd.h"
#include "kernels/base/rng.h"
#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

constexpr size_t kMostTexts = 20000;
constexpr size_t kMostBytes = size_t{2} << 20;
constexpr size_t kMostCharBytes = size_t{512} << 10;  // with runs of characters: many more terms
constexpr int64_t kCountedTexts = 256;
constexpr int32_t kCharRun = 4;
constexpr double kShortText = 64;  // bytes, on average
// A term is kept that so many texts have, and no more than this share of them.
constexpr int64_t kLeastTexts = 3;
constexpr double kMostShare = 0.95;
// Words are common that this share of the texts have (and kLeastTexts); texts have at least
// kLeastCommon of them on average, identifiers have fewer.
constexpr double kCommonShare = 0.005;
constexpr double kLeastCommon = 0.3;

using Texts = std::vector<std::string_view>;

// The texts, or a sample of them that keeps to the limits; each distinct text once, in order.
Texts sample_of(const std::vector<std::string>& levels, size_t most_bytes, uint64_t seed) {
  std::vector<uint32_t> order(levels.size());
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(derive_seed(seed, "texts"));
  shuffle(order, rng);
  size_t bytes = 0;
  size_t count = 0;
  for (; count < order.size() && count < kMostTexts; ++count) {
    bytes += std::min(levels[order[count]].size(), kMaxTextBytes);
    if (bytes > most_bytes && count > 0) break;
  }
  order.resize(count);
  std::sort(order.begin(), order.end());
  Texts texts;
  for (const uint32_t at : order) texts.emplace_back(levels[at]);
  return texts;
}

double mean_bytes(const Texts& texts) {
  double sum = 0;
  for (const std::string_view text : texts) sum += static_cast<double>(text.size());
  return texts.empty() ? 0 : sum / static_cast<double>(texts.size());
}

// The distinct terms of each text, ascending.
using TermLists = std::vector<std::vector<uint32_t>>;

Result<TermLists> distinct_terms(const Texts& texts, const TermRules& rules,
                                 const kernels::ComputeContext& context) {
  TermLists lists(texts.size());
  const auto count = static_cast<int64_t>(texts.size());
  ASSAY_RETURN_IF_ERROR(
      for_chunks(chunk_count_of(count, kCountedTexts), &context, [&](int64_t chunk) {
        const ChunkRange range = chunk_range(count, kCountedTexts, chunk);
        std::vector<uint32_t> terms;
        for (auto i = static_cast<size_t>(range.begin); i < static_cast<size_t>(range.end); ++i) {
          terms.clear();
          append_terms(texts[i], rules, terms);
          std::sort(terms.begin(), terms.end());
          terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
          lists[i].assign(terms.begin(), terms.end());
        }
      }));
  return lists;
}

struct Term {
  uint32_t hash = 0;
  int64_t texts = 0;  // that have it
};

// All terms of at least `least` texts, by hash.
std::vector<Term> count_terms(const TermLists& lists, int64_t least) {
  std::vector<uint32_t> all;
  size_t count = 0;
  for (const auto& list : lists) count += list.size();
  all.reserve(count);
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  std::sort(all.begin(), all.end());
  std::vector<Term> terms;
  for (size_t begin = 0; begin < all.size();) {
    size_t end = begin + 1;
    while (end < all.size() && all[end] == all[begin]) ++end;
    const auto texts = static_cast<int64_t>(end - begin);
    if (texts >= least) terms.push_back({all[begin], texts});
    begin = end;
  }
  return terms;
}

Result<bool> has_common_words(const Texts& texts, const kernels::ComputeContext& context) {
  ASSAY_ASSIGN_OR_RETURN(const TermLists words, distinct_terms(texts, {1, 0}, context));
  const auto count = static_cast<double>(texts.size());
  const auto least = std::max(kLeastTexts, static_cast<int64_t>(std::ceil(kCommonShare * count)));
  double common = 0;
  for (const Term& word : count_terms(words, least)) {
    const auto number = static_cast<double>(word.texts);
    if (number <= kMostShare * count) common += number;
  }
  return common >= kLeastCommon * count;
}

// The most frequent terms that are neither rare nor nearly everywhere, by hash; and their weights.
void choose_terms(const TermLists& lists, TextFeatures::Rules& rules) {
  const auto count = static_cast<double>(lists.size());
  std::vector<Term> terms = count_terms(lists, kLeastTexts);
  std::erase_if(terms, [&](const Term& term) {
    return static_cast<double>(term.texts) > kMostShare * count;
  });
  if (terms.size() > static_cast<size_t>(kMaxTerms)) {
    std::stable_sort(terms.begin(), terms.end(),
                     [](const Term& a, const Term& b) { return a.texts > b.texts; });
    terms.resize(static_cast<size_t>(kMaxTerms));
    std::sort(terms.begin(), terms.end(),
              [](const Term& a, const Term& b) { return a.hash < b.hash; });
  }
  for (const Term& term : terms) {
    rules.hashes.push_back(term.hash);
    const double share = (1 + count) / (1 + static_cast<double>(term.texts));
    rules.weights.push_back(static_cast<float>(1 + kernels::exact_log(share)));
  }
}

Result<SparseRows> vectors_of(const Texts& texts, const TextFeatures::Rules& rules,
                              const kernels::ComputeContext& context) {
  std::vector<TextVector> vectors(texts.size());
  const auto count = static_cast<int64_t>(texts.size());
  ASSAY_RETURN_IF_ERROR(
      for_chunks(chunk_count_of(count, kCountedTexts), &context, [&](int64_t chunk) {
        const ChunkRange range = chunk_range(count, kCountedTexts, chunk);
        std::vector<uint32_t> terms;
        std::vector<int32_t> numbers;
        for (auto i = static_cast<size_t>(range.begin); i < static_cast<size_t>(range.end); ++i) {
          terms.clear();
          numbers.clear();
          append_terms(texts[i], rules.terms, terms);
          for (const uint32_t term : terms) {
            const auto at = std::lower_bound(rules.hashes.begin(), rules.hashes.end(), term);
            if (at == rules.hashes.end() || *at != term) continue;
            numbers.push_back(static_cast<int32_t>(at - rules.hashes.begin()));
          }
          vectors[i].assign(numbers, rules.weights);
        }
      }));
  SparseRows rows;
  rows.column_count = static_cast<int32_t>(rules.hashes.size());
  for (TextVector& vector : vectors) {
    rows.columns.insert(rows.columns.end(), vector.terms.begin(), vector.terms.end());
    rows.values.insert(rows.values.end(), vector.values.begin(), vector.values.end());
    rows.offsets.push_back(static_cast<int64_t>(rows.columns.size()));
    vector = {};
  }
  return rows;
}

}  // namespace

Result<std::shared_ptr<const TextFeatures>> TextFeatures::fit(
    const datasets::Column& column, const TextOptions& options,
    const kernels::ComputeContext& context) {
  Texts texts = sample_of(column.levels, kMostBytes, options.seed);
  ASSAY_ASSIGN_OR_RETURN(const bool common, has_common_words(texts, context));
  if (texts.empty() || !common) return std::shared_ptr<const TextFeatures>();
  Rules rules;
  rules.terms.words = options.words;
  const bool chars = options.chars.value_or(mean_bytes(texts) <= kShortText);
  if (chars) {
    rules.terms.chars = kCharRun;
    texts = sample_of(column.levels, kMostCharBytes, options.seed);
  }
  {
    ASSAY_ASSIGN_OR_RETURN(const TermLists lists, distinct_terms(texts, rules.terms, context));
    choose_terms(lists, rules);
  }
  if (options.topics > 0 && !rules.hashes.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const SparseRows rows, vectors_of(texts, rules, context));
    ASSAY_ASSIGN_OR_RETURN(TruncatedSvd svd,
                           truncated_svd(rows, options.topics, options.seed, context));
    rules.topics = static_cast<int32_t>(svd.values.size());
    rules.loadings = std::move(svd.vectors);
  }
  if (rules.topics == 0) {
    rules.hashes.clear();
    rules.weights.clear();
  }
  std::shared_ptr<TextFeatures> features(new TextFeatures(std::move(rules)));
  const TextCounts first = count_text(texts.front());
  bool length = false, words = false, digits = false, capitals = false;
  for (const std::string_view text : texts) {
    const TextCounts counts = count_text(text);
    length |= counts.length != first.length;
    words |= counts.words != first.words;
    digits |= counts.digits != first.digits;
    capitals |= counts.capitals != first.capitals;
  }
  const int32_t topics = features->rules_.topics;
  features->useful_.clear();
  for (int32_t topic = 1; topic <= topics; ++topic) features->useful_.push_back(topic);
  if (length) features->useful_.push_back(topics + 1);
  if (words) features->useful_.push_back(topics + 2);
  if (digits) features->useful_.push_back(topics + 3);
  if (capitals) features->useful_.push_back(topics + 4);
  return std::shared_ptr<const TextFeatures>(std::move(features));
}

int64_t TextFeatures::fit_bytes(int32_t topics) {
  // Terms as lists and sorted, then vectors of the terms that were kept: a text of n bytes has at
  // most n terms, two of runs of characters for each byte.
  constexpr auto kTerms = static_cast<int64_t>(std::max(kMostBytes, 3 * kMostCharBytes));
  return 24 * kTerms + int64_t{kMostTexts} * 48 +
         svd_bytes(int64_t{kMostTexts}, kMaxTerms, kTerms, topics);
}

}  // namespace assay::automl
