#include "backends/cpu/grow_tree_engine.h"

#include <algorithm>

#include "backends/cpu/grow_tree_partition.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

constexpr int64_t kPoolBytes = int64_t{256} << 20;
constexpr int64_t kFeaturesPerTask = 4;
// Words of a histogram times nodes below which a search is not worth waking threads for.
constexpr int64_t kSerialWords = 4096;

}  // namespace

NodeEngine::NodeEngine(Growth& growth, const SplitSearch& search)
    : growth_(growth),
      search_(search),
      executor_(*growth.context.executor),
      plan_(ColumnPlan::make(growth.args.bins, growth.features, growth.rules.lanes)),
      builder_(executor_, growth_.rules, growth.packed.get()),
      pool_(growth, plan_.word_count(), kPoolBytes),
      scratches_(static_cast<size_t>(executor_.thread_count())) {}

NodeEngine::Job NodeEngine::make_job(int32_t node, bool search) {
  Job job;
  job.node = node;
  job.search = search;
  return job;
}

Status NodeEngine::open_root() {
  if (!growth_.may_split(node_at(0))) return {};
  return growth_.samples_columns() ? open_sampled(0) : open_alone(0);
}

Status NodeEngine::split(int32_t index) {
  const GrownNode parent = node_at(index);
  const RowRule rule(growth_.args.bins, parent.split);
  ASSAY_ASSIGN_OR_RETURN(const int64_t left_count,
                         partition_rows(executor_, rule, growth_.rows_of(parent),
                                        {growth_.scratch.get() + parent.begin,
                                         static_cast<size_t>(parent.row_count())}));
  node_at(index).left = static_cast<int32_t>(growth_.nodes.size());
  growth_.nodes.push_back(left_child(parent, left_count));
  growth_.nodes.push_back(right_child(parent, left_count));
  return {};
}

Status NodeEngine::open_children(int32_t index, int64_t least_rows) {
  const int32_t left = node_at(index).left;
  const bool left_smaller = node_at(left).row_count() <= node_at(left + 1).row_count();
  const int32_t small = left_smaller ? left : left + 1;
  const int32_t large = left_smaller ? left + 1 : left;
  const auto wanted = [&](int32_t node) {
    return growth_.may_split(node_at(node)) && node_at(node).row_count() > least_rows;
  };
  const bool small_wanted = wanted(small);
  const bool large_wanted = wanted(large);
  if (!growth_.samples_columns() && node_at(index).histogram >= 0 && large_wanted) {
    return open_by_difference(index, make_job(small, small_wanted), make_job(large, large_wanted));
  }
  pool_.release(index);
  for (const int32_t node : {small, large}) {
    if (!(node == small ? small_wanted : large_wanted)) continue;
    ASSAY_RETURN_IF_ERROR(growth_.samples_columns() ? open_sampled(node) : open_alone(node));
  }
  return {};
}

Status NodeEngine::open_alone(int32_t node) {
  Job job = make_job(node, true);
  pool_.acquire(node, node);
  job.words = pool_.words(node);
  ASSAY_RETURN_IF_ERROR(builder_.build(plan_, growth_.rows_of(node_at(node)), job.words));
  Job none;
  ASSAY_RETURN_IF_ERROR(search_jobs(plan_, job, none));
  keep_or_release(node);
  return {};
}

Status NodeEngine::open_by_difference(int32_t parent, Job built, Job rest) {
  pool_.acquire(built.node, parent);
  pool_.move(parent, rest.node);
  built.words = pool_.words(built.node);
  rest.words = pool_.words(rest.node);
  ASSAY_RETURN_IF_ERROR(builder_.build(plan_, growth_.rows_of(node_at(built.node)), built.words));
  ASSAY_RETURN_IF_ERROR(search_jobs(plan_, built, rest));
  keep_or_release(built.node);
  keep_or_release(rest.node);
  return {};
}

Status NodeEngine::open_sampled(int32_t node) {
  std::vector<int32_t> chosen;
  kernels::choose_columns(node_at(node).key, growth_.problem.params.columns_per_node,
                          growth_.features, [&](int32_t feature) { chosen.push_back(feature); });
  std::sort(chosen.begin(), chosen.end());
  const ColumnPlan plan = ColumnPlan::make(growth_.args.bins, chosen, growth_.rules.lanes);
  sampled_words_.resize(std::max(sampled_words_.size(), static_cast<size_t>(plan.word_count())));
  Job job = make_job(node, true);
  job.words = sampled_words_.data();
  ASSAY_RETURN_IF_ERROR(builder_.build(plan, growth_.rows_of(node_at(node)), job.words));
  Job none;
  return search_jobs(plan, job, none);
}

// Totals from the bins of the first feature.
void NodeEngine::view_node(const ColumnPlan& plan, Job& job) {
  job.totals.assign(static_cast<size_t>(plan.lanes), 0);
  for (int64_t i = 0; i < plan.offsets[1]; ++i) {
    job.totals[static_cast<size_t>(i % plan.lanes)] += job.words[i];
  }
  const GrownNode& node = node_at(job.node);
  job.view = NodeSearch(growth_.rules, {job.totals.data(), plan.lanes, node.row_count(), node.key});
  job.search = job.search && job.view.splittable;
}

Status NodeEngine::search_jobs(const ColumnPlan& plan, Job& built, Job& rest) {
  const auto feature_count = static_cast<int64_t>(plan.features.size());
  const auto subtract = [&](int64_t begin, int64_t end) {
    builder_.finish(begin, end, built.words);
    if (rest.node < 0) return;
    for (int64_t i = begin; i < end; ++i) rest.words[i] -= built.words[i];
  };
  subtract(0, plan.offsets[1]);
  view_node(plan, built);
  if (rest.node >= 0) view_node(plan, rest);

  const bool serial = plan.word_count() <= kSerialWords;
  const int64_t per_task = serial ? feature_count : kFeaturesPerTask;
  const int64_t tasks = chunk_count_of(feature_count, per_task);
  std::vector<SplitChoice> choices(static_cast<size_t>(2 * tasks));
  ASSAY_RETURN_IF_ERROR(executor_.parallel_for(tasks, [&](int64_t task, int thread) {
    SearchScratch& scratch = scratches_[static_cast<size_t>(thread)];
    const ChunkRange range = chunk_range(feature_count, per_task, task);
    for (int64_t f = range.begin; f < range.end; ++f) {
      const auto i = static_cast<size_t>(f);
      const int64_t begin = plan.offsets[i];
      const auto bins = static_cast<int32_t>((plan.offsets[i + 1] - begin) / plan.lanes);
      if (f > 0) subtract(begin, plan.offsets[i + 1]);
      for (const Job* job : {&built, &rest}) {
        if (!job->search) continue;
        const FeatureSums sums{plan.features[i], job->words + begin, nullptr, bins};
        search_.search(job->view, sums, scratch,
                       choices[static_cast<size_t>(2 * task + (job == &rest ? 1 : 0))]);
      }
    }
  }));
  for (size_t i = 0; i < choices.size(); ++i) {
    const Job& job = i % 2 == 0 ? built : rest;
    if (job.node < 0) continue;
    SplitChoice& best = node_at(job.node).split;
    if (choices[i].beats(best)) best = choices[i];
  }
  return {};
}

// Nodes that will not be split need no histogram.
void NodeEngine::keep_or_release(int32_t node) {
  if (node_at(node).split.feature < 0) pool_.release(node);
}

}  // namespace assay::backends::cpu
