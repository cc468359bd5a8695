// Damage in the journal of a writer that was killed: what was on disk for sure is missed aloud, and
// what lies behind it is recovered; a torn end is passed over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/tracking/hooked_files.h"
#include "tests/tracking/killed_store.h"
#include "tests/tracking/test_folder.h"
#include "tests/tracking/test_times.h"
#include "tracking/journal_index.h"
#include "tracking/journal_segment.h"
#include "tracking/quarantine.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/run_trash.h"
#include "tracking/workspace_check.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int64_t kLarge = int64_t{64} << 20;
constexpr int kRuns = 4;

struct PlacedFrame {
  size_t at = 0;
  size_t end = 0;
  Frame frame{};
};

// Of whole bytes; payloads point into them.
std::vector<PlacedFrame> frames_in(std::string_view bytes) {
  std::vector<PlacedFrame> frames;
  const auto header = parse_header(bytes, "segment");
  EXPECT_TRUE(header);
  FrameReader reader(bytes.substr(kSegmentHeaderBytes), header->salt);
  Frame frame;
  size_t at = kSegmentHeaderBytes;
  while (reader.next(frame)) {
    frames.push_back({at, kSegmentHeaderBytes + reader.offset(), frame});
    at = frames.back().end;
  }
  EXPECT_TRUE(reader.complete());
  return frames;
}

void flip(std::string& bytes, size_t at, int bit = 5) {
  bytes.at(at) = static_cast<char>(static_cast<unsigned char>(bytes.at(at)) ^ 1U << bit);
}

class JournalDamageTest : public testing::Test {
 protected:
  // Runs, each acknowledged twice, then a kill.
  void make(int64_t segment_bytes = kLarge) {
    // Runs of old segments would be published by and by, and their segments removed.
    HookedFiles unpublished([](std::string_view, const std::string& path) -> Status {
      if (!path.ends_with(".h5")) return {};
      return fail(StatusCode::kIo, "no run file is wanted");
    });
    const auto workspace = Workspace::create(folder_ / "live", "a", &unpublished);
    ASSERT_TRUE(workspace);
    (*workspace)->tune_journal({.tick_ns = kHourNs, .segment_bytes = segment_bytes});
    std::vector<std::unique_ptr<tracking::Run>> runs;
    for (int i = 0; i < kRuns; ++i) {
      auto run = tracking::Run::create(*workspace, {.name = "run" + std::to_string(i)});
      ASSERT_TRUE(run);
      ids_.push_back((*run)->id());
      ASSERT_TRUE((*run)->log_text(TextStream::kStdout, "hello"));
      ASSERT_TRUE((*run)->durable());
      ASSERT_TRUE((*run)->log_metric("loss", i + 0.1, 1, 1.0));
      ASSERT_TRUE((*run)->log_param("rate", i));
      ASSERT_TRUE((*run)->durable());
      runs.push_back(std::move(*run));
    }
    copy_as_killed(folder_ / "live", store());
    writer_ = (*(*workspace)->writer())->id();
    whole_ = slurp(segment(1));
    records_ = replayed();
    ASSERT_EQ(records_.size(), size_t{kRuns});
  }
  std::string store() const { return folder_ / "store"; }
  std::string orphan() const { return store() + "/writers/" + writer_; }
  std::string segment(uint64_t epoch) const { return orphan() + "/" + segment_name(epoch); }
  JournalIndex index() {
    auto read = JournalIndex::read(files_, orphan());
    EXPECT_TRUE(read) << read.error().message;
    return std::move(*read);
  }
  // Images of the records that the journal gives, by run.
  std::map<std::string, std::string> replayed() {
    std::map<std::string, std::string> records;
    const JournalIndex read = index();
    for (const auto& [id, entry] : read.runs()) {
      RunRecord record;
      EXPECT_TRUE(read.replay(id, record));
      records[id] = *run_file_image(record);
    }
    return records;
  }
  size_t change_count() {
    size_t count = 0;
    const JournalIndex read = index();
    for (const auto& [id, entry] : read.runs()) count += entry.places.size();
    return count;
  }
  // Said by lists, records and checks; recovery publishes what there is and keeps the journal, and
  // quarantine puts it away.
  void expect_damage(const std::string& part, size_t runs) {
    const auto workspace = Workspace::open(store());
    const auto list = list_runs(**workspace);
    ASSERT_TRUE(list);
    EXPECT_EQ(list->runs.size(), runs);
    ASSERT_GE(list->damaged.size(), 1U);
    EXPECT_NE(list->damaged[0].find(part), std::string::npos) << list->damaged[0];
    EXPECT_FALSE(check_workspace(**workspace, StopToken())->whole());
    const auto kept = files_below(orphan()).size();
    ASSERT_TRUE((*workspace)->recover());
    size_t now = 0;
    for (const std::string& path : files_below(store() + "/writers")) {
      now += path.starts_with(writer_) ? 1 : 0;
    }
    EXPECT_EQ(now, kept) << "the segments and the LEASE stay";
    const auto recovered = list_runs(**workspace);
    EXPECT_EQ(recovered->runs.size(), runs);
    for (const RunInfo& info : recovered->runs) {
      EXPECT_TRUE(fs::exists(run_file_of(**workspace, info.run_id)));
    }
    const auto away = quarantine_damage(**workspace, StopToken());
    ASSERT_TRUE(away) << away.error().message;
    EXPECT_EQ(away->moved.size(), 1U);
    EXPECT_TRUE(list_runs(**workspace)->damaged.empty());
    EXPECT_EQ(list_runs(**workspace)->runs.size(), runs);
    EXPECT_TRUE(check_workspace(**workspace, StopToken())->whole());
  }
  void expect_silence(size_t runs) {
    const auto workspace = Workspace::open(store());
    const auto list = list_runs(**workspace);
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->damaged.empty()) << list->damaged[0];
    EXPECT_EQ(list->runs.size(), runs);
    ASSERT_TRUE((*workspace)->recover());
    EXPECT_FALSE(fs::exists(orphan()));
    EXPECT_EQ(list_runs(**workspace)->runs.size(), runs);
  }
  // The frame of a change of the run.
  PlacedFrame frame_of(const std::string& bytes, size_t run, uint16_t type) {
    for (const PlacedFrame& placed : frames_in(bytes)) {
      if (placed.frame.run == run + 1 && placed.frame.type == type) return placed;
    }
    ADD_FAILURE() << "no such frame";
    return {};
  }

  TestFolder folder_{memory_folder()};
  PosixFileLayer files_;
  std::string writer_;
  std::vector<std::string> ids_;
  std::string whole_;                           // the first segment
  std::map<std::string, std::string> records_;  // what the whole journal gives
};

