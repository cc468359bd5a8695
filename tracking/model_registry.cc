// models/<name in lower case>/versions/<number>.json and aliases/<alias in lower case>.json. A
// version is taken by linking a complete record under its number: the link fails if the number
// is taken, and the next is tried.
#include "tracking/model_registry.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "kernels/base/names.h"
#include "tracking/blob_store.h"
#include "tracking/environment.h"
#include "tracking/records_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr int64_t kRecordLimitBytes = int64_t{16} << 20;
constexpr std::string_view kLatest = "latest";
constexpr std::array<std::string_view, 4> kStages = {"", "staging", "production", "archived"};

std::string model_folder(std::string_view name) { return "models/" + lower_case(name); }

// The number in "<number>.json", or 0.
int64_t version_of(std::string_view file_name) {
  int64_t version = 0;
  const char* end = file_name.data() + file_name.size();
  const auto [stop, error] = std::from_chars(file_name.data(), end, version);
  const bool whole = error == std::errc() && std::string_view(stop, end) == ".json";
  return whole && version > 0 ? version : 0;
}

// Versions of a model, ascending; empty if there is no such model.
Result<std::vector<int64_t>> versions_of(const Workspace& workspace, std::string_view name) {
  const std::string folder = fmt::format("{}/{}/versions", workspace.path(), model_folder(name));
  std::vector<int64_t> versions;
  if (!workspace.files().exists(folder)) return versions;
  ASSAY_ASSIGN_OR_RETURN(const auto file_names, workspace.files().list(folder));
  for (const std::string& file_name : file_names) {
    if (const int64_t version = version_of(file_name); version > 0) versions.push_back(version);
  }
  std::sort(versions.begin(), versions.end());
  return versions;
}

// Display order: folders hold lower-case names already sorted.
Result<std::vector<std::string>> model_names(const Workspace& workspace) {
  const std::string folder = workspace.path() + "/models";
  if (!workspace.files().exists(folder)) return std::vector<std::string>();
  ASSAY_ASSIGN_OR_RETURN(const auto names, workspace.files().list(folder));
  std::vector<std::string> models;
  for (const std::string& name : names) {
    ASSAY_ASSIGN_OR_RETURN(const auto versions, versions_of(workspace, name));
    if (!versions.empty()) models.push_back(name);
  }
  return models;
}

Result<std::map<std::string, int64_t>> aliases_of(const Workspace& workspace,
                                                  std::string_view name) {
  const std::string folder = fmt::format("{}/{}/aliases", workspace.path(), model_folder(name));
  std::map<std::string, int64_t> aliases;
  if (!workspace.files().exists(folder)) return aliases;
  ASSAY_ASSIGN_OR_RETURN(const auto file_names, workspace.files().list(folder));
  for (const std::string& file_name : file_names) {
    if (!file_name.ends_with(".json")) continue;
    const std::string path = folder + "/" + file_name;
    auto text = read_file(workspace.files(), path, kRecordLimitBytes);
    if (!text && text.error().code == StatusCode::kNotFound) continue;  // removed meanwhile
    if (!text) return tl::unexpected<Error>(std::move(text.error()));
    ASSAY_ASSIGN_OR_RETURN(aliases[file_name.substr(0, file_name.size() - 5)],
                           parse_alias(*text, path));
  }
  return aliases;
}

Result<ModelVersion> read_version(const Workspace& workspace, std::string_view name,
                                  int64_t version, int64_t latest) {
  const std::string path =
      fmt::format("{}/{}/versions/{}.json", workspace.path(), model_folder(name), version);
  ASSAY_ASSIGN_OR_RETURN(const auto text, read_file(workspace.files(), path, kRecordLimitBytes));
  ASSAY_ASSIGN_OR_RETURN(ModelVersion model, parse_model(text, path));
  if (model.version != version) {
    return fail(StatusCode::kData, "'{}' is damaged: it says version {}", path, model.version);
  }
  ASSAY_ASSIGN_OR_RETURN(const auto aliases, aliases_of(workspace, name));
  model.aliases.clear();
  for (const auto& [alias, target] : aliases) {
    if (target == version) model.aliases.push_back(alias);
  }
  if (version == latest) model.aliases.emplace_back(kLatest);
  std::sort(model.aliases.begin(), model.aliases.end());
  return model;
}

