// Registered models: a name, versions 1, 2, ..., aliases. A version's record is a small immutable
// JSON file; the model's bytes are a blob. Names compare in ASCII lower case. Two processes that
// register at once get different versions. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// What is known about one version.
struct ModelVersion {
  std::string name{};      // as first registered in this version
  int64_t version = 0;     // set by register_model
  std::string sha256{};    // set by register_model
  int64_t size = 0;        // set by register_model
  int64_t created_ns = 0;  // set by register_model
  int64_t format_version = 0;
  std::string task{};    // binary, multiclass, regression
  std::string metric{};  // the metric that was optimised
  std::optional<double> score{};
  std::string stage{};  // "", "staging", "production" or "archived"
  std::string description{};
  std::map<std::string, std::string> tags{};
  std::string run_id{};
  std::string dataset_name{};
  std::string dataset_hash{};
  std::string code_commit{};
  std::string input_contract{};        // JSON text, a summary of columns and types
  std::vector<std::string> aliases{};  // filled when read; "latest" included; sorted
};

class ModelRegistry {
 public:
  explicit ModelRegistry(std::shared_ptr<Workspace> workspace) : workspace_(std::move(workspace)) {}

  // Stores the bytes and takes the next version. Durable when it returns; gives the full record.
  // Fails: invalid_argument for a bad name or stage, io.
  Result<ModelVersion> register_model(ModelVersion model, std::span<const std::byte> bytes);
  Result<ModelVersion> register_model_file(ModelVersion model, const std::string& path);

  // The latest version of each model, by name. With a name: all versions of it, newest first.
  // Fails: not_found with the nearest name; data for a damaged record.
  Result<std::vector<ModelVersion>> list_models();
  Result<std::vector<ModelVersion>> list_versions(std::string_view name);

  // "name" (latest), "name:3" or "name@alias".
  // Fails: not_found with the nearest name, version range or alias; invalid_argument.
  Result<ModelVersion> resolve(std::string_view reference);
  // The model's verified bytes.
  Result<std::string> read_model(const ModelVersion& model);
  // Copies the model to a file outside; replaces it if it is there.
  Result<ModelVersion> export_model(std::string_view reference, const std::string& path);

  // Points an alias (a name; not "latest") at a version. Fails: invalid_argument, not_found, io.
  Status set_alias(std::string_view model_name, std::string_view alias, int64_t version);
  Status remove_alias(std::string_view model_name, std::string_view alias);

 private:
  std::shared_ptr<Workspace> workspace_;
};

}  // namespace assay::tracking
