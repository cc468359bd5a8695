// The last step: gives nodes and leaves the numbers of the contract and computes leaf values.
#pragma once

#include "backends/cpu/grow_tree_growth.h"

namespace assay::backends::cpu {

// Fills args.tree and args.leaf_of. Numbers follow from gains alone: growing is played through once
// more, with the splits known.
Status assemble_tree(Growth& growth);

}  // namespace assay::backends::cpu
