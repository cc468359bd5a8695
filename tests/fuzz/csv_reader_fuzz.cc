// Any bytes either read as a table that is the same for other block sizes, or give an error.
#include <bit>
#include <cstdlib>
#include <string>
#include <vector>

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
    require(x.numbers == y.numbers && x.numbers.form() == y.numbers.form());
  }
}

// Each column's numbers, held in one go and one by one from behind, have the form that the reader
// found, and read the same in all ways.
void require_narrow(const Table& table) {
  for (const Column& column : table.columns()) {
    const std::vector<double> numbers = column.numbers.view().to_vector();
    const assay::datasets::NumberColumn again(numbers);
    require(again == column.numbers && again.form() == column.numbers.form());
    assay::datasets::NumberColumn turned;
    for (size_t row = numbers.size(); row-- > 0;) turned.push_back(numbers[row]);
    require(turned.form() == column.numbers.form());
    for (size_t row = 0; row < numbers.size(); ++row) {
      require(std::bit_cast<uint64_t>(numbers[row]) ==
              std::bit_cast<uint64_t>(column.numbers[row]));
      const double back = turned[numbers.size() - 1 - row];
      require(std::bit_cast<uint64_t>(numbers[row]) == std::bit_cast<uint64_t>(back));
    }
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
  require_narrow(**large);
  return 0;
}
