// What a store has acknowledged, as a workload saw the calls return. A fact is one line of text, so
// that a child process can report it through a pipe and be killed after any byte. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::tracking {

struct Fact {
  enum class Kind {
    kRun,       // `name` (a run id) holds at least `number` changes of its script
    kFinished,  // the same, and has ended as its script says
    kBlob,      // the blob `name` (a hash) is in the store
    kModel,     // version `number` of model `name` is the blob `hash`
    kAlias,     // alias `name` (model@alias) points at version `number` or a later one
    kNoAlias,   // alias `name` was removed for good
  };
  Kind kind = Kind::kBlob;
  std::string name{};
  int64_t number = 0;
  std::string hash{};

  std::string line() const;  // without the line's end
  // Nothing if the line is no fact, or is cut short.
  static std::optional<Fact> parse(std::string_view line);
};

struct Ledger {
  struct RunState {
    int64_t changes = 0;
    bool finished = false;
  };
  std::map<std::string, RunState> runs{};
  std::set<std::string> blobs{};
  std::map<std::pair<std::string, int64_t>, std::string> models{};  // name, version: hash
  std::map<std::string, int64_t> aliases{};
  std::set<std::string> removed_aliases{};
  std::vector<std::string> conflicts{};  // facts that cannot both be true

  void note(const Fact& fact);
  size_t size() const {
    return runs.size() + blobs.size() + models.size() + aliases.size() + removed_aliases.size();
  }
};

}  // namespace assay::tracking
