#include "backends/cpu/grow_tree_engine.h"

#include <algorithm>

#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

// Columns that a thread searches in one go, at most; fewer if threads would else have nothing.
constexpr int64_t kColumnsPerTask = 4;
constexpr int64_t kTasksPerThread = 2;
// Sharing work and waiting for the last of it costs about a quarter of this.
constexpr double kShareableWork = 15e3;  // nanoseconds
// Rough costs in nanoseconds: to divide a row, to place one, to add a cell to a histogram, to
// search a word of one, to search a feature and to split a node beside that.
constexpr double kDivideRow = 2;
constexpr double kPlaceRow = 0.5;
constexpr double kAddCell = 0.4;
constexpr double kSearchWord = 2;
constexpr double kSearchFeature = 150;
constexpr double kSplitNode = 2000;
// A node of this work may be left to one thread though others wait for it.
constexpr double kAloneWork = 150e3;  // nanoseconds
// Splits to come for which there is room at once.
constexpr int32_t kMostSplits = 1 << 16;
// Blocks of features up to which a chunk's bins fit the cache.
constexpr size_t kFewGroups = 4;

}  // namespace

NodeEngine::NodeEngine(Growth& growth, const SplitSearch& search)
    : growth_(growth),
      search_(search),
      executor_(*growth.context.executor),
      plan_(ColumnPlan::make(growth.args.bins, growth.features, growth.rules.lanes)),
      builder_(executor_, growth_.rules, growth.packed.data()),
      pool_(growth, plan_.word_count(), pool_bytes(growth)) {
  const auto threads = static_cast<size_t>(executor_.thread_count());
  scratches_.reserve(threads);
  for (size_t i = 0; i < threads; ++i) scratches_.push_back({{}, {}, builder_, {}});
}

RowDivision NodeEngine::division_of(int32_t index) {
  const GrownNode& node = node_at(index);
  return RowDivision(growth_.args.bins, node.split, growth_.rows_of(node),
                     {growth_.scratch.data() + node.begin, static_cast<size_t>(node.row_count())});
}

