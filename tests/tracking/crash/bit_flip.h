// One bit that changed in the journal of a writer that died: what was acknowledged is still all
// there, or the loss is told; and it is a loss of runs of that journal alone. Not thread-safe.
#pragma once

#include <string>

#include "kernels/base/rng.h"
#include "tests/tracking/crash/ledger.h"
#include "tests/tracking/crash/store_check.h"

namespace assay::tracking {

struct FlipCount {
  int flips = 0;
  int told = 0;    // that the store told of
  int costly = 0;  // told, and something acknowledged was lost

  void operator+=(const FlipCount& other);
  std::string text() const;
};

// Copies the store, whose writers are all dead, changes a random bit of a random segment in the
// copy, recovers that and looks for the ledger's facts. Nothing if there is no segment.
Problems flip_and_check(const std::string& path, const Ledger& ledger, Rng& random,
                        FlipCount& count);

}  // namespace assay::tracking
