// A column of a table as a sketch of a few square centimetres: how its values are spread. Pure.
#pragma once

#include <string>

#include "datasets/table.h"

namespace assay::automl {

// SVG: a histogram of numbers over their range, or the rows of the most frequent levels. Empty text
// without a value.
std::string column_sketch(const datasets::Column& column);

}  // namespace assay::automl
