// Tensors are kept as what makes their bytes: a file is laid out from their shapes, then written
// block by block, so that it takes no second copy of a large model's arrays.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "automl/models/model_file.h"
#include "automl/models/model_layout_internal.h"
#include "kernels/base/hash.h"

namespace assay::automl {
namespace {

using Json = nlohmann::json;

// A multiple of kTensorAlignment.
constexpr size_t kBlockBytes = size_t{1} << 18;

// Passes bytes on in blocks, and hashes them. Whoever appends whole multiples of kTensorAlignment
// gets room that is aligned for numbers.
class BlockStream {
 public:
  explicit BlockStream(ByteSink sink) : sink_(sink) { block_.reserve(2 * kBlockBytes); }

  // Room for so many bytes, at most kBlockBytes, valid until the next call.
  std::span<std::byte> room(size_t bytes) {
    const size_t at = block_.size();
    block_.resize(at + bytes);
    return std::span(block_).subspan(at);
  }
  void pad() { block_.resize(tensor_aligned(block_.size())); }
  Status flush_full() { return block_.size() < kBlockBytes ? Status() : flush(); }
  // Sends the rest and the hash.
  Status finish() {
    ASSAY_RETURN_IF_ERROR(flush());
    const std::string digest = hash_.finish();
    return sink_(std::as_bytes(std::span(digest)));
  }

 private:
  Status flush() {
    hash_.update(block_);
    Status sent = sink_(block_);
    block_.clear();
    return sent;
  }

  ByteSink sink_;
  Sha256 hash_;
  std::vector<std::byte> block_;
};

}  // namespace

struct ModelWriter::State {
  // Makes the bytes of values from `first` on.
  using Source = std::function<void(int64_t first, std::span<std::byte> out)>;
  struct Tensor {
    DType dtype;
    Shape shape;
    size_t size = 0;
    Source source;  // none if only counting
  };
  bool counting = false;
  std::map<std::string, Tensor> tensors;
  Json values = Json::object();
  std::string mistake;  // the first one

