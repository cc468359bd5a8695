// Records of the run store as JSON text, for --json. Not a number (NaN, infinities) becomes null.
#pragma once

#include <span>
#include <string>

#include "tracking/catalog.h"
#include "tracking/model_registry.h"
#include "tracking/run_record.h"

namespace assay::automl::cli {

// One object on one line, without '\n'.
std::string run_info_json(const tracking::RunInfo& info);
// With its data set, device and, under `values`, the fields of `shown`.
std::string run_row_json(const tracking::RunRow& row, std::span<const tracking::RunField> shown);
std::string run_record_json(const tracking::RunRecord& record);
// With `file`, where the run's file is; null if it is empty.
std::string run_record_json(const tracking::RunRecord& record, const std::string& file);
std::string model_json(const tracking::ModelVersion& model);

}  // namespace assay::automl::cli
