#include "tracking/run_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/tracking/sample_record.h"
#include "tests/tracking/test_folder.h"

namespace assay::tracking {
namespace {

// Writes, reads back.
Result<RunRecord> round_trip(const RunRecord& record) {
  const TestFolder folder;
  ASSAY_ASSIGN_OR_RETURN(const std::string image, run_file_image(record));
  spill(folder / "run.h5", image);
  return read_run(folder / "run.h5");
}

void expect_same(const std::vector<MetricPoint>& a, const std::vector<MetricPoint>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].step, b[i].step);
    EXPECT_EQ(a[i].time, b[i].time);
    if (std::isnan(a[i].value)) {
      EXPECT_TRUE(std::isnan(b[i].value));
    } else {
      EXPECT_EQ(a[i].value, b[i].value);
    }
  }
}

TEST(RunFile, KeepsInfo) {
  const RunRecord record = sample_record();
  const auto read = round_trip(record);
  ASSERT_TRUE(read) << read.error().message;
  const RunInfo& a = record.info;
  const RunInfo& b = read->info;
  EXPECT_EQ(b.run_id, a.run_id);
  EXPECT_EQ(b.parent_run_id, a.parent_run_id);
  EXPECT_EQ(b.kind, "trial");
  EXPECT_EQ(b.name, "bäume 🌳");
  EXPECT_EQ(b.experiment, "Adult");
  EXPECT_EQ(b.user, "ada");
  EXPECT_EQ(b.status, RunStatus::kCompleted);
  EXPECT_EQ(b.message, "all is well");
  EXPECT_EQ(b.metric, "roc_auc");
  EXPECT_EQ(b.score, 0.9275);
  EXPECT_EQ(b.created_ns, 1'700'000'000'000'000'001);
  EXPECT_EQ(b.ended_ns, 1'700'000'009'000'000'002);
  EXPECT_EQ(b.writer, a.writer);
  EXPECT_EQ(b.wal_seq, 7U);
  EXPECT_TRUE(b.finished);
}

TEST(RunFile, KeepsParamsTagsAndEnvironment) {
  RunRecord record = sample_record();
  auto read = round_trip(record);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(std::isnan(std::get<double>(read->params.at("nan").data())));
  record.params.erase("nan");
  read->params.erase("nan");
  EXPECT_EQ(read->params, record.params);
  EXPECT_EQ(read->tags, record.tags);
  EXPECT_EQ(read->environment, record.environment);
}

TEST(RunFile, KeepsMetricsWithOddValuesAndKeys) {
  const RunRecord record = sample_record();
  const auto read = round_trip(record);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->metrics.size(), record.metrics.size());
  for (const auto& [key, points] : record.metrics) {
    ASSERT_TRUE(read->metrics.contains(key)) << key;
    expect_same(points, read->metrics.at(key));
  }
}

TEST(RunFile, KeepsLogsAndArtifacts) {
  const RunRecord record = sample_record();
  const auto read = round_trip(record);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->stdout_text, record.stdout_text);
  EXPECT_EQ(read->stderr_text, record.stderr_text);
  ASSERT_EQ(read->artifacts.size(), 2U);
  EXPECT_EQ(read->artifacts[0].path, "plots/roc.svg");
  EXPECT_EQ(read->artifacts[0].sha256, std::string(64, 'a'));
  EXPECT_EQ(read->artifacts[0].size, 1234);
  EXPECT_EQ(read->artifacts[0].media_type, "image/svg+xml");
  EXPECT_EQ(read->artifacts[1].path, "größe.txt");
  EXPECT_EQ(read->artifacts[1].media_type, "");
}

TEST(RunFile, KeepsPredictionsAndTables) {
  const RunRecord record = sample_record();
  const auto read = round_trip(record);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->predictions.size(), 2U);
  const Predictions& oof = *read->predictions[0];
  EXPECT_EQ(oof.name, "oof");
  EXPECT_EQ(oof.rows, 3);
  EXPECT_EQ(oof.columns, 2);
  EXPECT_EQ(std::get<std::vector<float>>(oof.values),
            (std::vector<float>{0.25F, 0.75F, 0.5F, 0.5F, 1, 0}));
  EXPECT_EQ(oof.row_ids, (std::vector<int64_t>{10, 5, 7}));
  EXPECT_EQ(oof.column_names, (std::vector<std::string>{"no", "yes"}));
  EXPECT_EQ(read->predictions[1]->name, "test/raw");
  EXPECT_EQ(std::get<std::vector<double>>(read->predictions[1]->values),
            (std::vector<double>{1.5, -2.5}));
  ASSERT_EQ(read->tables.size(), 1U);
  const NamedTable& table = *read->tables[0];
  ASSERT_EQ(table.columns.size(), 3U);
  EXPECT_EQ(table.columns[0].name, "feature");
  EXPECT_EQ(std::get<std::vector<std::string>>(table.columns[0].values),
            (std::vector<std::string>{"age", "größe", ""}));
  EXPECT_EQ(std::get<std::vector<double>>(table.columns[1].values),
            (std::vector<double>{3.5, 1.25, 0}));
  EXPECT_EQ(std::get<std::vector<int64_t>>(table.columns[2].values),
            (std::vector<int64_t>{12, 4, 0}));
}

