// Leaves are segments of the row order. The order is cut into chunks; a chunk adds its share of
// each leaf's sums, in integers, so it does not matter who adds first.
#include "backends/cpu/grow_tree_leaves.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "kernels/base/fixed_point.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

constexpr int64_t kChunkRows = 16384;
constexpr int64_t kPrefetchRows = 16;

// FixedPoint::encode with the scale taken out of the loop; multiplying by a power of two is exact.
class Encoder {
 public:
  Encoder(double max_abs, int64_t count)
      : fixed_(FixedPoint::for_sum(max_abs, count)), scale_(std::ldexp(1.0, fixed_.exponent())) {}
  int64_t encode(float x) const { return std::llrint(double{x} * scale_); }
  double decode(int64_t sum) const { return fixed_.decode(sum); }

 private:
  FixedPoint fixed_;
  double scale_;
};

class LeafSums {
 public:
  LeafSums(Growth& growth, std::span<const int32_t> leaves)
      : growth_(growth),
        first_(double{growth.args.max_abs_gradient}, growth.problem.sample_count),
        second_(double{growth.args.max_hessian}, growth.problem.sample_count),
        width_(growth.rules.class_mode ? growth.rules.lanes : 2),
        whole_(growth.problem.sample_count == growth.problem.row_count),
        sums_(leaves.size() * static_cast<size_t>(width_), 0) {
    for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
      const GrownNode& node = growth.nodes[static_cast<size_t>(leaves[leaf])];
      segments_.push_back({node.begin, node.end, static_cast<int32_t>(leaf)});
    }
    std::sort(segments_.begin(), segments_.end(),
              [](const Segment& a, const Segment& b) { return a.begin < b.begin; });
  }

  Status run() {
    const int64_t count = growth_.problem.sample_count;
    const int64_t chunks = chunk_count_of(count, kChunkRows);
    ASSAY_RETURN_IF_ERROR(growth_.context.executor->parallel_for(
        chunks, [&](int64_t chunk, int) { add_chunk(chunk_range(count, kChunkRows, chunk)); }));
    set_values();
    if (whole_) return {};
    return growth_.context.executor->parallel_for(chunks, [&](int64_t chunk, int) {
      const ChunkRange range = chunk_range(count, kChunkRows, chunk);
      for (int64_t i = range.begin; i < range.end; ++i) {
        growth_.args.leaf_of[i] = static_cast<int32_t>(growth_.packed[growth_.args.rows[i]]);
      }
    });
  }

 private:
  struct Segment {
    int64_t begin = 0;
    int64_t end = 0;
    int32_t leaf = 0;
  };

  void add_chunk(const ChunkRange& range) {
    auto segment =
        std::upper_bound(segments_.begin(), segments_.end(), range.begin,
                         [](int64_t position, const Segment& item) { return position < item.end; });
    for (; segment != segments_.end() && segment->begin < range.end; ++segment) {
      const int64_t begin = std::max(range.begin, segment->begin);
      const int64_t end = std::min(range.end, segment->end);
      if (growth_.rules.class_mode) {
        add_weights(begin, end, segment->leaf);
      } else {
        add_gradients(begin, end, segment->leaf);
      }
      for (int64_t i = begin; i < end; ++i) {
        const uint32_t row = growth_.order[i];
        // The sample is all rows, so a row is its own position; or the packed rows are free now.
        if (whole_) {
          growth_.args.leaf_of[row] = segment->leaf;
        } else {
          growth_.packed[row] = static_cast<uint32_t>(segment->leaf);
        }
      }
    }
  }

  void add(int32_t leaf, int32_t lane, int64_t value) {
    int64_t& sum =
        sums_[static_cast<size_t>(leaf) * static_cast<size_t>(width_) + static_cast<size_t>(lane)];
    std::atomic_ref(sum).fetch_add(value, std::memory_order_relaxed);
  }

  void add_gradients(int64_t begin, int64_t end, int32_t leaf) {
    const uint32_t* rows = growth_.order.get();
    int64_t gradient = 0;
    int64_t hessian = 0;
    for (int64_t i = begin; i < end; ++i) {
      if (i + kPrefetchRows < end) {
        __builtin_prefetch(growth_.args.gradients + rows[i + kPrefetchRows]);
        __builtin_prefetch(growth_.args.hessians + rows[i + kPrefetchRows]);
      }
      gradient += first_.encode(growth_.args.gradients[rows[i]]);
      hessian += second_.encode(growth_.args.hessians[rows[i]]);
    }
    add(leaf, 0, gradient);
    add(leaf, 1, hessian);
  }

  void add_weights(int64_t begin, int64_t end, int32_t leaf) {
    const float* weights = growth_.args.weights;
    for (int64_t i = begin; i < end; ++i) {
      const uint32_t row = growth_.order[i];
      add(leaf, growth_.args.classes[row], first_.encode(weights == nullptr ? 1.0f : weights[row]));
    }
  }

  void set_values() {
    std::vector<float>& values = growth_.args.tree->leaf_values;
    for (size_t first = 0; first < sums_.size(); first += static_cast<size_t>(width_)) {
      const std::span<const int64_t> sums(sums_.data() + first, static_cast<size_t>(width_));
      if (growth_.rules.class_mode) {
        int64_t all = 0;
        for (const int64_t sum : sums) all += sum;
        const double total = first_.decode(all);
        for (const int64_t sum : sums) {
          const double share = total > 0 ? first_.decode(sum) / total * scale() : 0;
          values.push_back(static_cast<float>(share));
        }
      } else {
        values.push_back(newton_step(first_.decode(sums[0]), second_.decode(sums[1])));
      }
    }
  }

  float newton_step(double gradient, double hessian) const {
    const kernels::TreeParams& params = growth_.problem.params;
    const double divisor = hessian + params.l2;
    if (!(divisor > 0)) return 0;
    const double rest = std::max(std::abs(gradient) - params.l1, 0.0);
    return static_cast<float>((0.0 - (gradient < 0 ? -rest : rest)) / divisor * scale());
  }

  double scale() const { return growth_.problem.params.leaf_scale; }

  Growth& growth_;
  Encoder first_;   // gradients or weights
  Encoder second_;  // hessians
  int32_t width_;
  bool whole_;
  std::vector<int64_t> sums_;  // [leaves, width]
  std::vector<Segment> segments_;
};

}  // namespace

Status finish_leaves(Growth& growth, std::span<const int32_t> leaves) {
  return LeafSums(growth, leaves).run();
}

}  // namespace assay::backends::cpu
