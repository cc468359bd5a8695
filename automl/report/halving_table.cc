#include "automl/report/halving_table.h"

#include <fmt/format.h>

#include <map>
#include <tuple>
#include <utility>

namespace assay::automl {
namespace {

struct RungCount {
  int64_t met = 0;
  int64_t given_up = 0;
};

}  // namespace

HtmlTable halving_table(std::span<const TrialTime> times) {
  std::map<std::tuple<std::string, size_t, int64_t>, RungCount> counts;
  for (const TrialTime& time : times) {
    // Ladders are in the order in which a trial climbs them.
    RungCount* last = nullptr;
    for (size_t ladder = 0; ladder < time.rungs.size(); ++ladder) {
      for (const int64_t rung : time.rungs[ladder]) {
        last = &counts[{time.learner, ladder, rung}];
        ++last->met;
      }
    }
    if (last != nullptr && time.given_up_at_rung) ++last->given_up;
  }
  HtmlTable table;
  table.caption = "Successive halving: trials that were compared at a rung.";
  table.columns = {
      {"learner", false}, {"by", false}, {"rung", true}, {"compared", true}, {"given up", true}};
  for (const auto& [place, count] : counts) {
    const auto& [learner, ladder, rung] = place;
    table.rows.push_back({learner, std::string(kHalvingLadders[ladder]), fmt::format("{}", rung),
                          fmt::format("{}", count.met), fmt::format("{}", count.given_up)});
  }
  return table;
}

}  // namespace assay::automl
