#include "tracking/query_literal_internal.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "kernels/base/names.h"
#include "tracking/run_summary.h"
#include "tracking/time_text_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr std::array<std::string_view, 5> kKinds = {"sweep", "trial", "job", "pipeline", "step"};
constexpr std::array<std::string_view, 6> kStatuses = {"running",   "completed",   "failed",
                                                       "cancelled", "interrupted", "pruned"};
constexpr size_t kShownText = 60;

bool is_word(const Token& token, std::string_view word) {
  return token.kind == TokenKind::kWord && lower_case(token.text) == word;
}

// Whether it can only be a number: comparisons read decimal texts as numbers, too.
bool is_number(const Literal& literal) {
  const Token& token = literal.token;
  if (token.kind == TokenKind::kNumber) return true;
  if (token.kind == TokenKind::kWord) return is_word(token, "inf") || is_word(token, "nan");
  if (token.kind != TokenKind::kText) return false;
  double number = 0;
  const char* const end = token.text.data() + token.text.size();
  const auto read = std::from_chars(token.text.data(), end, number);
  return read.ec == std::errc() && read.ptr == end;
}

class Resolver {
 public:
  Resolver(const QuerySource& source, const Literal& literal, const AttributeInfo* beside)
      : source_(source),
        literal_(literal),
        token_(literal.token),
        beside_(beside),
        text_(std::get_if<std::string>(&literal.value.data())) {}

  Result<Value> value(int64_t now_ns) const {
    const AttributeInfo* const info = beside_;
    const bool moment = is_word(token_, "now");
    if (info != nullptr && info->type == AttributeType::kTime) return time(now_ns);
    if (moment) return error("`now` is compared with start_time or end_time only");
    if (info != nullptr && info->type == AttributeType::kDuration) return duration();
    if (token_.kind == TokenKind::kDuration) {
      return error("a duration is compared with duration, start_time or end_time only");
    }
    if (info == nullptr) return text_ != nullptr ? compared_text() : literal_.value;
    if (info->name == "status") return one_of(kStatuses);
    if (info->name == "kind") return one_of(kKinds);
    if (info->type == AttributeType::kNumber) {
      if (is_number(literal_)) return literal_.value;
      return error(fmt::format("{} is compared with a number", info->name));
    }
    if (text_ == nullptr) {
      return error(fmt::format("{} is compared with a text in single quotes", info->name));
    }
    return info->type == AttributeType::kCaseless ? Value(lower_case(*text_)) : compared_text();
  }

 private:
  tl::unexpected<Error> error(std::string_view why) const {
    return query_error(source_, token_.at, why);
  }

  Value compared_text() const { return Value(cut_utf8(clean_utf8(*text_), kComparedTextBytes)); }

  template <size_t N>
  Result<Value> one_of(const std::array<std::string_view, N>& names) const {
    const std::string word = text_ != nullptr ? lower_case(*text_) : token_.text;
    if (text_ != nullptr && std::find(names.begin(), names.end(), word) != names.end()) {
      return Value(word);
    }
    const std::string shown = cut_utf8(clean_utf8(word), kShownText);
    return error(fmt::format("'{}' is none of {}{}", shown, fmt::join(names, ", "),
                             meant_hint(shown, names)));
  }

  Result<Value> duration() const {
    double seconds = 0;
    if (text_ != nullptr && parse_duration(*text_, seconds)) return Value(seconds);
    const bool number = token_.kind == TokenKind::kDuration || is_number(literal_);
    if (number && text_ == nullptr) return literal_.value;
    return error(fmt::format("{} is seconds (90) or a duration ('5m', 2h){}", beside_->name,
                             text_ != nullptr ? duration_hint(*text_) : std::string()));
  }

  Result<Value> time(int64_t now_ns) const {
    if (is_word(token_, "now")) return Value(now_ns);
    double seconds = 0;
    const bool age = token_.kind == TokenKind::kDuration ||
                     (token_.kind == TokenKind::kText && parse_duration(token_.text, seconds));
    if (age) {
      if (token_.kind == TokenKind::kDuration) seconds = token_.number;
      const double ns = static_cast<double>(now_ns) - seconds * 1e9;
      constexpr double kMost = 9.2e18;
      return Value(static_cast<int64_t>(std::clamp(ns, -kMost, kMost)));
    }
    int64_t time_ns = 0;
    if (text_ != nullptr && parse_time(*text_, time_ns)) return Value(time_ns);
    if (text_ == nullptr) return error(kTimesAre);
    const std::string shown = cut_utf8(clean_utf8(*text_), kShownText);
    const std::string fault = time_fault(*text_);
    if (!fault.empty()) return error(fmt::format("'{}': {}", shown, fault));
    const std::string hint = duration_hint(*text_);
    if (!hint.empty()) return error(fmt::format("'{}' is no age{}", shown, hint));
    return error(fmt::format("'{}' is no time: {}", shown, kTimesAre));
  }

  const QuerySource& source_;
  const Literal& literal_;
  const Token& token_;
  const AttributeInfo* beside_;  // null: no attribute
  const std::string* text_;      // null: no text
};

}  // namespace

const AttributeInfo* attribute_of(const std::optional<RunField>& field) {
  return field && field->group == FieldGroup::kRun ? find_attribute(field->key) : nullptr;
}

Result<Value> literal_value(const QuerySource& source, const Literal& literal,
                            const std::optional<RunField>& beside, int64_t now_ns) {
  return Resolver(source, literal, attribute_of(beside)).value(now_ns);
}

}  // namespace assay::tracking
