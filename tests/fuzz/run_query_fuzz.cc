// Any text as a query: an error or a query, never a crash; a query that was read is found again in
// what query_text() writes, and can be evaluated.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/tracking/random_runs.h"
#include "tracking/run_filter_internal.h"
#include "tracking/ulid.h"

namespace {

using namespace assay::tracking;

RunTable sample_table() {
  RandomRuns runs(1);
  RunTable table = std::move(*RunTable::create(nullptr));
  for (int i = 0; i < 20; ++i) {
    RunRecord record = runs.record();
    record.info.run_id = *make_ulid();
    record.info.created_ns = i;
    table.put({{}, summary_of(record)});
  }
  return table;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  static RunTable table = sample_table();
  constexpr int64_t kNow = 1'700'000'000'000'000'000;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto query = parse_run_query(text, kNow);
  if (!query) {
    if (query.error().message.find('^') == std::string::npos) std::abort();
    return 0;
  }
  const std::string written = query_text(*query);
  const auto back = parse_run_query(written, kNow);
  if (!back || query_text(*back) != written) {
    std::fprintf(stderr, "%s\n%s\n", written.c_str(),
                 back ? query_text(*back).c_str() : back.error().message.c_str());
    std::abort();
  }
  auto rows = filter_rows(table, *query);
  const auto again = filter_rows(table, *back);
  if (!rows || !again || *rows != *again || !order_rows(table, *query, *rows)) std::abort();
  // Columns of made-up names must not pile up over millions of inputs.
  for (const RunField& field : query_fields(*query)) table.forget(field);
  return 0;
}
