#include "automl/scheduler/trial_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "automl/models/model_file.h"

namespace assay::automl {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kMostFolds = 10'000;
// Numbers of a fold in its tensor.
constexpr int64_t kFoldNumbers = 7;

std::vector<double> numbers_of(const FoldRecord& fold) {
  return {fold.score.value_or(kNone),
          fold.fit_seconds,
          fold.predict_seconds,
          static_cast<double>(fold.iterations),
          static_cast<double>(fold.best_iteration),
          fold.truncated ? 1.0 : 0.0,
          fold.oob_loss.value_or(kNone)};
}

FoldRecord fold_of(std::span<const double> numbers) {
  FoldRecord fold;
  if (!std::isnan(numbers[0])) fold.score = numbers[0];
  fold.fit_seconds = numbers[1];
  fold.predict_seconds = numbers[2];
  fold.iterations = static_cast<int64_t>(numbers[3]);
  fold.best_iteration = static_cast<int64_t>(numbers[4]);
  fold.truncated = numbers[5] != 0;
  if (!std::isnan(numbers[6])) fold.oob_loss = numbers[6];
  return fold;
}

// Whole and in a range that a count of steps can have.
bool is_count(double value) { return value >= 0 && value <= 1e15 && std::floor(value) == value; }

void put_points(const TrialCheckpoint& checkpoint, ModelWriter& writer) {
  std::vector<int64_t> places;
  std::vector<double> losses;
  for (const CurvePoint& point : checkpoint.curve) {
    places.insert(places.end(), {point.fold, point.step});
    losses.push_back(point.loss);
  }
  writer.put_tensor("curve_places", std::span<const int64_t>(places));
  writer.put_tensor("curve", std::span<const double>(losses));
  places.clear();
  losses.clear();
  for (const RungValue& value : checkpoint.rungs) {
    places.insert(places.end(), {static_cast<int64_t>(value.rung.ladder), value.rung.step});
    losses.push_back(value.loss);
  }
  writer.put_tensor("rung_places", std::span<const int64_t>(places));
  writer.put_tensor("rungs", std::span<const double>(losses));
}

Status read_points(const ModelReader& reader, TrialCheckpoint& checkpoint) {
  ASSAY_ASSIGN_OR_RETURN(const auto curve, reader.tensor<double>("curve"));
  const auto points = static_cast<int64_t>(curve.size());
  ASSAY_ASSIGN_OR_RETURN(const auto at, reader.tensor<int64_t>("curve_places", 2 * points));
  for (size_t i = 0; i < curve.size(); ++i) {
    checkpoint.curve.push_back({static_cast<int>(at[2 * i]), at[2 * i + 1], curve[i]});
  }
  ASSAY_ASSIGN_OR_RETURN(const auto losses, reader.tensor<double>("rungs"));
  const auto rungs = static_cast<int64_t>(losses.size());
  ASSAY_ASSIGN_OR_RETURN(const auto places, reader.tensor<int64_t>("rung_places", 2 * rungs));
  for (size_t i = 0; i < losses.size(); ++i) {
    const int64_t ladder = places[2 * i];
    if (ladder < 0 || ladder >= static_cast<int64_t>(kLadders)) {
      return reader.damaged("a rung is of no ladder");
    }
    const Rung rung{static_cast<Rung::Ladder>(ladder), static_cast<int>(places[2 * i + 1])};
    checkpoint.rungs.push_back({rung, losses[i]});
  }
  return {};
}

Status read_folds(const ModelReader& reader, TrialCheckpoint& checkpoint) {
  ASSAY_ASSIGN_OR_RETURN(const int64_t count, reader.integer("fold_count", 0, kMostFolds));
  ASSAY_ASSIGN_OR_RETURN(const auto numbers, reader.tensor<double>("folds", kFoldNumbers * count));
  for (int64_t fold = 0; fold < count; ++fold) {
    const auto own = std::span(numbers).subspan(static_cast<size_t>(kFoldNumbers * fold),
                                                static_cast<size_t>(kFoldNumbers));
    if (!is_count(own[3]) || !is_count(own[4])) return reader.damaged("a fold has no steps");
    checkpoint.folds.push_back(fold_of(own));
    ASSAY_ASSIGN_OR_RETURN(auto model,
                           load_model(reader.child("models").child(std::to_string(fold))));
    checkpoint.models.push_back(std::move(model));
  }
  ASSAY_ASSIGN_OR_RETURN(checkpoint.predictions, reader.tensor<float>("predictions"));
  return {};
}

// Where there are any.
void put_oob(const OobSums& oob, ModelWriter& writer) {
  if (oob.counts.empty()) return;
  writer.put_tensor("oob_sums", std::span<const double>(oob.values));
  writer.put_tensor("oob_counts", std::span<const int32_t>(oob.counts));
}

Status read_oob(const ModelReader& reader, OobSums& oob) {
  if (!reader.has("oob_sums")) return {};
  ASSAY_ASSIGN_OR_RETURN(oob.values, reader.tensor<double>("oob_sums"));
  ASSAY_ASSIGN_OR_RETURN(oob.counts, reader.tensor<int32_t>("oob_counts"));
  const bool fits = !oob.counts.empty() && oob.values.size() % oob.counts.size() == 0;
  return fits ? Status() : reader.damaged("its out-of-bag predictions do not fit together");
}

// The first fit under way is "has_fit" and "fit", as it was when there was one at most; others are
// in "more_fits", where there are any.
void put_fit(const std::optional<FitState>& state, ModelWriter writer) {
  writer.put_flag("has_fit", state.has_value());
  if (!state) return;
  ModelWriter part = writer.child("fit");
  part.put_integer("best_iteration", state->best_iteration);
  part.put_tensor("best_loss", std::span<const double>(&state->best_loss, 1));
  ModelWriter model = part.child("model");
  save_model(*state->model, model);
}

void put_fits(const TrialCheckpoint& checkpoint, ModelWriter& writer) {
  const auto& fits = checkpoint.fits;
  put_fit(fits.empty() ? std::nullopt : fits.front(), writer);
  if (fits.size() < 2) return;
  ModelWriter more = writer.child("more_fits");
  more.put_integer("count", static_cast<int64_t>(fits.size()) - 1);
  for (size_t i = 1; i < fits.size(); ++i) put_fit(fits[i], more.child(std::to_string(i)));
}

Result<std::optional<FitState>> read_fit(const ModelReader& reader) {
  ASSAY_ASSIGN_OR_RETURN(const bool has_fit, reader.flag("has_fit"));
  if (!has_fit) return std::nullopt;
  const ModelReader part = reader.child("fit");
  FitState state;
  ASSAY_ASSIGN_OR_RETURN(auto model, load_model(part.child("model")));
  ASSAY_ASSIGN_OR_RETURN(state.best_iteration,
                         part.integer("best_iteration", 0, model->step_count()));
  ASSAY_ASSIGN_OR_RETURN(const auto loss, part.tensor<double>("best_loss", 1));
  state.best_loss = loss[0];
  state.model = std::move(model);
  return state;
}

Status read_fits(const ModelReader& reader, TrialCheckpoint& checkpoint) {
  ASSAY_ASSIGN_OR_RETURN(std::optional<FitState> first, read_fit(reader));
  const ModelReader more = reader.child("more_fits");
  int64_t count = 0;
  if (more.has("count")) {
    ASSAY_ASSIGN_OR_RETURN(count, more.integer("count", 1, kMostFolds));
  }
  if (!first && count == 0) return {};
  checkpoint.fits.push_back(std::move(first));
  for (int64_t i = 1; i <= count; ++i) {
    ASSAY_ASSIGN_OR_RETURN(std::optional<FitState> state, read_fit(more.child(std::to_string(i))));
    checkpoint.fits.push_back(std::move(state));
  }
  return {};
}

Result<TrialSpec> read_spec(const ModelReader& reader) {
  TrialSpec spec;
  ASSAY_ASSIGN_OR_RETURN(const std::string seed, reader.text("seed"));
  const char* const end = seed.data() + seed.size();
  const auto read = std::from_chars(seed.data(), end, spec.seed);
  if (read.ec != std::errc() || read.ptr != end) return reader.damaged("its seed is no number");
  ASSAY_ASSIGN_OR_RETURN(spec.number, reader.integer("trial", 0, INT64_MAX));
  ASSAY_ASSIGN_OR_RETURN(
      const int64_t origin,
      reader.integer("origin", 0, static_cast<int64_t>(TrialOrigin::kPortfolio)));
  spec.origin = static_cast<TrialOrigin>(origin);
  ASSAY_ASSIGN_OR_RETURN(const auto setting, reader.texts("setting"));
  if (setting.size() != 2) return reader.damaged("it has no setting");
  spec.learner = setting[0];
  auto params = params_from_json(setting[1]);
  if (!params) return reader.damaged(params.error().message);
  spec.params = std::move(*params);
  return spec;
}

}  // namespace

