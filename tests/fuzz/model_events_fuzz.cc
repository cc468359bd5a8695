// Fuzz target of reading the events of a model from a folder in memory. The input is lines: the
// name of a file, a tab, its text. Whatever is there, every number up to the last is in an event,
// or in a gap, or said to be lost, once each, and gaps cost nothing by their size.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "tests/fuzz/memory_files.h"
#include "tracking/model_events_internal.h"
#include "tracking/model_log_internal.h"
#include "tracking/record_seal_internal.h"
#include "tracking/records_internal.h"

namespace {

namespace tracking = assay::tracking;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::string_view kFolder = "/changes";

// A folder of named files that cannot be changed.
class FolderFiles final : public assay::MemoryFiles {
 public:
  explicit FolderFiles(std::map<std::string, std::string_view> texts)
      : MemoryFiles({}), texts_(std::move(texts)) {}
  assay::Result<std::unique_ptr<assay::File>> open(const std::string& path) override {
    const auto found = texts_.find(path.substr(path.rfind('/') + 1));
    if (found == texts_.end()) return assay::fail(assay::StatusCode::kNotFound, "no '{}'", path);
    return std::make_unique<assay::MemoryFile>(found->second);
  }
  assay::Result<std::vector<std::string>> list(const std::string&) override {
    std::vector<std::string> names;
    for (const auto& entry : texts_) names.push_back(entry.first);
    return names;
  }

 private:
  std::map<std::string, std::string_view> texts_;
};

std::map<std::string, std::string_view> lines_of(std::string_view input) {
  std::map<std::string, std::string_view> texts;
  while (!input.empty()) {
    const size_t end = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    const size_t tab = line.find('\t');
    if (tab != std::string_view::npos)
      texts[std::string(line.substr(0, tab))] = line.substr(tab + 1);
  }
  return texts;
}

void check(const tracking::EventLog& log, const tracking::EventsWanted& wanted) {
  auto gap = log.gaps.begin();
  int64_t known = wanted.after;
  // One that was seen before may be lost from an earlier number on.
  if (gap != log.gaps.end() && log.events.empty() && gap->last <= known) ++gap;
  const auto pass_gaps = [&](int64_t before) {
    for (; gap != log.gaps.end() && gap->first < before; ++gap) {
      require(gap->first >= 1 && gap->first <= gap->last && !gap->why.empty());
      require(gap->first <= known + 1 || !gap->missing);
      require(gap->missing || gap->first == gap->last);
      known = std::max(known, gap->last);
    }
  };
  int64_t last = wanted.after;
  for (const tracking::ModelEvent& event : log.events) {
    require(event.number > last);
    last = event.number;
    pass_gaps(event.number);
    require(event.number <= known + 1);
    require(tracking::check_event(event, "fuzz").has_value());
    known = std::max({known, event.number, event.lost_to});
  }
  pass_gaps(INT64_MAX);
  require(gap == log.gaps.end());
  require(log.last == std::max({known, wanted.after, wanted.taken}));
  require(log.last <= tracking::kLargestNumber);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  FolderFiles files(lines_of(input));
  for (const tracking::EventsWanted wanted :
       {tracking::EventsWanted{},
        {.after = 2, .taken = 2},
        {.after = 0, .taken = 5},
        {.after = int64_t{1} << 60, .taken = int64_t{1} << 60}}) {
    const auto log = tracking::read_event_log(files, std::string(kFolder), "fuzz", wanted);
    if (!log) {
      require(log.error().code == assay::StatusCode::kData);
      require(tracking::written_by_newer(log.error().message));
      continue;
    }
    check(*log, wanted);
    tracking::ModelState state;
    for (const tracking::ModelEvent& event : log->events) tracking::apply_event(state, event);
    require(tracking::parse_state(to_json(state), "again").has_value());
  }
  return 0;
}