TEST_F(JournalDamageTest, EachCommitEndsWithWhatIsOnDisk) {
  make();
  size_t notes = 0;
  for (const PlacedFrame& placed : frames_in(whole_)) {
    const auto note = parse_synced_note(placed.frame);
    if (!note) continue;
    ++notes;
    EXPECT_EQ(note->epoch, 1U);
    EXPECT_EQ(note->bytes, placed.at) << "all that is before it";
    EXPECT_EQ(note->seq, placed.frame.seq);
  }
  EXPECT_EQ(notes, size_t{2 * kRuns});
  EXPECT_EQ(frames_in(whole_).back().frame.type, kSyncedNote);
  expect_silence(kRuns);
}

TEST_F(JournalDamageTest, NoChangedBitIsPassedOver) {
  make();
  const size_t changes = change_count();
  for (size_t at = 0; at < whole_.size(); ++at) {
    std::string bytes = whole_;
    flip(bytes, at, static_cast<int>(at % 8));
    spill(segment(1), bytes);
    const auto records = replayed();
    const auto damaged = index().damaged();
    if (damaged.empty()) {
      ASSERT_EQ(whole_[at], '\0') << at << ": only what fills up a frame does not matter";
      ASSERT_TRUE(records == records_) << at;
      continue;
    }
    ASSERT_NE(damaged[0].find(segment_name(1) + "' is damaged"), std::string::npos) << damaged[0];
    if (damaged[0].find("no change is lost") != std::string::npos || at < kSegmentHeaderBytes) {
      ASSERT_TRUE(records == records_) << at;
    } else if (damaged.size() == 1) {
      ASSERT_EQ(change_count(), changes - 1) << at;
      ASSERT_NE(damaged[0].find("up to 1 change of "), std::string::npos) << damaged[0];
    } else {
      ASSERT_NE(damaged[1].find("the beginning of its run"), std::string::npos) << damaged[1];
      ASSERT_EQ(records.size(), records_.size() - 1) << at;
    }
  }
}