std::string extent_of(const TrialCheckpoint& checkpoint) {
  const auto shares = std::count_if(
      checkpoint.rungs.begin(), checkpoint.rungs.end(),
      [](const RungValue& value) { return value.rung.ladder == Rung::Ladder::kRows; });
  const size_t folds = checkpoint.folds.size();
  int64_t rounds = 0;
  for (const auto& fit : checkpoint.fits) rounds += fit ? fit->model->step_count() : 0;
  if (shares > 0 && folds == 0 && rounds == 0) {
    return fmt::format("{} share{} of the rows", shares, shares == 1 ? "" : "s");
  }
  std::string text = fmt::format("{} fold{}", folds, folds == 1 ? "" : "s");
  if (rounds > 0) text += fmt::format(" and {} rounds of the next", rounds);
  if (rounds > 0 && checkpoint.fits.size() > 1) {
    text += fmt::format(" {}", checkpoint.fits.size());
  }
  return text;
}

Result<std::string> checkpoint_bytes(const TrialSpec& spec, const TrialCheckpoint& checkpoint) {
  ModelWriter writer;
  // As text: a seed uses all 64 bits.
  writer.put_text("seed", fmt::format("{}", spec.seed));
  writer.put_integer("trial", spec.number);
  writer.put_texts("setting", std::vector<std::string>{spec.learner, params_to_json(spec.params)});
  writer.put_integer("origin", static_cast<int64_t>(spec.origin));
  writer.put_tensor("seconds", std::span<const double>(&checkpoint.seconds, 1));
  std::vector<double> numbers;
  for (size_t fold = 0; fold < checkpoint.folds.size(); ++fold) {
    const std::vector<double> own = numbers_of(checkpoint.folds[fold]);
    numbers.insert(numbers.end(), own.begin(), own.end());
    ModelWriter model = writer.child("models").child(std::to_string(fold));
    save_model(*checkpoint.models[fold], model);
  }
  writer.put_integer("fold_count", static_cast<int64_t>(checkpoint.folds.size()));
  writer.put_tensor("folds", std::span<const double>(numbers));
  writer.put_tensor("predictions", std::span<const float>(checkpoint.predictions));
  put_oob(checkpoint.oob, writer);
  put_points(checkpoint, writer);
  put_fits(checkpoint, writer);
  return writer.finish();
}

