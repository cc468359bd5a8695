#include "backends/cpu/grow_tree_engine.h"

#include <algorithm>

#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

constexpr int64_t kColumnsPerTask = 4;
// Waking threads and waiting for them costs about a quarter of this.
constexpr double kShareableWork = 60e3;  // nanoseconds
// Rough costs in nanoseconds: to divide a row, to place one, to add a cell to a histogram, to
// search a word of one.
constexpr double kDivideRow = 4;
constexpr double kPlaceRow = 0.5;
constexpr double kAddCell = 0.6;
constexpr double kSearchWord = 2;
// Blocks of features up to which a chunk's bins fit the cache.
constexpr size_t kFewGroups = 4;

}  // namespace

NodeEngine::NodeEngine(Growth& growth, const SplitSearch& search)
    : growth_(growth),
      search_(search),
      executor_(*growth.context.executor),
      plan_(ColumnPlan::make(growth.args.bins, growth.features, growth.rules.lanes)),
      builder_(executor_, growth_.rules, growth.packed.data()),
      pool_(growth, plan_.word_count(), pool_bytes(growth)),
      scratches_(static_cast<size_t>(executor_.thread_count())) {}

RowDivision NodeEngine::division_of(int32_t index) {
  const GrownNode& node = node_at(index);
  return RowDivision(growth_.args.bins, node.split, growth_.rows_of(node),
                     {growth_.scratch.data() + node.begin, static_cast<size_t>(node.row_count())});
}

// The children of `index` have the two last places, and may have histograms already.
void NodeEngine::set_children(int32_t index, int64_t left_count) {
  const auto left = static_cast<int32_t>(growth_.nodes.size()) - 2;
  node_at(index).left = left;
  const GrownNode parent = node_at(index);
  for (const int32_t child : {left, left + 1}) {
    const int32_t histogram = node_at(child).histogram;
    node_at(child) =
        child == left ? left_child(parent, left_count) : right_child(parent, left_count);
    node_at(child).histogram = histogram;
  }
}

Status NodeEngine::open_root() {
  if (!growth_.may_split(node_at(0))) return {};
  return open(0);
}

Status NodeEngine::share(int64_t count, double work_ns, FunctionRef<void(int64_t, int)> body) {
  if (work_ns > kShareableWork) return executor_.parallel_for(count, body);
  return SerialExecutor().parallel_for(count, body);
}

Status NodeEngine::divide(RowDivision& division) {
  return share(division.chunk_count(), static_cast<double>(division.row_count()) * kDivideRow,
               [&](int64_t chunk, int) { division.divide(chunk); });
}

Status NodeEngine::place(RowDivision& division) {
  return share(division.chunk_count(), static_cast<double>(division.row_count()) * kPlaceRow,
               [&](int64_t chunk, int) { division.place(chunk); });
}

Status NodeEngine::split_last(int32_t index) {
  RowDivision division = division_of(index);
  ASSAY_RETURN_IF_ERROR(divide(division));
  growth_.nodes.resize(growth_.nodes.size() + 2);
  set_children(index, division.count_left());
  pool_.release(index);
  return place(division);
}

Status NodeEngine::split(int32_t index, int64_t least_rows) {
  const bool deeper = node_at(index).depth + 1 < growth_.problem.params.max_depth;
  if (deeper && node_at(index).histogram >= 0 && node_at(index).row_count() > least_rows) {
    return plan_.groups.size() <= kFewGroups ? open_dividing(index, least_rows)
                                             : open_divided(index, least_rows);
  }
  ASSAY_RETURN_IF_ERROR(split_last(index));
  const int32_t left = node_at(index).left;
  for (const int32_t child : {left, left + 1}) {
    if (wanted(child, least_rows)) ASSAY_RETURN_IF_ERROR(open(child));
  }
  return {};
}

Status NodeEngine::open(int32_t node) {
  if (growth_.samples_columns()) return open_sampled(node);
  Job job;
  job.node = node;
  job.search = true;
  pool_.acquire(node, node);
  job.words = pool_.words(node);
  if (node == 0 && growth_.root.words != nullptr) {
    builder_.take(plan_, growth_.root, job.words);
  } else {
    ASSAY_RETURN_IF_ERROR(builder_.build(plan_, growth_.rows_of(node_at(node)), job.words));
  }
  Job none;
  ASSAY_RETURN_IF_ERROR(search_jobs(plan_, job, none, nullptr));
  keep_or_release(node);
  return {};
}

// Slots for `built`, which gets a new one, and `rest`, which gets that of `parent`.
void NodeEngine::take_slots(int32_t parent, Job& built, Job& rest) {
  pool_.acquire(built.node, parent);
  pool_.move(parent, rest.node);
  built.words = pool_.words(built.node);
  rest.words = pool_.words(rest.node);
}