TEST_F(JournalDamageTest, NorIsOneInTheLastCommitAfterALossOfPower) {
  make();
  // The last note was not synced.
  const std::string bytes = whole_.substr(0, frames_in(whole_).back().at);
  spill(segment(1), bytes);
  ASSERT_TRUE(index().damaged().empty());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int bit : {0, 7}) {
      std::string changed = bytes;
      flip(changed, at, bit);
      spill(segment(1), changed);
      if (index().damaged().empty()) {
        ASSERT_TRUE(replayed() == records_) << at << " " << bit << " of " << bytes.size();
      }
    }
  }
}

TEST_F(JournalDamageTest, SaysWhoseChangeIsLostAndKeepsTheRest) {
  make();
  std::string bytes = whole_;
  const PlacedFrame lost = frame_of(bytes, 1, change_type<SetParam>());
  flip(bytes, lost.at + kFrameHeaderBytes);
  flip(bytes, lost.at + kFrameHeaderBytes + 1);
  spill(segment(1), bytes);
  const auto workspace = Workspace::open(store());
  EXPECT_TRUE(load_run(**workspace, "run1")->params.empty());
  EXPECT_EQ(load_run(**workspace, "run1")->metrics.at("loss").size(), 1U);
  EXPECT_EQ(load_run(**workspace, "run3")->params.at("rate"), Value(int64_t{3}));
  expect_damage(
      fmt::format("is damaged at byte {}: {} bytes do not check; up to 1 change of run {} is lost "
                  "unless run files have it",
                  lost.at, lost.end - lost.at, ids_[1]),
      kRuns);
  const auto after = load_run(**Workspace::open(store()), "run1");
  EXPECT_EQ(after->info.message,
            "its process ended before it did, and damage of its journal took up to 1 of its "
            "changes");
  EXPECT_EQ(load_run(**Workspace::open(store()), "run2")->info.message,
            "its process ended before it did");
}

TEST_F(JournalDamageTest, AHoleIsReportedAndWhatFollowsIsRecovered) {
  make();
  std::string bytes = whole_;
  const size_t begin = frame_of(bytes, 0, change_type<SetParam>()).at;
  const size_t end = frame_of(bytes, 1, change_type<SetParam>()).end;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin + 8),
            bytes.begin() + static_cast<std::ptrdiff_t>(end), '\0');
  spill(segment(1), bytes);
  // The second run began in there.
  expect_damage(fmt::format("is damaged at byte {}: {} bytes do not check; up to 5 changes of runs "
                            "that cannot be told are lost",
                            begin, end - begin),
                kRuns - 1);
  EXPECT_EQ(load_run(**Workspace::open(store()), "run3")->params.at("rate"), Value(int64_t{3}));
}

TEST_F(JournalDamageTest, ATornLastCommitIsPassedOver) {
  make();
  const auto frames = frames_in(whole_);
  size_t last = frames.size() - 2;  // before the last note
  while (frames[last].frame.type != kSyncedNote) --last;
  for (size_t at = frames[last].end; at < frames.back().at; at += 8) {
    std::string torn = whole_.substr(0, at);
    spill(segment(1), torn);
    ASSERT_TRUE(index().damaged().empty()) << "cut at " << at;
    torn.resize(frames.back().at, '\0');
    spill(segment(1), torn);
    ASSERT_TRUE(index().damaged().empty()) << "zero from " << at;
    ASSERT_GE(replayed().size(), size_t{kRuns - 1});
  }
  // Pages may be written in any order: what lies behind a torn place was never acknowledged.
  std::string torn = whole_.substr(0, frames.back().at);
  for (size_t i = frames[last].end; i < frames[last + 2].at; ++i) torn[i] = '\0';
  spill(segment(1), torn);
  expect_silence(kRuns);
  EXPECT_TRUE(load_run(**Workspace::open(store()), "run3")->metrics.empty());
}

TEST_F(JournalDamageTest, WithoutNotesABitIsSeenAndAHoleIsATornEnd) {
  make();
  // As earlier releases wrote it.
  const auto header = parse_header(whole_, "segment");
  std::string frames;
  for (const PlacedFrame& placed : frames_in(whole_)) {
    if (placed.frame.type == kSyncedNote) continue;
    append_frame(placed.frame, {placed.frame.payload}, frames);
  }
  seal_frames(frames, header->salt);
  const std::string bytes = encode_header(*header) + frames;
  spill(segment(1), bytes);
  ASSERT_TRUE(index().damaged().empty());
  ASSERT_EQ(replayed(), records_);
  const PlacedFrame middle = frame_of(bytes, 1, change_type<SetParam>());
  std::string changed = bytes;
  flip(changed, middle.at + kFrameHeaderBytes);
  spill(segment(1), changed);
  EXPECT_EQ(index().damaged().size(), 1U);
  EXPECT_EQ(index().runs().size(), size_t{kRuns});
  std::fill(changed.begin() + static_cast<std::ptrdiff_t>(middle.at),
            changed.begin() + static_cast<std::ptrdiff_t>(middle.end), '\0');
  spill(segment(1), changed);
  expect_silence(2);
}

