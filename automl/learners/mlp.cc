// The learner "mlp". The work is in mlp_fit.cc.
#include <algorithm>
#include <utility>

#include "automl/learners/learners_internal.h"
#include "automl/learners/mlp_fit.h"
#include "automl/learners/mlp_options.h"

namespace assay::automl {

const OptionTable<MlpOptions>& MlpOptions::table() {
  using T = MlpOptions;
  static const OptionTable<T> table(
      "mlp", "Neural network (multilayer perceptron) on scaled numbers and one-hot categories.",
      {{.name = "epochs",
        .member = &T::epochs,
        .range = {.low = 1, .high = 100000},
        .help = "Passes over the training rows; the learning rate falls to 0 over them, or over "
                "those that there is time for."},
       {.name = "patience",
        .member = &T::patience,
        .range = {.low = 0, .high = 100000},
        .help = "Stop after so many epochs without a lower loss on the validation rows; 0: never."},
       {.name = "layers",
        .member = &T::layers,
        .range = {.low = 1, .high = 12},
        .search = SearchRange{.low = 1, .high = 4},
        .help = "Hidden layers."},
       {.name = "width",
        .member = &T::width,
        .range = {.low = 1, .high = 4096},
        .search = SearchRange{.low = 32, .high = 384, .log = true},
        .help = "Units of each hidden layer."},
       {.name = "learning_rate",
        .member = &T::learning_rate,
        .range = {.low = 0, .high = 10, .low_open = true},
        .search = SearchRange{.low = 0.005, .high = 0.2, .log = true},
        .help = "Of the first step. A weight's own is this over the square root of its layer's "
                "inputs."},
       {.name = "weight_decay",
        .member = &T::weight_decay,
        .range = {.low = 0, .high = 10},
        .search = SearchRange{.low = 1e-3, .high = 1, .log = true},
        .help = "How fast weights fall to 0 by themselves, in units of the learning rate."},
       {.name = "dropout",
        .member = &T::dropout,
        .range = {.low = 0, .high = 0.95},
        .search = SearchRange{.low = 0, .high = 0.5},
        .help = "Share of a hidden layer's units that a step leaves out."},
       {.name = "wave_scale",
        .member = &T::wave_scale,
        .range = {.low = 0, .high = 1000},
        .search = SearchRange{.low = 0.02, .high = 2, .log = true},
        .help = "Spread of the frequencies of the waves that numbers are also given as, in turns a "
                "standard deviation. 0: no waves."},
       {.name = "batch_size",
        .member = &T::batch_size,
        .range = {.low = 1, .high = 65536},
        .help = "Rows of a step, at most an eighth of the rows and at least 16."}});
  return table;
}

namespace {

constexpr int64_t kFewEpochs = 8;
constexpr int64_t kNarrow = 32;
constexpr int64_t kNarrowest = 8;
// Of the epochs, until patience is at its end.
constexpr double kUsualShare = 0.7;
constexpr int64_t kUsualBatch = 256;
// Nanoseconds of one core: a multiplication, what else a unit takes, a wave, a parameter's step.
constexpr double kMultiplication = 0.03;
constexpr double kUnit = 0.8;
constexpr double kWave = 1;
constexpr double kParameter = 1.3;
constexpr double kClass = 6;   // of a softmax
constexpr double kDrawn = 30;  // a parameter's beginning

class MlpLearner final : public Learner {
 public:
  std::string_view name() const override { return "mlp"; }
  const OptionGroup& options() const override { return MlpOptions::table().group(); }
  std::string_view step_option() const override { return "epochs"; }
  bool supports(Task) const override { return true; }
  bool uses_dense() const override { return true; }
  double usual_share() const override { return kUsualShare; }
  // The parts of a usual batch.
  int useful_threads() const override { return static_cast<int>(MlpFit::parts_of(kUsualBatch)); }

  Result<PlannedBytes> planned_bytes(const DataShape& shape, const ParamMap& params,
                                     int) const override {
    ASSAY_ASSIGN_OR_RETURN(const MlpOptions options, options_from<MlpOptions>(params));
    const MlpShape network = MlpFit::planned_shape(shape, options);
    const auto model = static_cast<int64_t>(4 * MlpLayout(network).size) +
                       4 * int64_t{network.columns} + 4 * std::ssize(network.wave_columns) +
                       8 * int64_t{shape.feature_count};
    return PlannedBytes{16 * shape.row_count + MlpFit::bytes(shape, options) + model, model};
  }

