#include "backends/xrt/card_splitter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cpu/grow_tree_partition.h"
#include "kernels/tree_rules.h"

namespace assay::backends::xrt {
namespace {

using cpu::GrownNode;

// Nodes that are searched at a time: a split's two children.
constexpr int64_t kMostJobs = 2;
// Rows whose division is worth waking threads for.
constexpr int64_t kShareableRows = 15'000;
// Columns that split_scan takes, and scales with which a card meets no number that it takes for 0
// (backends/xrt/hls/kernels.h).
constexpr size_t kMostScanColumns = 4096;
constexpr int kMostScaleExponent = 400;
constexpr uint32_t kMissingLeft = 1;
constexpr uint32_t kLeftHeavy = 2;

bool usual_scale(double unit) { return std::abs(std::ilogb(unit)) <= kMostScaleExponent; }

// Room for histograms: one for each leaf that may be open, and two to work with.
int64_t pool_bytes_of(const cpu::Growth& growth, int64_t words) {
  const int64_t bytes = words * static_cast<int64_t>(sizeof(int64_t));
  const int64_t most = cpu::pool_bytes(growth);
  const int64_t leaves = int64_t{growth.problem.params.max_leaves} + 2;
  return leaves > most / std::max<int64_t>(1, bytes) ? most : leaves * bytes;
}

}  // namespace

CardSplitter::CardSplitter(XrtDevice& device, cpu::Growth& growth, const cpu::SplitSearch& search)
    : device_(device),
      growth_(growth),
      search_(search),
      plan_(CardPlan::make(growth.args.bins, growth.features, growth.rules.lanes)),
      pool_(growth, plan_.word_count, pool_bytes_of(growth, plan_.word_count), false) {
  const cpu::GainRules& rules = growth.rules;
  const bool plain = rules.monotone == nullptr && !rules.params.random_thresholds &&
                     rules.lanes <= kCardLanes && plan_.columns.size() <= kMostScanColumns &&
                     usual_scale(rules.unit) && usual_scale(rules.hessian_unit);
  scans_ = plain && std::any_of(growth.features.begin(), growth.features.end(), [&](int32_t f) {
             return growth.args.bins.kinds[f] == kernels::FeatureKind::kNumeric;
           });
  hosts_ = !scans_ || std::any_of(growth.features.begin(), growth.features.end(), [&](int32_t f) {
    return growth.args.bins.kinds[f] != kernels::FeatureKind::kNumeric;
  });
}

Result<std::unique_ptr<CardSplitter>> CardSplitter::make(CardLease& lease, cpu::Growth& growth,
                                                         const cpu::SplitSearch& search) {
  using kernels::DeviceArray;
  XrtDevice& device = *lease.device;
  std::unique_ptr<CardSplitter> made(new CardSplitter(device, growth, search));
  const CardPlan& plan = made->plan_;
  if (plan.columns.empty()) return made;
  ASSAY_ASSIGN_OR_RETURN(auto histograms,
                         CardHistograms::make(lease, growth, plan.word_count,
                                              static_cast<int64_t>(made->pool_.slot_bound())));
  made->histograms_ = std::make_unique<CardHistograms>(std::move(histograms));
  if (!made->scans_) return made;
  const auto columns = static_cast<int64_t>(plan.columns.size());
  ASSAY_ASSIGN_OR_RETURN(made->nodes_, DeviceArray<int64_t>::make(device, 2 * kMostJobs));
  ASSAY_ASSIGN_OR_RETURN(made->columns_, DeviceArray<int32_t>::make(device, 4 * columns));
  ASSAY_ASSIGN_OR_RETURN(
      made->best_, DeviceArray<uint64_t>::make(device, 2 * kMostJobs * (plan.lanes + columns)));
  const kernels::TreeParams& params = growth.rules.params;
  const std::vector<double> rules = {growth.rules.unit,
                                     growth.rules.hessian_unit,
                                     params.l1,
                                     params.l2,
                                     params.min_gain,
                                     params.min_child_weight,
                                     static_cast<double>(params.min_child_samples),
                                     0};
  ASSAY_ASSIGN_OR_RETURN(made->rules_,
                         DeviceArray<double>::copy_of(device, std::span<const double>(rules)));
  return made;
}

bool CardSplitter::scans(int32_t feature) const {
  return scans_ && growth_.args.bins.kinds[feature] == kernels::FeatureKind::kNumeric;
}

Status CardSplitter::open_root() {
  if (!growth_.may_split(node_at(0))) return {};
  return open(0);
}

Status CardSplitter::divide(int32_t index) {
  cpu::RowDivision division(growth_.args.bins, node_at(index).split,
                            growth_.rows_of(node_at(index)),
                            {growth_.scratch.data() + node_at(index).begin,
                             static_cast<size_t>(node_at(index).row_count())});
  SerialExecutor serial;
  Executor& executor = division.row_count() > kShareableRows ? *growth_.context.executor : serial;
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(division.chunk_count(),
                                              [&](int64_t chunk, int) { division.divide(chunk); }));
  const int64_t left_count = division.count_left();
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(division.chunk_count(),
                                              [&](int64_t chunk, int) { division.place(chunk); }));
  const GrownNode parent = node_at(index);
  node_at(index).left = static_cast<int32_t>(growth_.nodes.size());
  growth_.nodes.push_back(cpu::left_child(parent, left_count));
  growth_.nodes.push_back(cpu::right_child(parent, left_count));
  return {};
}

