// Every row gets its leaf, leaf by leaf. Then the inputs are read in order of rows, in chunks, and
// added to their leaves' sums: in integers, so it does not matter who adds first. With few leaves
// both are done chunk by chunk of rows, while the chunk's leaf numbers are in cache: a leaf's rows
// ascend, so those in a chunk are found by bisection.
#include "backends/cpu/grow_tree_leaves.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "backends/cpu/grow_tree_numbers.h"
#include "kernels/base/fixed_point.h"

namespace assay::backends::cpu {
namespace {

// Of a chunk: the fewest and the most, and into how many chunks rows are cut between these. More
// rows never make fewer chunks.
constexpr int64_t kChunkRows = 8192;
constexpr int64_t kLongChunkRows = 65536;
constexpr int64_t kChunks = 64;
// Rows that a leaf has in a chunk, on average, for bisecting to pay.
constexpr int64_t kBisectRows = 32;
constexpr size_t kBatchRows = 256;
// Sums up to which every thread has its own.
constexpr size_t kOwnSums = 65536;

// FixedPoint with the scale taken out of the loop; multiplying by a power of two is exact.
struct Scale {
  Scale(float max_abs, int64_t count)
      : fixed(FixedPoint::for_sum(double{max_abs}, count)),
        factor(std::ldexp(1.0, fixed.exponent())) {}
  FixedPoint fixed;
  double factor;
};

class LeafSums {
 public:
  LeafSums(Growth& growth, std::span<const int32_t> leaves)
      : growth_(growth),
        executor_(*growth.context.executor),
        first_(growth.args.max_abs_gradient, growth.problem.sample_count),
        second_(growth.args.max_hessian, growth.problem.sample_count),
        width_(static_cast<size_t>(growth.rules.class_mode ? growth.rules.lanes : 2)),
        whole_(growth.problem.sample_count == growth.problem.row_count),
        shared_(leaves.size() * width_ > kOwnSums),
        leaves_(leaves) {
    const auto threads = shared_ ? 1 : static_cast<size_t>(executor_.thread_count());
    sums_.resize(threads);
    sums_[0].assign(leaves.size() * width_, 0);
    for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
      const GrownNode& node = growth.nodes[static_cast<size_t>(leaves[leaf])];
      segments_.push_back({node.begin, node.end, static_cast<int32_t>(leaf)});
    }
    std::sort(segments_.begin(), segments_.end(),
              [](const Segment& a, const Segment& b) { return a.begin < b.begin; });
  }

  Status run() {
    const int64_t count = growth_.problem.sample_count;
    const int64_t chunk_rows =
        std::clamp(chunk_count_of(count, kChunks), kChunkRows, kLongChunkRows);
    const int64_t chunks = chunk_count_of(count, chunk_rows);
    const bool at_once = static_cast<int64_t>(segments_.size()) * chunks * kBisectRows <= count;
    if (!at_once) {
      ASSAY_RETURN_IF_ERROR(executor_.parallel_for(
          chunks, [&](int64_t chunk, int) { spread(chunk_range(count, chunk_rows, chunk)); }));
    }
    ASSAY_RETURN_IF_ERROR(executor_.parallel_for(chunks, [&](int64_t chunk, int thread) {
      const ChunkRange range = chunk_range(count, chunk_rows, chunk);
      const std::span<const uint32_t> rows(growth_.args.rows + range.begin,
                                           static_cast<size_t>(range.end - range.begin));
      if (at_once) spread_rows(rows.front(), rows.back());
      add_rows(rows, growth_.args.leaf_of + range.begin, shared_ ? 0 : static_cast<size_t>(thread));
    }));
    for (size_t thread = 1; thread < sums_.size(); ++thread) {
      for (size_t i = 0; i < sums_[thread].size(); ++i) sums_[0][i] += sums_[thread][i];
    }
    set_values();
    return {};
  }

 private:
  struct Segment {
    int64_t begin = 0;
    int64_t end = 0;
    int32_t leaf = 0;
  };

  // Notes the leaf of rows: in leaf_of where the sample is all rows, so that a row is its own
  // position; else in the packed rows, which are not needed any more.
  void note(const uint32_t* begin, const uint32_t* end, int32_t leaf) {
    if (whole_) {
      int32_t* leaf_of = growth_.args.leaf_of;
      for (; begin != end; ++begin) leaf_of[*begin] = leaf;
    } else {
      uint32_t* leaf_of = growth_.packed.data();
      for (; begin != end; ++begin) leaf_of[*begin] = static_cast<uint32_t>(leaf);
    }
  }

