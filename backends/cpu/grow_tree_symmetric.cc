// A level at a time: leaf by leaf the gains of all candidates are added up, columns in parallel;
// the best candidate then divides the leaves where it may stand. Leaves keep their histograms until
// they are divided: then the smaller child's is built, and the other's is the difference. Where the
// pool of histograms is too small, leaves whose histogram it took back are built again.
//
// Memory beside that of grow_tree.cc: the sample's histogram, and two gains for each of its words.
#include "backends/cpu/grow_tree_symmetric.h"

#include <algorithm>

#include "backends/cpu/grow_tree_assembly.h"
#include "backends/cpu/grow_tree_bundles.h"
#include "backends/cpu/grow_tree_histogram.h"
#include "backends/cpu/grow_tree_level.h"
#include "backends/cpu/grow_tree_partition.h"
#include "backends/cpu/grow_tree_pool.h"
#include "backends/cpu/grow_tree_scan.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

constexpr int64_t kColumnsPerTask = 4;
// Sharing work and waiting for the last of it costs about a quarter of this.
constexpr double kShareableWork = 15e3;  // nanoseconds
// Rough costs in nanoseconds: to weigh a candidate, to divide and to place a row.
constexpr double kWeighWord = 2;
constexpr double kDivideRow = 4;

class SymmetricGrower {
 public:
  SymmetricGrower(Growth& growth, HistogramSource* source)
      : growth_(growth),
        source_(source),
        executor_(*growth.context.executor),
        plan_(ColumnPlan::make(growth.args.bins, growth.features, growth.rules.lanes)),
        builder_(executor_, growth.rules, growth.packed.data()),
        pool_(growth, plan_.word_count(), pool_bytes(growth)),
        runs_of_(static_cast<size_t>(growth.problem.feature_count)),
        sums_of_(static_cast<size_t>(growth.problem.feature_count)),
        bundles_(static_cast<size_t>(growth.context.executor->thread_count())) {}

  Status run() {
    if (growth_.features.empty()) return {};
    leaves_.push_back(0);
    ASSAY_RETURN_IF_ERROR(sum_sample());
    const kernels::TreeParams& params = growth_.problem.params;
    for (int32_t level = 0; level < params.max_depth; ++level) {
      if (growth_.stop_requested()) return fail(StatusCode::kCancelled, "grow_tree was stopped");
      if (static_cast<int64_t>(leaves_.size()) >= params.max_leaves) return {};
      list_candidates(level);
      ASSAY_RETURN_IF_ERROR(add_up());
      const Candidate best = best_candidate();
      if (best.run == nullptr) return {};
      ASSAY_ASSIGN_OR_RETURN(const size_t made, place_split(best, level));
      if (made == 0 || static_cast<int64_t>(leaves_.size() + made) > params.max_leaves) return {};
      const bool deeper = level + 1 < params.max_depth &&
                          static_cast<int64_t>(leaves_.size() + made) < params.max_leaves;
      ASSAY_RETURN_IF_ERROR(divide_leaves(made, deeper));
    }
    return {};
  }

 private:
  GrownNode& node_at(int32_t index) { return growth_.nodes[static_cast<size_t>(index)]; }

  Status share(int64_t count, double work_ns, FunctionRef<void(int64_t, int)> body) {
    if (work_ns > kShareableWork) return executor_.parallel_for(count, body);
    return SerialExecutor().parallel_for(count, body);
  }

  // The leaf's histogram, built if it has none.
  Result<int64_t*> histogram_of(int32_t leaf) {
    if (node_at(leaf).histogram < 0) {
      pool_.acquire(leaf, leaf);
      int64_t* words = pool_.words(leaf);
      if (leaf == 0 && growth_.root.words != nullptr) {
        builder_.take(plan_, growth_.root, words);
      } else {
        ASSAY_RETURN_IF_ERROR(build(leaf, words));
      }
    }
    return pool_.words(leaf);
  }

  Status build(int32_t leaf, int64_t* words) {
    const std::span<const uint32_t> rows = growth_.rows_of(node_at(leaf));
    if (source_ != nullptr) return source_->build(plan_, rows, words);
    ASSAY_RETURN_IF_ERROR(builder_.build(plan_, rows, words));
    builder_.finish(0, plan_.word_count(), words);
    return {};
  }

