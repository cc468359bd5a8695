#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "kernels/base/names.h"
#include "tracking/run_query_lexer_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kShownBytes = 120;  // of a long query, around the place of an error

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array<Unit, 8> kUnits = {{{"ns", 1e-9},
                                         {"us", 1e-6},
                                         {"ms", 1e-3},
                                         {"s", 1},
                                         {"m", 60},
                                         {"h", 3600},
                                         {"d", 86400},
                                         {"w", 604800}}};

const Unit* find_unit(std::string_view name) {
  const auto it =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == name; });
  return it == kUnits.end() ? nullptr : &*it;
}

// Reads tokens from `query_` one after the other.
class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

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
    return query_error(query_, token.at,
                       fmt::format("the text that begins here has no closing {}", quote));
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
    return query_error(query_, begin,
                       fmt::format("'{}' is neither a number nor a duration like 90s, 5m, 2h or 1d",
                                   clean_utf8(text)));
  }

  bool after_exponent() const {
    return at_ >= 2 && (query_[at_ - 1] == 'e' || query_[at_ - 1] == 'E') &&
           (is_digit(query_[at_ - 2]) || query_[at_ - 2] == '.');
  }

  Status read_symbol(Token& token) {
    token.kind = TokenKind::kSymbol;
    for (const std::string_view symbol :
         {"!=", "<>", "<=", ">=", "==", "=", "<", ">", "(", ")", ","}) {
      if (query_.substr(at_, symbol.size()) != symbol) continue;
      token.text = symbol == "<>" ? "!=" : symbol == "==" ? "=" : symbol;
      at_ += symbol.size();
      return {};
    }
    const std::string shown = clean_utf8(query_.substr(at_, 1));
    return query_error(query_, at_,
                       fmt::format("'{}' begins nothing that a query can hold", shown));
  }

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

Result<std::vector<Token>> tokens_of(std::string_view query) {
  Lexer lexer(query);
  std::vector<Token> tokens;
  do {
    ASSAY_ASSIGN_OR_RETURN(Token token, lexer.next());
    tokens.push_back(std::move(token));
  } while (tokens.back().kind != TokenKind::kEnd);
  return tokens;
}

tl::unexpected<Error> query_error(std::string_view query, size_t at, std::string_view why) {
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
  const std::string before = clean_utf8(query.substr(begin, at - begin));
  const auto columns = static_cast<size_t>(std::count_if(before.begin(), before.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
  const std::string all = clean_utf8(query.substr(0, at));
  const auto column = std::count_if(all.begin(), all.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  });
  return fail(StatusCode::kInvalidArgument, "query, column {}: {}\n  {}\n  {}^", column + 1, why,
              line, std::string(columns, ' '));
}

}  // namespace assay::tracking
