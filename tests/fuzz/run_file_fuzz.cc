// Any bytes as a run file: an error that names the file, or a record; never a crash. What seals
// refuse is most of it, so the input is also taken as a summary under a valid seal, and as an HDF5
// image under one, which is what only somebody who means harm can make.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/fuzz/memory_files.h"
#include "tracking/records_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_seal_internal.h"
#include "tracking/run_summary.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__has_feature)
// HDF5 1.10 loses memory when it refuses a damaged file.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the name is LeakSanitizer's
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }  // NOLINT
#endif

namespace {

using namespace assay;
using namespace assay::tracking;

constexpr const char* kName = "fuzz.h5";

template <class T>
void expect_named(const Result<T>& result) {
  if (!result && result.error().message.find(kName) == std::string::npos) std::abort();
}

void read_all(std::string_view bytes) {
  MemoryFiles files(bytes);
  expect_named(read_run_info(files, kName));
  expect_named(read_run_summary(files, kName));
  expect_named(read_run(files, kName));
}

// The quick reader takes nothing that the thorough one would not, and reads the same from it. A
// space before the text keeps the thorough one from asking the quick one.
void compare_readers(std::string_view text) {
  const auto scanned = scan_run_summary(text);
  if (!scanned) return;
  const auto parsed = parse_run_summary(" " + std::string(text), kName);
  if (!parsed || !*parsed || to_json(**parsed) != to_json(*scanned)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_all(text);
  compare_readers(text);
  std::string with_summary;
  append_seal(with_summary, text);
  read_all(with_summary);
  std::string image(text);
  append_seal(image, "{}");
  read_all(image);
  return 0;
}