  // Sums of the place-th feature of the plan, by bin; those of a bundle are made in `own`.
  const int64_t* sums_of(size_t column, size_t place, const int64_t* words,
                         std::vector<int64_t>& own) const {
    const auto [feature, bins] = plan_.features[place];
    const int64_t begin = plan_.offsets[column];
    if (bins == nullptr) return words + begin;
    const auto lanes = int64_t{plan_.lanes};
    own.assign(static_cast<size_t>(growth_.args.bins.bin_counts[feature] * lanes), 0);
    const int64_t* word = words + begin;
    for (int64_t code = 0; code < (plan_.offsets[column + 1] - begin) / lanes; ++code) {
      int64_t* target = own.data() + bins[code] * lanes;
      for (int64_t lane = 0; lane < lanes; ++lane) target[lane] += *word++;
    }
    return own.data();
  }

  bool is_bundle(size_t column) const {
    return plan_.features[plan_.feature_offsets[column]].bins != nullptr;
  }

  // The sample's sums of every feature.
  Status sum_sample() {
    ASSAY_ASSIGN_OR_RETURN(const int64_t* words, histogram_of(0));
    std::vector<int64_t> own;
    const size_t place = 0;  // the first feature of the first column
    total_ = totals_of(sums_of(0, place, words, own), plan_.features[place].feature);
    const NodeTotals totals{total_.data(), plan_.lanes, growth_.problem.sample_count,
                            node_at(0).key, node_at(0).limits};
    const auto keep = [&](int32_t feature, const int64_t* sums) {
      const int64_t count = int64_t{growth_.args.bins.bin_counts[feature]} * plan_.lanes;
      sums_of_[static_cast<size_t>(feature)].assign(sums, sums + count);
    };
    for (size_t column = 0; column < plan_.column_count(); ++column) {
      const int64_t* first = words + plan_.offsets[column];
      if (!is_bundle(column)) {
        keep(plan_.features[plan_.feature_offsets[column]].feature, first);
        continue;
      }
      bundles_[0].sum_all(growth_, plan_, column, {totals, first});
      for (const FeatureSums& each : bundles_[0].features()) keep(each.feature, each.words);
    }
    return {};
  }

  std::vector<int64_t> totals_of(const int64_t* sums, int32_t feature) const {
    std::vector<int64_t> totals(static_cast<size_t>(plan_.lanes), 0);
    const int64_t count = int64_t{growth_.args.bins.bin_counts[feature]} * plan_.lanes;
    for (int64_t i = 0; i < count; ++i) totals[static_cast<size_t>(i % plan_.lanes)] += sums[i];
    return totals;
  }

  FeatureTotals feature_totals(int32_t feature) const {
    const kernels::BinnedView& bins = growth_.args.bins;
    return {feature,
            bins.kinds[feature] == kernels::FeatureKind::kCategorical,
            bins.bin_counts[feature],
            plan_.lanes,
            sums_of_[static_cast<size_t>(feature)].data(),
            total_.data()};
  }

  // The level's runs, by feature, with their gains at 0.
  void list_candidates(int32_t level) {
    const uint64_t key = kernels::level_key(growth_.problem.seed, level);
    std::vector<int32_t> chosen = growth_.features;
    if (growth_.samples_columns()) {
      chosen.clear();
      kernels::choose_columns(key, growth_.problem.params.columns_per_node, growth_.features,
                              [&](int32_t feature) { chosen.push_back(feature); });
      std::sort(chosen.begin(), chosen.end());
    }
    runs_.clear();
    std::fill(runs_of_.begin(), runs_of_.end(), RunRange{});
    for (const int32_t feature : chosen) {
      RunRange& range = runs_of_[static_cast<size_t>(feature)];
      range.begin = runs_.size();
      append_runs(growth_.rules, feature_totals(feature), key, runs_);
      range.end = runs_.size();
    }
    size_t count = 0;
    for (CandidateRun& run : runs_) {
      run.gains = count;
      count += run.gain_count();
    }
    gains_.assign(count, 0.0);
  }

  // A leaf as the runs see it.
  struct LeafView {
    std::vector<int64_t> totals;
    NodeTotals node;
    double score = 0;
    double category_score = 0;
    double score_of(const CandidateRun& run, const kernels::TreeParams& params) const {
      return run.l2 == params.l2 ? score : category_score;
    }
  };

