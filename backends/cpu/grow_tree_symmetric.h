// Grows symmetric trees: all leaves of a level are split alike.
#pragma once

#include "backends/cpu/grow_tree_growth.h"

namespace assay::backends::cpu {

// Grows the tree of `growth`, whose rows are quantised, and assembles it.
// Fails: cancelled.
Status grow_symmetric(Growth& growth);

}  // namespace assay::backends::cpu
