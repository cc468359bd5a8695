#include "tracking/model_events_internal.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/record_seal_internal.h"
#include "tracking/records_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr int64_t kEventLimitBytes = int64_t{256} << 20;
constexpr std::string_view kEnding = ".json";
constexpr std::string_view kYes = "true";

std::string event_path(const std::string& folder, int64_t number) {
  return fmt::format("{}/{}{}", folder, number, kEnding);
}

bool is_alias(const std::string& key) {
  return check_name("alias", key) && lower_case(key) == key && key != kLatestAlias;
}

bool is_stage(const std::optional<std::string>& text) {
  return text && std::find(kModelStages.begin(), kModelStages.end(), *text) != kModelStages.end();
}

bool makes_sense(const ModelChange& change) {
  if (change.version < 1 || change.version > kLargestNumber) return false;
  if (change.what == "alias") {
    return is_alias(change.key) && (!change.to || *change.to == std::to_string(change.version));
  }
  if (change.what == "stage") return is_stage(change.to);
  if (change.what == "description") return change.to.has_value();
  if (change.what == "tag") return check_key("tag", change.key).has_value();
  if (change.what == "deleted") return !change.to || *change.to == kYes;
  return change.what == "purged" && change.to == kYes;
}

// Names that were listed while others were made may lack some of those. An event is made once the
// one before it can be seen, so a second list has all below the last of the first.
Result<std::vector<int64_t>> settled_numbers(FileLayer& files, const std::string& folder,
                                             int64_t after) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<int64_t> numbers, numbered_files(files, folder));
  if (numbers.empty() || numbers.back() <= after) return numbers;
  const auto begin = std::upper_bound(numbers.begin(), numbers.end(), after);
  const int64_t last = numbers.back();
  if (last - after == std::distance(begin, numbers.end())) return numbers;
  ASSAY_ASSIGN_OR_RETURN(const std::vector<int64_t> again, numbered_files(files, folder));
  std::vector<int64_t> both;
  std::set_union(numbers.begin(), numbers.end(), again.begin(),
                 std::upper_bound(again.begin(), again.end(), last), std::back_inserter(both));
  return both;
}

class LogReader {
 public:
  LogReader(FileLayer& files, const std::string& folder, std::string_view model,
            const EventsWanted& wanted)
      : files_(files), folder_(folder), model_(model), wanted_(wanted), known_(wanted.after) {}

  Result<EventLog> read() {
    ASSAY_ASSIGN_OR_RETURN(const auto numbers, settled_numbers(files_, folder_, wanted_.after));
    const auto begin = std::upper_bound(numbers.begin(), numbers.end(), wanted_.after);
    for (auto it = begin; it != numbers.end(); ++it) ASSAY_RETURN_IF_ERROR(take(*it));
    if (begin == numbers.end()) ASSAY_RETURN_IF_ERROR(look_back(numbers));
    add_missing(wanted_.taken);
    log_.last = std::max({known_, wanted_.after, wanted_.taken});
    return std::move(log_);
  }

 private:
  // What follows the last event that is known, up to `last`.
  void add_missing(int64_t last) {
    if (last <= known_) return;
    const int64_t first = known_ + 1;
    log_.gaps.push_back({first, last, true,
                         first == last
                             ? fmt::format("model '{}' is damaged: '{}' is missing", model_,
                                           event_path(folder_, first))
                             : fmt::format("model '{}' is damaged: '{}' to '{}{}' are missing",
                                           model_, event_path(folder_, first), last, kEnding)});
    known_ = last;
  }

  Status take(int64_t number) {
    auto event = read_event_file(files_, event_path(folder_, number), number);
    add_missing(number - 1);
    if (!event && event.error().code == StatusCode::kNotFound) {
      add_missing(number);  // gone since it was listed
      return {};
    }
    if (event) {
      known_ = std::max({known_, number, event->lost_to});
      log_.events.push_back(std::move(*event));
      return {};
    }
    const bool damaged = event.error().code == StatusCode::kData;
    if (!damaged || written_by_newer(event.error().message)) {
      return tl::unexpected<Error>(std::move(event.error()));
    }
    log_.gaps.push_back({number, number, false, std::move(event.error().message)});
    known_ = std::max(known_, number);
    return {};
  }

