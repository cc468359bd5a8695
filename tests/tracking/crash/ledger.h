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

// The tag that finished runs get; no script sets it.
inline constexpr const char* kMarkTag = "mark";

struct Fact {
  enum class Kind {
    kRun,       // `name` (a run id) holds at least `number` changes of its script
    kFinished,  // the same, and has ended as its script says
    kBlob,      // the blob `name` (a hash) is in the store
    kModel,     // version `number` of model `name` is the blob `hash`
    kAlias,     // alias `name` (model@alias) points at version `number` or a later one
    kNoAlias,   // alias `name` was removed for good
    kTagged,    // the finished run `name` has `number` or a later one in its tag kMarkTag
    kPromoted,  // version `number` of model `name` is in production, or archived since
    // `name` is a run id or model:version; it may be deleted or restored from here on, it is in the
    // trash, it is back.
    kMoving,
    kTrashed,
    kBack,
    // Garbage is collected from here on; with `number` 1 without regard for how long things have
    // been in the trash.
    kCollecting,
    kReopening,  // the run `name`, which has ended, may go on from here on
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
    int64_t mark = 0;  // 0: not tagged
  };
  enum class Place { kListed, kMoving, kTrashed };
  // What was deleted at some time.
  struct Moved {
    Place place = Place::kMoving;
    bool may_be_gone = false;  // taken out of the trash for good
  };
  std::map<std::string, RunState> runs{};
  std::set<std::string> blobs{};
  std::map<std::pair<std::string, int64_t>, std::string> models{};  // name, version: hash
  std::map<std::string, int64_t> aliases{};
  std::set<std::string> removed_aliases{};
  std::set<std::pair<std::string, int64_t>> promoted{};  // name, version
  std::map<std::string, Moved> moved{};                  // by run id or model:version
  std::vector<std::string> conflicts{};                  // facts that cannot both be true
  // From a collection on, blobs are facts only where a run or model needs them, and with `purged`
  // what is deleted may be gone: the order of two processes' facts is not known. Until the caller
  // takes it back, when none of them is left.
  bool collected = false;
  bool purged = false;

  void note(const Fact& fact);
  // Where a run id or model:version is to be found.
  Moved place_of(const std::string& name) const;
  size_t size() const {
    return runs.size() + blobs.size() + models.size() + aliases.size() + removed_aliases.size() +
           promoted.size() + moved.size();
  }

 private:
  void note_collection(bool purges);
};

}  // namespace assay::tracking
