#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/run_query_lexer_internal.h"
#include "tracking/time_text_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array<Unit, 9> kUnits = {{{"ns", 1e-9},
                                         {"us", 1e-6},
                                         {"ms", 1e-3},
                                         {"s", 1},
                                         {"m", 60},
                                         {"min", 60},
                                         {"h", 3600},
                                         {"d", 86400},
                                         {"w", 604800}}};

const Unit* find_unit(std::string_view name) {
  const auto it =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == name; });
  return it == kUnits.end() ? nullptr : &*it;
}

constexpr std::array<std::pair<char, std::string_view>, 4> kForeignSymbols = {
    {{'&', "and"}, {'|', "or"}, {'!', "not"}, {'~', "like"}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kTurnedSymbols = {
    {{"=>", ">="}, {"=<", "<="}, {"=!", "!="}}};

// What units are called in full, by how that begins; the longer beginnings first.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kUnitWords = {
    {{"milli", "ms"},
     {"msec", "ms"},
     {"micro", "us"},
     {"sec", "s"},
     {"min", "m"},
     {"hour", "h"},
     {"hr", "h"},
     {"day", "d"},
     {"week", "w"}}};

std::string_view unit_meant(std::string_view word) {
  const std::string lower = lower_case(word);
  if (find_unit(lower) != nullptr) return find_unit(lower)->name;
  for (const auto& [begin, unit] : kUnitWords) {
    if (lower.starts_with(begin)) return unit;
  }
  return {};
}

// Of what begins with a digit and is no number.
std::string number_hint(std::string_view text) {
  if (!time_fault(text).empty()) return "; times stand in single quotes: '2024-01-31'";
  int64_t time_ns = 0;
  if (parse_time(text, time_ns)) return fmt::format("; times stand in single quotes: '{}'", text);
  const std::string hint = duration_hint(text);
  return hint.starts_with(" (did you mean") ? hint : std::string();
}

// Reads tokens from `query_` one after the other.
class Lexer {
 public:
  explicit Lexer(const QuerySource& source) : source_(source), query_(source.text) {}

  Result<Token> next() {
    while (at_ < query_.size() && is_space(query_[at_])) ++at_;
    Token token{TokenKind::kEnd, at_};
    if (at_ == query_.size()) return token;
    const char c = query_[at_];
    Status status;
    if (c == '\'') {
      token.kind = TokenKind::kText;
      status = read_quoted(token, c);
    } else if (c == '"' || c == '`') {
      token.kind = TokenKind::kQuoted;
      status = read_quoted(token, c);
    } else if (begins_number()) {
      status = read_number(token);
    } else if (is_key_character(c)) {
      read_word(token);
    } else {
      status = read_symbol(token);
    }
    ASSAY_RETURN_IF_ERROR(status);
    token.length = at_ - token.at;
    return token;
  }

 private:
  char peek(size_t ahead) const { return at_ + ahead < query_.size() ? query_[at_ + ahead] : '\0'; }

  bool begins_number() const {
    const size_t sign = peek(0) == '-' || peek(0) == '+' ? 1 : 0;
    if (is_digit(peek(sign)) || (peek(sign) == '.' && is_digit(peek(sign + 1)))) return true;
    const std::string word = lower_case(query_.substr(std::min(at_ + sign, query_.size()), 4));
    return sign == 1 && word.rfind("inf", 0) == 0 &&
           (word.size() < 4 || !is_key_character(word[3]));
  }

  Status read_quoted(Token& token, char quote) {
    for (++at_; at_ < query_.size(); ++at_) {
      if (query_[at_] != quote) {
        token.text += query_[at_];
      } else if (peek(1) == quote) {
        token.text += quote;
        ++at_;
      } else {
        ++at_;
        return {};
      }
    }
    return query_error(source_, token.at,
                       fmt::format("the text that begins here has no closing {0} (a {0} within is "
                                   "written twice)",
                                   quote));
  }

  void read_word(Token& token) {
    token.kind = TokenKind::kWord;
    while (at_ < query_.size() && is_key_character(query_[at_])) token.text += query_[at_++];
  }

  // Digits and a point, maybe an exponent; letters after them make it a duration.
  Status read_number(Token& token) {
    const size_t begin = at_;
    if (peek(0) == '-' || peek(0) == '+') ++at_;
    if (is_letter(peek(0))) {  // -inf
      at_ += 3;
      token.kind = TokenKind::kNumber;
      token.number = query_[begin] == '-' ? -std::numeric_limits<double>::infinity()
                                          : std::numeric_limits<double>::infinity();
      return {};
    }
    while (is_key_character(peek(0)) || ((peek(0) == '-' || peek(0) == '+') && after_exponent())) {
      ++at_;
    }
    std::string_view text = query_.substr(begin, at_ - begin);
    if (text.front() == '+') text.remove_prefix(1);
    token.text = text;
    const char* end = text.data() + text.size();
    const auto whole = std::from_chars(text.data(), end, token.integer);
    const auto real = std::from_chars(text.data(), end, token.number);
    if (real.ec == std::errc() && real.ptr == end) {
      token.kind = TokenKind::kNumber;
      token.whole = whole.ec == std::errc() && whole.ptr == end;
      return {};
    }
    token.kind = TokenKind::kDuration;
    if (parse_duration(text, token.number)) return {};
    return query_error(
        source_, begin,
        fmt::format("'{}' is neither a number nor a duration like 90s, 5m, 2h or 1d{}",
                    clean_utf8(text), number_hint(text)));
  }

  bool after_exponent() const {
    return at_ >= 2 && (query_[at_ - 1] == 'e' || query_[at_ - 1] == 'E') &&
           (is_digit(query_[at_ - 2]) || query_[at_ - 2] == '.');
  }

  Status read_symbol(Token& token) {
    token.kind = TokenKind::kSymbol;
    for (const auto& [turned, right] : kTurnedSymbols) {
      if (query_.substr(at_, turned.size()) != turned) continue;
      return query_error(source_, at_,
                         fmt::format("'{}' is no comparison (did you mean '{}'?)", turned, right));
    }
    for (const std::string_view symbol :
         {"!=", "<>", "<=", ">=", "==", "=", "<", ">", "(", ")", ","}) {
      if (query_.substr(at_, symbol.size()) != symbol) continue;
      token.text = symbol == "<>" ? "!=" : symbol == "==" ? "=" : symbol;
      at_ += symbol.size();
      return {};
    }
    const char c = query_[at_];
    const std::string shown = clean_utf8(query_.substr(at_, peek(1) == c ? 2 : 1));
    for (const auto& [theirs, ours] : kForeignSymbols) {
      if (c != theirs) continue;
      return query_error(source_, at_, fmt::format("'{}' is written '{}' here", shown, ours));
    }
    return query_error(
        source_, at_,
        fmt::format("'{}' begins nothing that a query can hold (texts and patterns stand "
                    "in single quotes)",
                    shown));
  }

  const QuerySource& source_;
  std::string_view query_;
  size_t at_ = 0;
};

}  // namespace