// The versions of a model that must exist.
Result<std::vector<int64_t>> known_versions(const Workspace& workspace, std::string_view name) {
  ASSAY_RETURN_IF_ERROR(check_name("model", name));
  ASSAY_ASSIGN_OR_RETURN(auto versions, versions_of(workspace, name));
  if (!versions.empty()) return versions;
  ASSAY_ASSIGN_OR_RETURN(const auto names, model_names(workspace));
  if (names.empty()) {
    return fail(StatusCode::kNotFound, "no model '{}': no model is registered yet", name);
  }
  const std::string_view near = nearest_name(name, names);
  return fail(StatusCode::kNotFound, "no model '{}' is registered{}", name,
              near.empty()
                  ? fmt::format(" (`assay models list` shows the {} that are)", names.size())
                  : fmt::format(" (did you mean '{}'?)", near));
}

Result<int64_t> find_version(const std::vector<int64_t>& versions, std::string_view name,
                             std::string_view number) {
  int64_t version = 0;
  const char* end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, version);
  if (error != std::errc() || stop != end) {
    return fail(StatusCode::kInvalidArgument,
                "'{}' is not a version of model '{}' (a number; "
                "aliases are written {}@ALIAS)",
                number, name, name);
  }
  if (std::find(versions.begin(), versions.end(), version) == versions.end()) {
    return fail(StatusCode::kNotFound, "model '{}' has no version {} (it has {} to {})", name,
                version, versions.front(), versions.back());
  }
  return version;
}

Result<int64_t> find_alias(const Workspace& workspace, const std::vector<int64_t>& versions,
                           std::string_view name, std::string_view alias) {
  if (lower_case(alias) == kLatest) return versions.back();
  ASSAY_ASSIGN_OR_RETURN(const auto aliases, aliases_of(workspace, name));
  const auto it = aliases.find(lower_case(alias));
  if (it == aliases.end()) {
    std::vector<std::string> known = {std::string(kLatest)};
    for (const auto& entry : aliases) known.push_back(entry.first);
    return fail(StatusCode::kNotFound, "model '{}' has no alias '{}'{}", name, alias,
                name_hint(alias, known));
  }
  if (std::find(versions.begin(), versions.end(), it->second) == versions.end()) {
    return fail(StatusCode::kData, "alias '{}' of model '{}' points at version {}, which is gone",
                alias, name, it->second);
  }
  return it->second;
}

// Links the record under the next free number.
Status take_version(Workspace& workspace, ModelVersion& model) {
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
  FileLayer& files = workspace.files();
  const std::string relative = model_folder(model.name) + "/versions";
  ASSAY_RETURN_IF_ERROR(workspace.ensure_folder(relative));
  const std::string folder = fmt::format("{}/{}", workspace.path(), relative);
  ASSAY_ASSIGN_OR_RETURN(const auto versions, versions_of(workspace, model.name));
  model.version = versions.empty() ? 1 : versions.back() + 1;
  while (true) {
    ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
    const std::string temporary = fmt::format("{}/model-{}", writer->tmp_folder(), id);
    const std::string text = to_json(model);
    ASSAY_ASSIGN_OR_RETURN(auto file, files.create(temporary));
    Status status = file->append(std::as_bytes(std::span(text)));
    if (status) status = file->sync();
    if (status) {
      status = files.link(temporary, fmt::format("{}/{}.json", folder, model.version));
    }
    (void)files.unlink(temporary);
    if (status) return files.sync_folder(folder);
    if (status.error().code != StatusCode::kAlreadyExists) return status;
    ++model.version;
  }
}

Status check_model(const ModelVersion& model) {
  ASSAY_RETURN_IF_ERROR(check_name("model", model.name));
  if (std::find(kStages.begin(), kStages.end(), model.stage) == kStages.end()) {
    return fail(StatusCode::kInvalidArgument, "unknown stage '{}'{}", model.stage,
                name_hint(model.stage, std::span(kStages).subspan(1)));
  }
  return {};
}

Result<ModelVersion> register_blob(Workspace& workspace, ModelVersion model, const BlobRef& blob) {
  model.sha256 = blob.sha256;
  model.size = blob.size;
  model.created_ns = wall_time_ns();
  ASSAY_RETURN_IF_ERROR(take_version(workspace, model));
  return read_version(workspace, model.name, model.version, model.version);
}

}  // namespace

Result<ModelVersion> ModelRegistry::register_model(ModelVersion model,
                                                   std::span<const std::byte> bytes) {
  ASSAY_RETURN_IF_ERROR(check_model(model));
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put(bytes));
  return register_blob(*workspace_, std::move(model), blob);
}

