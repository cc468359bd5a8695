#include "automl/cli/config_source.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "kernels/base/names.h"

namespace assay::automl::cli {

Status refuse_table(const std::string& path) {
  constexpr std::array<std::string_view, 8> kReadable = {".csv", ".tsv", ".tab",  ".gz",
                                                         ".txt", ".dat", ".data", ".psv"};
  constexpr std::array<std::string_view, 6> kOthers = {".parquet", ".xlsx",    ".xls",
                                                       ".arff",    ".feather", ".zip"};
  const std::string suffix = lower_case(std::filesystem::path(path).extension().string());
  const auto among = [&suffix](const auto& list) {
    return std::find(list.begin(), list.end(), suffix) != list.end();
  };
  if (among(kReadable)) {
    return fail(StatusCode::kInvalidArgument,
                "'{0}' looks like data, not like a config; to learn from it: assay run --data {0} "
                "--target COLUMN, or make a config: assay config init {0} --target COLUMN",
                path);
  }
  if (among(kOthers)) {
    return fail(StatusCode::kInvalidArgument,
                "'{}' looks like data, not like a config, and tables are read as CSV (plain or "
                "gzip): convert it, then assay run --data FILE.csv --target COLUMN",
                path);
  }
  return {};
}

}  // namespace assay::automl::cli
