#include "automl/models/model_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <utility>

#include "kernels/base/hash.h"
#include "tracking/model_card.h"

namespace assay::automl {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are little-endian as they are");

using Json = nlohmann::json;

constexpr std::string_view kMagic = "ASSAYMOD";
constexpr size_t kFixedBytes = 24;
constexpr size_t kHashBytes = 64;
constexpr size_t kAlignment = 64;
constexpr size_t kMaxRank = 4;
// Headers are names and shapes: a larger one is damage.
constexpr uint64_t kMaxHeaderBytes = uint64_t{1} << 28;

struct DType {
  std::string_view name;
  int64_t bytes;
};
template <class T>
constexpr DType kDType{};
template <>
constexpr DType kDType<float> = {"f32", 4};
template <>
constexpr DType kDType<double> = {"f64", 8};
template <>
constexpr DType kDType<int32_t> = {"i32", 4};
template <>
constexpr DType kDType<uint32_t> = {"u32", 4};
template <>
constexpr DType kDType<int64_t> = {"i64", 8};
template <>
constexpr DType kDType<uint8_t> = {"u8", 1};
constexpr std::array<DType, 6> kDTypes = {kDType<float>,    kDType<double>,  kDType<int32_t>,
                                          kDType<uint32_t>, kDType<int64_t>, kDType<uint8_t>};

size_t aligned(size_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

std::string path_of(std::string_view prefix, std::string_view key) {
  std::string path(prefix);
  if (!path.empty()) path += '/';
  path += key;
  return path;
}

// Number of values of a shape, or nothing if it is negative or overflows.
std::optional<int64_t> count_of(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count)) return std::nullopt;
  }
  return count;
}

}  // namespace

struct ModelWriter::State {
  struct Tensor {
    std::string_view dtype;
    Shape shape;
    size_t size = 0;
    std::string bytes;  // none if only counting
  };
  bool counting = false;
  std::map<std::string, Tensor> tensors;
  Json values = Json::object();
  std::string mistake;  // the first one

  Result<std::string> header() const {
    if (!mistake.empty()) return fail(StatusCode::kInternal, "model file: {}", mistake);
    Json header = {{"tensors", Json::object()}, {"values", values}};
    for (const auto& [path, tensor] : tensors) {
      Json entry = Json::array({std::string(tensor.dtype)});
      for (const int64_t extent : tensor.shape) entry.push_back(extent);
      header["tensors"][path] = std::move(entry);
    }
    try {
      return header.dump();
    } catch (const Json::exception& error) {
      return fail(StatusCode::kInternal, "model file: {}", error.what());
    }
  }
  void note(std::string message) {
    if (mistake.empty()) mistake = std::move(message);
  }
  void put(std::string path, Json value) {
    if (values.contains(path)) note(path + " was put twice");
    values[std::move(path)] = std::move(value);
  }
  template <class T>
  void put_tensor(std::string path, std::span<const T> data, Shape shape) {
    if (shape.empty()) shape = {static_cast<int64_t>(data.size())};
    if (shape.size() > kMaxRank || count_of(shape) != static_cast<int64_t>(data.size())) {
      note(path + " has a shape that does not fit its values");
    }
    const auto raw = std::as_bytes(data);
    Tensor tensor{kDType<T>.name, std::move(shape), raw.size(), {}};
    if (!counting) tensor.bytes.assign(reinterpret_cast<const char*>(raw.data()), raw.size());
    const auto [at, fresh] = tensors.emplace(path, std::move(tensor));
    if (!fresh) note(path + " was put twice");
  }
};

ModelWriter::ModelWriter() : state_(std::make_shared<State>()) {}

ModelWriter ModelWriter::counting() {
  ModelWriter writer;
  writer.state_->counting = true;
  return writer;
}

ModelWriter ModelWriter::child(std::string_view name) const {
  return ModelWriter(state_, path_of(prefix_, name));
}

void ModelWriter::put_text(std::string_view key, std::string_view text) {
  state_->put(path_of(prefix_, key), std::string(text));
}
void ModelWriter::put_number(std::string_view key, double number) {
  if (!std::isfinite(number)) state_->note(path_of(prefix_, key) + " is not finite");
  state_->put(path_of(prefix_, key), number);
}
void ModelWriter::put_integer(std::string_view key, int64_t number) {
  state_->put(path_of(prefix_, key), number);
}
void ModelWriter::put_flag(std::string_view key, bool flag) {
  state_->put(path_of(prefix_, key), flag);
}

void ModelWriter::put_texts(std::string_view key, std::span<const std::string> texts) {
  std::vector<int64_t> ends;
  std::vector<uint8_t> bytes;
  for (const std::string& text : texts) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    ends.push_back(static_cast<int64_t>(bytes.size()));
  }
  const ModelWriter parts = child(key);
  state_->put_tensor(path_of(parts.prefix_, "ends"), std::span<const int64_t>(ends), {});
  state_->put_tensor(path_of(parts.prefix_, "bytes"), std::span<const uint8_t>(bytes), {});
}

