// The model file: named values and tensors in one checked file, of which equal models have equal
// bytes (no times, no ids). Integers are little-endian.
//
//   0   8 bytes   "ASSAYMOD"
//   8   u32       format version, 1
//   12  u32       0
//   16  u64       bytes of the header
//   24            header: JSON {"tensors": {name: [dtype, shape...]}, "values": {name: value}},
//                 keys sorted
//       zeros up to a multiple of 64; then each tensor in order of names, padded likewise
//   end 64 bytes  SHA-256 of everything before, in hex
//
// An exported model has its card behind that (tracking/model_card.h); it is no part of the model.
//
// Readers pass over names that they do not know, and what was added to the format since its first
// version may be absent. The version rises when what was there before changes its meaning.
//
// Names are paths: "model/members/0/forest/left". Texts of people (column names, levels) are
// tensors of bytes, since they need not be UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/byte_sink.h"
#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"

namespace assay::automl {

inline constexpr uint32_t kModelFormat = 1;

// Collects the parts of one file. A writer made by `child` writes into the same file under a
// longer path. Not thread-safe.
class ModelWriter {
 public:
  ModelWriter();
  // Keeps no values: for byte_count() alone.
  static ModelWriter counting();
  ModelWriter child(std::string_view name) const;

  // `text` must be UTF-8 (names of ours); a number must be finite.
  void put_text(std::string_view key, std::string_view text);
  void put_number(std::string_view key, double number);
  void put_integer(std::string_view key, int64_t number);
  void put_flag(std::string_view key, bool flag);
  // Any bytes.
  void put_texts(std::string_view key, std::span<const std::string> texts);

  // Tensors; the values are copied. Without a shape they are one-dimensional.
  using Shape = std::vector<int64_t>;
  void put_tensor(std::string_view key, std::span<const float> values, Shape shape = {});
  void put_tensor(std::string_view key, std::span<const double> values, Shape shape = {});
  void put_tensor(std::string_view key, std::span<const int32_t> values, Shape shape = {});
  void put_tensor(std::string_view key, std::span<const uint32_t> values, Shape shape = {});
  void put_tensor(std::string_view key, std::span<const int64_t> values, Shape shape = {});
  void put_tensor(std::string_view key, std::span<const uint8_t> values, Shape shape = {});
  // Large tensors, whose values are not copied but read when the file is written: what they are
  // read from must live until then. T is one of the types of put_tensor.
  template <class T>
  void refer_tensor(std::string_view key, std::span<const T> values);
  // Fills `out` with the values from number `first` on.
  template <class T>
  using TensorMaker = std::function<void(int64_t first, std::span<T> out)>;
  template <class T>
  void make_tensor(std::string_view key, int64_t count, Shape shape, TensorMaker<T> maker);

  // The whole file, block after block.
  // Fails: internal if a key was put twice, a shape does not fit its values, a number is not
  // finite or a text not UTF-8; as `sink`.
  Status write(ByteSink sink) const;
  // Its bytes. Fails: as write.
  Result<std::string> finish() const;
  // Bytes of that file. Fails: as finish.
  Result<int64_t> byte_count() const;

 private:
  struct State;
  explicit ModelWriter(std::shared_ptr<State> state, std::string prefix)
      : state_(std::move(state)), prefix_(std::move(prefix)) {}
  template <class T>
  void copy_tensor(std::string_view key, std::span<const T> values, Shape shape);
  std::shared_ptr<State> state_;
  std::string prefix_;
};

// Reads the parts of one file, wherever it came from: every failure is a `data` error that names
// the file and the part. Holds the bytes, or the open file; copies of it and its children share
// them. Thread-safe.
class ModelReader {
 public:
  // Checks magic, version, hash and the header's every offset. `source` is what messages call it.
  static Result<ModelReader> open(std::string bytes, std::string source);
  // Reads tensors from the file when they are asked for, which fails with io as well. A card is not
  // expected there.
  static Result<ModelReader> open(std::unique_ptr<File> file, std::string source);
  ModelReader child(std::string_view name) const;

  // Whether there is a value, a tensor or a list of texts of this name.
  bool has(std::string_view key) const;
  Result<std::string> text(std::string_view key) const;
  Result<double> number(std::string_view key) const;
  // Within low..high.
  Result<int64_t> integer(std::string_view key, int64_t low, int64_t high) const;
  Result<bool> flag(std::string_view key) const;
  Result<std::vector<std::string>> texts(std::string_view key) const;
  // A tensor's values; T is one of the types of put_tensor.
  template <class T>
  Result<std::vector<T>> tensor(std::string_view key) const;
  // The same, and it must have this many values.
  template <class T>
  Result<std::vector<T>> tensor(std::string_view key, int64_t count) const;

  // A `data` error: "model.assay: model/forest: <message>".
  tl::unexpected<Error> damaged(std::string_view message) const;

 private:
  struct State;
  static Result<ModelReader> open(std::shared_ptr<State> state);
  ModelReader(std::shared_ptr<const State> state, std::string prefix)
      : state_(std::move(state)), prefix_(std::move(prefix)) {}
  std::shared_ptr<const State> state_;
  std::string prefix_;
};

}  // namespace assay::automl
