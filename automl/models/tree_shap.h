// TreeShap: Shapley values of a forest's sums, exact, for the game of path-dependent TreeSHAP
// (Lundberg, Erion, Lee, "Consistent Individualized Feature Attribution for Tree Ensembles", 2018):
// what a tree is worth knowing only the features in S is its value where a split on a feature that
// is not in S goes both ways, by the shares of the training rows.
//
// For one leaf that game is a product over the features of its path: o_j in {0, 1} if the row's
// feature j is known (whether all its splits lead there), z_j if not (the product of their shares).
// A product game's Shapley value is an integral along the diagonal of its multilinear extension
// (Owen 1972):
//
//     phi_j = value * (o_j - z_j) * integral over t in [0, 1] of prod_{i != j} (t o_i + (1 - t)
//     z_i)
//
// of a polynomial, which Gauss-Legendre quadrature with half as many points as the path has
// features integrates exactly. Products are kept for each point on the way down, sums of leaves on
// the way up, so a row costs O(nodes * points) instead of the O(leaves * depth^2) of the first
// paper (Yu et al., "Linear TreeShap", 2022, has the same cost another way). All terms are
// positive until the last subtraction: nothing cancels.
//
// Immutable; thread-safe. The forest is not owned.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/binned_view.h"
#include "kernels/tree.h"

namespace assay::automl {

class TreeShap {
 public:
  // `forest` must outlive it; its features are below `feature_count`. O(nodes * points).
  TreeShap(const kernels::Forest& forest, int32_t feature_count);

  // What the sums are worth knowing nothing: [output_count].
  std::span<const double> expected() const { return expected_; }

  // Memory for one thread.
  class Scratch {
   public:
    explicit Scratch(const TreeShap& shap);

   private:
    friend class TreeShap;
    // Of the path so far, for each feature: whether it is on it, o and z.
    struct OnPath {
      bool present = false;
      double met = 1;
      double share = 1;
    };
    std::vector<OnPath> features_;
    std::vector<double> products_;  // [depth, points]
    std::vector<double> sums_;      // [depth, points, leaf width]
  };

  // Adds a row's contributions to out [output_count, feature_count]. The sums of the forest are
  // those and expected(), but for rounding. `bins` in the host's memory.
  void add_row(const kernels::BinnedView& bins, uint32_t row, Scratch& scratch,
               std::span<double> out) const;

 private:
  // Points and weights of Gauss-Legendre quadrature on [0, 1].
  struct Quadrature {
    std::vector<double> points;
    std::vector<double> weights;
  };
  struct Walk;  // of one row through one tree

  static Quadrature quadrature_of(size_t point_count);
  void measure_tree(int64_t tree, std::vector<int32_t>& counts);

  const kernels::Forest& forest_;
  int32_t feature_count_;
  size_t width_;                         // values a leaf has
  std::vector<double> shares_;           // [nodes] of the parent's rows; root 1
  std::vector<int32_t> tree_points_;     // [trees]
  std::vector<Quadrature> quadratures_;  // by number of points
  std::vector<double> expected_;
  size_t most_depth_ = 0;
  size_t most_points_ = 1;
};

}  // namespace assay::automl
