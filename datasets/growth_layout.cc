// Bundles, greedily: features in ascending order of their bins; each joins the first of the newest
// bundles with which it occurs in at most kMaxBins ways, by counting the pairs (code, bin) over all
// rows. A sample of the rows rules most bundles out before. Forty one-hot columns end up as one
// bundle of forty codes, and so do columns that follow from one another.
#include "datasets/growth_layout.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <utility>

#include "kernels/base/executor.h"

namespace assay::datasets {

using kernels::BinnedView;
using kernels::DeviceArray;

namespace {

constexpr int64_t kChunkRows = 4096;
constexpr int64_t kSampleRows = 2048;
constexpr int32_t kNarrowBins = 64;  // features of more bins are left alone
constexpr size_t kTries = 8;         // the newest bundles are tried
constexpr int32_t kFewerNumerator = 4;
constexpr int32_t kFewerDenominator = 5;

Status copy_columns(const BinnedView& view, uint8_t* columns, Executor& executor) {
  const int64_t chunks = chunk_count_of(view.row_count, kChunkRows);
  return executor.parallel_for(chunks, [&](int64_t chunk, int) {
    const ChunkRange range = chunk_range(view.row_count, kChunkRows, chunk);
    for (int32_t f = 0; f < view.feature_count; ++f) {
      const uint8_t* cells = view.bins + view.cell_offset(0, f);
      const int64_t width = view.block_width(f / kernels::kBlockWidth);
      uint8_t* column = columns + f * view.row_count;
      for (int64_t row = range.begin; row < range.end; ++row) column[row] = cells[row * width];
    }
  });
}

struct Bundle {
  std::vector<int32_t> features;  // ascending once it is done
  std::vector<uint8_t> codes;     // [rows]; empty while there is one feature
  int32_t code_count = 0;
};

// Which pairs (code, bin) occur.
using Pairs = std::array<uint8_t, 65536>;
using Numbers = std::array<uint8_t, 65536>;

}  // namespace

class BundleMaker {
 public:
  BundleMaker(const BinnedView& view, const uint8_t* columns, Executor& executor)
      : view_(view),
        columns_(columns),
        executor_(executor),
        seen_(static_cast<size_t>(std::clamp<int64_t>(chunk_count_of(view.row_count, kChunkRows), 1,
                                                      executor.thread_count()))),
        numbers_(std::make_unique<Numbers>()) {}

