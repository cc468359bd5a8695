// The C API of HDF5 with owned handles and Status. Every use holds an Hdf5Session: HDF5 runs one
// call at a time in this process. Functions here expect that the caller holds one.
#pragma once

#include <hdf5.h>

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_record.h"

namespace assay::tracking {

// Holds the process-wide lock; turns off HDF5's printing of errors for this thread.
class Hdf5Session {
 public:
  Hdf5Session();

 private:
  std::scoped_lock<std::mutex> lock_;
};

// Owns an HDF5 id and closes it.
template <herr_t (*Close)(hid_t)>
class Hdf5Handle {
 public:
  Hdf5Handle() = default;
  explicit Hdf5Handle(hid_t id) : id_(id) {}
  ~Hdf5Handle() { reset(); }
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    if (this != &other) {
      reset();
      id_ = std::exchange(other.id_, H5I_INVALID_HID);
    }
    return *this;
  }
  Hdf5Handle(const Hdf5Handle&) = delete;
  Hdf5Handle& operator=(const Hdf5Handle&) = delete;
  hid_t get() const { return id_; }
  bool valid() const { return id_ >= 0; }
  // Gives the id away.
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }
  // False if closing failed.
  bool reset() {
    const hid_t id = std::exchange(id_, H5I_INVALID_HID);
    return id < 0 || Close(id) >= 0;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

using Hdf5File = Hdf5Handle<H5Fclose>;
using Hdf5Group = Hdf5Handle<H5Gclose>;
using Hdf5DataSet = Hdf5Handle<H5Dclose>;
using Hdf5Space = Hdf5Handle<H5Sclose>;
using Hdf5Type = Hdf5Handle<H5Tclose>;
using Hdf5Attribute = Hdf5Handle<H5Aclose>;
using Hdf5Property = Hdf5Handle<H5Pclose>;

// An internal error with HDF5's own reason. Call it right after the failed call.
tl::unexpected<Error> hdf5_failure(std::string_view doing);

// "1.10.8".
std::string hdf5_version();

// Writing

// An in-memory file that becomes bytes when closed.
class Hdf5Image {
 public:
  static Result<Hdf5Image> create();
  hid_t file() const { return file_.get(); }
  // Closes the file. Call once.
  Result<std::string> take();
  ~Hdf5Image();
  Hdf5Image(Hdf5Image&&) noexcept;
  Hdf5Image& operator=(Hdf5Image&&) = delete;

 private:
  struct Buffer;
  Hdf5Image();
  std::unique_ptr<Buffer> buffer_;
  Hdf5File file_;  // closed before the buffer goes
};

Result<Hdf5Group> create_group(hid_t parent, const std::string& name);

// How a data set is stored: up to 1 KiB inside its header; above that in chunks of at most
// `chunk_bytes` if there is a filter, else in one piece.
struct Hdf5Storage {
  bool shuffle = false;
  bool deflate = false;
  hsize_t chunk_bytes = 256 * 1024;
};

// `type` is the type in memory and in the file. `data` holds the elements of `dims`, row-major.
Status write_array(hid_t parent, const std::string& name, hid_t type, std::span<const hsize_t> dims,
                   const void* data, const Hdf5Storage& storage);

// One attribute a value; texts that an attribute cannot hold (over 64 KiB, a NUL, not UTF-8) as a
// u8 data set of the escaped key with the key as its attribute.
Status write_values(hid_t where, const std::map<std::string, Value>& values);
Status write_value(hid_t where, const std::string& key, const Value& value);
// A list of texts as one fixed-string array attribute.
Status write_texts(hid_t where, const char* key, const std::vector<std::string>& texts);
Status write_number(hid_t where, const char* key, hid_t type, const void* number);

// Fixed UTF-8 string type of `size` bytes (at least 1), padded with NUL.
Hdf5Type text_type(size_t size);
// The texts, padded to the longest, which is `width`.
std::string pack_texts(const std::vector<std::string>& texts, size_t& width);

// Reading

// Opens bytes read-only. The library copies them.
Result<Hdf5File> open_image(std::string_view bytes);

Result<std::map<std::string, Value>> read_values(hid_t where);
bool has_link(hid_t where, const std::string& name);
Result<Hdf5Group> open_group(hid_t parent, const std::string& name);
// Names of the links of a group, sorted.
Result<std::vector<std::string>> link_names(hid_t group);
// The data set's `key` attribute, or its link name.
std::string original_key(hid_t object, const std::string& link);

// An open data set with its extent.
struct Hdf5Array {
  Hdf5DataSet data_set;
  Hdf5Type type;
  std::vector<hsize_t> dims;
  size_t count = 0;  // product of dims
};
// Fails: data if it would take more than 4 GiB in memory.
Result<Hdf5Array> open_array(hid_t parent, const std::string& name);
Status read_into(const Hdf5Array& array, hid_t memory_type, void* data);
Result<std::string> read_bytes(hid_t parent, const std::string& name);
Result<std::vector<std::string>> read_texts(const Hdf5Array& array);
Result<std::vector<std::string>> read_text_attribute(hid_t where, const char* key);

}  // namespace assay::tracking
