#include <gtest/gtest.h>

#include <map>
#include <set>

#include "automl/search/history.h"
#include "automl/search/learner_search.h"

namespace assay::automl {
namespace {

const std::vector<OptionInfo>& tree_options() {
  static const std::vector<OptionInfo> options = [] {
    OptionInfo rate;
    rate.name = "rate";
    rate.kind = OptionKind::kNumber;
    rate.default_value = 0.1;
    rate.search = SearchRange{.low = 0.01, .high = 1, .log = true};
    OptionInfo depth;
    depth.name = "depth";
    depth.kind = OptionKind::kInteger;
    depth.default_value = int64_t{6};
    depth.search = SearchRange{.low = 2, .high = 4};
    OptionInfo seed;
    seed.name = "rounds";
    seed.kind = OptionKind::kInteger;
    seed.default_value = int64_t{100};
    return std::vector<OptionInfo>{rate, depth, seed};
  }();
  return options;
}

SearchLearner learner(const std::string& name, std::vector<ParamOverride> overrides = {}) {
  auto space = SearchSpace::make(tree_options(), overrides);
  EXPECT_TRUE(space) << space.error().message;
  return {name, *space};
}

SearchLearner baseline() { return {"constant", *SearchSpace::make({}), true}; }

TrialResult finished(const TrialSpec& spec, double loss, double cost = 1) {
  TrialResult result;
  result.spec = spec;
  result.status = TrialStatus::kFinished;
  result.loss = loss;
  result.cost = cost;
  return result;
}

// Proposes `count` trials, all of which have the loss that `loss_of` says.
template <class Loss>
std::vector<TrialSpec> propose_all(LearnerSearch& search, int64_t count, Loss loss_of) {
  History history;
  std::vector<TrialSpec> specs;
  for (int64_t i = 0; i < count; ++i) {
    auto spec = search.propose(i, history.all());
    if (!spec) break;
    history.start(*spec);
    history.finish(loss_of(*spec));
    specs.push_back(std::move(*spec));
  }
  return specs;
}

TEST(LearnerSearch, TriesBaselineThenDefaultsThenDraws) {
  LearnerSearch search({learner("linear"), learner("gbt"), baseline()}, make_sampler("random"), 1);
  const auto specs =
      propose_all(search, 8, [](const TrialSpec& spec) { return finished(spec, 1); });
  ASSERT_EQ(specs.size(), 8u);
  EXPECT_EQ(specs[0].learner, "constant");
  EXPECT_EQ(specs[0].origin, TrialOrigin::kBaseline);
  EXPECT_TRUE(specs[0].params.empty());
  EXPECT_EQ(specs[1].learner, "linear");
  EXPECT_EQ(specs[1].origin, TrialOrigin::kDefault);
  EXPECT_EQ(std::get<double>(specs[1].params.at("rate")), 0.1);
  EXPECT_EQ(std::get<int64_t>(specs[1].params.at("depth")), 4) << "moved into its range";
  EXPECT_EQ(specs[2].learner, "gbt");
  for (size_t i = 3; i < specs.size(); ++i) {
    EXPECT_EQ(specs[i].origin, TrialOrigin::kRandom);
    EXPECT_NE(specs[i].learner, "constant");
    EXPECT_EQ(std::get<int64_t>(specs[i].params.at("rounds")), 100);
    const double rate = std::get<double>(specs[i].params.at("rate"));
    EXPECT_GE(rate, 0.01);
    EXPECT_LE(rate, 1);
  }
}

TEST(LearnerSearch, GoesOnWithADefaultThatWasCutShortOnceAllHadTheirTurn) {
  SearchLearner boosting = learner("gbt");
  boosting.goes_on = true;
  LearnerSearch search({baseline(), boosting, learner("forest")}, make_sampler("random"), 1);
  const auto specs = propose_all(search, 8, [](const TrialSpec& spec) {
    TrialResult result = finished(spec, 1);
    // All of them are, but only one can be gone on with.
    result.status = TrialStatus::kPartial;
    return result;
  });
  ASSERT_EQ(specs.size(), 8u);
  EXPECT_EQ(specs[2].learner, "forest");
  EXPECT_EQ(specs[3].origin, TrialOrigin::kContinued);
  EXPECT_EQ(specs[3].learner, "gbt");
  EXPECT_EQ(specs[3].continues, 1);
  EXPECT_EQ(specs[3].seed, specs[1].seed);
  EXPECT_EQ(specs[3].params, specs[1].params);
  for (size_t i = 4; i < specs.size(); ++i) EXPECT_EQ(specs[i].origin, TrialOrigin::kRandom);
  // A later process that took the proposals over does not go on a second time.
  LearnerSearch other({baseline(), boosting, learner("forest")}, make_sampler("random"), 1);
  History history;
  for (size_t i = 0; i < 4; ++i) {
    other.adopt(specs[i]);
    history.start(specs[i]);
    TrialResult result = finished(specs[i], 1);
    result.status = TrialStatus::kPartial;
    history.finish(result);
  }
  EXPECT_EQ(other.propose(4, history.all())->origin, TrialOrigin::kRandom);
}

TEST(LearnerSearch, TriesWantedSettingsAfterTheDefaults) {
  LearnerSearch search({baseline(), learner("linear"), learner("gbt")}, make_sampler("random"), 1);
  const ParamMap good = {{"rate", 0.5}, {"depth", int64_t{3}}, {"rounds", int64_t{7}}};
  const ParamMap again = {{"rate", 0.1}, {"depth", int64_t{4}}};  // the default's
  const ParamMap outside = {{"rate", 0.5}, {"depth", int64_t{9}}};
  EXPECT_EQ(search.want({{"gbt", good},
                         {"gbt", good},
                         {"linear", again},
                         {"gbt", outside},
                         {"gone", good},
                         {"constant", {}}}),
            3u);
  const auto specs =
      propose_all(search, 6, [](const TrialSpec& spec) { return finished(spec, 1); });
  ASSERT_EQ(specs.size(), 6u);
  EXPECT_EQ(specs[3].origin, TrialOrigin::kEarlier);
  EXPECT_EQ(specs[3].learner, "gbt");
  EXPECT_NEAR(std::get<double>(specs[3].params.at("rate")), 0.5, 1e-12);
  EXPECT_EQ(std::get<int64_t>(specs[3].params.at("depth")), 3);
  EXPECT_EQ(std::get<int64_t>(specs[3].params.at("rounds")), 100) << "it is not searched";
  EXPECT_EQ(specs[4].origin, TrialOrigin::kRandom) << "no setting is tried twice";
}

TEST(LearnerSearch, TriesThePortfolioBehindWhatDidWellEarlier) {
  const auto setting = [](double rate, TrialOrigin origin) {
    return WantedSetting{"gbt", {{"rate", rate}, {"depth", int64_t{3}}}, origin};
  };
  const auto search_of = [&] {
    LearnerSearch search({baseline(), learner("gbt")}, make_sampler("random"), 1);
    EXPECT_EQ(search.want({setting(0.5, TrialOrigin::kEarlier)}), 1u);
    EXPECT_EQ(
        search.want({setting(0.2, TrialOrigin::kPortfolio), setting(0.5, TrialOrigin::kPortfolio),
                     setting(0.3, TrialOrigin::kPortfolio)}),
        3u);
    return search;
  };
  LearnerSearch search = search_of();
  const auto specs =
      propose_all(search, 7, [](const TrialSpec& spec) { return finished(spec, 1); });
  ASSERT_EQ(specs.size(), 7u);
  const std::vector<std::pair<TrialOrigin, double>> expected = {
      {TrialOrigin::kEarlier, 0.5}, {TrialOrigin::kPortfolio, 0.2}, {TrialOrigin::kPortfolio, 0.3}};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(specs[i + 2].origin, expected[i].first) << i;
    EXPECT_NEAR(std::get<double>(specs[i + 2].params.at("rate")), expected[i].second, 1e-12) << i;
  }
  EXPECT_EQ(specs[5].origin, TrialOrigin::kRandom);
  // A later process takes over what was proposed and goes on with the rest.
  LearnerSearch other = search_of();
  for (size_t i = 0; i < 4; ++i) other.adopt(specs[i]);
  History history;
  for (int64_t i = 4; i < 7; ++i) {
    const auto spec = other.propose(i, history.all());
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->origin, specs[static_cast<size_t>(i)].origin) << i;
    EXPECT_EQ(spec->params, specs[static_cast<size_t>(i)].params) << i;
    EXPECT_EQ(spec->seed, specs[static_cast<size_t>(i)].seed) << i;
  }
}