  // No event follows what the reader knows; then there should be one that reaches as far.
  Status look_back(const std::vector<int64_t>& numbers) {
    known_ = numbers.empty() ? 0 : numbers.back();
    if (known_ > 0 && known_ < wanted_.after) {
      const auto last = read_event_file(files_, event_path(folder_, known_), known_);
      if (last) known_ = std::max(known_, last->lost_to);
      if (!last && last.error().code == StatusCode::kIo) {
        return tl::unexpected<Error>(last.error());
      }
    }
    add_missing(wanted_.after);
    return {};
  }

  FileLayer& files_;
  const std::string& folder_;
  const std::string_view model_;
  const EventsWanted wanted_;
  int64_t known_;  // all numbers up to this are read, told of, or known to be lost
  EventLog log_;
};

}  // namespace

int64_t file_number(std::string_view file_name) {
  int64_t number = 0;
  const char* end = file_name.data() + file_name.size();
  const auto [stop, error] = std::from_chars(file_name.data(), end, number);
  const bool whole = error == std::errc() && file_name[0] != '0' &&
                     std::string_view(stop, static_cast<size_t>(end - stop)) == kEnding;
  return whole && number > 0 && number <= kLargestNumber ? number : 0;
}

Result<std::vector<int64_t>> numbered_files(FileLayer& files, const std::string& folder) {
  std::vector<int64_t> numbers;
  const auto file_names = files.list(folder);
  if (!file_names && file_names.error().code == StatusCode::kNotFound) return numbers;
  if (!file_names) return tl::unexpected<Error>(file_names.error());
  for (const std::string& file_name : *file_names) {
    if (const int64_t number = file_number(file_name); number > 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Status check_event(const ModelEvent& event, const std::string& source) {
  const bool lost = event.lost_to != 0;
  const bool numbers_good =
      event.number >= 1 && event.number <= kLargestNumber &&
      (!lost || (event.lost_to >= event.number && event.lost_to <= kLargestNumber));
  if (!numbers_good) {
    return fail(StatusCode::kData, "'{}' is damaged: it says number {}, lost to {}", source,
                event.number, event.lost_to);
  }
  if (event.changes.empty() != lost) {
    return fail(StatusCode::kData, "'{}' is damaged: it has {} changes", source,
                event.changes.size());
  }
  for (const ModelChange& change : event.changes) {
    if (makes_sense(change)) continue;
    return fail(StatusCode::kData, "'{}' is damaged: it changes '{}' {} of version {} to '{}'",
                source, clean_utf8(change.what), clean_utf8(change.key), change.version,
                clean_utf8(change.to.value_or("")));
  }
  return {};
}

Result<ModelEvent> parse_whole_event(std::string_view text, int64_t number,
                                     const std::string& source) {
  ASSAY_ASSIGN_OR_RETURN(ModelEvent event, parse_event(text, source));
  if (event.number != number) {
    return fail(StatusCode::kData, "'{}' is damaged: it says number {}", source, event.number);
  }
  ASSAY_RETURN_IF_ERROR(check_event(event, source));
  return event;
}

Result<ModelEvent> read_event_file(FileLayer& files, const std::string& path, int64_t number) {
  auto text = read_file(files, path, kEventLimitBytes);
  if (text) return parse_whole_event(*text, number, path);
  const auto info = files.stat(path);
  if (info && info->folder) {
    return fail(StatusCode::kData, "'{}' is damaged: it is a folder", path);
  }
  const bool large = text.error().code == StatusCode::kResourceExhausted;
  return large ? fail(StatusCode::kData, "{}", text.error().message)
               : tl::unexpected<Error>(std::move(text.error()));
}

Result<EventLog> read_event_log(FileLayer& files, const std::string& folder, std::string_view model,
                                const EventsWanted& wanted) {
  return LogReader(files, folder, model, wanted).read();
}

}  // namespace assay::tracking
