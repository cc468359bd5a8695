#include "automl/scheduler/trial_archive.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "automl/models/model_file.h"

namespace assay::automl {
namespace {

constexpr int64_t kFileLimitBytes = int64_t{8} << 30;
constexpr int64_t kElapsedLimitBytes = 256;
constexpr const char* kElapsedName = "elapsed";

std::string name_of_file(int64_t trial) { return fmt::format("trial-{:06}.outcome", trial); }

std::string name_of_part(int64_t trial) { return fmt::format("trial-{:06}.part", trial); }

bool fits_set(const Model& model, const TrainingSet& set) {
  return model.output_count() == set.output_count() &&
         model.feature_count() == set.encoder()->feature_count();
}

}  // namespace

Status write_archived(const TrialOutcome& outcome, ByteSink sink) {
  ModelWriter writer;
  // As text: a seed uses all 64 bits.
  writer.put_text("seed", fmt::format("{}", outcome.result.spec.seed));
  writer.put_integer("trial", outcome.result.spec.number);
  const double score = *outcome.score;
  writer.put_tensor("score", std::span<const double>(&score, 1));
  writer.refer_tensor("predictions", std::span<const float>(*outcome.predictions));
  ModelWriter model = writer.child("model");
  save_model(*outcome.model, model);
  return writer.write(sink);
}

Status read_archived(const ModelReader& reader, TrialOutcome& outcome) {
  const TrialSpec& spec = outcome.result.spec;
  ASSAY_ASSIGN_OR_RETURN(const std::string seed, reader.text("seed"));
  ASSAY_ASSIGN_OR_RETURN(const int64_t trial, reader.integer("trial", 0, INT64_MAX));
  ASSAY_ASSIGN_OR_RETURN(const auto score, reader.tensor<double>("score", 1));
  if (trial != spec.number || seed != fmt::format("{}", spec.seed) || score[0] != outcome.score) {
    return reader.damaged(fmt::format("it holds another trial than number {}", spec.number));
  }
  ASSAY_ASSIGN_OR_RETURN(auto predictions, reader.tensor<float>("predictions"));
  ASSAY_ASSIGN_OR_RETURN(auto model, load_model(reader.child("model")));
  const bool finite = std::all_of(predictions.begin(), predictions.end(),
                                  [](float value) { return std::isfinite(value); });
  if (!finite) return reader.damaged("a prediction is not finite");
  outcome.model = std::move(model);
  outcome.predictions = std::make_shared<const std::vector<float>>(std::move(predictions));
  return {};
}

TrialArchive::TrialArchive(std::shared_ptr<tracking::Workspace> workspace,
                           const std::string& run_id)
    : workspace_(std::move(workspace)), scratch_(*workspace_, run_id) {}

Status TrialArchive::keep(const TrialOutcome& outcome) try {
  return scratch_.write(name_of_file(outcome.result.spec.number),
                        [&](ByteSink sink) { return write_archived(outcome, sink); });
} catch (const std::bad_alloc&) {
  return fail(StatusCode::kResourceExhausted, "not enough memory to write trial {}",
              outcome.result.spec.number);
}

void TrialArchive::drop(int64_t trial) {
  // What stays for a while harms nobody.
  (void)scratch_.remove(name_of_file(trial));
}

bool TrialArchive::load(const TrainingSet& set, TrialOutcome& outcome) const {
  const std::string name = name_of_file(outcome.result.spec.number);
  auto file = scratch_.open(name);
  if (!file) return false;
  const auto reader = ModelReader::open(std::move(*file), name);
  if (!reader || !read_archived(*reader, outcome)) return false;
  const size_t wanted = set.scored_rows().size() * static_cast<size_t>(set.output_count());
  if (outcome.predictions->size() == wanted && fits_set(*outcome.model, set)) return true;
  outcome.model = nullptr;
  outcome.predictions = nullptr;
  return false;
}

Status TrialArchive::keep_part(const TrialSpec& spec, const TrialCheckpoint& checkpoint) try {
  ASSAY_ASSIGN_OR_RETURN(const std::string bytes, checkpoint_bytes(spec, checkpoint));
  return scratch_.write(name_of_part(spec.number), std::as_bytes(std::span(bytes)));
} catch (const std::bad_alloc&) {
  return fail(StatusCode::kResourceExhausted, "not enough memory to write trial {}", spec.number);
}

void TrialArchive::drop_part(int64_t trial) { (void)scratch_.remove(name_of_part(trial)); }

std::shared_ptr<const TrialCheckpoint> TrialArchive::load_part(const TrainingSet& set,
                                                               const TrialSpec& spec) const {
  const std::string name = name_of_part(spec.number);
  auto bytes = scratch_.read(name, kFileLimitBytes);
  if (!bytes) return nullptr;
  auto checkpoint = read_checkpoint(std::move(*bytes), name, spec);
  if (!checkpoint) return nullptr;
  const size_t wanted = set.scored_rows().size() * static_cast<size_t>(set.output_count());
  // Of each partition that was begun.
  const size_t begun = wanted == 0 ? 0 : checkpoint->predictions.size() / wanted;
  const size_t folds = checkpoint->folds.size();
  bool fits = begun > 0 && begun <= set.partition_count() &&
              checkpoint->predictions.size() == begun * wanted &&
              folds <= begun * set.folds().size() && folds < set.all_folds().size();
  const auto rows = static_cast<size_t>(set.data().features->row_count());
  const OobSums& oob = checkpoint->oob;
  fits = fits && (oob.counts.empty() ||
                  (oob.counts.size() == rows &&
                   oob.values.size() == rows * static_cast<size_t>(set.output_count())));
  for (const auto& model : checkpoint->models) fits = fits && fits_set(*model, set);
  return fits ? std::make_shared<const TrialCheckpoint>(std::move(*checkpoint)) : nullptr;
}

std::vector<TrialSpec> TrialArchive::parts() const {
  std::vector<TrialSpec> specs;
  const auto names = scratch_.names();
  if (!names) return specs;
  for (const std::string& name : *names) {
    if (!name.ends_with(".part")) continue;
    auto bytes = scratch_.read(name, kFileLimitBytes);
    if (!bytes) continue;
    if (auto spec = read_checkpoint_spec(std::move(*bytes), name)) specs.push_back(*spec);
  }
  return specs;
}

Status TrialArchive::keep_elapsed(double seconds, double prepare_seconds) {
  const std::string text = fmt::format("{} {}\n", seconds, prepare_seconds);
  return scratch_.write(kElapsedName, std::as_bytes(std::span(text)));
}

ElapsedTime read_elapsed(const tracking::RunScratch& scratch) {
  const auto text = scratch.read(kElapsedName, kElapsedLimitBytes);
  if (!text) return {};
  ElapsedTime time;
  const char* const end = text->data() + text->size();
  const auto first = std::from_chars(text->data(), end, time.seconds);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') return {};
  const auto second = std::from_chars(first.ptr + 1, end, time.prepare_seconds);
  const bool whole = second.ec == std::errc() && second.ptr != end && *second.ptr == '\n';
  const bool sound = std::isfinite(time.seconds) && time.prepare_seconds >= 0 &&
                     time.prepare_seconds <= time.seconds;
  return whole && sound ? time : ElapsedTime();
}

}  // namespace assay::automl
