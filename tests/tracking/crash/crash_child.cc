#include "tests/tracking/crash/crash_child.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "tests/tracking/crash/store_check.h"
#include "tests/tracking/crash/workload.h"
#include "tests/tracking/observed_files.h"

namespace assay::tracking {
namespace {

// Sends its own process a signal at a chosen call, unless it was disarmed before.
class SignallingFiles final : public ObservedFiles {
 public:
  explicit SignallingFiles(ChildSignal signal)
      : signal_(signal), armed_(signal.number != SIGSTOP) {}
  // Calls are counted from here on.
  void arm() {
    count_ = 0;
    armed_ = true;
  }
  void disarm() { armed_ = false; }

 protected:
  Status perform(const FileCall& call, Act act) override {
    if (count_.fetch_add(1) != signal_.at || !armed_) return act(call);
    if (call.operation == FileOperation::kAppend && signal_.number == SIGKILL) {
      FileCall half = call;
      half.bytes = call.bytes.first(call.bytes.size() / 2);
      (void)act(half);
    }
    ::kill(::getpid(), signal_.number);
    return act(call);
  }

 private:
  const ChildSignal signal_;
  std::atomic<int64_t> count_{0};
  std::atomic<bool> armed_;
};

void say(std::string line) {
  line += '\n';
  // One write: whole or not at all, and never held back in a buffer.
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) ::_exit(1);
}

int run_workload(const std::vector<std::string>& words, SignallingFiles& files) {
  auto workspace = Workspace::open(words[1], &files);
  if (!workspace) return 3;
  const uint64_t seed = std::strtoull(words[4].c_str(), nullptr, 10);
  tune_journal(**workspace, seed);
  Workload workload(*workspace, seed, fmt::format("c{}", seed),
                    [](const Fact& fact) { say(fact.line()); });
  const Focus focus = words[6] == "upkeep" ? Focus::kUpkeep : Focus::kAll;
  int failures = 0;
  const auto note = [&failures](const Status& status) {
    if (status) return;
    ++failures;
    say("failed " + status.error().message);
  };
  if (std::atoi(words[2].c_str()) == SIGSTOP) {
    // Who is stopped before it has a lease has nothing that can be taken from it.
    note((*workspace)->writer().map([](WriterLease*) {}));
    files.arm();
  }
  for (int left = std::atoi(words[5].c_str()); left > 0; --left) note(workload.step(focus));
  note(workload.finish());
  files.disarm();
  // A writer that was stopped in its very last call shows here whether it knows that it is fenced.
  Workload probe(*workspace, seed, fmt::format("probe{}", seed),
                 [](const Fact& fact) { say(fact.line()); });
  note(probe.step());
  note(probe.finish());
  return failures == 0 ? 0 : kChildFailed;
}

}  // namespace

std::vector<std::string> workload_words(const std::string& store, uint64_t seed, int actions,
                                        ChildSignal signal, Focus focus) {
  return {"work",
          store,
          std::to_string(signal.number),
          std::to_string(signal.at),
          std::to_string(seed),
          std::to_string(actions),
          focus == Focus::kUpkeep ? "upkeep" : "all"};
}

std::vector<std::string> recovery_words(const std::string& store, ChildSignal signal) {
  return {"recover", store, std::to_string(signal.number), std::to_string(signal.at)};
}

void read_facts(ChildProcess& child, Ledger& ledger, std::vector<std::string>& others) {
  for (std::string line = child.line(); !line.empty(); line = child.line()) {
    if (const auto fact = Fact::parse(line)) {
      ledger.note(*fact);
    } else {
      others.push_back(line);
    }
  }
}

int child_main(const std::vector<std::string>& words) {
  if (words.size() < 4) return 2;
  SignallingFiles files({std::atoi(words[2].c_str()), std::atoll(words[3].c_str())});
  if (words[0] == "work" && words.size() == 7) return run_workload(words, files);
  if (words[0] != "recover") return 2;
  const Status status = recover_store(words[1], &files);
  if (!status) say("failed " + status.error().message);
  return status ? 0 : kChildFailed;
}

int crash_test_main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--child") {
    return child_main(std::vector<std::string>(argv + 2, argv + argc));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

}  // namespace assay::tracking

int main(int argc, char** argv) { return assay::tracking::crash_test_main(argc, argv); }
