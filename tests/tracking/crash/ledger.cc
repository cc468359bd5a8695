#include "tests/tracking/crash/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace assay::tracking {
namespace {

constexpr std::array<std::string_view, 13> kWords = {
    "run",      "finished", "blob",    "model", "alias",      "no-alias", "tagged",
    "promoted", "moving",   "trashed", "back",  "collecting", "reopening"};
constexpr std::string_view kEnd = " .";  // a line without it was cut

std::string_view next_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

}  // namespace

std::string Fact::line() const {
  return fmt::format("{} {} {} {}{}", kWords[static_cast<size_t>(kind)], name, number,
                     hash.empty() ? "-" : hash, kEnd);
}

std::optional<Fact> Fact::parse(std::string_view line) {
  if (!line.ends_with(kEnd)) return std::nullopt;
  Fact fact;
  const std::string_view word = next_word(line);
  const auto it = std::find(kWords.begin(), kWords.end(), word);
  if (it == kWords.end()) return std::nullopt;
  fact.kind = static_cast<Kind>(it - kWords.begin());
  fact.name = next_word(line);
  const std::string_view number = next_word(line);
  const char* end = number.data() + number.size();
  if (std::from_chars(number.data(), end, fact.number).ptr != end) return std::nullopt;
  const std::string_view hash = next_word(line);
  if (hash != "-") fact.hash = hash;
  return fact;
}

void Ledger::note(const Fact& fact) {
  switch (fact.kind) {
    case Fact::Kind::kRun:
    case Fact::Kind::kFinished: {
      RunState& state = runs[fact.name];
      state.changes = std::max(state.changes, fact.number);
      state.finished = state.finished || fact.kind == Fact::Kind::kFinished;
      return;
    }
    case Fact::Kind::kBlob:
      if (!collected) blobs.insert(fact.name);
      return;
    case Fact::Kind::kModel: {
      const auto [it, added] = models.try_emplace({fact.name, fact.number}, fact.hash);
      if (!added) {
        conflicts.push_back(fmt::format("model {}:{} was given twice, for {} and {}", fact.name,
                                        fact.number, it->second, fact.hash));
      }
      return;
    }
    case Fact::Kind::kAlias: {
      int64_t& version = aliases[fact.name];
      version = std::max(version, fact.number);
      return;
    }
    case Fact::Kind::kNoAlias:
      removed_aliases.insert(fact.name);
      return;
    case Fact::Kind::kTagged: {
      int64_t& mark = runs[fact.name].mark;
      mark = std::max(mark, fact.number);
      return;
    }
    case Fact::Kind::kPromoted:
      promoted.insert({fact.name, fact.number});
      return;
    case Fact::Kind::kMoving:
      moved[fact.name] = {Place::kMoving, purged || place_of(fact.name).may_be_gone};
      return;
    case Fact::Kind::kTrashed:
      moved[fact.name].place = Place::kTrashed;
      return;
    case Fact::Kind::kBack:
      moved[fact.name] = {Place::kListed, false};
      return;
    case Fact::Kind::kCollecting:
      note_collection(fact.number == 1);
      return;
    case Fact::Kind::kReopening:
      runs[fact.name].finished = false;
      return;
  }
}

void Ledger::note_collection(bool purges) {
  collected = true;
  blobs.clear();
  if (!purges) return;
  purged = true;
  for (auto& [name, state] : moved) {
    state.may_be_gone = state.may_be_gone || state.place != Place::kListed;
  }
}

Ledger::Moved Ledger::place_of(const std::string& name) const {
  const auto it = moved.find(name);
  return it == moved.end() ? Moved{Place::kListed, false} : it->second;
}

}  // namespace assay::tracking
