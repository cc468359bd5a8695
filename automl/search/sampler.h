// A Sampler proposes where to look next in one learner's search space. It is a pure function of
// what it is asked with, so that the same seed and the same known results give the same proposals
// whatever ran where. Points are in the unit cube of the space. Stateless; const use is
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "automl/config/search_space.h"

namespace assay::automl {

// A point that was proposed, and what is known of it.
struct SamplePoint {
  // From best to worst. Of parameters that do not matter at a point, its coordinates are those of
  // their defaults.
  enum class State {
    kScored,  // `loss` over all folds
    kPruned,  // given up at rung number `depth`, where its loss was `loss`
    kFailed,  // failed, or was not tried
    kOpen,    // nothing is known yet
  };
  std::vector<double> unit;
  State state = State::kOpen;
  double loss = 0;  // lower is better
  int depth = 0;
};

struct SampleRequest {
  const SearchSpace* space = nullptr;
  // All points proposed before, in that order. The first is the default setting.
  std::span<const SamplePoint> points;
  uint64_t seed = 0;  // of all draws in this space
  uint64_t draw = 0;  // of those for this point
  // What it proposed for the lower attempts had been proposed before.
  int attempt = 0;
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  // A point of space->size() coordinates in [0, 1].
  virtual std::vector<double> sample(const SampleRequest& request) const = 0;
  // Whether it looks at losses.
  virtual bool guided() const = 0;
};

// Names of all samplers, for options: random, sobol, tpe, gp, cmaes, cfo.
std::span<const std::string_view> sampler_names();

// Null if there is no sampler of that name.
std::unique_ptr<Sampler> make_sampler(std::string_view name);

}  // namespace assay::automl