TEST(LearnerSearch, SameSeedSameProposals) {
  const auto run = [](uint64_t seed) {
    LearnerSearch search({baseline(), learner("linear"), learner("gbt")}, make_sampler("random"),
                         seed);
    std::string text;
    for (const TrialSpec& spec : propose_all(search, 40, [](const TrialSpec& s) {
           return finished(s, s.learner == "gbt" ? 0.5 : 0.6);
         })) {
      text += fmt::format("{} {} {} {}\n", spec.number, spec.learner, params_to_json(spec.params),
                          spec.seed);
    }
    return text;
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

TEST(LearnerSearch, EverySamplerSeesTheWindowOnly) {
  for (const std::string_view name : sampler_names()) {
    // `late`: whether a decision hears of trials inside its window.
    const auto run = [&](bool late) {
      LearnerSearch search({baseline(), learner("linear"), learner("gbt")}, make_sampler(name), 7);
      History history;
      std::string text;
      for (int64_t i = 0; i < 60; ++i) {
        if (!late && i >= kDecisionWindow) {
          const TrialSpec shown = history.at(i - kDecisionWindow).spec;
          history.finish(finished(shown, std::get<double>(shown.params.at("rate"))));
        }
        auto spec = search.propose(i, history.before_window_of(i));
        EXPECT_TRUE(spec) << name;
        if (!spec) break;
        if (spec->params.count("rate") == 0) spec->params["rate"] = 2.0;
        text += spec->learner + params_to_json(spec->params);
        history.start(*spec);
        if (late) history.finish(finished(*spec, std::get<double>(spec->params.at("rate"))));
      }
      return text;
    };
    EXPECT_EQ(run(true), run(false)) << name;
  }
}

TEST(LearnerSearch, SaysWhatWasGuided) {
  for (const std::string_view name : {"sobol", "tpe"}) {
    LearnerSearch search({baseline(), learner("gbt")}, make_sampler(name), 7);
    const auto specs =
        propose_all(search, 20, [](const TrialSpec& spec) { return finished(spec, 1); });
    EXPECT_EQ(specs.back().origin, name == "tpe" ? TrialOrigin::kGuided : TrialOrigin::kRandom);
  }
}

// Three depths by 200 rates: all settings are tried, the last ones too.
TEST(LearnerSearch, TriesEverySettingOfAFiniteSpace) {
  SearchRange rates;
  for (int i = 1; i <= 200; ++i) rates.choices.emplace_back(i * 0.005);
  LearnerSearch search({baseline(), learner("gbt", {{"rate", rates}})}, make_sampler("random"), 3);
  const auto specs =
      propose_all(search, 1000, [](const TrialSpec& spec) { return finished(spec, 1); });
  EXPECT_EQ(specs.size(), 1u + 3 * 200);
}

TEST(LearnerSearch, KeepsWhatTheUserFixedOrNarrowed) {
  LearnerSearch search(
      {baseline(),
       learner("gbt", {{"depth", int64_t{3}}, {"rate", SearchRange{.low = 0.2, .high = 0.3}}})},
      make_sampler("random"), 1);
  for (const TrialSpec& spec :
       propose_all(search, 20, [](const TrialSpec& s) { return finished(s, 1); })) {
    if (spec.learner != "gbt") continue;
    EXPECT_EQ(std::get<int64_t>(spec.params.at("depth")), 3);
    EXPECT_GE(std::get<double>(spec.params.at("rate")), 0.2);
    EXPECT_LE(std::get<double>(spec.params.at("rate")), 0.3);
  }
}

TEST(LearnerSearch, EndsWhenASmallSpaceIsExhaustedWithoutRepeating) {
  // Three depths, the default being one of them.
  LearnerSearch search({baseline(), learner("gbt", {{"rate", 0.5}})}, make_sampler("random"), 3);
  const auto specs =
      propose_all(search, 100, [](const TrialSpec& spec) { return finished(spec, 1); });
  EXPECT_EQ(specs.size(), 4u);
  std::set<std::string> seen;
  for (const TrialSpec& spec : specs) seen.insert(spec.learner + params_to_json(spec.params));
  EXPECT_EQ(seen.size(), specs.size());
}

TEST(LearnerSearch, PrefersCheapAndGoodLearners) {
  LearnerSearch search({baseline(), learner("good"), learner("slow"), learner("bad")},
                       make_sampler("random"), 5);
  std::map<std::string, int> counts;
  for (const TrialSpec& spec : propose_all(search, 300, [](const TrialSpec& s) {
         const double loss = s.learner == "bad" ? 0.9 : 0.5;
         return finished(s, loss, s.learner == "slow" ? 10 : 1);
       })) {
    ++counts[spec.learner];
  }
  EXPECT_GT(counts["good"], 2 * counts["slow"]);
  EXPECT_GT(counts["good"], counts["bad"]);
  EXPECT_GT(counts["bad"], 5) << "no learner is given up for good";
}

TEST(LearnerSearch, AvoidsALearnerThatAlwaysFails) {
  LearnerSearch search({baseline(), learner("good"), learner("broken")}, make_sampler("random"), 5);
  std::map<std::string, int> counts;
  for (const TrialSpec& spec : propose_all(search, 100, [](const TrialSpec& s) {
         TrialResult result = finished(s, 0.5);
         if (s.learner == "broken") {
           result.status = TrialStatus::kFailed;
           result.loss.reset();
           result.cost = 0;
         }
         return result;
       })) {
    ++counts[spec.learner];
  }
  EXPECT_LT(counts["broken"], 45);
  EXPECT_GT(counts["good"], 50);
}

TEST(History, ShowsADecisionOnlyTrialsBeforeItsWindow) {
  History history;
  for (int64_t i = 0; i < 20; ++i) {
    TrialSpec spec;
    spec.number = i;
    history.start(spec);
  }
  EXPECT_EQ(history.before_window_of(5).size(), 0);
  EXPECT_EQ(history.before_window_of(19).size(), 3);
  EXPECT_EQ(history.all().size(), 20);
  EXPECT_FALSE(history.done_below(1));
  EXPECT_TRUE(history.done_below(0));
  TrialSpec spec;
  history.finish(finished(spec, 0.5));
  EXPECT_TRUE(history.done_below(1));
  EXPECT_FALSE(history.done_below(2));
  EXPECT_EQ(history.all().best(), 0);
}

// Notes the points that it is shown.
class WatchingSampler final : public Sampler {
 public:
  explicit WatchingSampler(std::vector<SamplePoint>& points) : points_(points) {}
  std::vector<double> sample(const SampleRequest& request) const override {
    points_.assign(request.points.begin(), request.points.end());
    return std::vector<double>(request.space->size(), 0.01 * static_cast<double>(points_.size()));
  }
  bool guided() const override { return true; }

 private:
  std::vector<SamplePoint>& points_;
};

// Of trials that were given up, those on a share of the rows came least far.
TEST(LearnerSearch, TellsTheSamplerHowFarATrialCame) {
  std::vector<SamplePoint> points;
  LearnerSearch search({learner("gbt")}, std::make_unique<WatchingSampler>(points), 7);
  const std::vector<std::vector<Rung>> met = {
      {{Rung::Ladder::kRows, 1}},
      {{Rung::Ladder::kRows, 1}, {Rung::Ladder::kRows, 2}},
      {{Rung::Ladder::kRounds, 1}},
      {{Rung::Ladder::kRows, 1}, {Rung::Ladder::kRows, 2}, {Rung::Ladder::kRounds, 2}}};
  History history;
  for (int64_t number = 0; number < 5; ++number) {
    const auto spec = search.propose(number, history.all());
    ASSERT_TRUE(spec);
    history.start(*spec);
    if (number == 4) break;
    double loss = 1;
    for (const Rung& rung : met[static_cast<size_t>(number)]) {
      history.record_rung(number, {rung, loss -= 0.1});
    }
    TrialResult result;
    result.spec = *spec;
    result.status = TrialStatus::kPruned;
    history.finish(result);
  }
  ASSERT_EQ(points.size(), 4u);
  std::vector<int> depths;
  for (const SamplePoint& point : points) depths.push_back(point.depth);
  EXPECT_EQ(depths, (std::vector<int>{1, 2, 3, 4}));
  EXPECT_NEAR(points[3].loss, 0.7, 1e-12) << "of the last rung";
}

// A model takes its rounds, and the limit is 20 beside the baseline's 0.
TEST(LearnerSearch, KeepsToLimitsThatATrialBroke) {
  SearchLearner boosting = learner("gbt");
  boosting.units = [](const ParamMap&, int64_t steps) {
    return ModelUnits{static_cast<double>(steps), 0};
  };
  boosting.within = [](const ParamMap& params, const ModelUnits& most) -> std::optional<ParamMap> {
    if (most.latency < 1) return std::nullopt;
    ParamMap setting = params;
    const auto rounds = static_cast<int64_t>(std::min(most.latency, 100.0));
    setting["rounds"] = std::min(std::get<int64_t>(params.at("rounds")), rounds);
    return setting;
  };
  const auto measured = [](const TrialSpec& spec, double a_round) {
    TrialResult result = finished(spec, 1);
    const auto rounds = spec.params.find("rounds");
    result.steps = rounds == spec.params.end() ? 0 : std::get<int64_t>(rounds->second);
    result.footprint.latency_us = a_round * static_cast<double>(result.steps);
    if (result.footprint.latency_us > 20) result.status = TrialStatus::kOverLimit;
    return result;
  };
  const auto rounds_of = [](const TrialSpec& spec) {
    return std::get<int64_t>(spec.params.at("rounds"));
  };
  LearnerSearch search({boosting, baseline()}, make_sampler("random"), 3);
  search.keep_to({20, 0});
  auto specs = propose_all(search, 8, [&](const TrialSpec& spec) { return measured(spec, 0.5); });
  ASSERT_EQ(specs.size(), 8u);
  EXPECT_EQ(rounds_of(specs[1]), 100) << "nothing is known yet";
  EXPECT_EQ(rounds_of(specs[2]), 36) << "nine tenths of 40";
  EXPECT_EQ(specs[2].origin, TrialOrigin::kGuided);
  EXPECT_EQ(specs[2].params.at("rate"), specs[1].params.at("rate"))
      << "in the place of the default";
  for (size_t i = 3; i < specs.size(); ++i) {
    EXPECT_EQ(rounds_of(specs[i]), 36) << i;
    EXPECT_EQ(specs[i].origin, TrialOrigin::kRandom) << i;
  }
  // A draw that no setting like it keeps to is drawn again.
  SearchLearner picky = boosting;
  picky.within = [&](const ParamMap& params, const ModelUnits& most) -> std::optional<ParamMap> {
    const bool deep = std::get<int64_t>(params.at("depth")) > 2;
    return deep && most.latency < 100 ? std::nullopt : boosting.within(params, most);
  };
  LearnerSearch drawn({picky, baseline()}, make_sampler("random"), 3);
  drawn.keep_to({20, 0});
  specs = propose_all(drawn, 20, [&](const TrialSpec& spec) { return measured(spec, 0.5); });
  ASSERT_EQ(specs.size(), 20u);
  for (size_t i = 2; i < specs.size(); ++i) {
    EXPECT_EQ(std::get<int64_t>(specs[i].params.at("depth")), 2) << i;
  }
  // What an earlier process proposed has had its stand-ins, though limits were not so well known.
  LearnerSearch rest({boosting, baseline()}, make_sampler("random"), 3);
  rest.keep_to({20, 0});
  History history;
  std::vector<TrialSpec> earlier = {{0, "constant", {}, 1, TrialOrigin::kBaseline},
                                    specs[1],
                                    {2, "gbt", specs[1].params, 1, TrialOrigin::kGuided}};
  earlier[2].params["rounds"] = int64_t{50};
  for (const TrialSpec& spec : earlier) {
    rest.adopt(spec);
    history.start(spec);
    history.finish(measured(spec, 0.5));
  }
  EXPECT_EQ(rest.propose(3, history.all())->origin, TrialOrigin::kRandom);
  // Where not one round is left there is nothing more to try of it.
  LearnerSearch hopeless({boosting, baseline()}, make_sampler("random"), 3);
  hopeless.keep_to({20, 0});
  specs = propose_all(hopeless, 8, [&](const TrialSpec& spec) { return measured(spec, 21); });
  EXPECT_EQ(specs.size(), 2u);
}

// What an earlier process proposed counts as proposed: defaults are not tried again, nor settings.
TEST(LearnerSearch, GoesOnAfterProposalsOfAnother) {
  const auto make = [] {
    return LearnerSearch({learner("linear"), learner("gbt"), baseline()}, make_sampler("random"),
                         7);
  };
  const auto loss = [](const TrialSpec& spec) {
    return finished(spec, spec.params.empty() ? 1 : std::get<double>(spec.params.at("rate")));
  };
  LearnerSearch whole = make();
  const auto specs = propose_all(whole, 14, loss);
  ASSERT_EQ(specs.size(), 14u);
  for (const int64_t known : {1, 2, 6, 13}) {
    LearnerSearch rest = make();
    History history;
    for (int64_t i = 0; i < 14; ++i) {
      const TrialSpec& spec = specs[static_cast<size_t>(i)];
      if (i < known) {
        rest.adopt(spec);
      } else {
        const auto proposed = rest.propose(i, history.all());
        ASSERT_TRUE(proposed);
        EXPECT_EQ(proposed->learner, spec.learner) << i;
        EXPECT_EQ(proposed->params, spec.params) << i;
        EXPECT_EQ(proposed->seed, spec.seed) << i;
        EXPECT_EQ(proposed->origin, spec.origin) << i;
      }
      history.start(spec);
      history.finish(loss(spec));
    }
  }
  LearnerSearch other = make();
  other.adopt({0, "unknown", {}, 1, TrialOrigin::kGuided});
  EXPECT_EQ(other.propose(1, History().all())->origin, TrialOrigin::kBaseline);
}

// kind = b has rate_b, and kind = a rate_a.
SearchLearner conditional_learner() {
  static const std::vector<OptionInfo> options = [] {
    OptionInfo kind;
    kind.name = "kind";
    kind.kind = OptionKind::kText;
    kind.choices = {"a", "b", "c"};
    kind.default_value = std::string("a");
    kind.search = SearchRange{};
    std::vector<OptionInfo> all = {kind};
    for (const char* name : {"rate_a", "rate_b"}) {
      OptionInfo rate;
      rate.name = name;
      rate.default_value = 0.5;
      rate.search = SearchRange{
          .low = 0, .high = 1, .when = SearchCondition{"kind", {std::string(name + 5)}}};
      all.push_back(rate);
    }
    return all;
  }();
  return {"gbt", *SearchSpace::make(options)};
}

TEST(LearnerSearch, ParametersThatDoNotMatterKeepTheirDefaultsWithEverySampler) {
  for (const std::string_view name : sampler_names()) {
    LearnerSearch search({baseline(), conditional_learner()}, make_sampler(name), 3);
    double best = 1;
    std::set<ParamMap> seen;
    const auto specs = propose_all(search, 80, [&](const TrialSpec& spec) {
      double loss = 1;
      if (!spec.params.empty()) {
        const bool good = std::get<std::string>(spec.params.at("kind")) == "b";
        loss = good ? std::abs(std::get<double>(spec.params.at("rate_b")) - 0.8) : 0.9;
        best = std::min(best, loss);
      }
      return finished(spec, loss);
    });
    ASSERT_EQ(specs.size(), 80u) << name;
    for (size_t i = 1; i < specs.size(); ++i) {
      const ParamMap& params = specs[i].params;
      const std::string kind = std::get<std::string>(params.at("kind"));
      if (kind != "a") {
        EXPECT_EQ(params.at("rate_a"), ParamValue(0.5)) << name;
      }
      if (kind != "b") {
        EXPECT_EQ(params.at("rate_b"), ParamValue(0.5)) << name;
      }
      // kind = c is one setting, however many points of the cube stand for it.
      EXPECT_TRUE(seen.insert(params).second) << name << " " << params_to_json(params);
    }
    EXPECT_LT(best, 0.1) << name;
  }
}

}  // namespace
}  // namespace assay::automl
