#include "tracking/run_summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/special_numbers.h"
#include "tests/tracking/random_runs.h"
#include "tests/tracking/sample_record.h"
#include "tests/tracking/test_folder.h"
#include "tracking/catalog_entry_internal.h"
#include "tracking/catalog_journal_internal.h"
#include "tracking/records_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_links.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

std::vector<MetricPoint> points(const std::vector<double>& values) {
  std::vector<MetricPoint> result;
  for (const double value : values) result.push_back({0, 0, value});
  return result;
}

bool same(const RunSummary& a, const RunSummary& b) {
  // Through the journal's bytes: every field is in them, and NaN equals itself.
  return encode({{}, a}) == encode({{}, b});
}

TEST(RunSummary, StatsSkipNotANumber) {
  EXPECT_EQ(stats_of(points({3, 1, kNan, 2})), (MetricStats{2, 1, 3, 4}));
  EXPECT_EQ(stats_of(points({kNan, 5, kNan})), (MetricStats{kNan, 5, 5, 3}));
  EXPECT_EQ(stats_of(points({kNan})), (MetricStats{kNan, kNan, kNan, 1}));
  EXPECT_EQ(stats_of(points({-kInf, kInf})), (MetricStats{kInf, -kInf, kInf, 2}));
  EXPECT_EQ(stats_of({}).count, 0);
}

TEST(RunSummary, TrendsGoFromTheLeastToTheGreatest) {
  EXPECT_EQ(trend_of(points({0, 1, 2, 3, 4, 5, 6, 7})), "01234567");
  EXPECT_EQ(trend_of(points({7, 0})), "70");
  EXPECT_EQ(trend_of(points({5, 5, 5})), "444") << "no range: the middle";
  EXPECT_EQ(trend_of(points({1, kNan, 2})), "0-7");
  EXPECT_EQ(trend_of(points({-1e308, 1e308})), "07") << "the range does not overflow";
  EXPECT_EQ(trend_of({}), "");
  std::vector<double> many;
  for (int i = 0; i < 1000; ++i) many.push_back(i);
  const std::string trend = trend_of(points(many));
  EXPECT_EQ(trend.size(), kTrendPoints);
  EXPECT_EQ(trend.front(), '0');
  EXPECT_EQ(trend.back(), '7');
  EXPECT_TRUE(std::is_sorted(trend.begin(), trend.end()));
}

TEST(RunSummary, ShowsFoldsWhenTheMainMetricHasOneValue) {
  RunRecord record;
  record.info.metric = "auc";
  record.metrics["auc"] = points({0.5});
  EXPECT_EQ(summary_of(record).trend, "4");
  record.metrics["auc/fold"] = points({0.1, 0.9});
  EXPECT_EQ(summary_of(record).trend, "07");
  record.metrics["best_score"] = points({0.2, 0.3, 0.9});
  EXPECT_EQ(summary_of(record).trend, "017") << "a sweep's best so far";
  record.metrics["auc"] = points({0.5, 0.4});
  EXPECT_EQ(summary_of(record).trend, "70");
}

TEST(RunSummary, CutsLongTextsAndCleansThem) {
  RunRecord record;
  record.params["long"] = std::string(kComparedTextBytes - 1, 'x') + "\xc3\xb6tail";
  record.params["bytes"] = std::string("a\xff");
  const RunSummary summary = summary_of(record);
  EXPECT_EQ(summary.params.at("long").text(), std::string(kComparedTextBytes - 1, 'x'));
  EXPECT_EQ(summary.params.at("bytes").text(), "a\xEF\xBF\xBD");
}

TEST(RunSummary, KnowsDataSetAndDevice) {
  RunRecord record;
  record.datasets = {{"other", "", "", "test", 0, 0, {}}, {"adult", "", "", "train", 0, 0, {}}};
  record.params["device"] = "cpu";
  EXPECT_EQ(summary_of(record).dataset, "adult");
  EXPECT_EQ(summary_of(record).device, "cpu");
  record.tags["device"] = "cuda:0";
  EXPECT_EQ(summary_of(record).device, "cuda:0");
}

