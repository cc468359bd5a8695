// What a reader of many files had to leave out.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/status.h"

namespace assay::tracking {

struct ReadProblems {
  // A message for each file that is damaged or missing, naming it.
  std::vector<std::string> damaged{};
  // Likewise for what may be whole: it could not be read, for want of rights or memory, or because
  // a disk failed or is away.
  std::vector<std::string> unreadable{};

  bool empty() const { return damaged.empty() && unreadable.empty(); }
  void note(const Error& error) {
    const bool damage = error.code == StatusCode::kData || error.code == StatusCode::kNotFound;
    (damage ? damaged : unreadable).push_back(error.message);
  }
};

}  // namespace assay::tracking
