// TextFeatures: free text as numbers, a ColumnTransform. Terms (words, pairs of words; of short
// texts also runs of characters: text_terms.h) that several texts have get a weight, their inverse
// document frequency
//
//     1 + log((1 + texts) / (1 + texts with the term))
//
// and a text is the vector of (1 + log count) * weight of its terms, of length 1. Outputs "topic1",
// "topic2", ... are its products with the greatest singular vectors of the training texts' vectors
// (latent semantic analysis); "length", "words", "digits" and "capitals" are counts. A missing text
// has topics 0 and no counts; terms that training did not have do not count.
//
// Identifiers are refused: their words, if any, are hardly ever those of another row.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "automl/models/model_file.h"
#include "automl/preprocess/column_transform.h"
#include "automl/preprocess/text_terms.h"
#include "datasets/table.h"

namespace assay::automl {

inline constexpr int32_t kMaxTopics = 256;
inline constexpr int32_t kTextCounts = 4;  // length, words, digits, capitals
inline constexpr int32_t kMaxTerms = 10000;

struct TextOptions {
  int32_t words = 2;          // longest run of words
  std::optional<bool> chars;  // runs of characters; nothing: where texts are short
  int32_t topics = 32;        // 0..kMaxTopics
  uint64_t seed = 0;
};

class TextFeatures final : public ColumnTransform {
 public:
  struct Rules {
    TermRules terms;
    std::vector<uint32_t> hashes;  // of the terms, ascending; at most kMaxTerms
    std::vector<float> weights;    // [terms], > 0 and finite
    int32_t topics = 0;
    std::vector<float> loadings;  // [terms, topics] row-major, finite
  };

  // Of a text column; a sample of at most 20,000 of its texts and 2 MB teaches the terms (half
  // a MB where runs of characters count).
  // Null if the column's values are identifiers: no words in common.
  // Fails: cancelled; resource_exhausted.
  static Result<std::shared_ptr<const TextFeatures>> fit(const datasets::Column& column,
                                                         const TextOptions& options,
                                                         const kernels::ComputeContext& context);
  // Memory that fitting takes at its peak, beside the column.
  static int64_t fit_bytes(int32_t topics);
  // Fails: data if the rules are not sound.
  static Result<std::shared_ptr<const TextFeatures>> from_rules(Rules rules);

  // Outputs worth having: all topics, and the counts that vary.
  const std::vector<int32_t>& useful_outputs() const { return useful_; }
  const Rules& rules() const { return rules_; }

  int32_t output_count() const override;
  std::string output_name(int32_t output) const override;
  double period(int32_t) const override { return 0; }
  Status apply(const ColumnCells& cells, std::span<const int32_t> outputs,
               const kernels::ComputeContext* context,
               std::vector<std::vector<double>>& numbers) const override;

  void save(ModelWriter& writer) const;
  static Result<std::shared_ptr<const TextFeatures>> load(const ModelReader& reader);

 private:
  class Reader;
  explicit TextFeatures(Rules rules);
  // The term's number; -1 if it has none.
  int32_t find(uint32_t hash) const;

  Rules rules_;
  std::vector<int32_t> slots_;  // hash table of numbers of terms, -1 where free
  std::vector<int32_t> useful_;
};

// The vector of a text: its terms' numbers, ascending, and values of length 1 together. `numbers`
// holds a number for each time a term occurs, in any order.
struct TextVector {
  std::vector<int32_t> terms;
  std::vector<float> values;
  void assign(std::vector<int32_t>& numbers, std::span<const float> weights);
};

}  // namespace assay::automl