TEST(RunSummary, ComesBackFromTheSealOfARunFile) {
  const TestFolder folder;
  PosixFileLayer files;
  const RunRecord record = sample_record();
  spill(folder / "run.h5", *run_file_image(record));
  const auto summary = read_run_summary(files, folder / "run.h5");
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_TRUE(same(*summary, summary_of(record)));
}

TEST(RunSummary, ManyDetailsAreLeftOutAndFoundInTheFile) {
  const TestFolder folder;
  PosixFileLayer files;
  RunRecord record = sample_record();
  for (int i = 0; i < 1000; ++i) record.params["p" + std::to_string(i)] = std::string(1000, 'x');
  EXPECT_LT(to_json(summary_of(record)).size(), 10'000U);
  spill(folder / "run.h5", *run_file_image(record));
  const auto summary = read_run_summary(files, folder / "run.h5");
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_TRUE(same(*summary, summary_of(record)));
}

TEST(RunSummary, RandomOnesSurviveJsonAndTheJournal) {
  RandomRuns runs(7);
  for (int i = 0; i < 200; ++i) {
    RunRecord record = runs.record();
    record.info.run_id = *make_ulid();
    record.params["inf"] = kInf;
    const RunSummary summary = summary_of(record);
    const auto parsed = parse_run_summary(to_json(summary), "test");
    ASSERT_TRUE(parsed) << parsed.error().message;
    ASSERT_TRUE(parsed->has_value());
    EXPECT_TRUE(same(**parsed, summary)) << to_json(summary);
    const auto decoded = decode_entry(encode({{1, 2, 3}, summary}));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->file, (FileIdentity{1, 2, 3}));
    EXPECT_TRUE(same(decoded->summary, summary));
  }
}

bool same_links(const RunLinks& a, const RunLinks& b) {
  const auto same_use = [](const DatasetUse& x, const DatasetUse& y) {
    return x.name == y.name && x.version == y.version && x.content_hash == y.content_hash &&
           x.role == y.role && x.rows == y.rows && x.columns == y.columns;
  };
  return a.blobs == b.blobs && a.sizes == b.sizes &&
         std::equal(a.datasets.begin(), a.datasets.end(), b.datasets.begin(), b.datasets.end(),
                    same_use);
}

TEST(RunLinks, ComeBackFromTheSealOfARunFile) {
  const TestFolder folder;
  PosixFileLayer files;
  const RunRecord record = sample_record();
  const RunLinks links = links_of(record);
  ASSERT_FALSE(links.blobs.empty());
  ASSERT_EQ(links.sizes.size(), links.blobs.size());
  const auto artifact =
      std::find(links.blobs.begin(), links.blobs.end(), record.artifacts[0].sha256);
  ASSERT_NE(artifact, links.blobs.end());
  EXPECT_EQ(links.sizes[static_cast<size_t>(artifact - links.blobs.begin())],
            record.artifacts[0].size);
  ASSERT_FALSE(links.datasets.empty());
  spill(folder / "run.h5", *run_file_image(record));
  const auto read = read_run_links(files, folder / "run.h5");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(same_links(*read, links));
  const auto in_seal = parse_run_links(to_json(summary_of(record), &links), "test");
  ASSERT_TRUE(in_seal && *in_seal);
  EXPECT_TRUE(same_links(**in_seal, links));
}

TEST(RunLinks, DoNotKeepListsFromTheQuickWay) {
  RunRecord record;
  record.info.name = "plain";
  record.artifacts = {{"a", std::string(64, 'a'), 1, ""}};
  record.datasets = {{"adult", "", std::string(64, 'b'), "train", 1, 2, {}}};
  const RunLinks links = links_of(record);
  const std::string text = to_json(summary_of(record), &links);
  const auto scanned = scan_run_summary(text);
  ASSERT_TRUE(scanned) << text;
  EXPECT_TRUE(same(*scanned, summary_of(record)));
  EXPECT_FALSE(scan_run_summary(text.substr(0, text.size() - 1)));
}

