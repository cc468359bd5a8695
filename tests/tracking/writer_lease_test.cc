#include "tracking/writer_lease.h"

#include <gtest/gtest.h>

#include "tests/tracking/hooked_files.h"
#include "tests/tracking/observed_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/records_internal.h"
#include "tracking/run.h"
#include "tracking/run_query.h"
#include "tracking/ulid.h"
#include "tracking/workspace.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

// A writer's folder as a killed process leaves it.
std::string leave_writer(const std::string& workspace, const LeaseInfo& lease) {
  std::string folder = workspace + "/writers/" + lease.writer_id;
  fs::create_directories(folder + "/tmp");
  fs::create_directories(folder + "/pins");
  spill(folder + "/LEASE", to_json(lease));
  spill(folder + "/tmp/half.tmp", "half");
  spill(folder + "/pins/blob", "bytes");
  return folder;
}

LeaseInfo dead_lease() {
  LeaseInfo lease = this_process();
  lease.writer_id = *make_ulid();
  lease.start_ticks += 1;  // this pid, but another process
  return lease;
}

TEST(WriterLease, SaysWhoWrites) {
  const TestFolder folder;
  PosixFileLayer files;
  fs::create_directories(folder / "writers");
  const auto lease = WriterLease::acquire(files, folder.path());
  ASSERT_TRUE(lease) << lease.error().message;
  const std::string path = folder / "writers/" + (*lease)->id() + "/LEASE";
  const auto info = parse_lease(slurp(path), path);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->pid, ::getpid());
  EXPECT_FALSE(info->boot_id.empty());
  EXPECT_GT(info->start_ticks, 0);
  EXPECT_TRUE(fs::is_directory((*lease)->tmp_folder()));
  EXPECT_TRUE(fs::is_directory((*lease)->pins_folder()));
  EXPECT_EQ(writer_liveness(files, folder.path(), (*lease)->id()), Liveness::kAlive);
}

TEST(WriterLease, LeavesNothingBehind) {
  const TestFolder folder;
  PosixFileLayer files;
  fs::create_directories(folder / "writers");
  std::string id;
  {
    const auto lease = WriterLease::acquire(files, folder.path());
    ASSERT_TRUE(lease);
    id = (*lease)->id();
    spill((*lease)->tmp_folder() + "/left", "x");
  }
  EXPECT_TRUE(fs::is_empty(folder / "writers"));
  EXPECT_EQ(writer_liveness(files, folder.path(), id), Liveness::kDead);
}

TEST(WriterLease, HeartbeatRenewsTheTime) {
  const TestFolder folder;
  PosixFileLayer files;
  fs::create_directories(folder / "writers");
  const auto lease = WriterLease::acquire(files, folder.path());
  ASSERT_TRUE(lease);
  const std::string path = folder / "writers/" + (*lease)->id() + "/LEASE";
  const std::string before = slurp(path);
  EXPECT_TRUE((*lease)->heartbeat(int64_t{3600} * 1'000'000'000));
  EXPECT_EQ(slurp(path), before);
  EXPECT_TRUE((*lease)->heartbeat(0));
  EXPECT_GT(parse_lease(slurp(path), path)->heartbeat_ns, parse_lease(before, path)->heartbeat_ns);
}

TEST(WriterLease, LivenessGoesByBootPidAndStart) {
  LeaseInfo lease = this_process();
  EXPECT_EQ(liveness_of(lease), Liveness::kAlive);
  lease.start_ticks += 1;
  EXPECT_EQ(liveness_of(lease), Liveness::kDead) << "the pid was reused";
  lease = this_process();
  lease.boot_id = "an earlier start of this machine";
  EXPECT_EQ(liveness_of(lease), Liveness::kDead);
  lease = this_process();
  lease.pid = int64_t{1} << 30;  // above every possible pid
  EXPECT_EQ(liveness_of(lease), Liveness::kDead);
}

TEST(WriterLease, ElsewhereLivesUntilItsHeartbeatIsOld) {
  LeaseInfo lease = this_process();
  lease.host += "-other";
  lease.boot_id = "another machine";
  EXPECT_EQ(liveness_of(lease), Liveness::kElsewhere);
  lease.heartbeat_ns -= kForeignLeaseExpiryNs + 1'000'000'000;
  EXPECT_EQ(liveness_of(lease), Liveness::kDead);
  lease = this_process();
  lease.pid_namespace = "pid:[1]";  // a container on this machine
  lease.pid = int64_t{1} << 30;
  EXPECT_EQ(liveness_of(lease), Liveness::kElsewhere);
}

TEST(WriterLease, DeadWritersAreCleanedAtTheFirstWrite) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  ASSERT_TRUE(workspace);
  const std::string orphan = leave_writer(folder / "store", dead_lease());
  ASSERT_TRUE((*workspace)->writer());
  EXPECT_FALSE(fs::exists(orphan));
  const std::vector<std::string> left = *(*workspace)->files().list(folder / "store/writers");
  EXPECT_EQ(left, std::vector<std::string>{(*(*workspace)->writer())->id()});
}

TEST(WriterLease, LiveAndForeignWritersAreLeftAlone) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  LeaseInfo live = this_process();
  live.writer_id = *make_ulid();
  LeaseInfo foreign = live;
  foreign.writer_id = *make_ulid();
  foreign.host = "elsewhere";
  foreign.boot_id = "elsewhere";
  const std::string live_folder = leave_writer(folder / "store", live);
  const std::string foreign_folder = leave_writer(folder / "store", foreign);
  ASSERT_TRUE((*workspace)->writer());
  EXPECT_EQ(slurp(live_folder + "/tmp/half.tmp"), "half");
  EXPECT_EQ(slurp(foreign_folder + "/tmp/half.tmp"), "half");
}

