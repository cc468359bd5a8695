#include "automl/preprocess/predictor.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace assay::automl {
namespace {

// The tokens by default when model files did not name theirs yet. Never to be changed.
constexpr std::string_view kUnnamedTokens[] = {"NA",   "N/A",  "NaN",  "nan",
                                               "null", "NULL", "None", "?"};

}  // namespace

std::vector<std::string> Predictor::missing_tokens() const {
  if (parts_.missing_tokens) return *parts_.missing_tokens;
  return {std::begin(kUnnamedTokens), std::end(kUnnamedTokens)};
}

Predictor::Predictor(Parts parts)
    : parts_(std::move(parts)), binned_(static_cast<size_t>(parts_.encoder->feature_count())) {
  parts_.model->mark_binned(binned_);
}

Result<Predictor> Predictor::make(Parts parts) {
  if (parts.encoder == nullptr || parts.model == nullptr) {
    return fail(StatusCode::kInvalidArgument, "predictor without encoder or model");
  }
  if (parts.model->feature_count() != parts.encoder->feature_count()) {
    return fail(StatusCode::kInvalidArgument, "a model of {} features with an encoder of {}",
                parts.model->feature_count(), parts.encoder->feature_count());
  }
  const auto outputs = static_cast<size_t>(parts.model->output_count());
  const size_t wanted = is_classification(parts.task) ? parts.labels.size() : 1;
  const bool enough = !is_classification(parts.task) || wanted >= 2;
  const bool binary_fits = parts.task != Task::kBinary || wanted == 2;
  const bool regression_fits = is_classification(parts.task) || parts.labels.empty();
  if (outputs != wanted || !enough || !binary_fits || !regression_fits) {
    return fail(StatusCode::kInvalidArgument, "a {} model of {} outputs with {} labels",
                name_of(parts.task), outputs, parts.labels.size());
  }
  if (is_classification(parts.task) && parts.frame != TargetScale{}) {
    return fail(StatusCode::kInvalidArgument, "a frame for probabilities");
  }
  if (!(parts.threshold > 0 && parts.threshold < 1) ||
      (parts.task != Task::kBinary && parts.threshold != kEvenThreshold)) {
    return fail(StatusCode::kInvalidArgument, "a {} model with the decision threshold {}",
                name_of(parts.task), parts.threshold);
  }
  if (!std::isfinite(parts.frame.offset) || !std::isnormal(parts.frame.scale) ||
      parts.frame.scale < 0) {
    return fail(StatusCode::kInvalidArgument, "a frame of offset {} and scale {}",
                parts.frame.offset, parts.frame.scale);
  }
  return Predictor(std::move(parts));
}

Result<std::vector<float>> Predictor::predict(std::shared_ptr<const datasets::Table> table,
                                              const kernels::ComputeContext& context,
                                              Wanted wanted) const {
  if (wanted == Wanted::kDecisions && !is_classification(parts_.task)) {
    return fail(StatusCode::kInvalidArgument, "decisions of a {} model (it has no classes)",
                name_of(parts_.task));
  }
  ASSAY_ASSIGN_OR_RETURN(const std::unique_ptr<EncodedTable> features,
                         parts_.encoder->encode(std::move(table), &context));
  features->want_bins(binned_);
  std::vector<float> out(static_cast<size_t>(features->row_count() * output_count()));
  if (wanted == Wanted::kDecisions) {
    std::vector<uint32_t> rows(static_cast<size_t>(features->row_count()));
    std::iota(rows.begin(), rows.end(), 0u);
    ASSAY_RETURN_IF_ERROR(
        parts_.model->predict_decisions(*features, rows, context, parts_.threshold, out));
  } else {
    ASSAY_RETURN_IF_ERROR(parts_.model->predict_all(*features, context, out, parts_.frame));
  }
  return out;
}

size_t Predictor::decide(std::span<const float> row) const {
  return decide_class(row, parts_.threshold);
}

void Predictor::save(ModelWriter& writer) const {
  writer.put_text("task", name_of(parts_.task));
  const std::string target[] = {parts_.target};
  writer.put_texts("target", target);
  writer.put_texts("labels", parts_.labels);
  if (parts_.missing_tokens) writer.put_texts("missing_tokens", *parts_.missing_tokens);
  if (parts_.frame != TargetScale{}) {
    writer.put_number("frame_offset", parts_.frame.offset);
    writer.put_number("frame_scale", parts_.frame.scale);
  }
  if (parts_.threshold != kEvenThreshold) writer.put_number("threshold", parts_.threshold);
  writer.put_text("notes", params_to_json(parts_.notes));
  ModelWriter encoder = writer.child("encoder");
  parts_.encoder->save(encoder);
  ModelWriter model = writer.child("model");
  save_model(*parts_.model, model);
}

Status Predictor::write(ByteSink sink) const {
  ModelWriter writer;
  save(writer);
  return writer.write(sink);
}

Result<std::string> Predictor::to_bytes() const {
  ModelWriter writer;
  save(writer);
  return writer.finish();
}

Result<int64_t> Predictor::file_bytes() const {
  ModelWriter writer = ModelWriter::counting();
  save(writer);
  return writer.byte_count();
}

Result<Predictor> Predictor::from_bytes(std::string bytes, std::string source) {
  ASSAY_ASSIGN_OR_RETURN(const ModelReader reader,
                         ModelReader::open(std::move(bytes), std::move(source)));
  Parts parts;
  ASSAY_ASSIGN_OR_RETURN(const std::string task, reader.text("task"));
  const auto parsed = parse_task(task);
  if (!parsed) return reader.damaged(parsed.error().message);
  parts.task = *parsed;
  ASSAY_ASSIGN_OR_RETURN(const auto target, reader.texts("target"));
  if (target.size() != 1) return reader.damaged("it names no target");
  parts.target = target[0];
  ASSAY_ASSIGN_OR_RETURN(parts.labels, reader.texts("labels"));
  if (reader.has("missing_tokens")) {
    ASSAY_ASSIGN_OR_RETURN(parts.missing_tokens, reader.texts("missing_tokens"));
  }
  if (reader.has("frame_offset")) {
    ASSAY_ASSIGN_OR_RETURN(parts.frame.offset, reader.number("frame_offset"));
    ASSAY_ASSIGN_OR_RETURN(parts.frame.scale, reader.number("frame_scale"));
  }
  if (reader.has("threshold")) {
    ASSAY_ASSIGN_OR_RETURN(parts.threshold, reader.number("threshold"));
  }
  ASSAY_ASSIGN_OR_RETURN(const std::string notes, reader.text("notes"));
  auto params = params_from_json(notes);
  if (!params) return reader.damaged(params.error().message);
  parts.notes = std::move(*params);
  ASSAY_ASSIGN_OR_RETURN(FeatureEncoder encoder, FeatureEncoder::load(reader.child("encoder")));
  parts.encoder = std::make_shared<const FeatureEncoder>(std::move(encoder));
  ASSAY_ASSIGN_OR_RETURN(parts.model, load_model(reader.child("model")));
  auto predictor = make(std::move(parts));
  if (!predictor) return reader.damaged(predictor.error().message);
  return predictor;
}

}  // namespace assay::automl