  Result<std::unique_ptr<GrowthLayout::Bundles>> make(kernels::Device& device) {
    std::vector<int32_t> order(static_cast<size_t>(view_.feature_count));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return view_.bin_counts[a] < view_.bin_counts[b];
    });
    for (const int32_t feature : order) {
      ASSAY_ASSIGN_OR_RETURN(const bool joined, join_any(feature));
      if (joined) continue;
      Bundle alone;
      alone.features = {feature};
      alone.code_count = view_.bin_counts[feature];
      bundles_.push_back(std::move(alone));
    }
    const auto count = static_cast<int64_t>(bundles_.size());
    if (count * kFewerDenominator > int64_t{view_.feature_count} * kFewerNumerator) {
      return std::unique_ptr<GrowthLayout::Bundles>();
    }
    return finish(device);
  }

 private:
  const uint8_t* column(int32_t feature) const { return columns_ + feature * view_.row_count; }
  const uint8_t* codes_of(const Bundle& bundle) const {
    return bundle.codes.empty() ? column(bundle.features[0]) : bundle.codes.data();
  }

  Result<bool> join_any(int32_t feature) {
    if (view_.bin_counts[feature] > kNarrowBins) return false;
    const size_t newest = bundles_.size();
    for (size_t i = newest - std::min(newest, kTries); i < newest; ++i) {
      Bundle& bundle = bundles_[i];
      if (sampled_pairs(bundle, feature) > kernels::kMaxBins) continue;
      ASSAY_ASSIGN_OR_RETURN(const bool joined, join(bundle, feature));
      if (joined) return true;
    }
    return false;
  }

  int32_t sampled_pairs(const Bundle& bundle, int32_t feature) {
    Pairs& seen = fresh(0, bundle, feature);
    const uint8_t* codes = codes_of(bundle);
    const uint8_t* bins = column(feature);
    const int64_t step = std::max<int64_t>(1, view_.row_count / kSampleRows);
    int32_t count = 0;
    for (int64_t row = 0; row < view_.row_count; row += step) {
      uint8_t& pair = seen[static_cast<size_t>(codes[row]) * 256 + bins[row]];
      count += pair == 0 ? 1 : 0;
      pair = 1;
    }
    return count;
  }

  // With no pair of theirs.
  Pairs& fresh(size_t part, const Bundle& bundle, int32_t feature) {
    if (!seen_[part]) seen_[part] = std::make_unique<Pairs>();
    for (int32_t code = 0; code < bundle.code_count; ++code) {
      std::fill_n(seen_[part]->data() + code * 256, view_.bin_counts[feature], uint8_t{0});
    }
    return *seen_[part];
  }

  // Adds the feature if the pairs are few enough.
  Result<bool> join(Bundle& bundle, int32_t feature) {
    const uint8_t* codes = codes_of(bundle);
    const uint8_t* bins = column(feature);
    const int64_t chunks = chunk_count_of(view_.row_count, kChunkRows);
    const auto parts = static_cast<int64_t>(seen_.size());
    ASSAY_RETURN_IF_ERROR(executor_.parallel_for(parts, [&](int64_t part, int) {
      Pairs& seen = fresh(static_cast<size_t>(part), bundle, feature);
      const int64_t end = view_.row_count * (part + 1) / parts;
      for (int64_t row = view_.row_count * part / parts; row < end; ++row) {
        seen[static_cast<size_t>(codes[row]) * 256 + bins[row]] = 1;
      }
    }));
    // New codes in order of the pairs.
    Numbers& number = *numbers_;
    int32_t count = 0;
    for (size_t code = 0; code < static_cast<size_t>(bundle.code_count); ++code) {
      for (size_t bin = 0; bin < static_cast<size_t>(view_.bin_counts[feature]); ++bin) {
        const size_t pair = code * 256 + bin;
        const bool occurs = std::any_of(seen_.begin(), seen_.end(),
                                        [&](const auto& seen) { return (*seen)[pair] != 0; });
        if (!occurs) continue;
        if (count == kernels::kMaxBins) return false;
        number[pair] = static_cast<uint8_t>(count++);
      }
    }
    std::vector<uint8_t> merged(static_cast<size_t>(view_.row_count));
    ASSAY_RETURN_IF_ERROR(executor_.parallel_for(chunks, [&](int64_t chunk, int) {
      const ChunkRange range = chunk_range(view_.row_count, kChunkRows, chunk);
      for (int64_t row = range.begin; row < range.end; ++row) {
        const size_t pair = static_cast<size_t>(codes[row]) * 256 + bins[row];
        merged[static_cast<size_t>(row)] = number[pair];
      }
    }));
    bundle.features.push_back(feature);
    bundle.codes = std::move(merged);
    bundle.code_count = count;
    return true;
  }

  // Bundles in order of their first feature, in blocks.
  Result<std::unique_ptr<GrowthLayout::Bundles>> finish(kernels::Device& device) {
    std::sort(bundles_.begin(), bundles_.end(), [](const Bundle& a, const Bundle& b) {
      return *std::min_element(a.features.begin(), a.features.end()) <
             *std::min_element(b.features.begin(), b.features.end());
    });
    auto made = std::make_unique<GrowthLayout::Bundles>();
    const auto features = static_cast<size_t>(view_.feature_count);
    made->places.resize(features);
    made->bundle_of.resize(features);
    made->bins.resize(features * 256);
    made->feature_offsets.push_back(0);
    for (Bundle& bundle : bundles_) list(bundle, *made);
    list_odd(*made);
    const auto count = static_cast<int32_t>(bundles_.size());
    ASSAY_ASSIGN_OR_RETURN(made->cells,
                           DeviceArray<uint8_t>::make(device, view_.row_count * count));
    ASSAY_RETURN_IF_ERROR(fill_cells(count, made->cells.on_device()));
    made->view = {count,
                  std::as_const(made->cells).on_device(),
                  made->code_counts.data(),
                  made->feature_offsets.data(),
                  made->features.data(),
                  made->places.data(),
                  made->bundle_of.data(),
                  made->bins.data(),
                  made->usual_bins.data(),
                  made->odd_offsets.data(),
                  made->odd_codes.data()};
    return made;
  }

  void list(Bundle& bundle, GrowthLayout::Bundles& made) const {
    std::sort(bundle.features.begin(), bundle.features.end());
    const std::vector<int64_t> rows = first_rows(bundle);
    for (const int32_t feature : bundle.features) {
      const size_t place = made.features.size();
      made.places[static_cast<size_t>(feature)] = static_cast<int32_t>(place);
      made.bundle_of[static_cast<size_t>(feature)] = static_cast<int32_t>(made.code_counts.size());
      made.features.push_back(feature);
      uint8_t* bins = made.bins.data() + place * 256;
      std::iota(bins, bins + 256, uint8_t{0});
      for (size_t code = 0; code < rows.size(); ++code) bins[code] = column(feature)[rows[code]];
    }
    made.code_counts.push_back(bundle.code_count);
    made.feature_offsets.push_back(static_cast<int32_t>(made.features.size()));
  }

  // For each code of a bundle the first row that has it, which tells the bins that it stands for.
  // Empty for a feature that is alone, whose codes are its bins.
  std::vector<int64_t> first_rows(const Bundle& bundle) const {
    if (bundle.codes.empty()) return {};
    std::vector<int64_t> rows(static_cast<size_t>(bundle.code_count), -1);
    size_t missing = rows.size();
    for (int64_t row = 0; missing > 0 && row < view_.row_count; ++row) {
      int64_t& first = rows[bundle.codes[static_cast<size_t>(row)]];
      if (first >= 0) continue;
      first = row;
      --missing;
    }
    return rows;
  }

  // The bin that each feature has under most codes of its bundle, and the codes with another one.
  static void list_odd(GrowthLayout::Bundles& made) {
    made.odd_offsets.push_back(0);
    for (size_t b = 0; b < made.code_counts.size(); ++b) {
      const auto codes = static_cast<size_t>(made.code_counts[b]);
      const auto first = static_cast<size_t>(made.feature_offsets[b]);
      const auto end = static_cast<size_t>(made.feature_offsets[b + 1]);
      for (size_t place = first; place < end; ++place) {
        const std::span<const uint8_t> bins(made.bins.data() + place * 256, codes);
        std::array<int32_t, 256> counts{};
        for (const uint8_t bin : bins) ++counts[bin];
        const auto usual = std::max_element(counts.begin(), counts.end()) - counts.begin();
        made.usual_bins.push_back(static_cast<uint8_t>(usual));
        for (size_t code = 0; code < codes && end - first > 1; ++code) {
          if (bins[code] != usual) made.odd_codes.push_back(static_cast<uint8_t>(code));
        }
        made.odd_offsets.push_back(static_cast<int32_t>(made.odd_codes.size()));
      }
    }
  }

  Status fill_cells(int32_t count, uint8_t* cells) {
    BinnedView layout;
    layout.row_count = view_.row_count;
    layout.feature_count = count;
    const int64_t chunks = chunk_count_of(view_.row_count, kChunkRows);
    return executor_.parallel_for(chunks, [&](int64_t chunk, int) {
      const ChunkRange range = chunk_range(view_.row_count, kChunkRows, chunk);
      for (int32_t b = 0; b < count; ++b) {
        const uint8_t* codes = codes_of(bundles_[static_cast<size_t>(b)]);
        const int64_t width = layout.block_width(b / kernels::kBlockWidth);
        uint8_t* target = cells + layout.cell_offset(0, b);
        for (int64_t row = range.begin; row < range.end; ++row) target[row * width] = codes[row];
      }
    });
  }

  const BinnedView& view_;
  const uint8_t* columns_;
  Executor& executor_;
  std::vector<std::unique_ptr<Pairs>> seen_;  // of some of the rows each
  std::unique_ptr<Numbers> numbers_;          // of the pairs that occur
  std::vector<Bundle> bundles_;
};

Result<GrowthLayout> GrowthLayout::make(const BinnedView& view, kernels::Device& device,
                                        Executor& executor) {
  GrowthLayout layout;
  ASSAY_ASSIGN_OR_RETURN(layout.columns_,
                         DeviceArray<uint8_t>::make(device, view.row_count * view.feature_count));
  if (layout.columns_.empty()) return layout;
  ASSAY_RETURN_IF_ERROR(copy_columns(view, layout.columns_.on_device(), executor));
  BundleMaker maker(view, std::as_const(layout.columns_).on_device(), executor);
  ASSAY_ASSIGN_OR_RETURN(layout.bundles_, maker.make(device));
  return layout;
}

BinnedView GrowthLayout::extend(BinnedView view) const {
  if (columns_.empty()) return view;
  view.columns = columns_.on_device();
  view.bundles = bundles_ ? &bundles_->view : nullptr;
  return view;
}

int64_t GrowthLayout::byte_count() const {
  return columns_.size() + (bundles_ ? bundles_->cells.size() : 0);
}

}  // namespace assay::datasets
