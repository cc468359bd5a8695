#include <algorithm>
#include <nlohmann/json.hpp>

#include "tracking/catalog_file_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, kFieldGroups> kGroupNames = {
    "run", "params", "tags", "metrics_last", "metrics_min", "metrics_max", "metrics_count"};
constexpr std::array<std::string_view, 5> kTypeNames = {"", "f64", "i64", "u8", "text"};
constexpr std::array<uint64_t, 5> kTypeBytes = {0, 8, 8, 1, 4};
constexpr uint64_t kMostRows = uint64_t{1} << 31;

Json array_json(const CatalogArray& array) {
  return Json::array({array.offset, array.bytes, array.crc});
}

// Reads pieces of the directory; remembers whether all were right.
class Pieces {
 public:
  explicit Pieces(uint64_t image_bytes) : image_bytes_(image_bytes) {}
  bool ok() const { return ok_; }
  void require(bool holds) { ok_ = ok_ && holds; }

  const Json& at(const Json& object, const char* key) {
    static const Json nothing;
    const auto it = object.is_object() ? object.find(key) : object.end();
    if (it != object.end()) return *it;
    ok_ = false;
    return nothing;
  }
  uint64_t whole(const Json& value) {
    if (value.is_number_unsigned()) return value.get<uint64_t>();
    ok_ = false;
    return 0;
  }
  int64_t integer(const Json& value) {
    if (value.is_number_integer()) return value.get<int64_t>();
    ok_ = false;
    return 0;
  }
  std::string text(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    ok_ = false;
    return {};
  }
  CatalogArray array(const Json& value) {
    if (!value.is_array() || value.size() != 3) return ok_ = false, CatalogArray();
    const CatalogArray array{whole(value[0]), whole(value[1]),
                             static_cast<uint32_t>(whole(value[2]))};
    require(array.bytes <= image_bytes_ && array.offset <= image_bytes_ - array.bytes);
    return array;
  }
  CatalogArray array(const Json& value, uint64_t count, uint64_t element_bytes) {
    const CatalogArray array = this->array(value);
    require(array.bytes == count * element_bytes);
    return array;
  }

 private:
  uint64_t image_bytes_;
  bool ok_ = true;
};

template <size_t N>
size_t index_of(const std::array<std::string_view, N>& names, const std::string& name) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

CatalogPart read_part(Pieces& pieces, const Json& json, uint64_t rows) {
  CatalogPart part;
  const size_t type = index_of(kTypeNames, pieces.text(pieces.at(json, "type")));
  pieces.require(type > 0 && type < kTypeNames.size());
  if (!pieces.ok()) return part;
  part.type = static_cast<CellKind>(type);
  uint64_t count = rows;
  if (json.contains("rows")) {
    part.rows = pieces.array(json["rows"]);
    count = part.rows->bytes / sizeof(uint32_t);
    pieces.require(part.rows->bytes % sizeof(uint32_t) == 0 && count <= rows);
  }
  part.values = pieces.array(pieces.at(json, "values"), count, kTypeBytes[type]);
  if (part.type == CellKind::kText) {
    part.texts = pieces.array(pieces.at(json, "texts"));
    part.text_ends = pieces.array(pieces.at(json, "text_ends"));
    pieces.require(part.text_ends.bytes % sizeof(uint64_t) == 0);
  }
  return part;
}

void read_columns(Pieces& pieces, const Json& json, CatalogDirectory& directory) {
  pieces.require(json.is_array());
  for (size_t i = 0; pieces.ok() && i < json.size(); ++i) {
    const size_t group = index_of(kGroupNames, pieces.text(pieces.at(json[i], "group")));
    pieces.require(group < kGroupNames.size());
    RunField field{static_cast<FieldGroup>(group), pieces.text(pieces.at(json[i], "key"))};
    const Json& parts = pieces.at(json[i], "parts");
    pieces.require(parts.is_array() && parts.size() < kTypeNames.size());
    if (!pieces.ok()) return;
    std::vector<CatalogPart>& column = directory.columns[std::move(field)];
    for (const Json& part : parts) column.push_back(read_part(pieces, part, directory.rows));
  }
}

