#include "tracking/record_seal_internal.h"

#include "kernels/base/hash.h"

namespace assay::tracking {
namespace {

constexpr std::string_view kSealHead = ",\n  \"record_sha256\": \"";
constexpr std::string_view kSealTail = "\"\n}\n";
constexpr std::string_view kObjectTail = "\n}\n";

}  // namespace

std::string with_seal(std::string json) {
  json.resize(json.size() - kObjectTail.size());
  const std::string hash = sha256_hex(json);
  return json.append(kSealHead).append(hash).append(kSealTail);
}

Status check_seal(std::string_view text, const std::string& source) {
  const size_t at = text.rfind(kSealHead);
  if (at == text.npos) return {};
  const std::string_view body = text.substr(0, at);
  if (text.substr(at + kSealHead.size()) == sha256_hex(body) + std::string(kSealTail)) return {};
  return fail(StatusCode::kData, "'{}' is damaged: its content is not that of its hash", source);
}

}  // namespace assay::tracking
