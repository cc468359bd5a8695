#include "tracking/journal_segment.h"

#include <gtest/gtest.h>

#include "tests/tracking/failing_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run_change.h"

namespace assay::tracking {
namespace {

// Made by another program with a bitwise CRC-32C (see docs/store-format.md).
std::string sample_segment() {
  return slurp(ASSAY_SOURCE_DIR "/tests/fuzz/corpus/journal_segment/all_changes.wal");
}

std::vector<Frame> frames_of(std::string_view segment, uint64_t salt) {
  std::vector<Frame> frames;
  FrameReader reader(segment.substr(kSegmentHeaderBytes), salt);
  Frame frame;
  while (reader.next(frame)) frames.push_back(frame);
  return frames;
}

TEST(JournalSegment, ReadsWhatAnotherProgramWrote) {
  const std::string bytes = sample_segment();
  const auto header = parse_header(bytes, "sample");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->version, 1U);
  EXPECT_EQ(header->salt, 0x1122334455667788U);
  EXPECT_EQ(header->created_ns, 1'700'000'000'000'000'000);
  EXPECT_EQ(header->epoch, 1U);
  EXPECT_EQ(encode_header(*header), bytes.substr(0, kSegmentHeaderBytes));
  RunRecord record;
  uint64_t seq = 0;
  for (const Frame& frame : frames_of(bytes, header->salt)) {
    EXPECT_EQ(frame.run, 1U);
    auto change = decode_change(frame.type, frame.payload);
    ASSERT_TRUE(change) << change.error().message;
    apply(record, std::move(*change));
    seq = frame.seq;
  }
  EXPECT_EQ(seq, 16U);
  EXPECT_EQ(record.info.name, "gbdt-7");
  EXPECT_EQ(record.params.at("rate"), Value(0.1));
  ASSERT_EQ(record.metrics.at("loss/val").size(), 2U);
  EXPECT_EQ(record.metrics.at("loss/val")[1].value, 0.25);
  EXPECT_EQ(record.stderr_text, "oh\n");
  EXPECT_EQ(record.source->files.at(0).mode, 0100644U);
  EXPECT_EQ(std::get<std::vector<float>>(record.predictions.at(0)->values)[0], 0.1F);
  EXPECT_EQ(record.info.status, RunStatus::kCompleted);
  EXPECT_EQ(record.info.ended_ns, 1'700'000'009'000'000'000);
}

TEST(JournalSegment, WritesWhatItReads) {
  const std::string bytes = sample_segment();
  const uint64_t salt = parse_header(bytes, "sample")->salt;
  std::string again;
  for (const Frame& frame : frames_of(bytes, salt)) {
    const size_t half = frame.payload.size() / 2;
    append_frame(frame, {frame.payload.substr(0, half), frame.payload.substr(half)}, again);
  }
  seal_frames(again, salt);
  EXPECT_EQ(again, bytes.substr(kSegmentHeaderBytes));
}

TEST(JournalSegment, ATornEndGivesTheFramesBeforeIt) {
  const std::string bytes = sample_segment();
  const uint64_t salt = parse_header(bytes, "sample")->salt;
  const auto whole = frames_of(bytes, salt);
  size_t last = 0;
  for (size_t size = kSegmentHeaderBytes; size <= bytes.size(); ++size) {
    const auto frames = frames_of(std::string_view(bytes).substr(0, size), salt);
    ASSERT_GE(frames.size(), last);
    ASSERT_LE(frames.size(), last + 1);
    last = frames.size();
  }
  EXPECT_EQ(last, whole.size());
}

TEST(JournalSegment, AnyChangedBitEndsTheFramesBeforeIt) {
  const std::string bytes = sample_segment();
  const uint64_t salt = parse_header(bytes, "sample")->salt;
  const auto whole = frames_of(bytes, salt);
  for (size_t at = kSegmentHeaderBytes; at < bytes.size(); ++at) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
    const auto frames = frames_of(bad, salt);
    // Padding is not covered: a change there harms nothing.
    for (size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(frames[i].payload, whole[i].payload);
    if (frames.size() == whole.size()) {
      EXPECT_EQ(bytes[at], '\0') << at;
    }
  }
}

TEST(JournalSegment, FramesOfAnotherFileDoNotCheck) {
  const std::string bytes = sample_segment();
  EXPECT_TRUE(frames_of(bytes, parse_header(bytes, "sample")->salt + 1).empty());
}

TEST(JournalSegment, StopsWhereNumbersFall) {
  std::string bytes;
  for (const uint64_t seq : {3, 5, 5, 4, 6}) {
    append_frame({.type = 6, .run = 1, .seq = seq}, {"x"}, bytes);
  }
  seal_frames(bytes, 1);
  FrameReader reader(bytes, 1);
  Frame frame;
  int count = 0;
  while (reader.next(frame)) ++count;
  EXPECT_EQ(count, 3);
  EXPECT_FALSE(reader.complete());
  EXPECT_EQ(reader.last_seq(), 5U);
}

TEST(JournalSegment, DamagedAndNewerHeadersAreNamed) {
  const std::string bytes = sample_segment();
  for (size_t at = 0; at < kSegmentHeaderBytes; ++at) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    const auto header = parse_header(bad, "x.wal");
    ASSERT_FALSE(header) << at;
    EXPECT_EQ(header.error().code, StatusCode::kData);
    EXPECT_NE(header.error().message.find("'x.wal'"), std::string::npos);
  }
  EXPECT_FALSE(parse_header(bytes.substr(0, 63), "x.wal"));
  EXPECT_FALSE(parse_header("", "x.wal"));
  const std::string newer = encode_header({.version = 2, .salt = 1, .created_ns = 2, .epoch = 3});
  EXPECT_NE(parse_header(newer, "x.wal").error().message.find("newer release"), std::string::npos);
}