Status NodeEngine::open_dividing(int32_t index, int64_t least_rows) {
  RowDivision division = division_of(index);
  const bool build_right = node_at(index).split.left_heavy;
  const auto left = static_cast<int32_t>(growth_.nodes.size());
  growth_.nodes.resize(growth_.nodes.size() + 2);
  Job built;
  Job rest;
  built.node = build_right ? left + 1 : left;
  rest.node = build_right ? left : left + 1;
  take_slots(index, built, rest);
  // Half of the rows at most are added.
  const double work_ns = static_cast<double>(division.row_count()) *
                         (kDivideRow + kAddCell / 2 * static_cast<double>(plan_.column_count()));
  builder_.begin(plan_, built.words, work_ns > kShareableWork && executor_.thread_count() > 1);
  ASSAY_RETURN_IF_ERROR(share(division.chunk_count(), work_ns, [&](int64_t chunk, int thread) {
    division.divide(chunk);
    builder_.add(build_right ? division.right_rows(chunk) : division.left_rows(chunk), thread);
  }));
  set_children(index, division.count_left());
  return search_children(built, rest, &division, least_rows);
}

Status NodeEngine::open_divided(int32_t index, int64_t least_rows) {
  RowDivision division = division_of(index);
  ASSAY_RETURN_IF_ERROR(divide(division));
  growth_.nodes.resize(growth_.nodes.size() + 2);
  set_children(index, division.count_left());
  ASSAY_RETURN_IF_ERROR(place(division));
  const int32_t left = node_at(index).left;
  const bool build_right = node_at(left).row_count() >= node_at(left + 1).row_count();
  Job built;
  Job rest;
  built.node = build_right ? left + 1 : left;
  rest.node = build_right ? left : left + 1;
  take_slots(index, built, rest);
  ASSAY_RETURN_IF_ERROR(builder_.build(plan_, growth_.rows_of(node_at(built.node)), built.words));
  return search_children(built, rest, nullptr, least_rows);
}

Status NodeEngine::search_children(Job& built, Job& rest, RowDivision* division,
                                   int64_t least_rows) {
  built.search = wanted(built.node, least_rows);
  rest.search = wanted(rest.node, least_rows);
  ASSAY_RETURN_IF_ERROR(search_jobs(plan_, built, rest, division));
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
  Job job;
  job.node = node;
  job.search = true;
  job.words = sampled_words_.data();
  ASSAY_RETURN_IF_ERROR(builder_.build(plan, growth_.rows_of(node_at(node)), job.words));
  Job none;
  return search_jobs(plan, job, none, nullptr);
}

// Totals from the bins of the first column.
void NodeEngine::view_node(const ColumnPlan& plan, Job& job) {
  job.totals.assign(static_cast<size_t>(plan.lanes), 0);
  for (int64_t i = 0; i < plan.offsets[1]; ++i) {
    job.totals[static_cast<size_t>(i % plan.lanes)] += job.words[i];
  }
  const GrownNode& node = node_at(job.node);
  job.view = NodeSearch(growth_.rules,
                        {job.totals.data(), plan.lanes, node.row_count(), node.key, node.limits});
  job.search = job.search && job.view.splittable;
}

void NodeEngine::search_column(const ColumnPlan& plan, size_t column, const Job& job,
                               Scratch& scratch, SplitChoice& best) const {
  if (!job.search) return;
  const int64_t begin = plan.offsets[column];
  const auto codes = static_cast<int32_t>((plan.offsets[column + 1] - begin) / plan.lanes);
  const int64_t* words = job.words + begin;
  const ColumnPlan::Searched& first = plan.features[plan.feature_offsets[column]];
  if (first.bins == nullptr) {
    search_.search(job.view, {first.feature, words, nullptr, codes}, scratch.search, best);
    return;
  }
  scratch.bundle.sum(growth_, plan, column, {job.view, words});
  for (const FeatureSums& sums : scratch.bundle.features()) {
    search_.search(job.view, sums, scratch.search, best);
  }
}

Status NodeEngine::search_jobs(const ColumnPlan& plan, Job& built, Job& rest,
                               RowDivision* division) {
  const auto column_count = static_cast<int64_t>(plan.column_count());
  const auto subtract = [&](int64_t begin, int64_t end) {
    builder_.finish(begin, end, built.words);
    if (rest.node < 0) return;
    for (int64_t i = begin; i < end; ++i) rest.words[i] -= built.words[i];
  };
  subtract(0, plan.offsets[1]);
  view_node(plan, built);
  if (rest.node >= 0) view_node(plan, rest);

  const int64_t placings = division == nullptr ? 0 : division->chunk_count();
  const int64_t tasks =
      built.search || rest.search ? chunk_count_of(column_count, kColumnsPerTask) : 0;
  const double searches = (built.search ? 1 : 0) + (rest.search ? 1 : 0);
  const double placed_rows = division == nullptr ? 0 : static_cast<double>(division->row_count());
  const double work_ns =
      static_cast<double>(plan.word_count()) * searches * kSearchWord + placed_rows * kPlaceRow;
  std::vector<SplitChoice> choices(static_cast<size_t>(2 * tasks));
  ASSAY_RETURN_IF_ERROR(share(tasks + placings, work_ns, [&](int64_t task, int thread) {
    if (task >= tasks) return division->place(task - tasks);
    Scratch& scratch = scratches_[static_cast<size_t>(thread)];
    const ChunkRange range = chunk_range(column_count, kColumnsPerTask, task);
    for (int64_t c = range.begin; c < range.end; ++c) {
      const auto i = static_cast<size_t>(c);
      if (c > 0) subtract(plan.offsets[i], plan.offsets[i + 1]);
      search_column(plan, i, built, scratch, choices[static_cast<size_t>(2 * task)]);
      search_column(plan, i, rest, scratch, choices[static_cast<size_t>(2 * task + 1)]);
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