// The children have their places, and may have histograms already.
void NodeEngine::set_children(int32_t index, int64_t left_count) {
  const GrownNode& parent = node_at(index);
  const int32_t left = parent.left;
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

Status NodeEngine::share(const Hands& hands, int64_t count, double work_ns,
                         FunctionRef<void(int64_t, int)> body) {
  if (!hands.alone() && work_ns > kShareableWork) return executor_.parallel_for(count, body);
  for (int64_t i = 0; i < count; ++i) body(i, std::max(0, hands.thread));
  return {};
}

double NodeEngine::work_of(int32_t node) const {
  // Half of the rows at most are added.
  return static_cast<double>(node_at(node).row_count()) *
             (kDivideRow + kAddCell / 2 * static_cast<double>(plan_.column_count())) +
         2 * kSearchWord * static_cast<double>(plan_.word_count()) +
         2 * kSearchFeature * static_cast<double>(plan_.features.size()) + kSplitNode;
}

bool NodeEngine::opens_children(int32_t node, int64_t least_rows) const {
  const bool deeper = node_at(node).depth + 1 < growth_.problem.params.max_depth;
  return deeper && node_at(node).row_count() > least_rows;
}

Status NodeEngine::split_last(int32_t index) { return split_now(index, false, 0); }

Status NodeEngine::split(int32_t index, int64_t least_rows) {
  const bool opens = opens_children(index, least_rows);
  if (!opens || node_at(index).histogram >= 0) return split_now(index, opens, least_rows);
  ASSAY_RETURN_IF_ERROR(split_last(index));
  const int32_t left = node_at(index).left;
  for (const int32_t child : {left, left + 1}) {
    if (wanted(child, least_rows)) ASSAY_RETURN_IF_ERROR(open(child));
  }
  return {};
}

Status NodeEngine::split_now(int32_t index, bool opens, int64_t least_rows) {
  Splitting splitting = begin_split(index, opens);
  ASSAY_RETURN_IF_ERROR(run_split(splitting, least_rows, all_hands()));
  end_split(splitting);
  return {};
}

StepSplitter* NodeEngine::steps() {
  return executor_.thread_count() == 1 || growth_.samples_columns() ? nullptr : this;
}

// At most half as many splits are done in vain as are left, and each takes one more slot.
bool NodeEngine::has_room(int32_t splits_left) const {
  return splits_left <= kMostSplits &&
         pool_.has_room(static_cast<size_t>(2 * splits_left + executor_.thread_count()));
}

bool NodeEngine::splits_apart(std::span<const int32_t> open, int32_t splits_left) const {
  double work_ns = 0;
  double longest = 0;
  for (const int32_t node : open) {
    if (node_at(node).histogram < 0 && opens_children(node, 0)) return false;
    work_ns += work_of(node);
    longest = std::max(longest, work_of(node));
  }
  const auto share = static_cast<double>(executor_.thread_count());
  return longest <= std::max(kAloneWork, work_ns / share) &&
         splits_left * longest > 2 * share * kShareableWork;
}

void NodeEngine::begin(int32_t node, bool opens, int thread) {
  scratches_[static_cast<size_t>(thread)].splitting =
      begin_split(node, opens && opens_children(node, 0));
}

Status NodeEngine::run(int thread) {
  Scratch& scratch = scratches_[static_cast<size_t>(thread)];
  return run_split(scratch.splitting, 0, {scratch.builder, thread});
}

void NodeEngine::end(int thread) { end_split(scratches_[static_cast<size_t>(thread)].splitting); }

// The child that gets a new histogram is the one with less to add; the other gets the node's own.
NodeEngine::Splitting NodeEngine::begin_split(int32_t index, bool opens) {
  Splitting splitting{index, opens, node_at(index).split.left_heavy, {}, {}};
  const auto left = static_cast<int32_t>(growth_.nodes.size());
  growth_.nodes.resize(growth_.nodes.size() + 2);
  node_at(index).left = left;
  Job& built = splitting.built;
  Job& rest = splitting.rest;
  built.node = splitting.build_right ? left + 1 : left;
  rest.node = splitting.build_right ? left : left + 1;
  if (!opens) {
    pool_.release(index);
    return splitting;
  }
  pool_.acquire(built.node, index);
  pool_.move(index, rest.node);
  built.words = pool_.words(built.node);
  rest.words = pool_.words(rest.node);
  return splitting;
}

Status NodeEngine::run_split(Splitting& splitting, int64_t least_rows, const Hands& hands) {
  RowDivision division = division_of(splitting.node);
  HistogramBuilder& builder = hands.builder;
  const auto rows = static_cast<double>(division.row_count());
  const bool adding = splitting.opens && plan_.groups.size() <= kFewGroups;
  const double work_ns = adding ? work_of(splitting.node) : rows * kDivideRow;
  if (adding) {
    const bool shared = !hands.alone() && work_ns > kShareableWork && executor_.thread_count() > 1;
    builder.begin(plan_, splitting.built.words, shared);
  }
  ASSAY_RETURN_IF_ERROR(
      share(hands, division.chunk_count(), work_ns, [&](int64_t chunk, int thread) {
        division.divide(chunk);
        if (!adding) return;
        builder.add(splitting.build_right ? division.right_rows(chunk) : division.left_rows(chunk),
                    thread);
      }));
  set_children(splitting.node, division.count_left());
  if (adding) return search_children(splitting, &division, least_rows, hands);
  ASSAY_RETURN_IF_ERROR(share(hands, division.chunk_count(), rows * kPlaceRow,
                              [&](int64_t chunk, int) { division.place(chunk); }));
  if (!splitting.opens) return {};
  const std::span<const uint32_t> built = growth_.rows_of(node_at(splitting.built.node));
  if (hands.alone()) {
    builder.begin(plan_, splitting.built.words, false);
    builder.add(built, hands.thread);
  } else {
    ASSAY_RETURN_IF_ERROR(builder.build(plan_, built, splitting.built.words));
  }
  return search_children(splitting, nullptr, least_rows, hands);
}

// Nodes that will not be split need no histogram.
void NodeEngine::end_split(const Splitting& splitting) {
  for (const int32_t child : {splitting.built.node, splitting.rest.node}) {
    if (node_at(child).split.feature < 0) pool_.release(child);
  }
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
  ASSAY_RETURN_IF_ERROR(search_jobs(plan_, job, none, nullptr, all_hands()));
  if (node_at(node).split.feature < 0) pool_.release(node);
  return {};
}

Status NodeEngine::search_children(Splitting& splitting, RowDivision* division, int64_t least_rows,
                                   const Hands& hands) {
  splitting.built.search = wanted(splitting.built.node, least_rows);
  splitting.rest.search = wanted(splitting.rest.node, least_rows);
  return search_jobs(plan_, splitting.built, splitting.rest, division, hands);
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
  return search_jobs(plan, job, none, nullptr, all_hands());
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
  scratch.bundle.sum(growth_, plan, column, {job.view.totals, words});
  for (const FeatureSums& sums : scratch.bundle.features()) {
    search_.search(job.view, sums, scratch.search, best);
  }
}

Status NodeEngine::search_jobs(const ColumnPlan& plan, Job& built, Job& rest, RowDivision* division,
                               const Hands& hands) {
  const auto column_count = static_cast<int64_t>(plan.column_count());
  const auto subtract = [&](int64_t begin, int64_t end) {
    hands.builder.finish(begin, end, built.words);
    if (rest.node < 0) return;
    for (int64_t i = begin; i < end; ++i) rest.words[i] -= built.words[i];
  };
  subtract(0, plan.offsets[1]);
  view_node(plan, built);
  if (rest.node >= 0) view_node(plan, rest);

  const int64_t placings = division == nullptr ? 0 : division->chunk_count();
  const int64_t threads = hands.alone() ? 1 : executor_.thread_count();
  const int64_t task_columns =
      std::clamp<int64_t>(column_count / (kTasksPerThread * threads), 1, kColumnsPerTask);
  const int64_t tasks =
      built.search || rest.search ? chunk_count_of(column_count, task_columns) : 0;
  const double searches = (built.search ? 1 : 0) + (rest.search ? 1 : 0);
  const double placed_rows = division == nullptr ? 0 : static_cast<double>(division->row_count());
  const double work_ns =
      static_cast<double>(plan.word_count()) * searches * kSearchWord + placed_rows * kPlaceRow;
  std::vector<SplitChoice> choices(static_cast<size_t>(2 * tasks));
  ASSAY_RETURN_IF_ERROR(share(hands, tasks + placings, work_ns, [&](int64_t task, int thread) {
    if (task >= tasks) return division->place(task - tasks);
    Scratch& scratch = scratches_[static_cast<size_t>(thread)];
    const ChunkRange range = chunk_range(column_count, task_columns, task);
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

}  // namespace assay::backends::cpu
