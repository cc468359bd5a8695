#include "tests/tracking/crash/bit_flip.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/tracking/crash/power_loss.h"
#include "tests/tracking/test_folder.h"
#include "tracking/journal_index.h"
#include "tracking/quarantine.h"
#include "tracking/run_query.h"
#include "tracking/workspace_check.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

// Paths below the store.
std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> segments;
  if (!fs::exists(path + "/writers")) return segments;
  for (const std::string& name : files_below(path + "/writers")) {
    const std::string segment = "writers/" + name;
    if (name.ends_with(".wal") && fs::file_size(path + "/" + segment) > 0) {
      segments.push_back(segment);
    }
  }
  return segments;
}

void flip_bit(const std::string& file, Rng& random) {
  std::string bytes = slurp(file);
  const size_t at = random.below(bytes.size());
  bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ 1U << random.below(8));
  spill(file, bytes);
}

std::set<std::string> runs_in(const std::string& folder) {
  PosixFileLayer files;
  std::set<std::string> runs;
  const auto index = JournalIndex::read(files, folder);
  if (!index) return runs;
  for (const auto& [id, entry] : index->runs()) runs.insert(id);
  return runs;
}

// Of a run of that journal, and nothing worse than that something of it is missing.
bool is_loss(const std::string& problem, const std::set<std::string>& runs) {
  constexpr std::string_view kRun = "run ";
  constexpr size_t kIdBytes = 26;
  if (!problem.starts_with(kRun)) return false;
  if (!runs.contains(problem.substr(kRun.size(), kIdBytes))) return false;
  return problem.find("was deleted and is listed") == problem.npos &&
         problem.find("is in two places") == problem.npos &&
         problem.find("cannot be read") == problem.npos;
}

}  // namespace

void FlipCount::operator+=(const FlipCount& other) {
  flips += other.flips;
  told += other.told;
  costly += other.costly;
}

std::string FlipCount::text() const {
  return fmt::format("a bit of the journal changed in {}: told in {}, with a loss in {}", flips,
                     told, costly);
}

Problems flip_and_check(const std::string& path, const Ledger& ledger, Rng& random,
                        FlipCount& count) {
  const auto segments = segments_of(path);
  if (segments.empty()) return {};
  const std::string& segment = segments[random.below(segments.size())];
  const TestFolder folder(fast_folder());
  const std::string copy = folder / "store";
  fs::copy(path, copy, fs::copy_options::recursive);
  const std::set<std::string> runs = runs_in(fs::path(copy + "/" + segment).parent_path());
  flip_bit(copy + "/" + segment, random);
  ++count.flips;

  auto workspace = Workspace::open(copy);
  if (!workspace) return {"the workspace cannot be opened: " + workspace.error().message};
  const auto list = list_runs(**workspace);
  if (!list) return {"runs cannot be listed: " + list.error().message};
  if (list->damaged.empty()) return recover_and_check(copy, ledger);
  ++count.told;
  Problems problems;
  for (const std::string& message : list->damaged) {
    if (message.find(fs::path(segment).parent_path().filename().string()) == message.npos) {
      problems.push_back("damage elsewhere: " + message);
    }
  }
  if (const Status status = recover_store(copy); !status) {
    problems.push_back("recovery failed: " + status.error().message);
  }
  const auto away = quarantine_damage(**workspace, StopToken());
  if (!away) return {"the journal cannot be put away: " + away.error().message};
  const auto check = check_workspace(**workspace, StopToken());
  if (!check) return {"the store cannot be checked: " + check.error().message};
  problems.insert(problems.end(), check->problems.begin(), check->problems.end());
  bool costly = false;
  for (const auto& found :
       {check_whole(**workspace, Writers::kAreDead), check_kept(*workspace, ledger)}) {
    for (const std::string& problem : found) {
      if (is_loss(problem, runs)) {
        costly = true;
      } else {
        problems.push_back(problem);
      }
    }
  }
  count.costly += costly ? 1 : 0;
  for (std::string& problem : problems) problem.insert(0, "after a changed bit: ");
  return problems;
}

}  // namespace assay::tracking
