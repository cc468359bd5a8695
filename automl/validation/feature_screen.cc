#include "automl/validation/feature_screen.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "automl/preprocess/column_transform.h"
#include "datasets/correlation.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

using datasets::ColumnType;
using datasets::FeatureColumn;
using kernels::FeatureKind;

constexpr int64_t kRounds = 100;
constexpr int64_t kFewestRounds = 30;
constexpr size_t kMostPieces = 5;
constexpr size_t kChoosingPieces = 2;
constexpr size_t kLeastTrain = 200;
constexpr size_t kLeastValid = 50;
// Columns that candidates are made of, those that trees used most.
constexpr size_t kMostNumbers = 10;
constexpr size_t kMostCategories = 6;
constexpr size_t kMostGroupSides = 5;
constexpr size_t kMostCandidates = 5 * 45 + 15 + 3 * 25;
// Each tree sees so many of candidates and columns; fits that add up what they use.
constexpr double kColumnsOfTree = 0.2;
constexpr size_t kRankFits = 2;
// Candidates that are the same in order as one before say nothing new.
constexpr double kMostAlike = 0.97;
// Of the use of the most used one: others are there by chance.
constexpr double kLeastUse = 0.1;
constexpr size_t kRankBins = 64;
constexpr double kLeastCheckT = 2.5;
constexpr double kLeastLowered = 0.002;
constexpr double kLeastChance = 1e-6;

size_t most_of(CombinationKind kind) {
  if (is_pair(kind)) return 8;
  return is_cross(kind) ? 3 : 4;
}

int group_of(CombinationKind kind) {
  if (is_pair(kind)) return 0;
  return is_cross(kind) ? 1 : 2;
}

// The places in `rows` of those of `some`; both ascend.
std::vector<uint32_t> places_of(std::span<const uint32_t> rows, std::span<const uint32_t> some) {
  std::vector<uint32_t> places;
  size_t at = 0;
  for (const uint32_t row : some) {
    while (at < rows.size() && rows[at] < row) ++at;
    if (at < rows.size() && rows[at] == row) places.push_back(static_cast<uint32_t>(at));
  }
  return places;
}

// `count` of the rows, each as likely as the others, in their order.
std::vector<uint32_t> sample_of(std::vector<uint32_t> rows, int64_t count, uint64_t seed) {
  if (static_cast<int64_t>(rows.size()) <= count) return rows;
  Rng rng(seed);
  auto wanted = static_cast<uint64_t>(count);
  std::vector<uint32_t> taken;
  for (size_t i = 0; i < rows.size() && wanted > 0; ++i) {
    if (rng.below(rows.size() - i) >= wanted) continue;
    taken.push_back(rows[i]);
    --wanted;
  }
  return taken;
}

template <class T>
std::vector<T> values_at(std::span<const T> values, std::span<const uint32_t> rows) {
  std::vector<T> taken;
  if (values.empty()) return taken;
  taken.reserve(rows.size());
  for (const uint32_t row : rows) taken.push_back(values[row]);
  return taken;
}

std::vector<double> numbers_at(datasets::NumberView numbers, std::span<const uint32_t> rows) {
  std::vector<double> taken;
  taken.reserve(rows.size());
  for (const uint32_t row : rows) taken.push_back(numbers[row]);
  return taken;
}

// The columns of some rows, which they own.
EncodedTable::Source rows_of(const EncodedTable::Source& source, std::span<const uint32_t> rows) {
  EncodedTable::Source taken;
  taken.table = source.table;
  for (const FeatureColumn& column : source.columns) {
    FeatureColumn& own = taken.columns.emplace_back();
    own.kind = column.kind;
    own.code_count = column.code_count;
    if (column.kind == FeatureKind::kCategorical) {
      own.codes = taken.codes.emplace_back(values_at(column.codes, rows));
    } else {
      own.numbers = taken.numbers.emplace_back(numbers_at(column.numbers, rows));
    }
  }
  return taken;
}

// A part of the sample: places in it.
struct Piece {
  std::vector<uint32_t> train;
  std::vector<uint32_t> valid;
};