  LeafView view_of(int32_t leaf, const int64_t* words) {
    LeafView view;
    std::vector<int64_t> own;
    const size_t place = 0;  // the first feature of the first column
    const int32_t feature = plan_.features[place].feature;
    view.totals = totals_of(sums_of(0, place, words, own), feature);
    const GrownNode& node = node_at(leaf);
    view.node = {view.totals.data(), plan_.lanes, node.row_count(), node.key, node.limits};
    const kernels::TreeParams& params = growth_.problem.params;
    view.score = node_score(growth_.rules, view.node, params.l2);
    view.category_score = node_score(growth_.rules, view.node, params.l2 + params.category_l2);
    return view;
  }

  // Adds every leaf's gains to the runs'.
  Status add_up() {
    score_ = category_score_ = 0;
    const int64_t columns = static_cast<int64_t>(plan_.column_count());
    for (const int32_t leaf : leaves_) {
      if (growth_.stop_requested()) return fail(StatusCode::kCancelled, "grow_tree was stopped");
      ASSAY_ASSIGN_OR_RETURN(const int64_t* words, histogram_of(leaf));
      const LeafView view = view_of(leaf, words);
      score_ += view.score;
      category_score_ += view.category_score;
      if (node_at(leaf).row_count() < 2) continue;
      const double work_ns = static_cast<double>(plan_.word_count()) * kWeighWord;
      ASSAY_RETURN_IF_ERROR(
          share(chunk_count_of(columns, kColumnsPerTask), work_ns, [&](int64_t task, int thread) {
            const auto [begin, end] = chunk_range(columns, kColumnsPerTask, task);
            for (int64_t column = begin; column < end; ++column) {
              add_column(static_cast<size_t>(column), view, words,
                         bundles_[static_cast<size_t>(thread)]);
            }
          }));
    }
    return {};
  }

  // Of a bundle those features that no split of the leaf may stand on are left out: they would add
  // nothing.
  void add_column(size_t column, const LeafView& leaf, const int64_t* words, BundleSums& bundle) {
    const int64_t* first = words + plan_.offsets[column];
    if (!is_bundle(column)) {
      return add_feature(plan_.features[plan_.feature_offsets[column]].feature, leaf, first);
    }
    bundle.sum(growth_, plan_, column, {leaf.node, first});
    for (const FeatureSums& each : bundle.features()) add_feature(each.feature, leaf, each.words);
  }

  void add_feature(int32_t feature, const LeafView& leaf, const int64_t* sums) {
    const RunRange range = runs_of_[static_cast<size_t>(feature)];
    for (size_t i = range.begin; i < range.end; ++i) {
      const LeafBins bins{leaf.node, leaf.score_of(runs_[i], growth_.problem.params), sums};
      add_gains(growth_.rules, runs_[i], bins, gains_.data() + runs_[i].gains);
    }
  }

  // The first of the greatest gain, in order of features and scans.
  Candidate best_candidate() const {
    Candidate best;
    double most = 0;
    for (const CandidateRun& run : runs_) {
      const double score = run.l2 == growth_.problem.params.l2 ? score_ : category_score_;
      const double floor = gain_floor(growth_.rules, score);
      for (int32_t i = 0; i < run.count(); ++i) {
        for (int side = run.tries_missing ? 0 : 1; side < 2; ++side) {
          const size_t shift = run.tries_missing && side == 1 ? run.stride() : 0;
          const double gain = gains_[run.gains + shift + static_cast<size_t>(i)];
          if (!(gain > floor) || (best.run != nullptr && !(gain > most))) continue;
          best = {&run, i, side == 0};
          most = gain;
        }
      }
    }
    return best;
  }

