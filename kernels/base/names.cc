#include "kernels/base/names.h"

#include <algorithm>
#include <vector>

namespace assay {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

// Optimal string alignment distance: insert, delete, replace, swap of neighbours.
size_t edit_distance(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> rows(3 * width);
  auto cell = [&](size_t i, size_t j) -> size_t& { return rows[(i % 3) * width + j]; };
  for (size_t j = 0; j < width; ++j) cell(0, j) = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    cell(i, 0) = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      size_t best = std::min({cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + !same});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1])) {
        best = std::min(best, cell(i - 2, j - 2) + 1);
      }
      cell(i, j) = best;
    }
  }
  return cell(a.size(), b.size());
}

// The shortest candidate that begins with the word and goes on, for words of at least two letters.
template <class Strings>
std::string_view completion_of(std::string_view word, const Strings& candidates) {
  std::string_view best;
  if (word.size() < 2) return best;
  const std::string begin = lower_case(word);
  for (std::string_view candidate : candidates) {
    const bool longer =
        candidate.size() > word.size() && lower_case(candidate.substr(0, word.size())) == begin;
    if (longer && (best.empty() || candidate.size() < best.size())) best = candidate;
  }
  return best;
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::is_permutation(a.begin(), a.end(), b.begin(), b.end(),
                             [](char x, char y) { return lower(x) == lower(y); });
}

template <class Strings>
std::string_view nearest(std::string_view word, const Strings& candidates) {
  if (word.size() > 256) return {};
  const std::string_view longer = completion_of(word, candidates);
  if (!longer.empty()) return longer;
  std::string_view best;
  // Of a word of three letters two changes leave nothing.
  size_t best_distance = std::max<size_t>(word.size() > 3 ? 2 : 1, word.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    if (candidate.size() > 256) continue;
    const size_t distance = edit_distance(word, candidate);
    // A word of which nothing is left says nothing.
    if (distance >= std::max(word.size(), candidate.size())) continue;
    // Of two as near, letters that were swapped are likelier than wrong ones.
    const bool likelier = distance == best_distance && !best.empty() &&
                          same_letters(word, candidate) && !same_letters(word, best);
    if (distance < best_distance || likelier) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

template <class Strings>
std::string hint(std::string_view word, const Strings& candidates) {
  const std::string_view best = nearest(word, candidates);
  if (!best.empty()) return fmt::format(" (did you mean '{}'?)", best);
  std::string list;
  size_t shown = 0;
  for (std::string_view candidate : candidates) {
    if (shown == 20) {
      list += ", ...";
      break;
    }
    list += fmt::format("{}{}", shown++ == 0 ? "" : ", ", candidate);
  }
  if (list.empty()) return {};
  return fmt::format(" (must be one of {})", list);
}

}  // namespace

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates) {
  return nearest(word, candidates);
}
std::string_view nearest_name(std::string_view word, std::span<const std::string> candidates) {
  return nearest(word, candidates);
}
std::string name_hint(std::string_view word, std::span<const std::string_view> candidates) {
  return hint(word, candidates);
}
std::string name_hint(std::string_view word, std::span<const std::string> candidates) {
  return hint(word, candidates);
}

Status check_name(std::string_view what, std::string_view name) {
  bool good = !name.empty() && name.size() <= 64 && is_alphanumeric(name[0]);
  for (const char c : name) {
    good = good && (is_alphanumeric(c) || c == '.' || c == '_' || c == '-');
  }
  if (good) return {};
  return fail(StatusCode::kInvalidArgument,
              "{} '{}' is not a valid name (must be 1 to 64 letters, digits, '.', '_' or '-', and "
              "start with a letter or digit)",
              what, shortened(name));
}

std::string shortened(std::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

}  // namespace assay
