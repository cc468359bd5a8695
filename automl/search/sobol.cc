#include "automl/search/sobol.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <span>

#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

constexpr int kBits = 32;
using Directions = std::array<uint32_t, kBits>;

// How many drawn sets of initial numbers a coordinate is chosen from, and with how many coordinates
// before it its projections are looked at.
constexpr int kCandidates = 16;
constexpr size_t kNeighbours = 12;

int degree_of(uint32_t polynomial) { return std::bit_width(polynomial) - 1; }

// Whether x has the full order 2^degree - 1 modulo the polynomial: bit k is the factor of x^k.
bool is_primitive(uint32_t polynomial) {
  const int degree = degree_of(polynomial);
  uint32_t power = 1;
  for (uint32_t order = 1;; ++order) {
    power <<= 1;
    if ((power >> degree) & 1u) power ^= polynomial;
    if (power == 1) return order == (1u << degree) - 1;
    if (power == 0 || order >= (1u << degree)) return false;
  }
}

std::vector<uint32_t> primitive_polynomials(size_t count) {
  std::vector<uint32_t> found;
  for (uint32_t polynomial = 3; found.size() < count; polynomial += 2) {
    if (is_primitive(polynomial)) found.push_back(polynomial);
  }
  return found;
}

Directions first_directions() {
  Directions directions{};
  for (int k = 0; k < kBits; ++k) directions[static_cast<size_t>(k)] = 1u << (kBits - 1 - k);
  return directions;
}

// m_k = 2 a_1 m_{k-1} ^ ... ^ 2^{s-1} a_{s-1} m_{k-s+1} ^ 2^s m_{k-s} ^ m_{k-s}, written for
// v_k = m_k / 2^k.
Directions extended(uint32_t polynomial, std::span<const uint32_t> initial) {
  const auto degree = static_cast<size_t>(degree_of(polynomial));
  Directions v{};
  for (size_t k = 0; k < degree; ++k) v[k] = initial[k] << (kBits - 1 - k);
  for (size_t k = degree; k < v.size(); ++k) {
    v[k] = v[k - degree] ^ (v[k - degree] >> degree);
    for (size_t i = 1; i < degree; ++i) {
      if ((polynomial >> (degree - i)) & 1u) v[k] ^= v[k - i];
    }
  }
  return v;
}

// Row `row` of the generator matrix, over the first `columns` direction numbers.
uint32_t matrix_row(const Directions& directions, int row, int columns) {
  uint32_t bits = 0;
  for (int k = 0; k < columns; ++k) {
    bits |= ((directions[static_cast<size_t>(k)] >> (kBits - 1 - row)) & 1u) << k;
  }
  return bits;
}

// Rows kept reduced against each other, by their highest bit.
class Basis {
 public:
  // False if the row depends on those added before.
  bool add(uint32_t row) {
    while (row != 0) {
      uint32_t& pivot = rows_[static_cast<size_t>(std::bit_width(row) - 1)];
      if (pivot == 0) {
        pivot = row;
        return true;
      }
      row ^= pivot;
    }
    return false;
  }

 private:
  std::array<uint32_t, kBits> rows_{};
};

// The quality parameter t of the first 2^m points in two coordinates: each box of area 2^(t - m)
// and sides of powers of 1/2 holds equally many. 0 is best.
int plane_quality(const Directions& a, const Directions& b, int m) {
  int independent = m;
  for (int of_a = 0; of_a <= m; ++of_a) {
    Basis basis;
    bool ok = true;
    for (int row = 0; row < of_a && ok; ++row) ok = basis.add(matrix_row(a, row, m));
    int of_b = 0;
    while (ok && of_a + of_b < independent && basis.add(matrix_row(b, of_b, m))) ++of_b;
    if (ok) independent = std::min(independent, of_a + of_b);
  }
  return m - independent;
}

int badness(const Directions& directions, std::span<const Directions> before) {
  int sum = 0;
  for (const Directions& other : before) {
    for (const int m : {4, 7}) {
      const int t = plane_quality(other, directions, m);
      sum += t * t;
    }
  }
  return sum;
}

Directions chosen_directions(uint32_t polynomial, std::span<const Directions> before) {
  const auto degree = static_cast<size_t>(degree_of(polynomial));
  Directions best{};
  int least = std::numeric_limits<int>::max();
  for (int candidate = 0; candidate < kCandidates && least > 0; ++candidate) {
    Rng rng(derive_seed(polynomial, "sobol", static_cast<uint64_t>(candidate)));
    std::vector<uint32_t> initial;
    for (size_t k = 0; k < degree; ++k) {
      initial.push_back(2 * static_cast<uint32_t>(rng.below(uint64_t{1} << k)) + 1);
    }
    const Directions directions = extended(polynomial, initial);
    const int bad = badness(directions, before);
    if (bad >= least) continue;
    least = bad;
    best = directions;
  }
  return best;
}

uint32_t reversed(uint32_t x) {
  x = ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
  x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
  x = ((x >> 4) & 0x0f0f0f0fu) | ((x & 0x0f0f0f0fu) << 4);
  x = ((x >> 8) & 0x00ff00ffu) | ((x & 0x00ff00ffu) << 8);
  return (x >> 16) | (x << 16);
}

// Flips each bit by a hash of the bits above it: points stay in the same number of equal intervals.
uint32_t scrambled(uint32_t fraction, uint32_t seed) {
  uint32_t x = reversed(fraction);
  x += seed;
  x ^= x * 0x6c50b47cu;
  x ^= x * 0xb82f1e52u;
  x ^= x * 0xc7afe638u;
  x ^= x * 0x8d22f6e6u;
  return reversed(x);
}

}  // namespace

Sobol::Sobol(int dimensions) {
  const auto count = static_cast<size_t>(std::clamp(dimensions, 1, kMostDimensions));
  directions_.push_back(first_directions());
  for (const uint32_t polynomial : primitive_polynomials(count - 1)) {
    const size_t near = std::min(directions_.size(), kNeighbours);
    directions_.push_back(chosen_directions(polynomial, std::span(directions_).last(near)));
  }
}

std::vector<uint32_t> Sobol::fractions_at(uint32_t index) const {
  std::vector<uint32_t> point(directions_.size(), 0);
  for (size_t j = 0; j < point.size(); ++j) {
    for (uint32_t bits = index; bits != 0; bits &= bits - 1) {
      point[j] ^= directions_[j][static_cast<size_t>(std::countr_zero(bits))];
    }
  }
  return point;
}

std::vector<double> Sobol::at(uint32_t index, uint64_t seed) const {
  const std::vector<uint32_t> fractions = fractions_at(index);
  std::vector<double> point;
  for (size_t j = 0; j < fractions.size(); ++j) {
    const auto key = static_cast<uint32_t>(derive_seed(seed, "scramble", j));
    point.push_back(scrambled(fractions[j], key) * 0x1p-32);
  }
  return point;
}

}  // namespace assay::automl