TEST(RunFile, KeepsSourceDatasetsAndModels) {
  const RunRecord record = sample_record();
  const auto read = round_trip(record);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(read->source);
  EXPECT_EQ(read->source->manifest_sha256, std::string(64, 'c'));
  EXPECT_EQ(read->source->config, "target: income\n");
  EXPECT_EQ(read->source->git_branch, "main");
  EXPECT_TRUE(read->source->git_dirty);
  ASSERT_EQ(read->source->files.size(), 1U);
  EXPECT_EQ(read->source->files[0].path, "config.yaml");
  EXPECT_EQ(read->source->files[0].mode, 0100644U);
  EXPECT_EQ(read->source->files[0].size, 42);
  ASSERT_EQ(read->datasets.size(), 2U);
  EXPECT_EQ(read->datasets[0].role, "train");
  EXPECT_EQ(read->datasets[0].rows, 32561);
  ASSERT_EQ(read->datasets[0].profile.size(), 2U);
  EXPECT_EQ(std::get<std::vector<int64_t>>(read->datasets[0].profile[1].values),
            (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(read->datasets[1].role, "test");
  ASSERT_EQ(read->models.size(), 1U);
  EXPECT_EQ(read->models[0].version, 3);
  EXPECT_EQ(read->models[0].size, 98765);
  EXPECT_EQ(read->models[0].input_contract, R"({"columns":["age"]})");
}

TEST(RunFile, KeepsAnEmptyRecord) {
  RunRecord record;
  const auto read = round_trip(record);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->params.empty());
  EXPECT_TRUE(read->metrics.empty());
  EXPECT_FALSE(read->source);
  EXPECT_FALSE(read->info.score);
  EXPECT_EQ(read->info.status, RunStatus::kRunning);
}

TEST(RunFile, KeepsTextsAroundTheAttributeLimit) {
  RunRecord record;
  for (const size_t size : {63'999, 64'000, 64'001, 65'535, 65'536, 65'537, 200'000}) {
    const std::string key = std::string(400, 'k') + std::to_string(size);
    record.params[key] = std::string(size, 'v');
  }
  const auto read = round_trip(record);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->params, record.params);
}

TEST(RunFile, KeepsTenThousandMetricsAndParams) {
  RunRecord record;
  for (int i = 0; i < 10'000; ++i) {
    record.metrics["metric/" + std::to_string(i)] = {{i, 1.0, i * 0.5}};
    record.params["param " + std::to_string(i)] = i;
  }
  const auto read = round_trip(record);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->params, record.params);
  ASSERT_EQ(read->metrics.size(), 10'000U);
  EXPECT_EQ(read->metrics.at("metric/9999")[0].value, 4999.5);
}

TEST(RunFile, HasTheSameBytesForTheSameRecord) {
  const auto first = run_file_image(sample_record());
  const auto second = run_file_image(sample_record());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
}

TEST(RunFile, OfATypicalRunIsSmall) {
  RunRecord record;
  record.info = sample_record().info;
  for (int i = 0; i < 20; ++i) record.params["parameter_" + std::to_string(i)] = i * 0.37;
  for (int m = 0; m < 10; ++m) {
    for (int i = 0; i < 100; ++i) {
      const double time = 1.7e9 + i * 0.01 + 1e-6 * ((i * 7919 + m) % 977);
      record.metrics["metric_" + std::to_string(m)].push_back({i, time, 1.0 / (i + m + 1)});
    }
  }
  for (int i = 0; i < 100; ++i) record.stdout_text += "epoch " + std::to_string(i) + " done\n";
  const auto image = run_file_image(record);
  ASSERT_TRUE(image);
  RecordProperty("bytes", static_cast<int>(image->size()));
  EXPECT_LE(image->size(), 25'000U);
}

TEST(RunFile, SummaryEqualsTheFullRecord) {
  const TestFolder folder;
  spill(folder / "run.h5", *run_file_image(sample_record()));
  PosixFileLayer files;
  const auto info = read_run_info(files, folder / "run.h5");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->run_id, sample_record().info.run_id);
  EXPECT_EQ(info->name, "bäume 🌳");
  EXPECT_EQ(info->status, RunStatus::kCompleted);
  EXPECT_EQ(info->score, 0.9275);
  EXPECT_EQ(info->created_ns, 1'700'000'000'000'000'001);
  EXPECT_EQ(info->wal_seq, 7U);
}

TEST(RunFile, KeepsAScoreThatIsNoNumber) {
  RunRecord record;
  record.info.score = -std::numeric_limits<double>::infinity();
  const TestFolder folder;
  spill(folder / "run.h5", *run_file_image(record));
  PosixFileLayer files;
  EXPECT_EQ(read_run_info(files, folder / "run.h5")->score, record.info.score);
  EXPECT_EQ(read_run(folder / "run.h5")->info.score, record.info.score);
}

TEST(RunFile, EscapesWhatALinkNameCannotHold) {
  EXPECT_EQ(escape_key("loss/val"), "loss%2Fval");
  EXPECT_EQ(escape_key("loss%2Fval"), "loss%252Fval");
  EXPECT_EQ(escape_key("."), "%2E");
  EXPECT_EQ(escape_key("a.b"), "a.b");
}

TEST(RunFile, PathUsesTheLastByteOfTheId) {
  // R is 24 and S is 25 in Crockford's alphabet: 24 * 32 + 25 = 0x319.
  EXPECT_EQ(run_file_path("01HZY0J8Q0ABCDEFGHJKMNPQRS"), "runs/19/01HZY0J8Q0ABCDEFGHJKMNPQRS.h5");
}

TEST(RunFile, ReportsAMissingFile) {
  const auto read = read_run("/nowhere/run.h5");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, StatusCode::kNotFound);
}

}  // namespace
}  // namespace assay::tracking
