// The bytes of a text file in order, uncompressed: plain files by pread, gzip (any number of
// members) by zlib. Not thread-safe. Owns the file descriptor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/base/status.h"

namespace assay::datasets {

class ByteSource {
 public:
  // Told apart by the first two bytes. Fails: not_found, io for what is no regular file.
  static Result<std::unique_ptr<ByteSource>> open(const std::string& path);
  // For tests and fuzzing. Gzip is recognised here too.
  static std::unique_ptr<ByteSource> from_memory(std::string bytes, std::string name);
  virtual ~ByteSource() = default;

  // Fills bytes[0, count) unless the end comes first; returns how many.
  // Fails: io; data for a truncated or damaged gzip file, saying how far it got.
  virtual Result<int64_t> read(char* bytes, int64_t count) = 0;
  // Back to the first byte.
  virtual Status rewind() = 0;
  // Fails: io if the file was written to since open().
  virtual Status check_unchanged() const = 0;
  // Share of the file that read() has consumed, 0..1.
  virtual double progress() const = 0;
  // What messages call it.
  virtual const std::string& name() const = 0;
};

}  // namespace assay::datasets
