#include "tracking/run_change.h"

#include <gtest/gtest.h>

#include "tests/tracking/sample_record.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run_file.h"

namespace assay::tracking {
namespace {

// A record as the list of changes that make it.
std::vector<RunChange> changes_of(const RunRecord& record) {
  std::vector<RunChange> changes = {BeginRun{record.info}};
  for (const auto& [key, value] : record.params) changes.push_back(SetParam{key, value});
  for (const auto& [key, value] : record.tags) changes.push_back(SetTag{key, value});
  for (const auto& [key, points] : record.metrics) {
    changes.push_back(DeclareMetric{key});
    const auto half = points.begin() + static_cast<std::ptrdiff_t>(points.size() / 2);
    changes.push_back(AddPoints{key, {points.begin(), half}});
    changes.push_back(AddPoints{key, {half, points.end()}});
  }
  changes.push_back(AppendText{TextStream::kStdout, record.stdout_text});
  changes.push_back(AppendText{TextStream::kStderr, record.stderr_text});
  for (const Artifact& artifact : record.artifacts) changes.push_back(PutArtifact{artifact});
  for (const auto& set : record.predictions) changes.push_back(PutPredictions{set});
  for (const auto& table : record.tables) changes.push_back(PutTable{table});
  changes.push_back(SetScore{record.info.metric, *record.info.score});
  changes.push_back(SetSource{*record.source});
  changes.push_back(SetEnvironment{record.environment});
  for (const DatasetUse& use : record.datasets) changes.push_back(AddDataset{use});
  for (const ModelUse& use : record.models) changes.push_back(AddModel{use});
  changes.push_back(FinishRun{record.info.status, record.info.message, record.info.ended_ns});
  return changes;
}

std::string encoded(const RunChange& change) {
  std::string bytes;
  encode_change(change, bytes);
  return bytes;
}

TEST(RunChange, ReplayedChangesMakeTheSameRunFile) {
  const RunRecord record = sample_record();
  RunRecord replayed;
  for (const RunChange& change : changes_of(record)) {
    auto decoded = decode_change(change_type_of(change), encoded(change));
    ASSERT_TRUE(decoded) << decoded.error().message;
    apply(replayed, std::move(*decoded));
  }
  replayed.info.wal_seq = record.info.wal_seq;
  EXPECT_EQ(*run_file_image(replayed), *run_file_image(record));
}

TEST(RunChange, ReplacesByNameAndAppends) {
  RunRecord record;
  apply(record, SetParam{"a", 1});
  apply(record, SetParam{"a", 2});
  apply(record, SetTag{"t", "x"});
  apply(record, DropTag{"t"});
  apply(record, DropTag{"none"});
  apply(record, AddPoints{"m", {{1, 1, 1}}});
  apply(record, AddPoints{"m", {{2, 2, 2}, {3, 3, 3}}});
  apply(record, PutArtifact{{"f", "old", 1, ""}});
  apply(record, PutArtifact{{"f", "new", 2, ""}});
  EXPECT_EQ(record.params.at("a"), Value(2));
  EXPECT_TRUE(record.tags.empty());
  ASSERT_EQ(record.metrics.at("m").size(), 3U);
  EXPECT_EQ(record.metrics.at("m")[2].step, 3);
  ASSERT_EQ(record.artifacts.size(), 1U);
  EXPECT_EQ(record.artifacts[0].sha256, "new");
}

TEST(RunChange, AnEndCanBeTakenBack) {
  RunRecord record;
  apply(record, FinishRun{RunStatus::kFailed, "why", 5});
  EXPECT_TRUE(record.info.finished);
  EXPECT_EQ(record.info.message, "why");
  apply(record, ReopenRun{});
  EXPECT_FALSE(record.info.finished);
  EXPECT_EQ(record.info.status, RunStatus::kRunning);
  EXPECT_EQ(record.info.ended_ns, 0);
}

TEST(RunChange, CutAndOverlongPayloadsAreRefused) {
  for (const RunChange& change : changes_of(sample_record())) {
    const uint16_t type = change_type_of(change);
    const std::string bytes = encoded(change);
    const size_t step = std::max<size_t>(1, bytes.size() / 200);
    for (size_t size = 0; size < bytes.size(); size += step) {
      const auto cut = decode_change(type, std::string_view(bytes).substr(0, size));
      ASSERT_FALSE(cut) << "type " << type << " of " << size << " bytes";
      EXPECT_EQ(cut.error().code, StatusCode::kData);
    }
    EXPECT_FALSE(decode_change(type, bytes + '\0')) << "type " << type;
  }
}

TEST(RunChange, CountsAreNeverTrusted) {
  // A key, then a count of points that would not fit any memory.
  std::string bytes;
  encode_points_head("loss", size_t{1} << 60, bytes);
  EXPECT_EQ(decode_change(change_type<AddPoints>(), bytes).error().code, StatusCode::kData);
  // An environment of 4 billion values in 4 bytes.
  EXPECT_FALSE(decode_change(change_type<SetEnvironment>(), "\xff\xff\xff\xff"));
}

TEST(RunChange, NamesAndShapesAreCheckedAsWhenLogging) {
  RunInfo info = sample_record().info;
  info.kind = "trail";
  const auto kind = decode_change(change_type<BeginRun>(), encoded(BeginRun{info}));
  ASSERT_FALSE(kind);
  EXPECT_NE(kind.error().message.find("did you mean 'trial'"), std::string::npos);
  EXPECT_FALSE(decode_change(change_type<SetParam>(), encoded(SetParam{"\xff", 1})));
  EXPECT_FALSE(decode_change(change_type<SetTag>(), encoded(SetTag{"", 1})));
  EXPECT_FALSE(
      decode_change(change_type<PutArtifact>(), encoded(PutArtifact{{"../up", "", 0, ""}})));
  const auto set =
      std::make_shared<const Predictions>(Predictions{"p", 2, 2, std::vector<float>(3), {}, {}});
  EXPECT_FALSE(decode_change(change_type<PutPredictions>(), encoded(PutPredictions{set})));
  const auto table = std::make_shared<const NamedTable>(
      NamedTable{"t", {{"a", std::vector<double>(2)}, {"b", std::vector<double>(1)}}});
  EXPECT_FALSE(decode_change(change_type<PutTable>(), encoded(PutTable{table})));
  std::string running = encoded(FinishRun{RunStatus::kFailed, "", 0});
  running[0] = 0;
  EXPECT_FALSE(decode_change(change_type<FinishRun>(), running));
}

TEST(RunChange, UnknownTypesAreRefused) {
  for (const int type : {0, kChangeTypeCount + 1, 0xffff}) {
    const auto change = decode_change(static_cast<uint16_t>(type), "");
    ASSERT_FALSE(change);
    EXPECT_NE(change.error().message.find(std::to_string(type)), std::string::npos);
  }
}

TEST(RunChange, SizesAreKnownBeforeEncoding) {
  for (const RunChange& change : changes_of(sample_record())) {
    const auto bytes = static_cast<int64_t>(encoded(change).size());
    EXPECT_GE(change_bytes(change), bytes / 2) << change_type_of(change);
    EXPECT_LE(change_bytes(change), bytes + 4096) << change_type_of(change);
  }
}

}  // namespace
}  // namespace assay::tracking