Result<ModelVersion> ModelRegistry::register_model_file(ModelVersion model,
                                                        const std::string& path) {
  ASSAY_RETURN_IF_ERROR(check_model(model));
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put_file(path));
  return register_blob(*workspace_, std::move(model), blob);
}

Result<std::vector<ModelVersion>> ModelRegistry::list_models() {
  ASSAY_ASSIGN_OR_RETURN(const auto names, model_names(*workspace_));
  std::vector<ModelVersion> models;
  for (const std::string& name : names) {
    ASSAY_ASSIGN_OR_RETURN(const auto versions, versions_of(*workspace_, name));
    if (versions.empty()) continue;
    ASSAY_ASSIGN_OR_RETURN(ModelVersion model,
                           read_version(*workspace_, name, versions.back(), versions.back()));
    models.push_back(std::move(model));
  }
  return models;
}

Result<std::vector<ModelVersion>> ModelRegistry::list_versions(std::string_view name) {
  ASSAY_ASSIGN_OR_RETURN(const auto versions, known_versions(*workspace_, name));
  std::vector<ModelVersion> models;
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    ASSAY_ASSIGN_OR_RETURN(ModelVersion model,
                           read_version(*workspace_, name, *it, versions.back()));
    models.push_back(std::move(model));
  }
  return models;
}

Result<ModelVersion> ModelRegistry::resolve(std::string_view reference) {
  const size_t mark = reference.find_first_of(":@");
  const std::string_view name = reference.substr(0, mark);
  ASSAY_ASSIGN_OR_RETURN(const auto versions, known_versions(*workspace_, name));
  int64_t version = versions.back();
  if (mark != std::string_view::npos) {
    const std::string_view rest = reference.substr(mark + 1);
    auto found = reference[mark] == ':' ? find_version(versions, name, rest)
                                        : find_alias(*workspace_, versions, name, rest);
    if (!found) return tl::unexpected<Error>(std::move(found.error()));
    version = *found;
  }
  return read_version(*workspace_, name, version, versions.back());
}

Result<std::string> ModelRegistry::read_model(const ModelVersion& model) {
  auto bytes = BlobStore(*workspace_).read(model.sha256);
  if (bytes) return bytes;
  return fail_with(std::move(bytes.error()), fmt::format("model {}:{}", model.name, model.version));
}

Result<ModelVersion> ModelRegistry::export_model(std::string_view reference,
                                                 const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(ModelVersion model, resolve(reference));
  ASSAY_RETURN_IF_ERROR(BlobStore(*workspace_).copy_to(model.sha256, path));
  return model;
}

Status ModelRegistry::set_alias(std::string_view model_name, std::string_view alias,
                                int64_t version) {
  ASSAY_RETURN_IF_ERROR(check_name("alias", alias));
  if (lower_case(alias) == kLatest) {
    return fail(StatusCode::kInvalidArgument,
                "alias 'latest' always means the newest version and cannot be set");
  }
  ASSAY_ASSIGN_OR_RETURN(const auto versions, known_versions(*workspace_, model_name));
  ASSAY_RETURN_IF_ERROR(find_version(versions, model_name, fmt::format("{}", version)));
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_->writer());
  const std::string relative = model_folder(model_name) + "/aliases";
  ASSAY_RETURN_IF_ERROR(workspace_->ensure_folder(relative));
  const std::string text = alias_json(version);
  return publish_file(workspace_->files(), writer->tmp_folder(),
                      fmt::format("{}/{}/{}.json", workspace_->path(), relative, lower_case(alias)),
                      std::as_bytes(std::span(text)));
}

Status ModelRegistry::remove_alias(std::string_view model_name, std::string_view alias) {
  ASSAY_RETURN_IF_ERROR(check_name("alias", alias));
  ASSAY_ASSIGN_OR_RETURN(const auto versions, known_versions(*workspace_, model_name));
  if (lower_case(alias) == kLatest) {
    return fail(StatusCode::kInvalidArgument, "alias 'latest' cannot be removed");
  }
  ASSAY_RETURN_IF_ERROR(find_alias(*workspace_, versions, model_name, alias));
  const std::string folder =
      fmt::format("{}/{}/aliases", workspace_->path(), model_folder(model_name));
  ASSAY_RETURN_IF_ERROR(
      workspace_->files().unlink(fmt::format("{}/{}.json", folder, lower_case(alias))));
  return workspace_->files().sync_folder(folder);
}

}  // namespace assay::tracking
