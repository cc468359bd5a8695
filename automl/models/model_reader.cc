#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "automl/models/model_file.h"
#include "automl/models/model_layout_internal.h"
#include "kernels/base/hash.h"
#include "tracking/model_card.h"

namespace assay::automl {
namespace {

using Json = nlohmann::json;

// Headers are names and shapes: a larger one is damage.
constexpr uint64_t kMaxHeaderBytes = uint64_t{1} << 28;
constexpr size_t kHashedBytes = size_t{1} << 18;

}  // namespace

struct ModelReader::State {
  struct Tensor {
    std::string dtype;
    std::vector<int64_t> shape;
    int64_t count = 0;
    size_t offset = 0;
  };
  std::string bytes;
  std::unique_ptr<File> file;  // instead of the bytes
  mutable std::mutex file_mutex;
  size_t model_bytes = 0;  // a card may follow them
  std::string source;
  std::map<std::string, Tensor, std::less<>> tensors;
  Json values;

  // Bytes from `offset` on, which must be there. Fails: io; data if the file was cut meanwhile.
  Status read(size_t offset, std::span<std::byte> out) const {
    if (file == nullptr) {
      if (!out.empty()) std::memcpy(out.data(), bytes.data() + offset, out.size());
      return {};
    }
    const std::lock_guard lock(file_mutex);
    while (!out.empty()) {
      ASSAY_ASSIGN_OR_RETURN(const int64_t count, file->read_at(static_cast<int64_t>(offset), out));
      if (count == 0) return fail(StatusCode::kData, "{}: the file was cut off", source);
      offset += static_cast<size_t>(count);
      out = out.subspan(static_cast<size_t>(count));
    }
    return {};
  }

  // Of the first `size` bytes.
  Result<std::string> hash(size_t size) const {
    if (file == nullptr) return sha256_hex(std::string_view(bytes).substr(0, size));
    Sha256 hash;
    std::vector<std::byte> block(std::min(size, kHashedBytes));
    for (size_t at = 0; at < size; at += block.size()) {
      const auto part = std::span(block).first(std::min(block.size(), size - at));
      ASSAY_RETURN_IF_ERROR(read(at, part));
      hash.update(part);
    }
    return hash.finish();
  }