Status CardSplitter::split_last(int32_t node) {
  pool_.release(node);
  return divide(node);
}

Status CardSplitter::split(int32_t index, int64_t least_rows) {
  const bool deeper = node_at(index).depth + 1 < growth_.problem.params.max_depth;
  if (deeper && node_at(index).histogram >= 0 && node_at(index).row_count() > least_rows) {
    return open_children(index, least_rows);
  }
  ASSAY_RETURN_IF_ERROR(split_last(index));
  const int32_t left = node_at(index).left;
  for (const int32_t child : {left, left + 1}) {
    if (wanted(child, least_rows)) ASSAY_RETURN_IF_ERROR(open(child));
  }
  return {};
}

Status CardSplitter::open(int32_t node) {
  if (growth_.samples_columns()) return open_sampled(node);
  pool_.acquire(node, node);
  const int64_t slot = node_at(node).histogram;
  Batch batch = histograms_->batch();
  ASSAY_RETURN_IF_ERROR(histograms_->add(batch, plan_, growth_.rows_of(node_at(node)), slot, -1));
  ASSAY_RETURN_IF_ERROR(search(batch, plan_, {{node, slot}}));
  keep_or_release(node);
  return {};
}

// A plan of its own for the node, in the first slot: nothing is kept.
Status CardSplitter::open_sampled(int32_t node) {
  std::vector<int32_t> chosen;
  kernels::choose_columns(node_at(node).key, growth_.problem.params.columns_per_node,
                          growth_.features, [&](int32_t feature) { chosen.push_back(feature); });
  std::sort(chosen.begin(), chosen.end());
  const CardPlan plan = CardPlan::make(growth_.args.bins, chosen, growth_.rules.lanes);
  Batch batch = histograms_->batch();
  histograms_->forget_plan();
  ASSAY_RETURN_IF_ERROR(histograms_->add(batch, plan, growth_.rows_of(node_at(node)), 0, -1));
  return search(batch, plan, {{node, 0}});
}

