#include "tracking/model_card.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/base/hash.h"

namespace assay::tracking {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are little-endian as they are");

constexpr std::string_view kMagic = "ASSAYCRD";
constexpr uint32_t kCardVersion = 1;
constexpr size_t kNumberBytes = 16;
constexpr size_t kHashBytes = 64;
constexpr size_t kFooterBytes = kNumberBytes + kHashBytes + 8;

std::string hash_of(std::string_view card, std::string_view numbers) {
  return sha256_hex(std::string(card) + std::string(numbers));
}

}  // namespace

std::string with_card(std::string model_file, std::string_view card) {
  std::array<char, kNumberBytes> numbers{};
  const uint64_t bytes = card.size();
  std::memcpy(numbers.data(), &bytes, sizeof bytes);
  std::memcpy(numbers.data() + sizeof bytes, &kCardVersion, sizeof kCardVersion);
  const std::string_view text(numbers.data(), numbers.size());
  model_file += card;
  model_file += text;
  model_file += hash_of(card, text);
  model_file += kMagic;
  return model_file;
}

Result<CardedModel> split_card(std::string_view file, const std::string& source) {
  if (file.size() < kFooterBytes || !file.ends_with(kMagic)) return CardedModel{file, {}, false};
  const std::string_view footer = file.substr(file.size() - kFooterBytes);
  const std::string_view before = file.substr(0, file.size() - kFooterBytes);
  uint64_t bytes = 0;
  uint32_t version = 0;
  std::memcpy(&bytes, footer.data(), sizeof bytes);
  std::memcpy(&version, footer.data() + sizeof bytes, sizeof version);
  if (version > kCardVersion) {
    return fail(StatusCode::kData,
                "'{}' has a card of version {}, written by a newer release (this one reads up to "
                "{}): use a newer Assay",
                source, version, kCardVersion);
  }
  if (bytes > before.size()) {
    return fail(StatusCode::kData, "'{}' is damaged: its card is longer than the file", source);
  }
  const std::string_view card = before.substr(before.size() - bytes);
  if (hash_of(card, footer.substr(0, kNumberBytes)) != footer.substr(kNumberBytes, kHashBytes)) {
    return fail(StatusCode::kData, "'{}' is damaged: its card does not match its hash", source);
  }
  return CardedModel{before.substr(0, before.size() - bytes), card, true};
}

}  // namespace assay::tracking