  Result<std::string> header() const {
    if (!mistake.empty()) return fail(StatusCode::kInternal, "model file: {}", mistake);
    Json header = {{"tensors", Json::object()}, {"values", values}};
    for (const auto& [path, tensor] : tensors) {
      Json entry = Json::array({std::string(tensor.dtype.name)});
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
  // `source` is made where it is wanted: not while bytes are only counted.
  template <class T, class MakeSource>
  void put_tensor(std::string path, int64_t count, Shape shape, const MakeSource& source) {
    if (shape.empty()) shape = {count};
    if (shape.size() > kMaxTensorRank || shape_count(shape) != count) {
      note(path + " has a shape that does not fit its values");
    }
    Tensor tensor{kDType<T>, std::move(shape), static_cast<size_t>(count) * sizeof(T), {}};
    if (!counting) tensor.source = source();
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
  return ModelWriter(state_, part_path(prefix_, name));
}

void ModelWriter::put_text(std::string_view key, std::string_view text) {
  state_->put(part_path(prefix_, key), std::string(text));
}
void ModelWriter::put_number(std::string_view key, double number) {
  if (!std::isfinite(number)) state_->note(part_path(prefix_, key) + " is not finite");
  state_->put(part_path(prefix_, key), number);
}
void ModelWriter::put_integer(std::string_view key, int64_t number) {
  state_->put(part_path(prefix_, key), number);
}
void ModelWriter::put_flag(std::string_view key, bool flag) {
  state_->put(part_path(prefix_, key), flag);
}

void ModelWriter::put_texts(std::string_view key, std::span<const std::string> texts) {
  std::vector<int64_t> ends;
  std::vector<uint8_t> bytes;
  for (const std::string& text : texts) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    ends.push_back(static_cast<int64_t>(bytes.size()));
  }
  ModelWriter parts = child(key);
  parts.put_tensor("ends", std::span<const int64_t>(ends));
  parts.put_tensor("bytes", std::span<const uint8_t>(bytes));
}

template <class T>
void ModelWriter::copy_tensor(std::string_view key, std::span<const T> values, Shape shape) {
  state_->put_tensor<T>(part_path(prefix_, key), static_cast<int64_t>(values.size()),
                        std::move(shape), [&] {
                          return [copy = std::vector<T>(values.begin(), values.end())](
                                     int64_t first, std::span<std::byte> out) {
                            std::memcpy(out.data(), copy.data() + first, out.size());
                          };
                        });
}

template <class T>
void ModelWriter::refer_tensor(std::string_view key, std::span<const T> values) {
  make_tensor<T>(key, static_cast<int64_t>(values.size()), {},
                 [values](int64_t first, std::span<T> out) {
                   std::copy_n(values.begin() + first, out.size(), out.begin());
                 });
}

template <class T>
void ModelWriter::make_tensor(std::string_view key, int64_t count, Shape shape,
                              TensorMaker<T> maker) {
  state_->put_tensor<T>(part_path(prefix_, key), count, std::move(shape), [&] {
    return [maker = std::move(maker)](int64_t first, std::span<std::byte> out) {
      maker(first, {reinterpret_cast<T*>(out.data()), out.size() / sizeof(T)});
    };
  });
}

void ModelWriter::put_tensor(std::string_view key, std::span<const float> values, Shape shape) {
  copy_tensor(key, values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const double> values, Shape shape) {
  copy_tensor(key, values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const int32_t> values, Shape shape) {
  copy_tensor(key, values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const uint32_t> values, Shape shape) {
  copy_tensor(key, values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const int64_t> values, Shape shape) {
  copy_tensor(key, values, std::move(shape));
}
void ModelWriter::put_tensor(std::string_view key, std::span<const uint8_t> values, Shape shape) {
  copy_tensor(key, values, std::move(shape));
}

Result<int64_t> ModelWriter::byte_count() const {
  ASSAY_ASSIGN_OR_RETURN(const std::string text, state_->header());
  size_t bytes = tensor_aligned(kModelFixedBytes + text.size());
  for (const auto& [path, tensor] : state_->tensors) bytes += tensor_aligned(tensor.size);
  return static_cast<int64_t>(bytes + kModelHashBytes);
}

Status ModelWriter::write(ByteSink sink) const {
  if (state_->counting) return fail(StatusCode::kInternal, "model file: its bytes were not kept");
  ASSAY_ASSIGN_OR_RETURN(const std::string text, state_->header());
  BlockStream stream(sink);
  const std::array<uint32_t, 2> version = {kModelFormat, 0};
  const uint64_t header_bytes = text.size();
  const auto append = [&](const void* bytes, size_t count) {
    std::memcpy(stream.room(count).data(), bytes, count);
  };
  append(kModelMagic.data(), kModelMagic.size());
  append(version.data(), sizeof version);
  append(&header_bytes, sizeof header_bytes);
  append(text.data(), text.size());
  stream.pad();
  for (const auto& [path, tensor] : state_->tensors) {
    for (size_t begin = 0; begin < tensor.size; begin += kBlockBytes) {
      ASSAY_RETURN_IF_ERROR(stream.flush_full());
      const size_t count = std::min(kBlockBytes, tensor.size - begin);
      tensor.source(static_cast<int64_t>(begin) / tensor.dtype.bytes, stream.room(count));
    }
    stream.pad();
  }
  return stream.finish();
}

Result<std::string> ModelWriter::finish() const {
  ASSAY_ASSIGN_OR_RETURN(const int64_t bytes, byte_count());
  std::string file;
  if (!state_->counting) file.reserve(static_cast<size_t>(bytes));
  ASSAY_RETURN_IF_ERROR(write([&](std::span<const std::byte> block) {
    file.append(reinterpret_cast<const char*>(block.data()), block.size());
    return Status();
  }));
  return file;
}

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type
#define ASSAY_MADE_TENSOR(T)                                                               \
  template void ModelWriter::refer_tensor<T>(std::string_view, std::span<const T>);        \
  template void ModelWriter::make_tensor<T>(std::string_view, int64_t, ModelWriter::Shape, \
                                            ModelWriter::TensorMaker<T>)
ASSAY_MADE_TENSOR(float);
ASSAY_MADE_TENSOR(double);
ASSAY_MADE_TENSOR(int32_t);
ASSAY_MADE_TENSOR(uint32_t);
ASSAY_MADE_TENSOR(int64_t);
ASSAY_MADE_TENSOR(uint8_t);
#undef ASSAY_MADE_TENSOR
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace assay::automl
