// The events of one model: models/<name>/changes/<number>.json, a file for each, numbered from 1.
// Reading them leaves out what is damaged or missing and says so; all others count. The highest
// number that was ever seen is taken, whatever became of its file. What is lost for good has an
// event in its place that says which numbers are (`lost_to`), so that readers need not tell of them
// for ever. Plain functions, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/model_registry.h"

namespace assay::tracking {

// Numbers of versions and events are 1 to this; the next number after each exists, too.
inline constexpr int64_t kLargestNumber = INT64_MAX - 1;

// Numbers, first to last, whose events cannot be used.
struct EventGap {
  int64_t first = 0;
  int64_t last = 0;
  bool missing = false;  // there are no such files; else `first` alone, whose file is damaged
  std::string why{};     // a message that names the file
};

struct EventLog {
  std::vector<ModelEvent> events{};  // those that are whole, oldest first
  std::vector<EventGap> gaps{};      // ascending
  int64_t last = 0;                  // the highest number that is taken
};

// The number in "<number>.json", written without leading zeros; 0 if the name is another.
int64_t file_number(std::string_view file_name);

// Numbers in the names of a folder, ascending; empty if it is not there. Fails: io.
Result<std::vector<int64_t>> numbered_files(FileLayer& files, const std::string& folder);

// Whether an event makes sense as a whole: it is applied only then. Fails: data.
Status check_event(const ModelEvent& event, const std::string& source);

// The event that the text of the file <number>.json holds. Fails: data, also if a newer release
// wrote it, which the message says (written_by_newer).
Result<ModelEvent> parse_whole_event(std::string_view text, int64_t number,
                                     const std::string& source);

// The same of a file. Fails: likewise, data also if it is larger than any event, or a folder;
// not_found, io.
Result<ModelEvent> read_event_file(FileLayer& files, const std::string& path, int64_t number);

struct EventsWanted {
  int64_t after = 0;  // only those with higher numbers
  int64_t taken = 0;  // numbers up to this were seen before: if their files are gone, they are lost
};

// Reads the events in a folder. `model` is what messages call the model. The cost is that of the
// files that are there, however large a gap is.
// Fails: io if a file or the folder cannot be read; data if a newer release wrote an event.
Result<EventLog> read_event_log(FileLayer& files, const std::string& folder, std::string_view model,
                                const EventsWanted& wanted);

}  // namespace assay::tracking