TEST_F(JournalDamageTest, ADamagedHeaderHidesNoFrames) {
  make();
  for (const size_t at : {0, 12, 16, 23, 40, 60}) {
    std::string bytes = whole_;
    flip(bytes, at);
    spill(segment(1), bytes);
    EXPECT_EQ(replayed(), records_) << at;
    ASSERT_EQ(index().damaged().size(), 1U) << at;
  }
  expect_damage("its header does not check", kRuns);
}

// Of the newest segment, so that no later one says what was on disk.
TEST_F(JournalDamageTest, AHeaderOfZerosThatWasOnDiskOnceIsReported) {
  make();
  for (const size_t zeros : {kSegmentHeaderBytes, kSegmentHeaderBytes + 8, size_t{512}}) {
    ASSERT_LT(zeros, whole_.size());
    spill(segment(1), std::string(zeros, '\0') + whole_.substr(zeros));
    ASSERT_EQ(index().damaged().size(), 1U) << zeros;
    EXPECT_THAT(index().damaged()[0], HasSubstr("seg-000001.wal' is damaged at byte 0"));
  }
  spill(segment(1), std::string(whole_.size(), '\0'));
  EXPECT_TRUE(index().damaged().empty()) << "nothing says that it was ever written";
}

TEST_F(JournalDamageTest, WhatANewerReleaseWroteStays) {
  make();
  std::string frame;
  append_frame({.type = kFirstNoteType - 1, .run = 1, .seq = 1000}, {"new"}, frame);
  seal_frames(frame, parse_header(whole_, "segment")->salt);
  spill(segment(1), whole_ + frame);
  EXPECT_EQ(replayed(), records_);
  ASSERT_EQ(index().damaged().size(), 1U);
  EXPECT_THAT(index().damaged()[0], HasSubstr("written by a newer release"));
  const auto workspace = Workspace::open(store());
  const auto away = quarantine_damage(**workspace, StopToken());
  ASSERT_TRUE(away) << away.error().message;
  EXPECT_TRUE(away->moved.empty());
  EXPECT_EQ(away->left.size(), 1U);
}

TEST_F(JournalDamageTest, ASegmentOfANewerReleaseIsNotReadAndStays) {
  make();
  SegmentHeader header = *parse_header(whole_, "segment");
  header.version = kSegmentVersion + 1;
  const std::string newer = encode_header(header) + whole_.substr(kSegmentHeaderBytes);
  spill(segment(1), newer);
  EXPECT_TRUE(index().runs().empty());
  ASSERT_EQ(index().damaged().size(), 1U);
  EXPECT_THAT(index().damaged()[0], HasSubstr("written by a newer release"));
  const auto workspace = Workspace::open(store());
  ASSERT_TRUE((*workspace)->recover());
  const auto away = quarantine_damage(**workspace, StopToken());
  ASSERT_TRUE(away) << away.error().message;
  EXPECT_TRUE(away->moved.empty());
  EXPECT_EQ(away->left.size(), 1U);
  EXPECT_THAT(files_below(store() + "/runs"), testing::IsEmpty()) << "nothing is published";
}

TEST_F(JournalDamageTest, ASegmentMissingBetweenOthersIsReported) {
  make(1);
  fs::remove(segment(3));
  // With the beginning of the second run, which the next segment repeats.
  expect_damage("seg-000003.wal' is missing", kRuns);
  EXPECT_TRUE(load_run(**Workspace::open(store()), "run1")->stdout_text.empty());
  EXPECT_EQ(load_run(**Workspace::open(store()), "run1")->metrics.size(), 1U);
}

TEST_F(JournalDamageTest, TheOldestMayBeGone) {
  make(1);
  fs::remove(segment(1));
  expect_silence(kRuns);
  const auto first = load_run(**Workspace::open(store()), "run0");
  EXPECT_TRUE(first->stdout_text.empty());
  EXPECT_EQ(first->metrics.size(), 1U);
}

