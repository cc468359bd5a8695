#include "backends/xrt/card_histograms.h"

#include <algorithm>
#include <cstring>

namespace assay::backends::xrt {
namespace {

constexpr int64_t kLineBytes = 64;
// Runs that go on at a time: more than there are compute units, so that none waits for the host.
constexpr uint32_t kRunsAtATime = 4;

// Words of a window, up to where the next may begin: at a whole line, and at a whole number of
// codes.
int64_t padded_words(int64_t codes, int64_t lanes) {
  const int64_t unit = 8 * lanes;
  return (codes * lanes + unit - 1) / unit * unit;
}

}  // namespace

CardPlan CardPlan::make(const kernels::BinnedView& view, std::span<const int32_t> features,
                        int32_t lanes) {
  CardPlan plan;
  plan.lanes = lanes;
  for (size_t i = 0; i < features.size();) {
    Group group;
    group.block = features[i] / kernels::kBlockWidth;
    group.begin = plan.word_count;
    const int32_t first = group.block * kernels::kBlockWidth;
    int32_t codes = 0;
    for (int32_t place = 0; place < view.block_width(group.block); ++place) {
      group.starts.push_back(codes);
      if (i == features.size() || features[i] != first + place) continue;
      plan.columns.push_back({features[i], static_cast<int32_t>(plan.groups.size()), codes});
      codes += view.bin_counts[features[i]];
      ++i;
    }
    group.starts.push_back(codes);
    for (int32_t window = 0; window < plan.window_count(); ++window) {
      plan.word_count += padded_words(codes, plan.window_lanes(window));
    }
    plan.groups.push_back(std::move(group));
  }
  return plan;
}

int64_t CardPlan::window_begin(const Group& group, int32_t window) const {
  int64_t begin = group.begin;
  for (int32_t i = 0; i < window; ++i) begin += padded_words(group.starts.back(), window_lanes(i));
  return begin;
}

const int64_t* CardPlan::words_of(const Column& column, const kernels::BinnedView& view,
                                  const int64_t* slot, std::vector<int64_t>& own) const {
  const Group& group = groups[static_cast<size_t>(column.group)];
  if (lanes <= kCardLanes) return slot + group.begin + int64_t{column.start} * lanes;
  const int64_t codes = view.bin_counts[column.feature];
  own.resize(static_cast<size_t>(codes * lanes));
  for (int32_t window = 0; window < window_count(); ++window) {
    const int64_t width = window_lanes(window);
    const int64_t* from = slot + window_begin(group, window) + column.start * width;
    for (int64_t code = 0; code < codes; ++code) {
      std::copy_n(from + code * width, width, own.data() + code * lanes + window * kCardLanes);
    }
  }
  return own.data();
}

Result<CardHistograms> CardHistograms::make(CardLease& lease, const cpu::Growth& growth,
                                            int64_t slot_words, int64_t slots) {
  using kernels::DeviceArray;
  XrtDevice& device = *lease.device;
  CardHistograms made;
  made.lease_ = &lease;
  made.growth_ = &growth;
  made.slot_words_ = slot_words;
  const kernels::BinnedView& bins = growth.args.bins;
  const int64_t offset = device.offset_in_buffer(bins.bins).value_or(1);
  if (offset % kLineBytes == 0) {
    made.cells_ = bins.bins - offset;
    made.cell_begin_ = offset;
  } else {
    const std::span<const uint8_t> cells(bins.bins, static_cast<size_t>(bins.byte_count()));
    ASSAY_ASSIGN_OR_RETURN(made.own_cells_, DeviceArray<uint8_t>::copy_of(device, cells));
    made.cells_ = made.own_cells_.on_device();
  }
  const std::span<const uint32_t> packed(growth.packed.data(), growth.packed.size());
  ASSAY_ASSIGN_OR_RETURN(made.packed_, DeviceArray<uint32_t>::copy_of(device, packed));
  ASSAY_ASSIGN_OR_RETURN(
      made.rows_, DeviceArray<uint32_t>::make(device, static_cast<int64_t>(growth.order.size())));
  ASSAY_ASSIGN_OR_RETURN(made.words_, DeviceArray<int64_t>::make(device, slot_words * slots));
  return made;
}

// The kernel reads them from where a buffer begins: one for each group.
Status CardHistograms::place_starts(const CardPlan& plan) {
  while (starts_.size() < plan.groups.size()) {
    ASSAY_ASSIGN_OR_RETURN(
        auto made, kernels::DeviceArray<int32_t>::make(*lease_->device, kernels::kBlockWidth + 1));
    starts_.push_back(std::move(made));
  }
  for (size_t g = 0; g < plan.groups.size(); ++g) {
    ASSAY_RETURN_IF_ERROR(lease_->device->upload(starts_[g].on_device(),
                                                 std::as_bytes(std::span(plan.groups[g].starts))));
  }
  placed_ = &plan;
  return {};
}

Status CardHistograms::add(Batch& batch, const CardPlan& plan, std::span<const uint32_t> rows,
                           int64_t slot, int64_t parent) {
  using Arg = Batch::Arg;
  if (placed_ != &plan) ASSAY_RETURN_IF_ERROR(place_starts(plan));
  const int64_t begin = rows.data() - growth_->order.data();
  const auto count = static_cast<int64_t>(rows.size());
  std::copy(rows.begin(), rows.end(), rows_.on_device() + begin);
  const auto bytes = static_cast<int64_t>(sizeof(uint32_t));
  batch.send(CardKernel::kTreeHistogram, 2, rows_.on_device(), begin * bytes, count * bytes);
  const kernels::BinnedView& bins = growth_->args.bins;
  uint32_t run = 0;
  for (size_t g = 0; g < plan.groups.size(); ++g) {
    const CardPlan::Group& group = plan.groups[g];
    for (int32_t window = 0; window < plan.window_count(); ++window) {
      const int64_t at = plan.window_begin(group, window);
      const int32_t first_class = growth_->rules.class_mode ? window * kCardLanes : -1;
      batch.start(CardKernel::kTreeHistogram, run++ % kRunsAtATime,
                  {Arg::in(cells_), Arg::in(packed_.on_device()), Arg::as_is(rows_.on_device()),
                   Arg::in(starts_[g].on_device()), Arg::as_is(words_.on_device()),
                   Arg::of(cell_begin_ + bins.block_offset(group.block)), Arg::of(begin),
                   Arg::of(count), Arg::of(bins.block_width(group.block)), Arg::of(first_class),
                   Arg::of(plan.window_lanes(window)), Arg::of(slot_begin(slot) + at),
                   Arg::of(parent < 0 ? int64_t{-1} : slot_begin(parent) + at)});
    }
  }
  for (uint32_t i = 0; i < std::min(run, kRunsAtATime); ++i) batch.wait(i);
  return {};
}

void CardHistograms::fetch(Batch& batch, const CardPlan& plan, int64_t slot) const {
  const auto bytes = static_cast<int64_t>(sizeof(int64_t));
  batch.fetch(CardKernel::kTreeHistogram, 4, words_.on_device(), slot_begin(slot) * bytes,
              plan.word_count * bytes);
}

}  // namespace assay::backends::xrt
