#include "automl/search/sampler.h"

#include <array>

#include "automl/search/cfo_sampler.h"
#include "automl/search/cmaes_sampler.h"
#include "automl/search/gp_sampler.h"
#include "automl/search/random_sampler.h"
#include "automl/search/sobol_sampler.h"
#include "automl/search/tpe_sampler.h"

namespace assay::automl {
namespace {

template <class T>
std::unique_ptr<Sampler> make() {
  return std::make_unique<T>();
}

struct Row {
  std::string_view name;
  std::unique_ptr<Sampler> (*make)();
};

constexpr std::array<Row, 6> kSamplers = {{{"random", make<RandomSampler>},
                                           {"sobol", make<SobolSampler>},
                                           {"tpe", make<TpeSampler>},
                                           {"gp", make<GpSampler>},
                                           {"cmaes", make<CmaesSampler>},
                                           {"cfo", make<CfoSampler>}}};

}  // namespace

std::span<const std::string_view> sampler_names() {
  static constexpr auto kNames = [] {
    std::array<std::string_view, kSamplers.size()> names;
    for (size_t i = 0; i < names.size(); ++i) names[i] = kSamplers[i].name;
    return names;
  }();
  return kNames;
}

std::unique_ptr<Sampler> make_sampler(std::string_view name) {
  for (const Row& row : kSamplers) {
    if (row.name == name) return row.make();
  }
  return nullptr;
}

}  // namespace assay::automl