TEST_F(JournalDamageTest, AnOlderSegmentWithoutItsHeaderIsReported) {
  make(1);
  spill(segment(3),
        std::string(kSegmentHeaderBytes, '\0') + slurp(segment(3)).substr(kSegmentHeaderBytes));
  expect_damage("seg-000003.wal' is damaged at byte 0", kRuns);
}

TEST_F(JournalDamageTest, AnOlderSegmentThatWasCutIsReported) {
  make(1);
  const auto frames = frames_in(slurp(segment(4)));
  const size_t size = frames[frames.size() - 2].at;  // of the last change
  fs::resize_file(segment(4), size);
  expect_damage(fmt::format("seg-000004.wal' is damaged at byte {}: it ends there", size), kRuns);
}

TEST_F(JournalDamageTest, ANewestSegmentThatIsEmptyIsPassedOver) {
  make(1);
  spill(segment(2 * kRuns), "");
  expect_silence(kRuns);
}

TEST_F(JournalDamageTest, ARepeatedBeginningIsNotMissed) {
  make(1);
  std::string bytes = slurp(segment(2));
  const PlacedFrame begin = frame_of(bytes, 0, change_type<BeginRun>());
  ASSERT_EQ(begin.frame.flags, kRepeatedFlag);
  for (size_t at = begin.at; at < begin.end; ++at) bytes[at] = 'x';
  spill(segment(2), bytes);
  EXPECT_EQ(replayed(), records_);
  expect_damage("no change is lost", kRuns);
}

// A run that was published, deleted and perhaps purged while its writer went on.
class DeletedRunDamageTest : public JournalDamageTest {
 protected:
  void make_deleted(bool purged) {
    const auto workspace = Workspace::create(folder_ / "live", "a");
    (*workspace)->tune_journal({.tick_ns = kHourNs});
    const auto gone = tracking::Run::create(*workspace, {.name = "gone"});
    const auto kept = tracking::Run::create(*workspace, {.name = "kept"});
    ASSERT_TRUE((*gone)->log_param("a", 1));
    ASSERT_TRUE((*gone)->durable());
    ASSERT_TRUE((*gone)->finish(RunStatus::kCompleted));
    ASSERT_TRUE((*kept)->log_param("a", 1));
    ASSERT_TRUE((*kept)->durable());
    ASSERT_TRUE((*kept)->log_param("b", 1));
    ASSERT_TRUE((*kept)->durable());
    writer_ = (*(*workspace)->writer())->id();
    copy_as_killed(folder_ / "live", store());
    whole_ = slurp(segment(1));
    const auto killed = Workspace::open(store());
    fs::create_directories(store() + "/" + std::string(kRunTrash));
    fs::rename(run_file_of(**killed, (*gone)->id()),
               fmt::format("{}/{}/{}-1.h5", store(), kRunTrash, (*gone)->id()));
    if (purged) fs::remove_all(store() + "/" + std::string(kRunTrash));
    for (const PlacedFrame& placed : frames_in(whole_)) {
      if (placed.frame.type == kPublishedNote) note_ = placed;
    }
    ASSERT_GT(note_.at, 0U);
  }
  void expect_only_kept() {
    const auto workspace = Workspace::open(store());
    EXPECT_EQ(list_runs(**workspace)->runs.size(), 1U);
    ASSERT_FALSE(list_runs(**workspace)->damaged.empty());
    ASSERT_TRUE((*workspace)->recover());
    const auto list = list_runs(**workspace);
    ASSERT_EQ(list->runs.size(), 1U);
    EXPECT_EQ(list->runs[0].name, "kept");
  }
  PlacedFrame note_;
};

TEST_F(DeletedRunDamageTest, StaysDeletedWhenABitOfItsNoteChanges) {
  make_deleted(true);
  std::string bytes = whole_;
  flip(bytes, note_.at + kFrameHeaderBytes + 9);
  spill(segment(1), bytes);
  expect_only_kept();
}

TEST_F(DeletedRunDamageTest, StaysInTheTrashWhenItsNoteIsLost) {
  make_deleted(false);
  std::string bytes = whole_;
  for (size_t at = note_.at; at < note_.end; ++at) bytes[at] = 'x';
  spill(segment(1), bytes);
  expect_only_kept();
}

}  // namespace
}  // namespace assay::tracking
