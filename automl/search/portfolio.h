// The portfolio: a few settings that did well together on many tables, found by bench/portfolio and
// tried after the defaults. The one that ships is portfolio.txt, which is compiled in. It is text:
// a setting a line, the name of a learner and what differs from its defaults,
//
//     gbt learning_rate=0.05 max_leaves=12
//
// the best first. Empty lines and those that begin with # say nothing. Plain functions,
// thread-safe.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "automl/config/option_info.h"
#include "automl/search/search.h"
#include "kernels/base/status.h"

namespace assay::automl {

// The text of the one that ships; valid for ever.
std::string_view shipped_portfolio();

// The settings of a text, of origin kPortfolio, with the parameters that their lines name.
// `learners` are the option tables of all learners; `source` is how messages call the text. Fails:
// data, with the number of the line, if a learner or parameter is unknown, a value is not allowed,
// a parameter comes twice or none at all, or a setting comes twice.
Result<std::vector<WantedSetting>> read_portfolio(std::string_view text, std::string_view source,
                                                  std::span<const OptionGroup> learners);

// Those settings that lie in the spaces of the learners, in their order, with all parameters: what
// they do not name is at the default. One that names what a space fixes lies in it if the value is
// that one.
std::vector<WantedSetting> settings_within(std::span<const WantedSetting> settings,
                                           std::span<const SearchLearner> learners);

}  // namespace assay::automl
