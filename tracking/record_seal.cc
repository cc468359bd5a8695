#include "tracking/record_seal_internal.h"

#include "kernels/base/hash.h"
#include "tracking/json_fields_internal.h"

namespace assay::tracking {
namespace {

constexpr std::string_view kSealHead = ",\n  \"record_sha256\": \"";
constexpr std::string_view kSealTail = "\"\n}\n";
constexpr std::string_view kObjectTail = "\n}\n";

}  // namespace

Status check_record_version(const Fields& fields, const std::string& source) {
  const int64_t version = fields.integer("record_version");
  ASSAY_RETURN_IF_ERROR(fields.status());
  if (version <= kRecordVersion) return {};
  return fail(StatusCode::kData,
              "'{}' has record version {}, written by a newer release (this one reads up to {}): "
              "use a newer Assay",
              source, version, kRecordVersion);
}

bool written_by_newer(std::string_view message) {
  return message.find("written by a newer release") != std::string_view::npos;
}

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