void ModelWriter::put_tensor(std::string_view key, std::span<const float> values, Shape shape) {
  state_->put_tensor(path_of(prefix_, key), values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const double> values, Shape shape) {
  state_->put_tensor(path_of(prefix_, key), values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const int32_t> values, Shape shape) {
  state_->put_tensor(path_of(prefix_, key), values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const uint32_t> values, Shape shape) {
  state_->put_tensor(path_of(prefix_, key), values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const int64_t> values, Shape shape) {
  state_->put_tensor(path_of(prefix_, key), values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const uint8_t> values, Shape shape) {
  state_->put_tensor(path_of(prefix_, key), values, std::move(shape));
}

Result<int64_t> ModelWriter::byte_count() const {
  ASSAY_ASSIGN_OR_RETURN(const std::string text, state_->header());
  size_t bytes = aligned(kFixedBytes + text.size());
  for (const auto& [path, tensor] : state_->tensors) bytes += aligned(tensor.size);
  return static_cast<int64_t>(bytes + kHashBytes);
}

Result<std::string> ModelWriter::finish() const {
  if (state_->counting) return fail(StatusCode::kInternal, "model file: its bytes were not kept");
  ASSAY_ASSIGN_OR_RETURN(const std::string text, state_->header());
  std::string file(kMagic);
  const std::array<uint32_t, 2> version = {kModelFormat, 0};
  const uint64_t header_bytes = text.size();
  file.append(reinterpret_cast<const char*>(version.data()), sizeof version);
  file.append(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
  file += text;
  file.resize(aligned(file.size()), '\0');
  for (const auto& [path, tensor] : state_->tensors) {
    file += tensor.bytes;
    file.resize(aligned(file.size()), '\0');
  }
  file += sha256_hex(file);
  return file;
}

struct ModelReader::State {
  struct Tensor {
    std::string dtype;
    std::vector<int64_t> shape;
    int64_t count = 0;
    size_t offset = 0;
  };
  std::string bytes;
  size_t model_bytes = 0;  // a card may follow them
  std::string source;
  std::map<std::string, Tensor, std::less<>> tensors;
  Json values;

  // Reads the header's list of tensors and lays them out behind `offset`; true if all is sound and
  // they fill the file up to the hash exactly.
  bool place(const Json& list, size_t offset) {
    const size_t end = model_bytes - kHashBytes;
    for (const auto& [path, entry] : list.items()) {
      if (!entry.is_array() || entry.empty() || entry.size() > 1 + kMaxRank) return false;
      if (!entry[0].is_string()) return false;
      Tensor tensor;
      tensor.dtype = entry[0].get<std::string>();
      for (size_t i = 1; i < entry.size(); ++i) {
        if (!entry[i].is_number_unsigned() ||
            entry[i].get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
          return false;
        }
        tensor.shape.push_back(entry[i].get<int64_t>());
      }
      const auto dtype = std::find_if(kDTypes.begin(), kDTypes.end(),
                                      [&](const DType& d) { return d.name == tensor.dtype; });
      const auto count = count_of(tensor.shape);
      int64_t size = 0;
      if (dtype == kDTypes.end() || !count || __builtin_mul_overflow(*count, dtype->bytes, &size) ||
          offset > end || static_cast<uint64_t>(size) > end - offset) {
        return false;
      }
      tensor.count = *count;
      tensor.offset = offset;
      offset = aligned(offset + static_cast<size_t>(size));
      tensors.emplace(path, std::move(tensor));
    }
    return offset == end;
  }
};

Result<ModelReader> ModelReader::open(std::string bytes, std::string source) {
  auto state = std::make_shared<State>();
  state->bytes = std::move(bytes);
  state->source = std::move(source);
  const ModelReader reader(state, "");
  ASSAY_ASSIGN_OR_RETURN(const auto parts, tracking::split_card(state->bytes, state->source));
  const std::string_view file = parts.model;
  state->model_bytes = file.size();
  if (file.size() < kFixedBytes + kHashBytes || file.substr(0, kMagic.size()) != kMagic) {
    return reader.damaged("this is not a model file of Assay");
  }
  uint32_t version = 0;
  uint64_t header_bytes = 0;
  std::memcpy(&version, file.data() + 8, sizeof version);
  std::memcpy(&header_bytes, file.data() + 16, sizeof header_bytes);
  if (version != kModelFormat) {
    return reader.damaged(
        fmt::format("format version {} (this program reads {})", version, kModelFormat));
  }
  const size_t body = file.size() - kHashBytes;
  if (sha256_hex(file.substr(0, body)) != file.substr(body)) {
    return reader.damaged("the content does not match its SHA-256: the file is damaged or cut off");
  }
  if (header_bytes > kMaxHeaderBytes || header_bytes > body - kFixedBytes) {
    return reader.damaged("the header is longer than the file");
  }
  const std::string_view text = file.substr(kFixedBytes, header_bytes);
  Json header = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object() || !header.contains("tensors") || !header["tensors"].is_object() ||
      !header.contains("values") || !header["values"].is_object() ||
      !state->place(header["tensors"], aligned(kFixedBytes + header_bytes))) {
    return reader.damaged("the header is not sound");
  }
  state->values = std::move(header["values"]);
  return reader;
}

ModelReader ModelReader::child(std::string_view name) const {
  return ModelReader(state_, path_of(prefix_, name));
}

tl::unexpected<Error> ModelReader::damaged(std::string_view message) const {
  return fail(StatusCode::kData, "{}: {}{}{}", state_->source, prefix_, prefix_.empty() ? "" : ": ",
              message);
}

bool ModelReader::has(std::string_view key) const {
  const std::string path = path_of(prefix_, key);
  return state_->values.contains(path) || state_->tensors.contains(path) ||
         state_->tensors.contains(path_of(path, "ends"));
}

Result<std::string> ModelReader::text(std::string_view key) const {
  const auto at = state_->values.find(path_of(prefix_, key));
  if (at == state_->values.end() || !at->is_string()) {
    return damaged(fmt::format("no text '{}'", key));
  }
  return at->get<std::string>();
}

Result<double> ModelReader::number(std::string_view key) const {
  const auto at = state_->values.find(path_of(prefix_, key));
  if (at == state_->values.end() || !at->is_number()) {
    return damaged(fmt::format("no number '{}'", key));
  }
  return at->get<double>();
}

Result<int64_t> ModelReader::integer(std::string_view key, int64_t low, int64_t high) const {
  const auto at = state_->values.find(path_of(prefix_, key));
  const bool there = at != state_->values.end() && at->is_number_integer();
  if (!there || (at->is_number_unsigned() && at->get<uint64_t>() > uint64_t{INT64_MAX})) {
    return damaged(fmt::format("no integer '{}'", key));
  }
  const auto value = at->get<int64_t>();
  if (value < low || value > high) {
    return damaged(fmt::format("{} is {} (must be {}..{})", key, value, low, high));
  }
  return value;
}

Result<bool> ModelReader::flag(std::string_view key) const {
  const auto at = state_->values.find(path_of(prefix_, key));
  if (at == state_->values.end() || !at->is_boolean()) {
    return damaged(fmt::format("no flag '{}'", key));
  }
  return at->get<bool>();
}

Result<std::vector<std::string>> ModelReader::texts(std::string_view key) const {
  const ModelReader parts = child(key);
  ASSAY_ASSIGN_OR_RETURN(const std::vector<int64_t> ends, parts.tensor<int64_t>("ends"));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, parts.tensor<uint8_t>("bytes"));
  std::vector<std::string> texts;
  int64_t begin = 0;
  for (const int64_t end : ends) {
    if (end < begin || end > static_cast<int64_t>(bytes.size())) {
      return parts.damaged("text ends are not in order");
    }
    texts.emplace_back(bytes.begin() + begin, bytes.begin() + end);
    begin = end;
  }
  return texts;
}

template <class T>
Result<std::vector<T>> ModelReader::tensor(std::string_view key) const {
  const auto at = state_->tensors.find(path_of(prefix_, key));
  if (at == state_->tensors.end() || at->second.dtype != kDType<T>.name) {
    return damaged(fmt::format("no {} tensor '{}'", kDType<T>.name, key));
  }
  std::vector<T> values(static_cast<size_t>(at->second.count));
  if (!values.empty()) {
    std::memcpy(values.data(), state_->bytes.data() + at->second.offset, values.size() * sizeof(T));
  }
  return values;
}

template <class T>
Result<std::vector<T>> ModelReader::tensor(std::string_view key, int64_t count) const {
  ASSAY_ASSIGN_OR_RETURN(std::vector<T> values, tensor<T>(key));
  if (static_cast<int64_t>(values.size()) != count) {
    return damaged(
        fmt::format("tensor '{}' has {} values (must be {})", key, values.size(), count));
  }
  return values;
}

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type
#define ASSAY_MODEL_TENSOR(T)                                                     \
  template Result<std::vector<T>> ModelReader::tensor<T>(std::string_view) const; \
  template Result<std::vector<T>> ModelReader::tensor<T>(std::string_view, int64_t) const
ASSAY_MODEL_TENSOR(float);
ASSAY_MODEL_TENSOR(double);
ASSAY_MODEL_TENSOR(int32_t);
ASSAY_MODEL_TENSOR(uint32_t);
ASSAY_MODEL_TENSOR(int64_t);
ASSAY_MODEL_TENSOR(uint8_t);
#undef ASSAY_MODEL_TENSOR
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace assay::automl