TEST(JournalSegment, NamesSortAndParse) {
  EXPECT_EQ(segment_name(1), "seg-000001.wal");
  EXPECT_TRUE(is_segment_name(segment_name(12'345'678)));
  EXPECT_EQ(segment_epoch(segment_name(12'345'678)), 12'345'678U);
  EXPECT_EQ(segment_epoch("seg-000042.wal"), 42U);
  for (const char* name : {"", "seg-.wal", "seg-1.wal", "seg-00000a.wal", "seg-000001.wal.tmp",
                           "seg-000000.wal", "seg-99999999999999999999.wal"}) {
    EXPECT_FALSE(is_segment_name(name)) << name;
  }
}

TEST(JournalSegment, KnowsWhenItIsNoLongerInPlace) {
  const TestFolder folder;
  PosixFileLayer files;
  const auto segment = SegmentWriter::create(files, folder.path(), 7);
  ASSERT_TRUE(segment) << segment.error().message;
  EXPECT_EQ((*segment)->path(), folder / "seg-000007.wal");
  ASSERT_TRUE((*segment)->append("12345678"));
  EXPECT_TRUE((*segment)->sync());
  EXPECT_EQ((*segment)->size(), 72);
  EXPECT_TRUE((*segment)->in_place());
  EXPECT_EQ(SegmentWriter::create(files, folder.path(), 7).error().code,
            StatusCode::kAlreadyExists);
  ASSERT_TRUE(files.rename(folder / "seg-000007.wal", folder / "gone"));
  EXPECT_FALSE((*segment)->in_place());
  spill(folder / "seg-000007.wal", "another file of that name");
  EXPECT_FALSE((*segment)->in_place());
}

TEST(JournalSegment, LeavesNothingWhenItCannotBeMade) {
  const TestFolder folder;
  FailingFiles files;
  for (int64_t n = 0; n < 2; ++n) {  // create, header
    files.restart(n, true);
    EXPECT_EQ(SegmentWriter::create(files, folder.path(), 1).error().code, StatusCode::kIo);
    EXPECT_TRUE(files_below(folder.path()).empty()) << n;
  }
}

}  // namespace
}  // namespace assay::tracking
