#include "automl/config/config_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace assay::automl {

void ConfigPlaces::set_line(std::string path, std::string_view file, int line) {
  places_.emplace(std::move(path), Place{fmt::format("{}:{}", file, line), false, line});
}

void ConfigPlaces::set_flag(const std::string& path, std::string flag) {
  const std::string items = path + ".";
  auto at = places_.lower_bound(items);
  while (at != places_.end() && at->first.compare(0, items.size(), items) == 0) {
    at = places_.erase(at);
  }
  places_[path] = {std::move(flag), true, 0};
}

const ConfigPlaces::Place* ConfigPlaces::find(std::string_view path) const {
  // A column's name may hold points: what is cut off need not be a whole item.
  for (;;) {
    if (const auto at = places_.find(path); at != places_.end()) return &at->second;
    const size_t point = path.rfind('.');
    if (point == std::string_view::npos) return nullptr;
    path = path.substr(0, point);
  }
}

std::string ConfigPlaces::message(std::string_view path, std::string_view text) const {
  const Place* place = find(path);
  // Items are named by the text.
  const size_t first = path.find('.');
  const size_t second = first == std::string_view::npos ? first : path.find('.', first + 1);
  const std::string_view option = path.substr(0, second);
  if (place == nullptr) return fmt::format("{}: {}", option, text);
  if (place->flag) return fmt::format("{}: {}", place->text, text);
  return fmt::format("{}: {}: {}", place->text, option, text);
}

int ConfigPlaces::line_of(std::string_view path) const {
  const Place* place = find(path);
  return place == nullptr ? 0 : place->line;
}

std::string ConfigPlaces::placed_line(std::string_view line) const {
  const auto end = std::find_if_not(line.begin(), line.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
  const std::string_view path = line.substr(0, static_cast<size_t>(end - line.begin()));
  const bool names_option = end != line.end() && (*end == ':' || *end == '=');
  const auto at = names_option ? places_.find(path) : places_.end();
  if (at == places_.end()) return std::string(line);
  const Place& place = at->second;
  const bool repeats = place.flag && *end == ':';
  return fmt::format("{}: {}", place.text, repeats ? line.substr(path.size() + 2) : line);
}

Error ConfigPlaces::placed(Error error) const {
  std::string placed;
  std::string_view rest = error.message;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    placed += (placed.empty() ? "" : "\n") + placed_line(line);
  }
  error.message = std::move(placed);
  return error;
}

}  // namespace assay::automl