// The smaller child's histogram is made, and the parent's slot left with the other's.
Status CardSplitter::open_children(int32_t index, int64_t least_rows) {
  ASSAY_RETURN_IF_ERROR(divide(index));
  const int32_t left = node_at(index).left;
  if (!wanted(left, least_rows) && !wanted(left + 1, least_rows)) {
    pool_.release(index);
    return {};
  }
  const bool build_right = node_at(left).row_count() >= node_at(left + 1).row_count();
  const int32_t built = build_right ? left + 1 : left;
  const int32_t rest = build_right ? left : left + 1;
  pool_.acquire(built, index);
  pool_.move(index, rest);
  Batch batch = histograms_->batch();
  ASSAY_RETURN_IF_ERROR(histograms_->add(batch, plan_, growth_.rows_of(node_at(built)),
                                         node_at(built).histogram, node_at(rest).histogram));
  std::vector<Job> jobs;
  for (const int32_t child : {built, rest}) {
    if (wanted(child, least_rows)) jobs.push_back({child, node_at(child).histogram});
  }
  ASSAY_RETURN_IF_ERROR(search(batch, plan_, jobs));
  keep_or_release(built);
  keep_or_release(rest);
  return {};
}

// Nodes that will not be split need no histogram.
void CardSplitter::keep_or_release(int32_t node) {
  if (node_at(node).split.feature < 0) pool_.release(node);
}

Status CardSplitter::place_scan(const CardPlan& plan, const std::vector<Job>& jobs) {
  std::vector<int64_t> nodes;
  for (const Job& job : jobs) {
    nodes.push_back(histograms_->slot_begin(job.slot));
    nodes.push_back(node_at(job.node).row_count());
  }
  std::vector<int32_t> columns;
  for (const CardPlan::Column& column : plan.columns) {
    const int64_t begin = plan.groups[static_cast<size_t>(column.group)].begin / plan.lanes;
    const int32_t codes = growth_.args.bins.bin_counts[column.feature];
    columns.insert(columns.end(), {static_cast<int32_t>(begin) + column.start, codes, codes,
                                   scans(column.feature) ? 1 : 0});
  }
  ASSAY_RETURN_IF_ERROR(device_.upload(nodes_.on_device(), std::as_bytes(std::span(nodes))));
  return device_.upload(columns_.on_device(), std::as_bytes(std::span(columns)));
}

void CardSplitter::add_scan(Batch& batch, const CardPlan& plan, const std::vector<Job>& jobs) {
  using Arg = Batch::Arg;
  const auto nodes = static_cast<int32_t>(jobs.size());
  const auto columns = static_cast<int32_t>(plan.columns.size());
  batch.start(
      CardKernel::kSplitScan, 0,
      {Arg::as_is(histograms_->words()), Arg::in(nodes_.on_device()), Arg::in(columns_.on_device()),
       Arg::in(rules_.on_device()), Arg::as_is(best_.on_device()), Arg::of(nodes), Arg::of(columns),
       Arg::of(plan.lanes), Arg::of(growth_.rules.class_mode ? 1 : 0)});
  batch.wait(0);
  batch.fetch(CardKernel::kSplitScan, 4, best_.on_device(), 0,
              int64_t{16} * nodes * (plan.lanes + columns));
}

Status CardSplitter::search(Batch& batch, const CardPlan& plan, const std::vector<Job>& jobs) {
  if (scans_ && !jobs.empty()) {
    ASSAY_RETURN_IF_ERROR(place_scan(plan, jobs));
    add_scan(batch, plan, jobs);
  }
  if (hosts_) {
    for (const Job& job : jobs) histograms_->fetch(batch, plan, job.slot);
  }
  ASSAY_RETURN_IF_ERROR(batch.run());
  for (size_t i = 0; i < jobs.size(); ++i) take_results(plan, jobs[i], i);
  return {};
}