  // Reads the header's list of tensors and lays them out behind `offset`; true if all is sound and
  // they fill the file up to the hash exactly.
  bool place(const Json& list, size_t offset) {
    const size_t end = model_bytes - kModelHashBytes;
    for (const auto& [path, entry] : list.items()) {
      if (!entry.is_array() || entry.empty() || entry.size() > 1 + kMaxTensorRank) return false;
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
      const auto count = shape_count(tensor.shape);
      int64_t size = 0;
      if (dtype == kDTypes.end() || !count || __builtin_mul_overflow(*count, dtype->bytes, &size) ||
          offset > end || static_cast<uint64_t>(size) > end - offset) {
        return false;
      }
      tensor.count = *count;
      tensor.offset = offset;
      offset = tensor_aligned(offset + static_cast<size_t>(size));
      tensors.emplace(path, std::move(tensor));
    }
    return offset == end;
  }
};

Result<ModelReader> ModelReader::open(std::string bytes, std::string source) {
  auto state = std::make_shared<State>();
  state->bytes = std::move(bytes);
  state->source = std::move(source);
  ASSAY_ASSIGN_OR_RETURN(const auto parts, tracking::split_card(state->bytes, state->source));
  state->model_bytes = parts.model.size();
  return open(std::move(state));
}

Result<ModelReader> ModelReader::open(std::unique_ptr<File> file, std::string source) {
  auto state = std::make_shared<State>();
  ASSAY_ASSIGN_OR_RETURN(const int64_t size, file->size());
  state->file = std::move(file);
  state->source = std::move(source);
  state->model_bytes = static_cast<size_t>(size);
  return open(std::move(state));
}

Result<ModelReader> ModelReader::open(std::shared_ptr<State> state) {
  const ModelReader reader(state, "");
  const size_t size = state->model_bytes;
  const auto text_at = [&](size_t offset, size_t count) -> Result<std::string> {
    std::string text(count, '\0');
    ASSAY_RETURN_IF_ERROR(state->read(offset, std::as_writable_bytes(std::span(text))));
    return text;
  };
  const std::string_view strange = "this is not a model file of Assay";
  if (size < kModelFixedBytes + kModelHashBytes) return reader.damaged(strange);
  ASSAY_ASSIGN_OR_RETURN(const std::string fixed, text_at(0, kModelFixedBytes));
  if (!fixed.starts_with(kModelMagic)) return reader.damaged(strange);
  uint32_t version = 0;
  uint64_t header_bytes = 0;
  std::memcpy(&version, fixed.data() + 8, sizeof version);
  std::memcpy(&header_bytes, fixed.data() + 16, sizeof header_bytes);
  if (version != kModelFormat) {
    return reader.damaged(
        fmt::format("format version {} (this program reads {})", version, kModelFormat));
  }
  const size_t body = size - kModelHashBytes;
  ASSAY_ASSIGN_OR_RETURN(const std::string found, state->hash(body));
  ASSAY_ASSIGN_OR_RETURN(const std::string wanted, text_at(body, kModelHashBytes));
  if (found != wanted) {
    return reader.damaged("the content does not match its SHA-256: the file is damaged or cut off");
  }
  if (header_bytes > kMaxHeaderBytes || header_bytes > body - kModelFixedBytes) {
    return reader.damaged("the header is longer than the file");
  }
  ASSAY_ASSIGN_OR_RETURN(const std::string text, text_at(kModelFixedBytes, header_bytes));
  Json header = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object() || !header.contains("tensors") || !header["tensors"].is_object() ||
      !header.contains("values") || !header["values"].is_object() ||
      !state->place(header["tensors"], tensor_aligned(kModelFixedBytes + header_bytes))) {
    return reader.damaged("the header is not sound");
  }
  state->values = std::move(header["values"]);
  return reader;
}

ModelReader ModelReader::child(std::string_view name) const {
  return ModelReader(state_, part_path(prefix_, name));
}

tl::unexpected<Error> ModelReader::damaged(std::string_view message) const {
  return fail(StatusCode::kData, "{}: {}{}{}", state_->source, prefix_, prefix_.empty() ? "" : ": ",
              message);
}

bool ModelReader::has(std::string_view key) const {
  const std::string path = part_path(prefix_, key);
  return state_->values.contains(path) || state_->tensors.contains(path) ||
         state_->tensors.contains(part_path(path, "ends"));
}

Result<std::string> ModelReader::text(std::string_view key) const {
  const auto at = state_->values.find(part_path(prefix_, key));
  if (at == state_->values.end() || !at->is_string()) {
    return damaged(fmt::format("no text '{}'", key));
  }
  return at->get<std::string>();
}

Result<double> ModelReader::number(std::string_view key) const {
  const auto at = state_->values.find(part_path(prefix_, key));
  if (at == state_->values.end() || !at->is_number()) {
    return damaged(fmt::format("no number '{}'", key));
  }
  return at->get<double>();
}

Result<int64_t> ModelReader::integer(std::string_view key, int64_t low, int64_t high) const {
  const auto at = state_->values.find(part_path(prefix_, key));
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
  const auto at = state_->values.find(part_path(prefix_, key));
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
  const auto at = state_->tensors.find(part_path(prefix_, key));
  if (at == state_->tensors.end() || at->second.dtype != kDType<T>.name) {
    return damaged(fmt::format("no {} tensor '{}'", kDType<T>.name, key));
  }
  std::vector<T> values(static_cast<size_t>(at->second.count));
  ASSAY_RETURN_IF_ERROR(state_->read(at->second.offset, std::as_writable_bytes(std::span(values))));
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
