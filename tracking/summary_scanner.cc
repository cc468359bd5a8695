// Most lists of many runs spend their time here when there is no catalog: one pass over the text,
// no tree in between.
#include <charconv>
#include <limits>
#include <utility>

#include "tracking/records_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr double kMostPoints = 9007199254740992;  // 2^53

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Each member gives false for what it does not take, valid JSON or not.
class SummaryScanner {
 public:
  explicit SummaryScanner(std::string_view text) : text_(text) {}

  bool scan(RunSummary& summary) {
    const bool whole = object([&](std::string_view key) { return member(key, summary); });
    return whole && at_ == text_.size() && missing_ == 0 && details_ != 0;
  }

 private:
  // What a summary must have, a bit each.
  enum : uint32_t {
    kRunId = 1U << 0,
    kParent = 1U << 1,
    kKind = 1U << 2,
    kName = 1U << 3,
    kExperiment = 1U << 4,
    kUser = 1U << 5,
    kStatus = 1U << 6,
    kMessage = 1U << 7,
    kMetric = 1U << 8,
    kCreated = 1U << 9,
    kEnded = 1U << 10,
    kWriter = 1U << 11,
    kSeq = 1U << 12,
    kFinished = 1U << 13,
    kDataset = 1U << 14,
    kDevice = 1U << 15,
    kTrend = 1U << 16,
    kAll = (1U << 17) - 1
  };

  bool member(std::string_view key, RunSummary& summary) {
    RunInfo& info = summary.info;
    if (key == "run_id") return text(info.run_id, kRunId);
    if (key == "parent_run_id") return text(info.parent_run_id, kParent);
    if (key == "kind") return text(info.kind, kKind);
    if (key == "name") return text(info.name, kName);
    if (key == "experiment") return text(info.experiment, kExperiment);
    if (key == "user") return text(info.user, kUser);
    if (key == "status") return status(info.status);
    if (key == "message") return text(info.message, kMessage);
    if (key == "metric") return text(info.metric, kMetric);
    if (key == "score") return real(info.score.emplace());
    if (key == "created_ns") return whole(info.created_ns, kCreated);
    if (key == "ended_ns") return whole(info.ended_ns, kEnded);
    if (key == "writer") return text(info.writer, kWriter);
    if (key == "wal_seq") return sequence(info.wal_seq);
    if (key == "finished") return flag(info.finished) && have(kFinished);
    if (key == "dataset") return text(summary.dataset, kDataset);
    if (key == "device") return text(summary.device, kDevice);
    if (key == "trend") return text(summary.trend, kTrend);
    if (key == "details") return whole(details_, 0);
    if (key == "params") return values(summary.params);
    if (key == "tags") return values(summary.tags);
    if (key == "links") return skip();
    return key == "metrics" && metrics(summary.metrics);
  }