// Where each number stands among all, in kRankBins steps from 0; missing ones stand at -1.
std::vector<double> steps_of(std::span<const double> values) {
  std::vector<double> sorted;
  for (const double x : values) {
    if (!std::isnan(x)) sorted.push_back(x);
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> edges;
  for (size_t i = 1; i < kRankBins && !sorted.empty(); ++i) {
    edges.push_back(sorted[sorted.size() * i / kRankBins]);
  }
  std::vector<double> steps;
  steps.reserve(values.size());
  for (const double x : values) {
    const auto below = std::lower_bound(edges.begin(), edges.end(), x) - edges.begin();
    steps.push_back(std::isnan(x) ? -1.0 : static_cast<double>(below));
  }
  return steps;
}

// Mean over its standard error of numbers that are not all the same; 0 of fewer than two.
double t_value(std::span<const double> numbers) {
  const auto count = static_cast<double>(numbers.size());
  if (numbers.size() < 2) return 0;
  const double mean = std::accumulate(numbers.begin(), numbers.end(), 0.0) / count;
  double squares = 0;
  for (const double x : numbers) squares += (x - mean) * (x - mean);
  const double error = std::sqrt(squares / (count - 1) / count);
  return error > 0 ? mean / error : 0;
}

class FeatureScreen {
 public:
  FeatureScreen(const ScreenRequest& request, const kernels::ComputeContext& context)
      : request_(request), context_(context) {}

  Result<ScreenResult> run() {
    take_sample();
    cut_pieces();
    ScreenResult result;
    if (pieces_.size() < 2) return result;
    for (size_t p = 0; p < choosing_; ++p) {
      choosers_.insert(choosers_.end(), pieces_[p].valid.begin(), pieces_[p].valid.end());
    }
    std::sort(choosers_.begin(), choosers_.end());
    ASSAY_RETURN_IF_ERROR(list_columns());
    list_candidates();
    ASSAY_RETURN_IF_ERROR(make_candidates());
    if (candidates_.empty()) return result;
    ASSAY_RETURN_IF_ERROR(rank_candidates());
    choose();
    return check();
  }

 private:
  using Combinations = std::vector<std::shared_ptr<const Combination>>;
  struct Candidate {
    CombinationSpec spec;
    std::shared_ptr<const Combination> made;  // null: it cannot be made
    double use = 0;                           // that trees made of it
  };

  void take_sample() {
    std::vector<uint32_t> rows;
    if (request_.folds.size() == 1) {
      rows.assign(request_.folds[0].train_rows.begin(), request_.folds[0].train_rows.end());
    } else {
      std::vector<uint8_t> used(static_cast<size_t>(request_.source->columns[0].row_count()), 0);
      for (const ScreenFold& fold : request_.folds) {
        for (const uint32_t row : fold.train_rows) used[row] = 1;
        for (const uint32_t row : fold.valid_rows) used[row] = 1;
      }
      for (size_t row = 0; row < used.size(); ++row) {
        if (used[row] != 0) rows.push_back(static_cast<uint32_t>(row));
      }
    }
    rows_ = sample_of(std::move(rows), request_.rows, derive_seed(request_.seed, "sample"));
    targets_ = values_at(request_.data->targets, rows_);
    classes_ = values_at(request_.data->classes, rows_);
    weights_ = values_at(request_.data->weights, rows_);
    sample_ = rows_of(*request_.source, rows_);
  }

  void cut_pieces() {
    std::vector<Piece> pieces;
    if (request_.folds.size() == 1) {
      pieces.resize(kMostPieces);
      const uint64_t seed = derive_seed(request_.seed, "pieces");
      const auto blocks = request_.kin.blocks(rows_, static_cast<int>(kMostPieces), seed);
      const bool in_time = request_.kin.in_time();
      Rng rng(seed);
      for (uint32_t i = 0; i < rows_.size(); ++i) {
        const size_t valid =
            blocks.empty() ? rng.below(kMostPieces) : static_cast<size_t>(blocks[i]);
        pieces[valid].valid.push_back(i);
        for (size_t p = in_time ? valid + 1 : 0; p < kMostPieces; ++p) {
          if (p != valid) pieces[p].train.push_back(i);
        }
      }
    }
    std::vector<uint8_t> seen(rows_.size(), 0);
    for (const ScreenFold& fold : request_.folds) {
      if (request_.folds.size() == 1) break;
      Piece piece{places_of(rows_, fold.train_rows), places_of(rows_, fold.valid_rows)};
      const bool again = std::any_of(piece.valid.begin(), piece.valid.end(),
                                     [&](uint32_t place) { return seen[place] != 0; });
      if (again) break;  // folds are cut anew from here on
      for (const uint32_t place : piece.valid) seen[place] = 1;
      pieces.push_back(std::move(piece));
    }
    for (Piece& piece : pieces) {
      const bool enough = piece.train.size() >= kLeastTrain && piece.valid.size() >= kLeastValid;
      if (enough && pieces_.size() < kMostPieces) pieces_.push_back(std::move(piece));
    }
    choosing_ = std::min(kChoosingPieces, pieces_.size() - std::min<size_t>(1, pieces_.size()));
  }

  TrainingData data_of(const EncodedTable& features) const {
    TrainingData data = *request_.data;
    data.features = &features;
    data.targets = targets_;
    data.classes = classes_;
    data.weights = weights_;
    // Columns that tell relevances help to rank by them.
    data.queries = {};
    if (data.aim.kind == AimKind::kRanking) data.aim = {};
    // Combinations are made of columns without constraints, which cannot break those of others.
    data.monotone = {};
    data.interactions = {};
    return data;
  }

  // Trees fitted on the rows at `places`.
  Result<std::unique_ptr<Model>> trees(const TrainingData& data, std::span<const uint32_t> places,
                                       ParamMap params, uint64_t seed) const {
    FitRequest fit;
    fit.data = &data;
    fit.train_rows = places;
    fit.params = std::move(params);
    fit.seed = seed;
    ASSAY_ASSIGN_OR_RETURN(FitResult fitted, request_.learner->fit(fit, context_));
    if (fitted.truncated) return fail(StatusCode::kCancelled, "stopped while screening features");
    return std::move(fitted.model);
  }

  double target_at(uint32_t place) const {
    const TargetScale& frame = request_.data->frame;
    return (targets_[place] - frame.offset) / (frame.scale > 0 ? frame.scale : 1.0);
  }

  ColumnType type_of(int32_t feature) const {
    const auto column = request_.encoder->features()[static_cast<size_t>(feature)].column;
    return request_.encoder->columns()[static_cast<size_t>(column)].type;
  }

  // Of columns themselves, those that trees used most first.
  Status list_columns() {
    const auto table = request_.encoder->encode(rows_of(*request_.source, rows_));
    const TrainingData data = data_of(*table);
    ASSAY_ASSIGN_OR_RETURN(const auto model, trees(data, choosers_, screen_params(data),
                                                   derive_seed(request_.seed, "columns")));
    const std::vector<double> use = model->feature_importance();
    const std::vector<Feature>& features = request_.encoder->features();
    std::vector<int32_t> order;
    for (size_t f = 0; f < features.size(); ++f) {
      const auto column = static_cast<size_t>(features[f].column);
      const bool barred = column < request_.barred.size() && request_.barred[column] != 0;
      const bool own = features[f].output == kOwnNumber && features[f].combination < 0;
      if (own && !barred) order.push_back(static_cast<int32_t>(f));
    }
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return use[static_cast<size_t>(a)] > use[static_cast<size_t>(b)];
    });
    for (const int32_t f : order) {
      const bool category = features[static_cast<size_t>(f)].kind == FeatureKind::kCategorical;
      const bool number = type_of(f) == ColumnType::kNumeric || type_of(f) == ColumnType::kDatetime;
      if (category && categories_.size() < kMostCategories) categories_.push_back(f);
      if (!category && number && numbers_.size() < kMostNumbers) numbers_.push_back(f);
    }
    return {};
  }

  void list_candidates() {
    const auto add = [&](CombinationKind kind, int32_t left, int32_t right) {
      candidates_.push_back({{kind, left, right}, nullptr, 0});
    };
    for (size_t i = 0; i < numbers_.size() && request_.pairs != ScreenMode::kOff; ++i) {
      for (size_t j = i + 1; j < numbers_.size(); ++j) {
        const bool moments = type_of(numbers_[i]) == ColumnType::kDatetime;
        if (moments != (type_of(numbers_[j]) == ColumnType::kDatetime)) continue;
        add(CombinationKind::kDifference, numbers_[i], numbers_[j]);
        if (moments) continue;
        add(CombinationKind::kSum, numbers_[i], numbers_[j]);
        add(CombinationKind::kProduct, numbers_[i], numbers_[j]);
        add(CombinationKind::kRatio, numbers_[i], numbers_[j]);
        add(CombinationKind::kRatio, numbers_[j], numbers_[i]);
      }
    }
    for (size_t i = 0; i < categories_.size(); ++i) {
      for (size_t j = i + 1; j < categories_.size(); ++j) {
        if (request_.crosses != ScreenMode::kOff) {
          add(CombinationKind::kCross, categories_[i], categories_[j]);
        }
      }
      for (size_t j = 0; j < std::min(numbers_.size(), kMostGroupSides); ++j) {
        if (request_.group_statistics == ScreenMode::kOff || i >= kMostGroupSides) break;
        add(CombinationKind::kMean, numbers_[j], categories_[i]);
        add(CombinationKind::kSpread, numbers_[j], categories_[i]);
        add(CombinationKind::kDeviation, numbers_[j], categories_[i]);
      }
    }
  }

  Status make_candidates() {
    const auto count = static_cast<int64_t>(candidates_.size());
    ASSAY_RETURN_IF_ERROR(for_chunks(count, &context_, [&](int64_t chunk) {
      Candidate& candidate = candidates_[static_cast<size_t>(chunk)];
      const CombinationSpec& spec = candidate.spec;
      auto made = Combination::fit(spec, request_.source->columns[static_cast<size_t>(spec.left)],
                                   request_.source->columns[static_cast<size_t>(spec.right)]);
      if (made) candidate.made = std::move(*made);  // else it has too many levels
    }));
    candidates_.erase(
        std::remove_if(candidates_.begin(), candidates_.end(),
                       [](const Candidate& candidate) { return candidate.made == nullptr; }),
        candidates_.end());
    return {};
  }

  // By the use that trees make of them where they stand beside all columns and each other.
  Status rank_candidates() {
    Combinations all;
    for (const Candidate& candidate : candidates_) all.push_back(candidate.made);
    EncodedTable::Source source = rows_of(*request_.source, rows_);
    ASSAY_ASSIGN_OR_RETURN(
        const FeatureEncoder encoder,
        request_.encoder->with_combinations(all, *request_.options, context_, source));
    const auto table = encoder.encode(std::move(source));
    const TrainingData data = data_of(*table);
    ParamMap params = screen_params(data);
    params["column_fraction"] = kColumnsOfTree;
    const size_t own = request_.encoder->features().size();
    for (size_t fit = 0; fit < kRankFits; ++fit) {
      ASSAY_ASSIGN_OR_RETURN(const auto model, trees(data, choosers_, params,
                                                     derive_seed(request_.seed, "rank", fit)));
      const std::vector<double> use = model->feature_importance();
      for (size_t i = 0; i < candidates_.size(); ++i) candidates_[i].use += use[own + i];
    }
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.use > b.use; });
    return {};
  }

  // The most used ones of each kind that are not alike.
  void choose() {
    std::vector<std::vector<double>> taken;
    const double least = kLeastUse * candidates_.front().use;
    for (const Candidate& candidate : candidates_) {
      auto& chosen = chosen_[static_cast<size_t>(group_of(candidate.spec.kind))];
      if (!(candidate.use > 0) || candidate.use < least ||
          chosen.size() >= most_of(candidate.spec.kind))
        continue;
      if (candidate.made->feature_kind() == FeatureKind::kNumeric) {
        const auto made = candidate.made->apply(
            sample_.columns[static_cast<size_t>(candidate.spec.left)],
            sample_.columns[static_cast<size_t>(candidate.spec.right)], nullptr);
        std::vector<double> steps = steps_of(made->numbers);  // nothing stops apply
        const bool alike = std::any_of(taken.begin(), taken.end(), [&](const auto& other) {
          return std::abs(datasets::correlation(steps, other)) > kMostAlike;
        });
        if (alike) continue;
        taken.push_back(std::move(steps));
      }
      chosen.push_back(candidate.made);
    }
  }

  double loss_of(uint32_t place, std::span<const float> out) const {
    if (!classes_.empty()) {
      const double chance = out[static_cast<size_t>(classes_[place])];
      return -std::log(std::max(chance, kLeastChance));
    }
    const double error = target_at(place) - double{out[0]};
    const Aim& aim = request_.data->aim;
    if (!aim.quantile()) return error * error;
    return std::max(aim.level * error, (aim.level - 1) * error);
  }

  // Losses of the rows that had no part in the choice, by weight, of trees that have these features
  // too.
  Result<std::vector<double>> losses_with(const Combinations& combinations) const {
    EncodedTable::Source source = rows_of(*request_.source, rows_);
    ASSAY_ASSIGN_OR_RETURN(
        const FeatureEncoder encoder,
        request_.encoder->with_combinations(combinations, *request_.options, context_, source));
    const auto table = encoder.encode(std::move(source));
    const TrainingData data = data_of(*table);
    std::vector<double> losses;
    for (size_t p = choosing_; p < pieces_.size(); ++p) {
      const Piece& piece = pieces_[p];
      ASSAY_ASSIGN_OR_RETURN(const auto model, trees(data, piece.train, screen_params(data),
                                                     derive_seed(request_.seed, "check", p)));
      const auto width = static_cast<size_t>(model->output_count());
      std::vector<float> out(piece.valid.size() * width);
      ASSAY_RETURN_IF_ERROR(model->predict(*table, piece.valid, context_, out, data.frame));
      for (size_t i = 0; i < piece.valid.size(); ++i) {
        const uint32_t place = piece.valid[i];
        const double weight = weights_.empty() ? 1.0 : double{weights_[place]};
        losses.push_back(weight *
                         loss_of(place, std::span<const float>(out).subspan(i * width, width)));
      }
    }
    return losses;
  }

  // Whether losses are lower than usual by more than chance; the share of them that is gone.
  static double lowered(std::span<const double> usual, std::span<const double> losses) {
    std::vector<double> gains;
    for (size_t i = 0; i < losses.size(); ++i) gains.push_back(usual[i] - losses[i]);
    const double before = std::accumulate(usual.begin(), usual.end(), 0.0);
    const double gain = std::accumulate(gains.begin(), gains.end(), 0.0);
    const bool better = gain > kLeastLowered * before && t_value(gains) >= kLeastCheckT;
    return better ? gain / before : 0;
  }

  // Kind by kind: what is not wanted whatever it brings must lower the loss, all that was chosen or
  // the most used half of it.
  Result<ScreenResult> check() const {
    ScreenResult result;
    const std::array<ScreenMode, 3> modes = {request_.pairs, request_.crosses,
                                             request_.group_statistics};
    std::vector<double> usual;  // losses with result.chosen
    for (size_t group = 0; group < chosen_.size(); ++group) {
      if (chosen_[group].empty()) continue;
      if (modes[group] == ScreenMode::kWanted) {
        result.chosen.insert(result.chosen.end(), chosen_[group].begin(), chosen_[group].end());
        usual.clear();
        continue;
      }
      if (usual.empty()) {
        ASSAY_ASSIGN_OR_RETURN(usual, losses_with(result.chosen));
      }
      for (size_t count = chosen_[group].size(); count > 0; count /= 2) {
        Combinations with = result.chosen;
        with.insert(with.end(), chosen_[group].begin(),
                    chosen_[group].begin() + static_cast<ptrdiff_t>(count));
        ASSAY_ASSIGN_OR_RETURN(std::vector<double> losses, losses_with(with));
        const double share = lowered(usual, losses);
        if (share > 0) {
          result.lowered = 1 - (1 - result.lowered) * (1 - share);
          result.chosen = std::move(with);
          usual = std::move(losses);
        }
        if (share > 0 || count < chosen_[group].size()) break;
      }
    }
    return result;
  }

  const ScreenRequest& request_;
  const kernels::ComputeContext& context_;
  std::vector<uint32_t> rows_;  // sampled rows of the table, ascending; a place is an index into it
  std::vector<double> targets_;  // [places], as the following ones
  std::vector<int32_t> classes_;
  std::vector<float> weights_;
  EncodedTable::Source sample_;
  std::vector<Piece> pieces_;
  size_t choosing_ = 0;  // pieces that choose; the others check

  std::vector<uint32_t> choosers_;  // places that candidates are ranked on
  std::vector<int32_t> numbers_;    // features that are combined
  std::vector<int32_t> categories_;
  std::vector<Candidate> candidates_;
  std::array<Combinations, 3> chosen_;  // by group_of(), the most used first
};

}  // namespace

ParamMap screen_params(const TrainingData& data) {
  const int64_t trees = data.class_count > 2 ? data.class_count : 1;
  const int64_t rounds = std::max(kFewestRounds, trees == 1 ? kRounds : 3 * kRounds / trees);
  return {{"rounds", std::min(kRounds, rounds)}, {"early_stopping", false}};
}

int64_t screen_bytes(const ScreenRequest& request) {
  constexpr int64_t kCellBytes = 11;  // as it is, and its bins
  constexpr int64_t kCopies = 2;      // of the sampled columns
  const auto features = static_cast<int64_t>(request.encoder->features().size());
  const int64_t cells = kCopies * features + static_cast<int64_t>(kMostCandidates);
  return request.rows * cells * kCellBytes + request.source->columns[0].row_count();
}

Result<ScreenResult> screen_features(const ScreenRequest& request,
                                     const kernels::ComputeContext& context) {
  return FeatureScreen(request, context).run();
}

}  // namespace assay::automl
