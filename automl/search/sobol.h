// Sobol's sequence (USSR Comp. Math. 7(4), 1967; construction as in Bratley and Fox, ACM TOMS 14,
// 1988): points that fill the unit cube more evenly than random ones. The first 2^m points have
// exactly one in each interval [i, i + 1) / 2^m of every coordinate.
//
// Coordinate j > 0 belongs to the j-th primitive polynomial over GF(2), by degree; its free initial
// direction numbers are chosen, of some drawn ones, so that its projections with the coordinates
// before it are even too, in the manner of Joe and Kuo (SIAM J. Sci. Comput. 30, 2008), and not
// read from a table. Points are scrambled as Owen's nested scrambling does, by a hash (Burley,
// JCGT 9(4), 2020). Const use is thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace assay::automl {

class Sobol {
 public:
  static constexpr int kMostDimensions = 50;

  // `dimensions` in 1..kMostDimensions.
  explicit Sobol(int dimensions);

  // Point number `index` as 32-bit fractions, not scrambled; (0, ..., 0) is the first.
  std::vector<uint32_t> fractions_at(uint32_t index) const;
  // Scrambled by `seed`, in [0, 1).
  std::vector<double> at(uint32_t index, uint64_t seed) const;

 private:
  using Directions = std::array<uint32_t, 32>;
  std::vector<Directions> directions_;
};

}  // namespace assay::automl