  // Narrower.
  std::vector<ParamMap> smaller(const DataShape&, const ParamMap& params) const override {
    const auto options = options_from<MlpOptions>(params);
    if (!options || options->width <= kNarrow) return {};
    ParamMap setting = params;
    setting["width"] = std::max<int64_t>(kNarrow, options->width / 2);
    return {setting};
  }
  std::vector<ParamMap> cheaper(const DataShape& shape, const ParamMap& params) const override {
    std::vector<ParamMap> settings = hastier(params);
    for (ParamMap& setting : smaller(shape, params)) settings.push_back(std::move(setting));
    return settings;
  }
  // The rate falls as far in fewer epochs.
  std::vector<ParamMap> hastier(const ParamMap& params) const override {
    const auto options = options_from<MlpOptions>(params);
    if (!options || options->epochs <= kFewEpochs) return {};
    ParamMap setting = params;
    setting["epochs"] = std::max<int64_t>(kFewEpochs, options->epochs / 2);
    return {setting};
  }

  // Each parameter is read for a row, and is in the file.
  ModelUnits model_units(const DataShape& shape, const ParamMap& params, int64_t) const override {
    const auto options = options_from<MlpOptions>(params);
    if (!options) return {};
    const auto size = static_cast<double>(MlpLayout(MlpFit::planned_shape(shape, *options)).size);
    return {size, size};
  }
  // Narrower.
  std::vector<ParamMap> within(const DataShape& shape, const ParamMap& params,
                               const ModelUnits& most) const override {
    const auto options = options_from<MlpOptions>(params);
    if (!options) return {};
    ParamMap setting = params;
    const int64_t narrowest = std::min(kNarrowest, options->width);
    for (int64_t width = options->width; width >= narrowest;
         width -= std::max<int64_t>(1, width / 8)) {
      if (width != options->width) setting["width"] = width;
      if (model_units(shape, setting, 0).size <= std::min(most.latency, most.size))
        return {setting};
    }
    return {};
  }

  Result<double> logical_cost(const DataShape& shape, const ParamMap& params) const override {
    ASSAY_ASSIGN_OR_RETURN(const MlpOptions options, options_from<MlpOptions>(params));
    const MlpShape network = MlpFit::planned_shape(shape, options);
    const MlpLayout layout(network);
    double products = 0;
    for (const MlpLayout::Layer& layer : layout.layers) {
      products += double(layer.inputs) * double(layer.outputs);
    }
    const double units = static_cast<double>(options.layers * options.width) + network.inputs();
    const double waves = static_cast<double>(kWaves * std::ssize(network.wave_columns));
    const double classes = network.scores > 1 ? kClass * network.scores : 0.0;
    const double forward = kMultiplication * products + kUnit * units + kWave * waves + classes;
    const auto rows = static_cast<double>(shape.train_count);
    const double steps = rows / static_cast<double>(MlpFit::batch_of(shape.train_count, options));
    const double epoch = 3 * forward * rows + forward * static_cast<double>(shape.valid_count) +
                         kParameter * static_cast<double>(layout.size) * (steps + 1);
    return 1e5 + kDrawn * static_cast<double>(layout.size) +
           static_cast<double>(options.epochs) * epoch;
  }

  Result<FitResult> fit(const FitRequest& request,
                        const kernels::ComputeContext& context) const override {
    ASSAY_ASSIGN_OR_RETURN(const MlpOptions options, options_from<MlpOptions>(request.params));
    ASSAY_ASSIGN_OR_RETURN(FitData data, prepare_fit(request, request.data->aim));
    // Without any count above 0 there is no logarithm to fit.
    if (data.aim.kind == AimKind::kCount && !scale_by_mean(request, data)) data.aim = Aim{};
    ASSAY_ASSIGN_OR_RETURN(const DenseView dense, request.data->features->dense(context));
    return MlpFit(request, options, data, dense, context).run();
  }
};

}  // namespace

const Learner& mlp_learner() {
  static const MlpLearner learner;
  return learner;
}

}  // namespace assay::automl
