// Grows symmetric trees: all leaves of a level are split alike.
#pragma once

#include "backends/cpu/grow_tree_splitter.h"

namespace assay::backends::cpu {

// Grows the tree of `growth`, whose rows are quantised and in order, and assembles it. Histograms
// are `source`'s, or the CPU's own if that is null. Fails: cancelled, and as `source` does.
Status grow_symmetric(Growth& growth, HistogramSource* source);

}  // namespace assay::backends::cpu