Result<TrialCheckpoint> read_checkpoint(std::string bytes, const std::string& source,
                                        const TrialSpec& spec) {
  ASSAY_ASSIGN_OR_RETURN(const ModelReader reader, ModelReader::open(std::move(bytes), source));
  ASSAY_ASSIGN_OR_RETURN(const TrialSpec own, read_spec(reader));
  const bool same = own.number == spec.number && own.seed == spec.seed &&
                    own.learner == spec.learner && own.origin == spec.origin &&
                    own.params == spec.params;
  if (!same)
    return reader.damaged(fmt::format("it holds another trial than number {}", spec.number));
  TrialCheckpoint checkpoint;
  ASSAY_RETURN_IF_ERROR(read_folds(reader, checkpoint));
  ASSAY_RETURN_IF_ERROR(read_oob(reader, checkpoint.oob));
  ASSAY_RETURN_IF_ERROR(read_points(reader, checkpoint));
  ASSAY_RETURN_IF_ERROR(read_fits(reader, checkpoint));
  ASSAY_ASSIGN_OR_RETURN(const auto seconds, reader.tensor<double>("seconds", 1));
  checkpoint.seconds = std::isfinite(seconds[0]) ? std::max(0.0, seconds[0]) : 0;
  return checkpoint;
}

Result<TrialSpec> read_checkpoint_spec(std::string bytes, const std::string& source) {
  ASSAY_ASSIGN_OR_RETURN(const ModelReader reader, ModelReader::open(std::move(bytes), source));
  return read_spec(reader);
}

}  // namespace assay::automl
