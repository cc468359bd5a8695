#include "kernels/base/status.h"

namespace assay {

std::string_view name_of(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
      return "invalid_argument";
    case StatusCode::kConfig:
      return "config";
    case StatusCode::kData:
      return "data";
    case StatusCode::kDevice:
      return "device";
    case StatusCode::kIo:
      return "io";
    case StatusCode::kNotFound:
      return "not_found";
    case StatusCode::kAlreadyExists:
      return "already_exists";
    case StatusCode::kBudgetTooSmall:
      return "budget_too_small";
    case StatusCode::kResourceExhausted:
      return "resource_exhausted";
    case StatusCode::kCancelled:
      return "cancelled";
    case StatusCode::kInternal:
      return "internal";
  }
  return "unknown";
}

tl::unexpected<Error> fail_with(Error error, std::string_view doing) {
  error.message = fmt::format("{}: {}", doing, error.message);
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace assay
