#include "tracking/ulid.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <system_error>

namespace assay::tracking {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kLength = 26;
constexpr size_t kTimeLength = 10;
constexpr size_t kRandomBytes = 10;

int digit_of(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const size_t at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

struct Generator {
  std::mutex mutex;
  pid_t pid = 0;  // a forked child must not repeat its parent's ids
  int64_t time_ms = 0;
  std::array<unsigned char, kRandomBytes> random{};
};

Status fill_random(std::array<unsigned char, kRandomBytes>& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::getrandom(bytes.data() + done, bytes.size() - done, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return fail(StatusCode::kInternal, "cannot get random bytes: {}",
                  std::generic_category().message(errno));
    }
    done += static_cast<size_t>(count);
  }
  return {};
}

// Adds one to the big-endian number; false when it was the largest.
bool increment(std::array<unsigned char, kRandomBytes>& bytes) {
  for (size_t i = bytes.size(); i-- > 0;) {
    if (++bytes[i] != 0) return true;
  }
  return false;
}

std::string encode(int64_t time_ms, const std::array<unsigned char, kRandomBytes>& random) {
  std::string text(kLength, '0');
  for (size_t i = 0; i < kTimeLength; ++i) {
    text[kTimeLength - 1 - i] = kAlphabet[static_cast<size_t>((time_ms >> (5 * i)) & 31)];
  }
  unsigned buffer = 0;
  int bits = 0;
  size_t at = kTimeLength;
  for (const unsigned char byte : random) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text[at++] = kAlphabet[(buffer >> bits) & 31];
    }
    buffer &= (1U << bits) - 1;
  }
  return text;
}

}  // namespace

Result<std::string> make_ulid() {
  static Generator generator;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const int64_t now_ms = int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;

  const std::scoped_lock lock(generator.mutex);
  const bool forked = generator.pid != ::getpid();
  if (forked || now_ms > generator.time_ms || !increment(generator.random)) {
    ASSAY_RETURN_IF_ERROR(fill_random(generator.random));
    generator.random[0] &= 0x7f;  // leaves room to count up
    generator.time_ms = forked ? now_ms : std::max(now_ms, generator.time_ms + 1);
    generator.pid = ::getpid();
  }
  return encode(generator.time_ms, generator.random);
}

Result<std::string> make_ulid_at(int64_t time_ms) {
  std::array<unsigned char, kRandomBytes> random{};
  ASSAY_RETURN_IF_ERROR(fill_random(random));
  return encode(time_ms, random);
}

bool is_ulid(std::string_view text) {
  if (text.size() != kLength || text[0] > '7') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return digit_of(c) >= 0; });
}

int64_t ulid_time_ms(std::string_view id) {
  if (!is_ulid(id)) return 0;
  int64_t time_ms = 0;
  for (const char c : id.substr(0, kTimeLength)) time_ms = time_ms * 32 + digit_of(c);
  return time_ms;
}

std::string ulid_shard(std::string_view id) {
  if (!is_ulid(id)) return "00";
  const int byte = (digit_of(id[kLength - 2]) * 32 + digit_of(id[kLength - 1])) & 0xff;
  return fmt::format("{:02x}", byte);
}

}  // namespace assay::tracking