TEST(WriterLease, AFolderWithOtherThingsIsLeftAlone) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  const std::string orphan = leave_writer(folder / "store", dead_lease());
  spill(orphan + "/journal.v9", "of a later release");
  ASSERT_TRUE((*workspace)->recover());
  EXPECT_EQ(slurp(orphan + "/journal.v9"), "of a later release");
  EXPECT_EQ(slurp(orphan + "/tmp/half.tmp"), "half");
}

TEST(WriterLease, AJournalIsGivenUpForRecovery) {
  const TestFolder folder;
  PosixFileLayer files;
  fs::create_directories(folder / "writers");
  std::string id;
  {
    const auto lease = WriterLease::acquire(files, folder.path());
    ASSERT_TRUE(lease);
    id = (*lease)->id();
    spill(folder / ("writers/" + id + "/seg-000001.wal"), "frames");
  }
  const auto folders = writer_folders(files, folder.path());
  ASSERT_EQ(folders->size(), 1U);
  EXPECT_TRUE(folders->front().taken);
  EXPECT_EQ(folders->front().writer_id, id);
  const std::string taker = *make_ulid();
  const auto held = take_over_dead_writers(files, folder.path(), taker);
  ASSERT_TRUE(held);
  ASSERT_EQ(held->size(), 1U);
  EXPECT_EQ(slurp(held->front() + "/seg-000001.wal"), "frames");
  EXPECT_FALSE(remove_writer_folder(files, held->front())) << "it holds a journal";
  EXPECT_EQ(*take_over_dead_writers(files, folder.path(), taker), *held) << "still ours";
}

TEST(WriterLease, TheLeavingsOfADeadTakerAreCleanedToo) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  const std::string orphan = leave_writer(folder / "store", dead_lease());
  const std::string taken = orphan + ".taken-" + *make_ulid();
  fs::rename(orphan, taken);
  ASSERT_TRUE((*workspace)->writer());
  EXPECT_FALSE(fs::exists(taken));
}

TEST(WriterLease, AFolderWithoutALeaseIsADeadWriters) {
  const TestFolder folder;
  PosixFileLayer files;
  const std::string id = *make_ulid();
  fs::create_directories(folder / "writers/" + id);
  EXPECT_EQ(writer_liveness(files, folder.path(), id), Liveness::kDead);
  spill(folder / "writers/" + id + "/LEASE", "damaged");
  EXPECT_EQ(writer_liveness(files, folder.path(), id), Liveness::kDead);
  EXPECT_EQ(take_over_dead_writers(files, folder.path(), *make_ulid())->size(), 1U);
}

TEST(WriterLease, AWriterThatIsBeingBornIsLeftAlone) {
  const TestFolder folder;
  PosixFileLayer files;
  const std::string young = folder / "writers/" + *make_ulid() + ".born";
  fs::create_directories(young);
  LeaseInfo lease = this_process();
  lease.writer_id = *make_ulid();
  const std::string live = leave_writer(folder.path(), lease);
  fs::rename(live, live + ".born");
  EXPECT_TRUE(writer_folders(files, folder.path())->empty()) << "they have no name yet";
  EXPECT_TRUE(take_over_dead_writers(files, folder.path(), *make_ulid())->empty());
  EXPECT_TRUE(fs::exists(young));
  EXPECT_TRUE(fs::exists(live + ".born/LEASE"));
}

TEST(WriterLease, WritersThatDiedWhileTheyWereBornAreRemoved) {
  const TestFolder folder;
  PosixFileLayer files;
  const std::string dead = leave_writer(folder.path(), dead_lease());
  fs::rename(dead, dead + ".born");
  fs::create_directories(folder / "writers/01HZY0J8Q0ABCDEFGHJKMNPQRS.born");  // of 2024
  const std::string foreign = folder / "writers/01HZY0J8Q0ABCDEFGHJKMNPQRT.born/notes";
  fs::create_directories(foreign);
  EXPECT_TRUE(take_over_dead_writers(files, folder.path(), *make_ulid())->empty());
  EXPECT_TRUE(fs::exists(foreign)) << "that is nobody's to remove";
  fs::remove_all(fs::path(foreign).parent_path());
  EXPECT_TRUE(fs::is_empty(folder / "writers"));
}

