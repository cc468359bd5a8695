// What a reader of many files had to leave out.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
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

// Of a list whose `damaged` has the messages of what may be whole, too.
inline ReadProblems problems_of(std::vector<std::string> damaged,
                                const std::vector<std::string>& unreadable) {
  std::erase_if(damaged, [&](const std::string& message) {
    return std::find(unreadable.begin(), unreadable.end(), message) != unreadable.end();
  });
  return {std::move(damaged), unreadable};
}

}  // namespace assay::tracking