TEST(RunLinks, OfFilesThatHaveNoneInTheSealAreInTheHdf5Part) {
  const auto in_seal = parse_run_links(to_json(summary_of(sample_record())), "test");
  ASSERT_TRUE(in_seal);
  EXPECT_FALSE(in_seal->has_value()) << "an earlier release";
  const TestFolder folder;
  PosixFileLayer files;
  RunRecord record = sample_record();
  for (size_t i = 0; i <= kMostLinkedBlobs; ++i) {
    record.artifacts.push_back({fmt::format("a/{}", i), fmt::format("{:064x}", i), 1, ""});
  }
  const RunLinks links = links_of(record);
  EXPECT_FALSE(*parse_run_links(to_json(summary_of(record), &links), "test"));
  spill(folder / "run.h5", *run_file_image(record));
  const auto read = read_run_links(files, folder / "run.h5");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(same_links(*read, links));
}

TEST(RunLinks, OfEarlierReleasesHaveNoSizes) {
  const auto links = parse_run_links(R"({"links":{"blobs":["a"],"datasets":[]}})", "test");
  ASSERT_TRUE(links && *links);
  EXPECT_EQ((*links)->blobs.size(), 1U);
  EXPECT_TRUE((*links)->sizes.empty());
}

TEST(RunLinks, OfAWrongTypeAreDamage) {
  for (const char* text : {R"({"links":1})", R"({"links":{"blobs":[1]}})",
                           R"({"links":{"blobs":[],"datasets":[{"name":1}]}})",
                           R"({"links":{"blobs":["a","b"],"sizes":[1]}})",
                           R"({"links":{"blobs":["a"],"sizes":["1"]}})"}) {
    EXPECT_EQ(parse_run_links(text, "test").error().code, StatusCode::kData) << text;
  }
}

TEST(CatalogJournal, SkipsWhatIsNoFrameAndSaysSo) {
  CatalogEntry entry;
  entry.summary.info.run_id = *make_ulid();
  const std::string frame = entry_frame(entry);
  const std::string whole = journal_header() + frame + removal_frame(entry.summary.info.run_id);
  auto content = parse_journal(whole, true);
  ASSERT_TRUE(content);
  EXPECT_EQ(content->frames.size(), 2U);
  EXPECT_FALSE(content->damaged);
  // Torn in the middle, then two whole ones.
  content =
      parse_journal(journal_header() + frame.substr(0, frame.size() / 2) + frame + frame, true);
  ASSERT_TRUE(content);
  EXPECT_EQ(content->frames.size(), 2U);
  EXPECT_TRUE(content->damaged);
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    content = parse_journal(whole.substr(0, cut), true);
    ASSERT_TRUE(content);
    EXPECT_LE(content->frames.size(), 1U) << cut;
    EXPECT_FALSE(content->foreign) << cut;
  }
  EXPECT_FALSE(parse_journal("something else entirely", true));
  EXPECT_FALSE(parse_journal(std::string("ASSAYCWL\2\0\0\0\0\0\0\0", 16), true));
}

TEST(CatalogJournal, GoesOnBehindAHeaderThatACrashTookAway) {
  CatalogEntry entry;
  entry.summary.info.run_id = *make_ulid();
  const std::string frame = entry_frame(entry);
  const std::string header = journal_header();
  for (size_t cut = 0; cut < header.size(); ++cut) {
    for (const size_t zeros : {size_t{0}, header.size() - cut}) {
      const auto content =
          parse_journal(header.substr(0, cut) + std::string(zeros, '\0') + frame, true);
      ASSERT_TRUE(content) << cut;
      EXPECT_EQ(content->frames.size(), 1U) << cut;
      // What a later frame says about completeness does not hold.
      EXPECT_EQ(content->damaged, zeros == 0 || header.substr(cut) != std::string(zeros, '\0'));
      EXPECT_FALSE(content->foreign);
    }
  }
}

