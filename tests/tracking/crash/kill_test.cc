// kill -9 at any call on the file system, or at any time; then one or two recoveries at once, which
// may be killed as well; the same with a bit of the journal changed; and a writer that is stopped,
// taken over and continued.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "kernels/base/hash.h"
#include "kernels/base/rng.h"
#include "tests/tracking/crash/bit_flip.h"
#include "tests/tracking/crash/crash_child.h"
#include "tests/tracking/crash/power_loss.h"
#include "tests/tracking/crash/store_check.h"
#include "tests/tracking/crash/trial_count.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSeed = 20240918;
constexpr int kKilled = 128 + SIGKILL;
constexpr int kActions = 40;
constexpr uint64_t kCalls = 400;         // about as many as kActions make
constexpr uint64_t kRecoveryCalls = 40;  // about as many as a recovery makes
constexpr int kTrialsAStore = 10;
constexpr uint64_t kKillUs = 120'000;  // about as long as kActions take

// One store that lives through many crashes: what was acknowledged before them must stay, too.
class CrashedStore {
 public:
  explicit CrashedStore(uint64_t seed) : random_(seed), flip_random_(derive_seed(seed, "flip")) {
    EXPECT_TRUE(Workspace::create(path_, "crash"));
  }

  // Starts one or two children, lets them be killed, recovers, checks. They are killed at a random
  // call, or within so many microseconds.
  Problems trial(uint64_t seed, std::optional<uint64_t> within_us) {
    Problems problems;
    const uint64_t count = 1 + random_.below(2);
    std::vector<std::unique_ptr<ChildProcess>> children;
    for (uint64_t i = 0; i < count; ++i) {
      ChildSignal signal;
      if (!within_us) signal = {SIGKILL, static_cast<int64_t>(random_.below(kCalls))};
      children.push_back(std::make_unique<ChildProcess>(
          workload_words(path_, derive_seed(seed, "child", i), kActions, signal,
                         random_.below(2) == 0 ? Focus::kAll : Focus::kUpkeep)));
    }
    if (within_us) {
      ::usleep(static_cast<useconds_t>(random_.below(*within_us)));
      for (auto& child : children) child->send(SIGKILL);
    }
    for (auto& child : children) {
      read_facts(*child, ledger_, problems);
      const int result = child->wait();
      killed_ += result == kKilled ? 1 : 0;
      if (result != kKilled && result != 0) {
        problems.push_back(fmt::format("a child ended with {}", result));
      }
    }
    // A cut line is no fact; a failure is a problem.
    std::erase_if(problems, [](const std::string& line) {
      return line.rfind("failed", 0) != 0 && line.rfind("a child", 0) != 0;
    });
    const Problems flipped = flip_and_check(path_, ledger_, flip_random_, flips_);
    problems.insert(problems.end(), flipped.begin(), flipped.end());
    recover(problems);
    // None of those that collect garbage is left.
    ledger_.collected = ledger_.purged = false;
    const Problems found = recover_and_check(path_, ledger_);
    problems.insert(problems.end(), found.begin(), found.end());
    return problems;
  }

  const Ledger& ledger() const { return ledger_; }
  int killed() const { return killed_; }
  int recoveries_killed() const { return recoveries_killed_; }
  int recoveries_two() const { return recoveries_two_; }
  const FlipCount& flips() const { return flips_; }

 private:
  // Recoveries in processes of their own: one, two at once, and perhaps killed half-way.
  void recover(Problems& problems) {
    const uint64_t count = random_.below(3);
    std::vector<std::unique_ptr<ChildProcess>> children;
    for (uint64_t i = 0; i < count; ++i) {
      const bool killed = random_.below(2) == 0;
      const ChildSignal signal{
          SIGKILL, killed ? static_cast<int64_t>(random_.below(kRecoveryCalls)) : int64_t{-1}};
      children.push_back(std::make_unique<ChildProcess>(recovery_words(path_, signal)));
    }
    recoveries_two_ += count == 2 ? 1 : 0;
    for (auto& child : children) {
      const std::string line = child->line();
      const int result = child->wait();
      recoveries_killed_ += result == kKilled ? 1 : 0;
      if (result != kKilled && result != 0) {
        problems.push_back(fmt::format("a recovery ended with {}: {}", result, line));
      }
    }
  }

  const TestFolder folder_{fast_folder()};
  const std::string path_ = folder_ / "store";
  Rng random_;
  Rng flip_random_;
  FlipCount flips_;
  Ledger ledger_;
  int killed_ = 0;
  int recoveries_killed_ = 0;
  int recoveries_two_ = 0;
};

void kill_children(int trials, bool by_time) {
  int64_t facts = 0;
  int killed = 0;
  int failed = 0;
  int recoveries_killed = 0;
  int recoveries_two = 0;
  FlipCount flips;
  // On a busy machine writers may be killed before they have acknowledged anything: then there are
  // more trials, of later kills.
  constexpr int kMostRounds = 20;
  int done = 0;
  const auto goes_on = [&] {
    const bool saw_enough = facts > trials && flips.told > 0;
    return done < trials || (!saw_enough && done < kMostRounds * trials);
  };
  while (goes_on()) {
    const uint64_t seed = derive_seed(kSeed, by_time ? "times" : "calls", uint64_t(done));
    CrashedStore store(seed);
    for (int i = 0; i < kTrialsAStore; ++i, ++done) {
      const Problems problems =
          store.trial(derive_seed(seed, "trial", uint64_t(i)),
                      by_time ? std::optional(kKillUs * static_cast<uint64_t>(1 + done / trials))
                              : std::nullopt);
      failed += problems.empty() ? 0 : 1;
      for (const std::string& problem : problems) {
        ADD_FAILURE() << "trial " << done << " (seed " << seed << "): " << problem;
      }
    }
    facts += static_cast<int64_t>(store.ledger().size());
    killed += store.killed();
    recoveries_killed += store.recoveries_killed();
    recoveries_two += store.recoveries_two();
    flips += store.flips();
  }
  report(
      fmt::format("kill -9 at {}: {} trials, {} failed; {} writers killed, {} acknowledged facts "
                  "looked for; {} recoveries killed too, two at once in {}; {}",
                  by_time ? "a random time" : "a random call", done, failed, killed, facts,
                  recoveries_killed, recoveries_two, flips.text()));
  EXPECT_GT(flips.told, 0);
  EXPECT_GT(killed, done / 4);
  EXPECT_GT(facts, trials);
}