bool is_key_character(char c) {
  return is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80 || c == '_' ||
         c == '.' || c == '-' || c == '/' || c == ':';
}

bool parse_duration(std::string_view text, double& seconds) {
  double sum = 0;
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.front() == '-') return false;
  while (!text.empty()) {
    double count = 0;
    const auto read =
        std::from_chars(text.data(), text.data() + text.size(), count, std::chars_format::fixed);
    if (read.ec != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(read.ptr - text.data()));
    size_t letters = 0;
    while (letters < text.size() && is_letter(text[letters])) ++letters;
    const Unit* unit = find_unit(text.substr(0, letters));
    if (unit == nullptr) return false;
    sum += count * unit->seconds;
    text.remove_prefix(letters);
  }
  seconds = negative ? -sum : sum;
  return std::isfinite(sum);
}

std::string duration_hint(std::string_view text) {
  std::string meant;
  while (!text.empty()) {
    size_t number = 0;
    while (number < text.size() && (is_digit(text[number]) || text[number] == '.')) ++number;
    meant += text.substr(0, number);
    text.remove_prefix(number);
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    size_t letters = 0;
    while (letters < text.size() && is_letter(text[letters])) ++letters;
    if (number == 0 || letters == 0) return {};
    const std::string_view unit = unit_meant(text.substr(0, letters));
    if (unit.empty()) {
      return fmt::format("; '{}' is no unit of time (must be one of ns, us, ms, s, m, h, d, w)",
                         text.substr(0, letters));
    }
    meant += unit;
    text.remove_prefix(letters);
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  }
  double seconds = 0;
  return parse_duration(meant, seconds) ? fmt::format(" (did you mean '{}'?)", meant) : "";
}

Result<std::vector<Token>> tokens_of(const QuerySource& source) {
  Lexer lexer(source);
  std::vector<Token> tokens;
  do {
    ASSAY_ASSIGN_OR_RETURN(Token token, lexer.next());
    tokens.push_back(std::move(token));
  } while (tokens.back().kind != TokenKind::kEnd);
  return tokens;
}

}  // namespace assay::tracking