// Takes the writer over at each operation of its birth: it gets no lease, or a whole one.
TEST(WriterLease, AWriterThatIsTakenOverWhileItIsBornHasNoHalfAFolder) {
  bool taken = true;
  for (int at = 0; taken; ++at) {
    const TestFolder folder(memory_folder());
    const std::string writers = folder / "writers";
    fs::create_directories(writers);
    int count = 0;
    taken = false;
    HookedFiles files([&](std::string_view, const std::string&) -> Status {
      if (count++ != at) return {};
      taken = true;
      for (const auto& entry : fs::directory_iterator(writers)) {
        const std::string path = entry.path().string();
        const std::string mark = path.ends_with(".born") ? "" : ".late";
        fs::rename(path, path + mark + ".taken-x");
      }
      return {};
    });
    const auto lease = WriterLease::acquire(files, folder.path());
    if (!taken) {
      EXPECT_TRUE(lease);
      EXPECT_GT(at, 5);
      return;
    }
    if (!lease) continue;
    if (!(*lease)->check_held()) continue;  // taken over after it was born: fenced at once
    EXPECT_TRUE(fs::is_directory((*lease)->tmp_folder())) << "operation " << at;
    EXPECT_TRUE(fs::is_directory((*lease)->pins_folder())) << "operation " << at;
    EXPECT_EQ(writer_liveness(files, folder.path(), (*lease)->id()), Liveness::kAlive);
  }
}

// Stops for good at the n-th changing call, as a process that is killed: nothing more is done.
class KilledFiles final : public ObservedFiles {
 public:
  explicit KilledFiles(int64_t at) : left_(at) {}
  bool killed() const { return left_ < 0; }

 protected:
  Status perform(const FileCall& call, Act act) override {
    if (left_.fetch_sub(1) > 0) return act(call);
    return fail(StatusCode::kIo, "killed before '{}'", call.path);
  }

 private:
  std::atomic<int64_t> left_;
};

void make_leases_dead(const std::string& workspace) {
  for (const std::string& file : files_below(workspace + "/writers")) {
    if (fs::path(file).filename() != "LEASE") continue;
    const std::string path = workspace + "/writers/" + file;
    auto lease = parse_lease(slurp(path), path);
    if (!lease) continue;  // it was being written
    lease->start_ticks += 1;
    spill(path, to_json(*lease));
  }
}

// From the birth of a writer until it has given its lease back, with a run that never ends.
TEST(WriterLease, AWriterThatIsKilledAtAnyCallIsDeadAtOnce) {
  bool killed = true;
  for (int64_t at = 0; killed; ++at) {
    const TestFolder folder(memory_folder());
    ASSERT_TRUE(Workspace::create(folder / "store", "a"));
    bool durable = false;
    {
      KilledFiles files(at);
      const auto workspace = *Workspace::open(folder / "store", &files);
      if (const auto run = Run::create(workspace, {.name = "r"})) {
        durable = (*run)->log_param("a", 1.0) && (*run)->durable();
      }
      (void)workspace->close();
      killed = files.killed();
    }
    make_leases_dead(folder / "store");
    const auto workspace = *Workspace::open(folder / "store");
    const auto runs = list_runs(*workspace);
    ASSERT_TRUE(runs) << runs.error().message;
    EXPECT_TRUE(runs->damaged.empty());
    EXPECT_TRUE(!durable || runs->runs.size() == 1) << "call " << at;
    for (const RunInfo& run : runs->runs) {
      EXPECT_EQ(run.status, RunStatus::kInterrupted) << "call " << at;
    }
    ASSERT_TRUE(workspace->recover());
    const std::string own = (*workspace->writer())->id();
    for (const auto& left : fs::directory_iterator(folder / "store/writers")) {
      const std::string name = left.path().filename().string();
      // One that had not yet written who it is may be somebody who is about to.
      const bool unborn = name.ends_with(".born") && !fs::exists(left.path() / "LEASE");
      EXPECT_TRUE(name == own || unborn) << "call " << at << " left " << name;
    }
  }
}

TEST(WriterLease, AFencedWriterPublishesNoMore) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  const auto run = Run::create(*workspace, {.name = "fenced"});
  ASSERT_TRUE(run);
  ASSERT_TRUE((*run)->log_metric("loss", 1.0));
  ASSERT_TRUE((*run)->checkpoint());
  const std::string file = run_file_of(**workspace, (*run)->id());
  const std::string before = slurp(file);
  // Another process believes this one dead.
  const std::string id = (*(*workspace)->writer())->id();
  fs::rename(folder / "store/writers/" + id, folder / "store/writers/" + id + ".taken-x");
  const Status published = (*run)->finish(RunStatus::kCompleted);
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, StatusCode::kIo);
  EXPECT_NE(published.error().message.find("took this writer over"), std::string::npos);
  EXPECT_EQ(slurp(file), before);
  EXPECT_FALSE((*(*workspace)->writer())->heartbeat(0));
}

}  // namespace
}  // namespace assay::tracking