void read_folders(Pieces& pieces, const Json& json, CatalogDirectory& directory) {
  const Json& ends = pieces.at(json, "folder_ends");
  const Json& stamps = pieces.at(json, "folder_stamps");
  pieces.require(ends.is_array() && ends.size() == kShards && stamps.is_array() &&
                 stamps.size() == kShards);
  uint64_t last = 0;
  for (size_t i = 0; pieces.ok() && i < kShards; ++i) {
    directory.shard_ends[i] = pieces.whole(ends[i]);
    pieces.require(directory.shard_ends[i] >= last);
    last = directory.shard_ends[i];
    pieces.require(stamps[i].is_array() && stamps[i].size() == 3);
    if (!pieces.ok()) return;
    directory.stamps[i] = {pieces.whole(stamps[i][0]), pieces.integer(stamps[i][1]),
                           pieces.integer(stamps[i][2])};
  }
  pieces.require(last == directory.rows);
}

// Catalogs of the first builds have no such list.
void read_missing(Pieces& pieces, const Json& json, CatalogDirectory& directory) {
  if (!json.contains("missing")) return;
  const Json& missing = json["missing"];
  pieces.require(missing.is_array());
  for (size_t i = 0; pieces.ok() && i < missing.size(); ++i) {
    pieces.require(missing[i].is_array() && missing[i].size() == 2);
    if (!pieces.ok()) return;
    MissingRun run{pieces.text(missing[i][0]), pieces.text(missing[i][1])};
    pieces.require(is_ulid(run.run_id));
    directory.missing.push_back(std::move(run));
  }
}

}  // namespace

std::string to_json(const CatalogDirectory& directory) {
  Json json{{"catalog", kCatalogVersion},
            {"id", directory.id},
            {"rows", directory.rows},
            {"folder_ends", directory.shard_ends},
            {"folder_stamps", Json::array()},
            {"run_id", array_json(directory.run_ids)},
            {"inode", array_json(directory.inodes)},
            {"size", array_json(directory.sizes)},
            {"modified_ns", array_json(directory.modified_ns)},
            {"missing", Json::array()},
            {"columns", Json::array()}};
  for (const MissingRun& run : directory.missing) {
    json["missing"].push_back(Json::array({run.run_id, run.name}));
  }
  for (const FolderStamp& stamp : directory.stamps) {
    json["folder_stamps"].push_back(
        Json::array({stamp.inode, stamp.modified_ns, stamp.changed_ns}));
  }
  for (const auto& [field, parts] : directory.columns) {
    Json column{{"group", kGroupNames[static_cast<size_t>(field.group)]},
                {"key", field.key},
                {"parts", Json::array()}};
    for (const CatalogPart& part : parts) {
      Json entry{{"type", kTypeNames[static_cast<size_t>(part.type)]},
                 {"values", array_json(part.values)}};
      if (part.rows) entry["rows"] = array_json(*part.rows);
      if (part.type == CellKind::kText) {
        entry["texts"] = array_json(part.texts);
        entry["text_ends"] = array_json(part.text_ends);
      }
      column["parts"].push_back(std::move(entry));
    }
    json["columns"].push_back(std::move(column));
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<CatalogDirectory> parse_directory(std::string_view text, uint64_t image_bytes) {
  const Json json = Json::parse(text, nullptr, false);
  Pieces pieces(image_bytes);
  CatalogDirectory directory;
  const int64_t version = pieces.integer(pieces.at(json, "catalog"));
  pieces.require(version <= kCatalogVersion);
  directory.id = pieces.text(pieces.at(json, "id"));
  directory.rows = pieces.whole(pieces.at(json, "rows"));
  pieces.require(directory.rows <= kMostRows);
  if (pieces.ok()) {
    const uint64_t rows = directory.rows;
    directory.run_ids = pieces.array(pieces.at(json, "run_id"), rows, kRunIdBytes);
    directory.inodes = pieces.array(pieces.at(json, "inode"), rows, sizeof(uint64_t));
    directory.sizes = pieces.array(pieces.at(json, "size"), rows, sizeof(int64_t));
    directory.modified_ns = pieces.array(pieces.at(json, "modified_ns"), rows, sizeof(int64_t));
    read_folders(pieces, json, directory);
    read_missing(pieces, json, directory);
    read_columns(pieces, pieces.at(json, "columns"), directory);
  }
  if (!pieces.ok()) {
    return fail(StatusCode::kData, "its directory is not what this release reads");
  }
  return directory;
}

}  // namespace assay::tracking
