// What the children of the crash tests do. Facts go to standard output, one line each, written at
// once when the store has acknowledged them.
#pragma once

#include <string>
#include <vector>

#include "tests/tracking/crash/child_process.h"
#include "tests/tracking/crash/ledger.h"
#include "tests/tracking/crash/workload.h"

namespace assay::tracking {

// A call on the file system at which a child gets a signal, while its work is not done; SIGSTOP
// counts from when it has its lease. A write is half done when the child is killed.
struct ChildSignal {
  int number = 0;
  int64_t at = -1;  // the n-th changing call, from 0; -1: never
};

// Words for ChildProcess: a workload of so many actions, then the end of its runs. The child exits
// with 0 if every call succeeded, with 9 if it was fenced or failed otherwise: it then tries on to
// the end, and says `failed <message>` for each call.
std::vector<std::string> workload_words(const std::string& store, uint64_t seed, int actions,
                                        ChildSignal signal = {}, Focus focus = Focus::kAll);
// A recovery of the store.
std::vector<std::string> recovery_words(const std::string& store, ChildSignal signal = {});

inline constexpr int kChildFailed = 9;

// Reads the child's output to its end. Lines that are no facts are appended to `others`.
void read_facts(ChildProcess& child, Ledger& ledger, std::vector<std::string>& others);

// The program is a child: does what the words say and gives its exit status.
int child_main(const std::vector<std::string>& words);

// main() of a crash test: a child if the first argument says so, else GoogleTest.
int crash_test_main(int argc, char** argv);

}  // namespace assay::tracking