TEST(Killed, AtAnyCallLosesNothingAcknowledged) { kill_children(trial_count(40), false); }

TEST(Killed, AtAnyTimeLosesNothingAcknowledged) {
  kill_children(is_long_run() ? trial_count(0) / 4 : 10, true);
}

// Hashes of all files that readers look at, but for runs that may be deleted or restored, and for
// blobs once garbage may be collected: neither is publishing, and any process may do it.
std::map<std::string, std::string> published(const std::string& store, const Ledger& ledger) {
  std::map<std::string, std::string> hashes;
  for (const char* part : {"runs", "blobs", "models"}) {
    const std::string folder = store + "/" + part;
    if (ledger.collected && std::string_view(part) == "blobs") continue;
    for (const std::string& path : files_below(folder)) {
      if (ledger.moved.contains(fs::path(path).stem().string())) continue;
      const std::string text = slurp(folder + "/" + path);
      // Quarantine is no publishing either.
      if (text == kDamagedBytes) continue;
      hashes[part + ("/" + path)] = sha256_hex(std::as_bytes(std::span(text)));
    }
  }
  return hashes;
}

size_t writer_count(const std::string& store) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(store + "/writers"), {}));
}

struct FencingCount {
  int stopped = 0;
  int fenced = 0;
  bool ended_first = false;  // the child made fewer calls than that
};

// Stops a writer at its n-th call, takes it over as if its lease had run out, and lets it go on: it
// must not change what readers see, and whatever it acknowledged must be in the store.
void fence_at(int64_t call, Focus focus, FencingCount& count) {
  const TestFolder folder(fast_folder());
  const std::string store = folder / "store";
  ASSERT_TRUE(Workspace::create(store, "fence"));
  ChildProcess child(workload_words(store, kSeed, 25, {SIGSTOP, call}, focus));
  count.ended_first = !child.await_stop();
  Ledger ledger;
  std::vector<std::string> others;
  if (count.ended_first) {
    read_facts(child, ledger, others);
    EXPECT_EQ(child.wait(), 0) << (others.empty() ? "" : others[0]);
    return;
  }
  ++count.stopped;
  age_leases(store);  // the lease counts as dead from here on
  const size_t writers = writer_count(store);
  const Status recovered = recover_store(store);
  ASSERT_TRUE(recovered) << recovered.error().message;
  const bool taken = writer_count(store) < writers;
  const auto copy = folder / "copy";
  fs::copy(store, copy, fs::copy_options::recursive);
  child.send(SIGCONT);
  read_facts(child, ledger, others);
  const int result = child.wait();
  if (taken) {
    ++count.fenced;
    EXPECT_EQ(result, kChildFailed) << "call " << call << ": the writer did not notice";
    EXPECT_TRUE(published(store, ledger) == published(copy, ledger))
        << "call " << call << ": the fenced writer published";
  }
  for (const std::string& problem : recover_and_check(store, ledger)) {
    ADD_FAILURE() << "call " << call << ": " << problem;
  }
}

class Stopped : public testing::TestWithParam<bool> {};

TEST_P(Stopped, WriterThatWasTakenOverIsFencedAtEveryCall) {
  const Focus focus = GetParam() ? Focus::kUpkeep : Focus::kAll;
  FencingCount count;
  for (int64_t call = 0; !count.ended_first && !HasFatalFailure(); ++call) {
    fence_at(call, focus, count);
  }
  report(fmt::format("SIGSTOP at each call{}: {} writers stopped, {} taken over and fenced",
                     GetParam() ? " of upkeep" : "", count.stopped, count.fenced));
  EXPECT_GT(count.fenced, 50);
  EXPECT_EQ(count.fenced, count.stopped);
}

INSTANTIATE_TEST_SUITE_P(Upkeep, Stopped, testing::Bool());

TEST(CrashLedger, UnderstandsItsOwnLinesAndNoCutOnes) {
  const Fact fact{Fact::Kind::kModel, "crash", 12, std::string(64, 'a')};
  const auto parsed = Fact::parse(fact.line());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->line(), fact.line());
  for (size_t size = 0; size < fact.line().size(); ++size) {
    EXPECT_FALSE(Fact::parse(fact.line().substr(0, size))) << size;
  }
}

TEST(CrashLedger, ShowsAVersionThatWasGivenTwice) {
  Ledger ledger;
  ledger.note({Fact::Kind::kModel, "crash", 1, "a"});
  EXPECT_TRUE(ledger.conflicts.empty());
  ledger.note({Fact::Kind::kModel, "crash", 1, "b"});
  EXPECT_EQ(ledger.conflicts.size(), 1U);
}

}  // namespace
}  // namespace assay::tracking
