// The bytes of a text file in order, uncompressed: plain files by pread, pipes and terminals by
// read, gzip (any number of members) by zlib. Not thread-safe. Owns the file descriptor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"

namespace assay::datasets {

class ByteSource {
 public:
  // Gzip is told by its first two bytes; "-" is standard input. A pipe, socket or terminal is read
  // once: rewind() fails. Fails: not_found, io (a folder or another device too).
  static Result<std::unique_ptr<ByteSource>> open(const std::string& path);
  // The same, but a pipe is read to its end first and kept in memory, so that it can be read again.
  // Fails: resource_exhausted too, beyond `max_bytes` (0: no bound); cancelled.
  static Result<std::unique_ptr<ByteSource>> open_kept(const std::string& path, int64_t max_bytes,
                                                       const StopToken& stop);
  // For tests and fuzzing. Gzip is recognised here too.
  static std::unique_ptr<ByteSource> from_memory(std::string bytes, std::string name);
  virtual ~ByteSource() = default;

  // Fills bytes[0, count) unless the end comes first; returns how many.
  // Fails: io; data for a truncated or damaged gzip file, saying how far it got.
  virtual Result<int64_t> read(char* bytes, int64_t count) = 0;
  // Back to the first byte. Fails: io.
  virtual Status rewind() = 0;
  // Fails: io if the file was written to since open().
  virtual Status check_unchanged() const = 0;
  // Share of the file that read() has consumed, 0..1.
  virtual double progress() const = 0;
  // What messages call it.
  virtual const std::string& name() const = 0;
};

}  // namespace assay::datasets
