// Any bytes either read as a table that is the same for other block sizes, or give an error.
#include <cstdlib>
#include <cstring>
#include <string>

#include "datasets/csv_reader_internal.h"

namespace {

using assay::datasets::ByteSource;
using assay::datasets::Column;
using assay::datasets::CsvOptions;
using assay::datasets::Table;

assay::Result<std::shared_ptr<const Table>> read(const std::string& bytes, int64_t block_bytes) {
  CsvOptions options;
  options.block_bytes = block_bytes;
  options.spelled_columns = {"y"};
  assay::SerialExecutor executor;
  const assay::StopToken stop;
  return read_csv_source(ByteSource::from_memory(bytes, "fuzz"), options, executor, stop);
}

void require(bool condition) {
  if (!condition) std::abort();
}

void require_same(const Table& a, const Table& b) {
  require(a.row_count() == b.row_count() && a.column_count() == b.column_count());
  for (size_t c = 0; c < a.columns().size(); ++c) {
    const Column& x = a.columns()[c];
    const Column& y = b.columns()[c];
    require(x.name == y.name && x.type == y.type && x.codes == y.codes && x.levels == y.levels);
    require(x.missing_count == y.missing_count && x.numbers.size() == y.numbers.size());
    require(x.misfits.count == y.misfits.count && x.misfits.line == y.misfits.line);
    require(x.misfits.text == y.misfits.text && x.spellings == y.spellings);
    require(x.misfits.count <= x.missing_count);
    require(x.numbers.empty() || std::memcmp(x.numbers.data(), y.numbers.data(),
                                             x.numbers.size() * sizeof(double)) == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto small = read(bytes, 1 + static_cast<int64_t>(size % 13));
  const auto large = read(bytes, 1 << 16);
  require(small.has_value() == large.has_value());
  if (!small) {
    require(small.error().code == large.error().code);
    require(small.error().message == large.error().message);
    return 0;
  }
  require((*small)->row_count() > 0);
  require((*small)->content_hash() == (*large)->content_hash());
  require_same(**small, **large);
  return 0;
}