// The best of what the card found and of what the host finds in the words.
void CardSplitter::take_results(const CardPlan& plan, const Job& job, size_t place) {
  GrownNode& node = node_at(job.node);
  const auto lanes = static_cast<size_t>(plan.lanes);
  const uint64_t* records =
      scans_ ? best_.on_device() + 2 * place * (lanes + plan.columns.size()) : nullptr;
  std::vector<int64_t> totals(lanes, 0);
  if (scans_) {
    for (size_t c = 0; c < lanes; ++c) totals[c] = static_cast<int64_t>(records[2 * c]);
  } else {
    const CardPlan::Column& first = plan.columns.front();
    const int64_t* words =
        plan.words_of(first, growth_.args.bins, histograms_->slot_words(job.slot), own_words_);
    const int64_t count = int64_t{growth_.args.bins.bin_counts[first.feature]} * plan.lanes;
    for (int64_t i = 0; i < count; ++i) totals[static_cast<size_t>(i) % lanes] += words[i];
  }
  const cpu::NodeSearch view(growth_.rules,
                             {totals.data(), plan.lanes, node.row_count(), node.key, node.limits});
  if (!view.splittable) return;
  for (size_t i = 0; i < plan.columns.size() && scans_; ++i) {
    const int32_t feature = plan.columns[i].feature;
    const uint64_t* record = records + 2 * (lanes + i);
    const auto threshold = static_cast<uint32_t>(record[1]);
    if (threshold == 0 || !node.limits.allows(growth_.rules.interactions, feature)) continue;
    const auto flags = static_cast<uint32_t>(record[1] >> 32);
    cpu::SplitChoice choice;
    std::memcpy(&choice.gain, record, sizeof(double));
    choice.feature = feature;
    choice.threshold = static_cast<uint8_t>(threshold);
    choice.missing_left = (flags & kMissingLeft) != 0;
    choice.left_heavy = (flags & kLeftHeavy) != 0;
    if (growth_.rules.interactions != nullptr) {
      choice.limits.groups = growth_.rules.interactions[feature];
    }
    if (choice.beats(node.split)) node.split = choice;
  }
  if (hosts_) search_words(plan, job, view);
}

void CardSplitter::search_words(const CardPlan& plan, const Job& job, const cpu::NodeSearch& view) {
  const int64_t* slot = histograms_->slot_words(job.slot);
  for (const CardPlan::Column& column : plan.columns) {
    if (scans(column.feature)) continue;
    const int64_t* words = plan.words_of(column, growth_.args.bins, slot, own_words_);
    search_.search(view,
                   {column.feature, words, nullptr, growth_.args.bins.bin_counts[column.feature]},
                   scratch_, node_at(job.node).split);
  }
}

CardSource::CardSource(const cpu::Growth& growth)
    : growth_(growth),
      plan_(CardPlan::make(growth.args.bins, growth.features, growth.rules.lanes)) {}

Result<std::unique_ptr<CardSource>> CardSource::make(CardLease& lease, const cpu::Growth& growth) {
  std::unique_ptr<CardSource> made(new CardSource(growth));
  if (made->plan_.columns.empty()) return made;
  ASSAY_ASSIGN_OR_RETURN(auto histograms,
                         CardHistograms::make(lease, growth, made->plan_.word_count, 1));
  made->histograms_ = std::make_unique<CardHistograms>(std::move(histograms));
  return made;
}

// The host's plan has the same features in the same order, without bundles.
Status CardSource::build(const cpu::ColumnPlan& plan, std::span<const uint32_t> rows,
                         int64_t* words) {
  Batch batch = histograms_->batch();
  ASSAY_RETURN_IF_ERROR(histograms_->add(batch, plan_, rows, 0, -1));
  histograms_->fetch(batch, plan_, 0);
  ASSAY_RETURN_IF_ERROR(batch.run());
  for (size_t i = 0; i < plan_.columns.size(); ++i) {
    const int64_t* from =
        plan_.words_of(plan_.columns[i], growth_.args.bins, histograms_->slot_words(0), own_words_);
    std::copy_n(from, plan.offsets[i + 1] - plan.offsets[i], words + plan.offsets[i]);
  }
  return {};
}

}  // namespace assay::backends::xrt