  // Of a part of the order.
  void spread(const ChunkRange& range) {
    auto segment =
        std::upper_bound(segments_.begin(), segments_.end(), range.begin,
                         [](int64_t position, const Segment& s) { return position < s.end; });
    const uint32_t* order = growth_.order.data();
    for (; segment != segments_.end() && segment->begin < range.end; ++segment) {
      note(order + std::max(range.begin, segment->begin), order + std::min(range.end, segment->end),
           segment->leaf);
    }
  }

  // Of the sample's rows from `first` to `last`.
  void spread_rows(uint32_t first, uint32_t last) {
    const uint32_t* order = growth_.order.data();
    for (const Segment& segment : segments_) {
      const uint32_t* end = order + segment.end;
      const uint32_t* begin = std::lower_bound(order + segment.begin, end, first);
      note(begin, std::upper_bound(begin, end, last), segment.leaf);
    }
  }

  void add(int64_t* sum, int64_t value) const {
    if (shared_) {
      std::atomic_ref(*sum).fetch_add(value, std::memory_order_relaxed);
    } else {
      *sum += value;
    }
  }

  void add_rows(std::span<const uint32_t> rows, int32_t* leaf_of, size_t thread) {
    if (sums_[thread].empty()) sums_[thread].assign(sums_[0].size(), 0);
    int64_t* sums = sums_[thread].data();
    int64_t terms[2][kBatchRows];
    const kernels::GrowTreeArgs& args = growth_.args;
    std::fill_n(terms[0], kBatchRows,
                first_.fixed.encode(1));  // the weight of rows without weights
    for (size_t begin = 0; begin < rows.size(); begin += kBatchRows) {
      const auto part = rows.subspan(begin, std::min(kBatchRows, rows.size() - begin));
      int32_t* leaves = leaf_of + begin;
      if (!whole_) {
        for (size_t i = 0; i < part.size(); ++i) {
          leaves[i] = static_cast<int32_t>(growth_.packed[part[i]]);
        }
      }
      if (growth_.rules.class_mode) {
        if (args.weights != nullptr) encode_span(args.weights, part, first_.factor, terms[0]);
        for (size_t i = 0; i < part.size(); ++i) {
          add(sums + static_cast<size_t>(leaves[i]) * width_ + args.classes[part[i]], terms[0][i]);
        }
      } else {
        encode_span(args.gradients, part, first_.factor, terms[0]);
        encode_span(args.hessians, part, second_.factor, terms[1]);
        for (size_t i = 0; i < part.size(); ++i) {
          int64_t* sum = sums + static_cast<size_t>(leaves[i]) * 2;
          add(sum, terms[0][i]);
          add(sum + 1, terms[1][i]);
        }
      }
    }
  }

  void set_values() {
    std::vector<float>& values = growth_.args.tree->leaf_values;
    values.reserve(growth_.rules.class_mode ? sums_[0].size() : sums_[0].size() / 2);
    for (size_t first = 0; first < sums_[0].size(); first += width_) {
      const std::span<const int64_t> sums(sums_[0].data() + first, width_);
      if (growth_.rules.class_mode) {
        int64_t all = 0;
        for (const int64_t sum : sums) all += sum;
        const double total = first_.fixed.decode(all);
        for (const int64_t sum : sums) {
          const double share = total > 0 ? first_.fixed.decode(sum) / total * scale() : 0;
          values.push_back(static_cast<float>(share));
        }
      } else {
        const GrownNode& leaf = growth_.nodes[static_cast<size_t>(leaves_[first / width_])];
        values.push_back(
            newton_step(first_.fixed.decode(sums[0]), second_.fixed.decode(sums[1]), leaf.limits));
      }
    }
  }

  float newton_step(double gradient, double hessian, const kernels::NodeLimits& limits) const {
    const kernels::TreeParams& params = growth_.problem.params;
    const double divisor = hessian + params.l2;
    const double rest = std::max(std::abs(gradient) - params.l1, 0.0);
    double value = divisor > 0 ? (0.0 - (gradient < 0 ? -rest : rest)) / divisor : 0;
    if (growth_.rules.monotone != nullptr) value = limits.hold(value);
    return static_cast<float>(value * scale());
  }

  double scale() const { return growth_.problem.params.leaf_scale; }

  Growth& growth_;
  Executor& executor_;
  Scale first_;   // of gradients or weights
  Scale second_;  // of hessians
  size_t width_;  // sums of a leaf
  bool whole_;
  bool shared_;                             // all threads add to sums_[0], atomically
  std::vector<std::vector<int64_t>> sums_;  // [threads or 1][leaves, width]
  std::span<const int32_t> leaves_;         // places in the growth, by leaf number
  std::vector<Segment> segments_;
};

}  // namespace

Status finish_leaves(Growth& growth, std::span<const int32_t> leaves) {
  return LeafSums(growth, leaves).run();
}

}  // namespace assay::backends::cpu
