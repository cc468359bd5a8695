#include "tracking/run_query_error_internal.h"

#include <algorithm>
#include <array>

#include "kernels/base/names.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kShownBytes = 120;  // of a long query, around the place of an error

// What other languages call a word, where no typing error leads to it.
struct Foreign {
  std::string_view theirs;
  std::string_view ours;  // empty: there is none, however near another word may be
};
constexpr auto kForeign = std::to_array<Foreign>({{"avg", ""},
                                                  {"mean", ""},
                                                  {"average", ""},
                                                  {"median", ""},
                                                  {"descending", "desc"},
                                                  {"ascending", "asc"},
                                                  {"sort", "order by"},
                                                  {"orderby", "order by"},
                                                  {"sortby", "order by"},
                                                  {"order_by", "order by"},
                                                  {"top", "limit"},
                                                  {"first", "limit"},
                                                  {"skip", "offset"},
                                                  {"none", "null"},
                                                  {"missing", "null"},
                                                  {"nil", "null"},
                                                  {"empty", "null"},
                                                  {"contains", "like"},
                                                  {"matches", "like"},
                                                  {"startswith", "like"},
                                                  {"equals", "="},
                                                  {"minimum", "min"},
                                                  {"least", "min"},
                                                  {"maximum", "max"},
                                                  {"greatest", "max"},
                                                  {"latest", "last"},
                                                  {"final", "last"},
                                                  {"length", "count"},
                                                  {"points", "count"},
                                                  {"finished", "completed"},
                                                  {"done", "completed"}});

// Characters, not bytes.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

tl::unexpected<Error> query_error(const QuerySource& source, size_t at, std::string_view why) {
  const std::string_view query = source.text;
  // The line that holds the place, cut to what a terminal shows, at the ends of characters.
  size_t begin = query.rfind('\n', at == 0 ? 0 : at - 1);
  begin = begin == std::string_view::npos || begin >= at ? 0 : begin + 1;
  const size_t end = std::min(query.find('\n', at), query.size());
  if (at - begin > kShownBytes / 2) begin = at - kShownBytes / 2;
  const auto continues = [&](size_t i) {
    return i < query.size() && (static_cast<unsigned char>(query[i]) & 0xc0) == 0x80;
  };
  while (begin < at && continues(begin)) ++begin;
  std::string line = clean_utf8(query.substr(begin, std::min(end - begin, kShownBytes)));
  std::replace(line.begin(), line.end(), '\t', ' ');
  std::replace(line.begin(), line.end(), '\r', ' ');
  return fail(StatusCode::kInvalidArgument, "{}, column {}: {}\n  {}\n  {}^", source.what,
              width_of(clean_utf8(query.substr(0, at))) + 1, why, line,
              std::string(width_of(clean_utf8(query.substr(begin, at - begin))), ' '));
}

std::string_view meant_word(std::string_view word, std::span<const std::string_view> words) {
  const std::string lower = lower_case(word);
  for (const Foreign& foreign : kForeign) {
    if (foreign.theirs != lower) continue;
    if (foreign.ours.empty()) return {};
    // `order by` is known by its first word.
    const std::string_view first = foreign.ours.substr(0, foreign.ours.find(' '));
    if (std::find(words.begin(), words.end(), first) != words.end()) return foreign.ours;
  }
  const std::string_view near = nearest_name(word, words);
  return near == "order" ? "order by" : near;
}

std::string meant_hint(std::string_view word, std::span<const std::string_view> words) {
  const std::string_view meant = meant_word(word, words);
  return meant.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", meant);
}

}  // namespace assay::tracking