  // Gives each leaf where it may stand its part of the level's split; how many these are.
  Result<size_t> place_split(const Candidate& best, int32_t level) {
    const SplitChoice split = split_of(best, feature_totals(best.run->feature));
    const auto place = static_cast<size_t>(
        std::find_if(plan_.features.begin(), plan_.features.end(),
                     [&](const auto& searched) { return searched.feature == split.feature; }) -
        plan_.features.begin());
    const auto column = static_cast<size_t>(
        std::upper_bound(plan_.feature_offsets.begin(), plan_.feature_offsets.end(), place) -
        plan_.feature_offsets.begin() - 1);
    std::vector<int64_t> own;
    size_t made = 0;
    for (const int32_t leaf : leaves_) {
      ASSAY_ASSIGN_OR_RETURN(const int64_t* words, histogram_of(leaf));
      const LeafView view = view_of(leaf, words);
      const LeafBins bins{view.node, view.score_of(*best.run, growth_.problem.params),
                          sums_of(column, place, words, own)};
      GrownNode& node = node_at(leaf);
      node.split = split_leaf(growth_.rules, best, bins, split);
      node.level = level;
      made += node.split.feature >= 0 ? 1 : 0;
    }
    return made;
  }

  Status divide_leaves(size_t made, bool deeper) {
    std::vector<int32_t> next;
    std::vector<int32_t> children;
    growth_.nodes.reserve(growth_.nodes.size() + 2 * made);
    for (const int32_t leaf : leaves_) {
      if (node_at(leaf).split.feature < 0) {
        next.push_back(leaf);
        continue;
      }
      ASSAY_RETURN_IF_ERROR(divide(leaf, deeper));
      children.push_back(node_at(leaf).left);
      children.push_back(node_at(leaf).left + 1);
    }
    next.insert(next.end(), children.begin(), children.end());
    leaves_ = std::move(next);
    return {};
  }

  Status divide(int32_t leaf, bool deeper) {
    RowDivision division(growth_.args.bins, node_at(leaf).split, growth_.rows_of(node_at(leaf)),
                         {growth_.scratch.data() + node_at(leaf).begin,
                          static_cast<size_t>(node_at(leaf).row_count())});
    const double work_ns = static_cast<double>(division.row_count()) * kDivideRow;
    ASSAY_RETURN_IF_ERROR(share(division.chunk_count(), work_ns,
                                [&](int64_t chunk, int) { division.divide(chunk); }));
    const int64_t left_count = division.count_left();
    ASSAY_RETURN_IF_ERROR(
        share(division.chunk_count(), work_ns, [&](int64_t chunk, int) { division.place(chunk); }));
    const auto left = static_cast<int32_t>(growth_.nodes.size());
    node_at(leaf).left = left;
    growth_.nodes.push_back(left_child(node_at(leaf), left_count));
    growth_.nodes.push_back(right_child(node_at(leaf), left_count));
    if (!deeper || node_at(leaf).histogram < 0) {
      pool_.release(leaf);
      return {};
    }
    const bool build_right = node_at(left).row_count() >= node_at(left + 1).row_count();
    const int32_t built = build_right ? left + 1 : left;
    const int32_t rest = build_right ? left : left + 1;
    pool_.acquire(built, leaf);
    pool_.move(leaf, rest);
    int64_t* words = pool_.words(built);
    ASSAY_RETURN_IF_ERROR(build(built, words));
    int64_t* others = pool_.words(rest);
    for (int64_t i = 0; i < plan_.word_count(); ++i) others[i] -= words[i];
    return {};
  }

  struct RunRange {
    size_t begin = 0;
    size_t end = 0;
  };

  Growth& growth_;
  HistogramSource* source_;
  Executor& executor_;
  ColumnPlan plan_;
  HistogramBuilder builder_;
  HistogramPool pool_;
  std::vector<int32_t> leaves_;                // places in the growth, in order of node number
  std::vector<CandidateRun> runs_;             // of the level, features ascending
  std::vector<RunRange> runs_of_;              // [features]
  std::vector<double> gains_;                  // of the level's candidates
  double score_ = 0;                           // of all leaves
  double category_score_ = 0;                  // with category_l2
  std::vector<std::vector<int64_t>> sums_of_;  // [features]: the sample's, by bin
  std::vector<int64_t> total_;                 // [lanes]: the sample's
  std::vector<BundleSums> bundles_;            // [threads]
};

}  // namespace

Status grow_symmetric(Growth& growth, HistogramSource* source) {
  GrownNode root;
  root.end = growth.problem.sample_count;
  root.key = growth.problem.seed;
  growth.nodes.push_back(root);
  ASSAY_RETURN_IF_ERROR(SymmetricGrower(growth, source).run());
  if (growth.stop_requested()) return fail(StatusCode::kCancelled, "grow_tree was stopped");
  return assemble_tree(growth);
}

}  // namespace assay::backends::cpu
