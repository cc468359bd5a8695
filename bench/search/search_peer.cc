// Assay among the systems that bench/search/run measures: the best value so far of its samplers on
// the standard functions and on the trials of a table.
//
//   search_peer TABLE.tsv SEEDS COUNT [SAMPLER...]
//
// prints a line for each problem, sampler and seed, tab separated: the regrets after the default
// and COUNT - 1 proposals, each known before the next.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "bench/search/trial_table.h"

namespace assay::bench {
namespace {

int run(int argc, char** argv) {
  const int seeds = argc > 2 ? std::atoi(argv[2]) : 0;
  const int count = argc > 3 ? std::atoi(argv[3]) : 0;
  if (seeds < 1 || count < 1) {
    fmt::print(stderr, "usage: search_peer TABLE.tsv SEEDS COUNT [SAMPLER...]\n");
    return 2;
  }
  std::vector<std::string> samplers(argv + 4, argv + argc);
  if (samplers.empty()) {
    for (const std::string_view name : automl::sampler_names()) samplers.emplace_back(name);
  }
  auto problems = read_trial_table(argv[1]);
  if (!problems) {
    fmt::print(stderr, "{}\n", problems.error().message);
    return 3;
  }
  for (auto function :
       {automl::branin(), automl::hartmann6(), automl::rosenbrock(4), automl::mixed()}) {
    problems->push_back(std::move(function));
  }
  for (const auto& problem : *problems) {
    for (const std::string& name : samplers) {
      const auto sampler = automl::make_sampler(name);
      if (sampler == nullptr) {
        fmt::print(stderr, "no sampler '{}' (must be one of {})\n", name,
                   fmt::join(automl::sampler_names(), ", "));
        return 2;
      }
      for (int seed = 1; seed <= seeds; ++seed) {
        const auto regret = automl::regrets(*sampler, problem, count, static_cast<uint64_t>(seed));
        fmt::print("{}\t{}\t{}\t{:.6g}\n", problem.name, name, seed, fmt::join(regret, "\t"));
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace assay::bench

int main(int argc, char** argv) { return assay::bench::run(argc, argv); }
