// What a column of strings looks like when it is numbers or dates in a spelling that is not read:
// decimal commas, thousands, percent, currency, dates with the day or month first, times of day; or
// numbers with a few other values among them.
// For hints to people. Pure.
#pragma once

#include <string>

#include "datasets/table.h"

namespace assay::datasets {

// A sentence's end such as "numbers with a decimal comma ('1,5')", or empty. Of text and
// categorical columns whose levels nearly all (19 of 20, at most 1000 are looked at) have one such
// look.
std::string number_look(const Column& column);

// What keeps a column of strings from being numeric, such as "'-'", "'abc' and 'n.d.'" or "'abc'
// and 3 more": one or two levels, or at most 5 % of them, if all others are numbers and are many,
// or if they look like marks for a missing value. Empty if there is nothing of the kind.
std::string number_gaps(const Column& column);

// A note about a column that was read as text although it looks like numbers or dates, and what to
// do about it; or empty. A line for people.
std::string reading_hint(const Column& column);

}  // namespace assay::datasets
