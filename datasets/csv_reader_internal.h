// read_csv for bytes that are no file: tests and fuzzing.
#pragma once

#include <memory>

#include "datasets/byte_source_internal.h"
#include "datasets/csv_reader.h"

namespace assay::datasets {

Result<std::shared_ptr<const Table>> read_csv_source(std::unique_ptr<ByteSource> source,
                                                     const CsvOptions& options, Executor& executor,
                                                     const StopToken& stop);

}  // namespace assay::datasets
