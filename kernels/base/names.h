// Names that people type: edit distance for "did you mean", and the rule for workspace,
// experiment and model names.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay {

// The candidate that `word` is likely to mean, in any case: the shortest that begins with it, else
// the nearest by Damerau-Levenshtein distance; empty if none is near enough to be worth a
// suggestion (distance above max(2, length / 3), or above 1 for a word of at most 3 letters).
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates);
std::string_view nearest_name(std::string_view word, std::span<const std::string> candidates);

// " (did you mean 'roc_auc'?)", or " (must be one of a, b, c)" if nothing is near.
std::string name_hint(std::string_view word, std::span<const std::string_view> candidates);
std::string name_hint(std::string_view word, std::span<const std::string> candidates);

// Fails: invalid_argument unless `name` matches [A-Za-z0-9][A-Za-z0-9._-]{0,63}. `what` says in
// the message whose name it is.
Status check_name(std::string_view what, std::string_view name);

// For messages: text of at most `limit` bytes as it is; of a longer one the beginning and "...",
// cut between UTF-8 characters.
std::string shortened(std::string_view text, size_t limit = 80);

// ASCII lower case: how names are compared.
std::string lower_case(std::string_view text);

}  // namespace assay
