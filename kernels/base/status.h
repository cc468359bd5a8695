// Expected failures as values: Result<T> holds a value or an Error, Status holds success or an
// Error. No exception crosses a folder boundary; the library never prints, exits or aborts.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace assay {

// What kind of failure it was. The command line maps these to exit codes.
enum class StatusCode {
  kInvalidArgument,    // a caller broke a contract, or a flag has a bad value    exit 2
  kConfig,             // a config file is wrong                                  exit 2
  kData,               // a table, model file or label is unusable                exit 3
  kDevice,             // a device is missing, declined or failed                 exit 4
  kIo,                 // reading or writing failed                               exit 5
  kNotFound,           // a named thing does not exist                            exit 2
  kAlreadyExists,      // a name is taken                                         exit 2
  kBudgetTooSmall,     // no model can be made within the budget                  exit 6
  kResourceExhausted,  // memory or another planned resource ran out              exit 70
  kCancelled,          // stopped by a deadline or the user; partial work is kept exit 130
  kInternal,           // a defect of ours                                        exit 70
};

// A failure: a code, and a message that says what failed, the offending value and what is allowed.
struct Error {
  StatusCode code = StatusCode::kInternal;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// The code's lower-case name, for example "invalid_argument".
std::string_view name_of(StatusCode code);

// Makes an error to return: `return fail(StatusCode::kData, "{}: no column '{}'", file, name);`
template <class... Args>
tl::unexpected<Error> fail(StatusCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

// Passes on an error, with what was being done put before its message.
tl::unexpected<Error> fail_with(Error error, std::string_view doing);

}  // namespace assay

// Returns the error of a Status or Result expression to the caller.
#define ASSAY_RETURN_IF_ERROR(expression)                                      \
  do {                                                                         \
    if (auto assay_status_ = (expression); !assay_status_) {                   \
      return tl::unexpected<::assay::Error>(std::move(assay_status_.error())); \
    }                                                                          \
  } while (false)

#define ASSAY_CONCAT_INNER(a, b) a##b
#define ASSAY_CONCAT(a, b) ASSAY_CONCAT_INNER(a, b)
// ASSAY_ASSIGN_OR_RETURN(auto table, read_csv(...)): the value, or return the error.
#define ASSAY_ASSIGN_OR_RETURN(declaration, expression)            \
  auto ASSAY_CONCAT(assay_result_, __LINE__) = (expression);       \
  if (!ASSAY_CONCAT(assay_result_, __LINE__)) {                    \
    return tl::unexpected<::assay::Error>(                         \
        std::move(ASSAY_CONCAT(assay_result_, __LINE__).error())); \
  }                                                                \
  declaration = /* NOLINT(bugprone-macro-parentheses) */           \
      std::move(*ASSAY_CONCAT(assay_result_, __LINE__))
