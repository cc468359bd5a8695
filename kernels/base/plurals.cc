#include "kernels/base/plurals.h"

#include <fmt/format.h>

namespace assay {

std::string plural(int64_t count, std::string_view noun) {
  if (count == 1 || noun.empty()) return std::string(noun);
  const bool after_consonant =
      noun.size() > 1 && std::string_view("aeiou").find(noun[noun.size() - 2]) == noun.npos;
  if (noun.ends_with('y') && after_consonant) {
    return fmt::format("{}ies", noun.substr(0, noun.size() - 1));
  }
  const bool hisses =
      noun.ends_with('s') || noun.ends_with('x') || noun.ends_with("ch") || noun.ends_with("sh");
  return fmt::format("{}{}", noun, hisses ? "es" : "s");
}

std::string counted(int64_t count, std::string_view noun) {
  return fmt::format("{} {}", count, plural(count, noun));
}

}  // namespace assay
