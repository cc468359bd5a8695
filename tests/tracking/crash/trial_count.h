// How many trials a crash test makes, and where it reports what they showed. Normal tests make a
// few, under a sanitizer fewer; `scripts/test --long` sets ASSAY_CRASH_TRIALS and
// ASSAY_CRASH_REPORT.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ASSAY_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ASSAY_SANITIZED 1
#endif
#endif

namespace assay::tracking {

#ifdef ASSAY_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// The number in ASSAY_CRASH_TRIALS, else `usual`, or a quarter of it under a sanitizer.
inline int trial_count(int usual) {
  const char* text = std::getenv("ASSAY_CRASH_TRIALS");
  const int wanted = text != nullptr ? std::atoi(text) : 0;
  return wanted > 0 ? wanted : kSanitized ? (usual + 3) / 4 : usual;
}

inline bool is_long_run() { return trial_count(0) > 0; }

// Prints a line, and adds it to the file that ASSAY_CRASH_REPORT names.
inline void report(const std::string& line) {
  std::printf("crash: %s\n", line.c_str());
  const char* path = std::getenv("ASSAY_CRASH_REPORT");
  std::FILE* file = path != nullptr ? std::fopen(path, "a") : nullptr;
  if (file == nullptr) return;
  std::fprintf(file, "%s\n", line.c_str());
  std::fclose(file);
}

}  // namespace assay::tracking