TEST(CatalogJournal, GoesOnBehindACutHeaderAndAnEntryThatASecondCrashHit) {
  CatalogEntry entry;
  entry.summary.info.run_id = *make_ulid();
  const std::string frame = entry_frame(entry);
  const std::string header = journal_header();
  for (size_t cut = 0; cut < header.size(); ++cut) {
    for (const size_t zeros : {1, 4, 20}) {
      std::string hit = frame;
      std::fill_n(hit.begin(), zeros, '\0');
      const auto content = parse_journal(header.substr(0, cut) + hit + frame, true);
      ASSERT_TRUE(content) << cut << " " << zeros;
      EXPECT_EQ(content->frames.size(), 1U) << cut << " " << zeros;
      EXPECT_TRUE(content->damaged);
      EXPECT_FALSE(content->foreign) << cut << " " << zeros;
    }
  }
}

TEST(CatalogJournal, KeepsStamps) {
  ShardStamps stamps{};
  stamps[3] = {1, 2, 3};
  stamps[255] = {4, -5, 6};
  const auto content = parse_journal(stamps_frame("ID", stamps), false);
  ASSERT_TRUE(content);
  ASSERT_EQ(content->frames.size(), 1U);
  EXPECT_EQ(content->frames[0].catalog_id, "ID");
  EXPECT_EQ(*content->frames[0].stamps, stamps);
}

TEST(CatalogJournal, KeepsWhichRunsAreMissing) {
  const MissingRun run{"01HZY0J8Q0ABCDEFGHJKMNPQRS", "größe"};
  const auto content = parse_journal(missing_frame(run) + removal_frame(run.run_id), false);
  ASSERT_TRUE(content);
  ASSERT_EQ(content->frames.size(), 2U);
  EXPECT_EQ(content->frames[0].missing, run);
  EXPECT_EQ(content->frames[1].removed, run.run_id);
}

RunRecord plain_record() {
  RunRecord record;
  record.info.run_id = *make_ulid();
  record.info.score = 0.25;
  record.params = {{"depth", 3}, {"rate", -1e-300}, {"name", "a b"}, {"on", true}, {"off", false}};
  record.tags["größe"] = "groß";
  record.metrics["loss/val"] = points({0.5, -3, 1e300});
  return record;
}

// What the thorough reader makes of it; the space keeps it from asking the quick one.
Result<std::optional<RunSummary>> parse_slowly(const std::string& text) {
  return parse_run_summary(" " + text, "slow");
}

TEST(RunSummary, IsReadTheSameQuicklyAndSlowly) {
  const std::string text = to_json(summary_of(plain_record()));
  const auto slow = parse_slowly(text);
  ASSERT_TRUE(slow && *slow);
  // Every one of its bytes replaced and every beginning of it: what the quick reader takes, the
  // thorough one takes, and it says the same.
  int taken = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    for (const char c : {'0', '9', '"', '-', '.', 'e', ',', '}', ']', '\\', '\xff'}) {
      std::string changed = text;
      changed[at] = c;
      const auto scanned = scan_run_summary(changed);
      if (!scanned) continue;
      ++taken;
      const auto parsed = parse_slowly(changed);
      ASSERT_TRUE(parsed && *parsed) << changed;
      EXPECT_TRUE(same(**parsed, *scanned)) << changed;
    }
    EXPECT_FALSE(scan_run_summary(std::string_view(text).substr(0, at)));
  }
  EXPECT_GT(taken, 300);
}

TEST(RunSummary, IsReadQuicklyWithoutEscapesAndOddNumbers) {
  const RunRecord record = plain_record();
  const RunSummary summary = summary_of(record);
  const auto scanned = scan_run_summary(to_json(summary));
  ASSERT_TRUE(scanned);
  EXPECT_TRUE(same(*scanned, summary));
  const auto is_scanned = [](const RunRecord& changed) {
    return scan_run_summary(to_json(summary_of(changed))).has_value();
  };
  RunRecord escaped = record;
  escaped.info.message = "two\nlines";
  EXPECT_FALSE(is_scanned(escaped));
  RunRecord odd = record;
  odd.metrics["loss"] = points({kNan});
  EXPECT_FALSE(is_scanned(odd));
  RunRecord infinite = record;
  infinite.info.score = kInf;
  EXPECT_FALSE(is_scanned(infinite));
  for (const char* wrong : {"", "{}", "[]", "{\"run_id\":\"a\"}"}) {
    EXPECT_FALSE(scan_run_summary(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace assay::tracking
