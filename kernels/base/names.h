// Names that people type: edit distance for "did you mean", and the rule for workspace,
// experiment and model names.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay {

// The candidate nearest to `word` by Damerau-Levenshtein distance in ASCII lower case, or empty if
// none is near enough to be worth a suggestion (distance above max(2, length / 3)).
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates);
std::string_view nearest_name(std::string_view word, std::span<const std::string> candidates);

// " (did you mean 'roc_auc'?)", or " (must be one of a, b, c)" if nothing is near.
std::string name_hint(std::string_view word, std::span<const std::string_view> candidates);
std::string name_hint(std::string_view word, std::span<const std::string> candidates);

// Fails: invalid_argument unless `name` matches [A-Za-z0-9][A-Za-z0-9._-]{0,63}. `what` says in
// the message whose name it is.
Status check_name(std::string_view what, std::string_view name);

// ASCII lower case: how names are compared.
std::string lower_case(std::string_view text);

}  // namespace assay
