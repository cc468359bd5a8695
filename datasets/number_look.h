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

}  // namespace assay::datasets
