// Fuzz target of the workspace's JSON records: versions, events, states, cards, source manifests
// and removals, and of files with a card.
// The first byte chooses the reader. What is read must be written and read again as it was.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tracking/model_card.h"
#include "tracking/records_internal.h"

namespace {

namespace tracking = assay::tracking;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Parse>
void round_trip(const std::string& text, Parse parse) {
  const auto record = parse(text, "fuzz");
  if (!record) {
    require(record.error().code == assay::StatusCode::kData);
    require(!record.error().message.empty());
    return;
  }
  const std::string written = to_json(*record);
  const auto again = parse(written, "again");
  require(again.has_value());
  require(to_json(*again) == written);
}

void take_apart(const std::string& file) {
  const auto parts = tracking::split_card(file, "fuzz");
  if (!parts) return;
  require(parts->model.size() + parts->card.size() <= file.size());
  if (parts->has_card) require(tracking::with_card(std::string(parts->model), parts->card) == file);
  const std::string carded = tracking::with_card(file, "{}");
  require(tracking::split_card(carded, "again")->model == file);
}

void apply(const std::string& text) {
  const auto event = tracking::parse_event(text, "fuzz");
  if (!event) return;
  const auto whole = tracking::check_event(*event, "fuzz");
  if (!whole) {
    require(whole.error().code == assay::StatusCode::kData);
    return;
  }
  require(tracking::parse_whole_event(text, event->number, "fuzz").has_value());
  tracking::ModelState state;
  tracking::apply_event(state, *event);
  require(state.number == std::max(event->number, event->lost_to));
  // What the state says of it can be saved and read again.
  const std::string saved = to_json(state);
  const auto again = tracking::parse_state(saved, "again");
  require(again.has_value() && to_json(*again) == saved);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      round_trip(text, tracking::parse_model);
      break;
    case 1:
      round_trip(text, tracking::parse_event);
      apply(text);
      break;
    case 2:
      round_trip(text, tracking::parse_state);
      break;
    case 3:
      round_trip(text, tracking::parse_card);
      break;
    case 4:
      take_apart(text);
      break;
    case 5:
      round_trip(text, tracking::parse_manifest);
      break;
    default:
      round_trip(text, tracking::parse_removal);
  }
  return 0;
}