  bool have(uint32_t bit) {
    missing_ &= ~bit;
    return true;
  }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // `body(key)` takes the value of each member.
  template <class Body>
  bool object(Body body) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      std::string_view key;
      if (!words(key) || !take(':') || !body(key)) return false;
    } while (take(','));
    return take('}');
  }

  // Passes over a value that is of no use here.
  bool skip() {
    std::string_view passed;
    int depth = 0;
    do {
      if (at_ >= text_.size()) return false;
      const char c = text_[at_];
      if (c == '"') {
        if (!words(passed)) return false;
        continue;
      }
      depth += (c == '{' || c == '[') ? 1 : (c == '}' || c == ']') ? -1 : 0;
      ++at_;
    } while (depth > 0);
    return depth == 0;
  }

  // A text without escapes, which few have.
  bool words(std::string_view& found) {
    if (!take('"')) return false;
    const size_t begin = at_;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        found = text_.substr(begin, at_++ - begin);
        return true;
      }
      if (c == '\\' || static_cast<unsigned char>(c) < 0x20) return false;
    }
    return false;
  }

  bool text(std::string& to, uint32_t bit) {
    std::string_view found;
    if (!words(found)) return false;
    to = found;
    return have(bit);
  }

  bool status(RunStatus& to) {
    std::string_view found;
    if (!words(found)) return false;
    const auto parsed = parse_run_status(std::string(found));
    if (!parsed) return false;
    to = *parsed;
    return have(kStatus);
  }

  bool flag(bool& to) {
    const std::string_view rest = text_.substr(at_);
    to = rest.starts_with("true");
    if (!to && !rest.starts_with("false")) return false;
    at_ += to ? 4 : 5;
    return true;
  }

  void skip_digits() {
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  }

  // The text of a number as JSON has them, and whether it is a whole one.
  bool number(std::string_view& found, bool& is_whole) {
    const size_t begin = at_;
    (void)take('-');
    size_t digits = at_;
    skip_digits();
    if (at_ == digits || (text_[digits] == '0' && at_ - digits > 1)) return false;
    is_whole = true;
    if (take('.')) {
      is_whole = false;
      digits = at_;
      skip_digits();
      if (at_ == digits) return false;
    }
    if (take('e') || take('E')) {
      is_whole = false;
      (void)(take('+') || take('-'));
      digits = at_;
      skip_digits();
      if (at_ == digits) return false;
    }
    found = text_.substr(begin, at_ - begin);
    return true;
  }

  template <class T>
  static bool convert(std::string_view found, T& to) {
    const char* end = found.data() + found.size();
    const auto [stop, error] = std::from_chars(found.data(), end, to);
    return error == std::errc() && stop == end;
  }

  bool whole(int64_t& to, uint32_t bit) {
    std::string_view found;
    bool is_whole = false;
    return number(found, is_whole) && is_whole && convert(found, to) && have(bit);
  }

  bool sequence(uint64_t& to) {
    int64_t found = 0;
    if (!whole(found, kSeq)) return false;
    to = static_cast<uint64_t>(found);
    return true;
  }

  bool real(double& to) {
    std::string_view found;
    bool is_whole = false;
    return number(found, is_whole) && convert(found, to);
  }

  bool value(Value& to) {
    if (at_ >= text_.size()) return false;
    const char c = text_[at_];
    if (c == '"') {
      std::string_view found;
      if (!words(found)) return false;
      to = Value(found);
      return true;
    }
    if (c == 't' || c == 'f') {
      bool held = false;
      if (!flag(held)) return false;
      to = held;
      return true;
    }
    std::string_view found;
    bool is_whole = false;
    if (!number(found, is_whole)) return false;
    if (is_whole) {
      int64_t held = 0;
      if (!convert(found, held)) return false;
      to = held;
      return true;
    }
    double held = 0;
    if (!convert(found, held)) return false;
    to = held;
    return true;
  }

  bool values(std::map<std::string, Value>& to) {
    to.clear();
    return object([&](std::string_view key) {
      Value held;
      if (!value(held)) return false;
      to.insert_or_assign(to.end(), std::string(key), std::move(held));
      return true;
    });
  }

  bool metrics(std::map<std::string, MetricStats>& to) {
    to.clear();
    return object([&](std::string_view key) {
      MetricStats stats;
      double count = 0;
      const bool whole = take('[') && real(stats.last) && take(',') && real(stats.least) &&
                         take(',') && real(stats.greatest) && take(',') && real(count) && take(']');
      if (!whole || !(count >= 0 && count <= kMostPoints)) return false;
      stats.count = static_cast<int64_t>(count);
      to.insert_or_assign(to.end(), std::string(key), stats);
      return true;
    });
  }

  const std::string_view text_;
  size_t at_ = 0;
  uint32_t missing_ = kAll;
  int64_t details_ = 0;
};

}  // namespace

std::optional<RunSummary> scan_run_summary(std::string_view text) {
  RunSummary summary;
  if (!is_utf8(text) || !SummaryScanner(text).scan(summary)) return std::nullopt;
  return summary;
}

}  // namespace assay::tracking
