// Building a run file in memory. The core driver keeps the whole file in one buffer that our
// callbacks allocate; when the file is closed HDF5 hands the buffer to the free callback, and we
// keep it instead. (H5Fget_file_image of a v110 file has a wrong superblock checksum in 1.10.)
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "tracking/hdf5_internal.h"
#include "tracking/run_file.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kCoreIncrement = size_t{64} * 1024;
constexpr size_t kLongTextBytes = size_t{64} * 1000;  // an attribute message ends at 64 KiB
constexpr size_t kCompactBytes = 1024;
constexpr unsigned kDeflateLevel = 4;
// An object with more attributes than this keeps them in a heap of its own, with an index.
constexpr unsigned kAttributesInHeader = 64;
// Superblock version 3: the end-of-file address is 8 little-endian bytes here.
constexpr size_t kEndOfFileAt = 28;
constexpr size_t kSuperblockBytes = 48;

std::string core_file_name() {
  static std::atomic<uint64_t> counter{0};
  return fmt::format("assay-run-{}", counter.fetch_add(1));
}

// An id that is made once: making and closing takes HDF5 as long as some uses of it. HDF5 closes
// such ids when the process ends. Not for failures: those are tried again.
template <typename Make>
hid_t keep(hid_t& kept, const Make& make) {
  if (kept < 0) kept = make().release();
  return kept;
}

hid_t scalar_space() {
  static hid_t kept = H5I_INVALID_HID;
  return keep(kept, [] { return Hdf5Space(H5Screate(H5S_SCALAR)); });
}

// How an object of a class is created: files of equal runs are equal bytes, and the attributes lie
// in the header.
Hdf5Property object_creation(hid_t property_class) {
  Hdf5Property list(H5Pcreate(property_class));
  const bool ready = list.valid() && H5Pset_obj_track_times(list.get(), false) >= 0 &&
                     H5Pset_attr_phase_change(list.get(), kAttributesInHeader, 0) >= 0;
  if (!ready) list.reset();
  return list;
}

hid_t group_creation() {
  static hid_t kept = H5I_INVALID_HID;
  return keep(kept, [] { return object_creation(H5P_GROUP_CREATE); });
}

hid_t compact_creation() {
  static hid_t kept = H5I_INVALID_HID;
  return keep(kept, [] {
    Hdf5Property list = object_creation(H5P_DATASET_CREATE);
    if (list.valid() && H5Pset_layout(list.get(), H5D_COMPACT) < 0) list.reset();
    return list;
  });
}

bool fits_attribute(const std::string& text) {
  return text.size() <= kLongTextBytes && text.find('\0') == std::string::npos && is_utf8(text);
}

Status write_attribute(hid_t where, const std::string& key, hid_t type, hid_t space,
                       const void* data) {
  const Hdf5Attribute attribute(
      H5Acreate2(where, key.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute.valid() || H5Awrite(attribute.get(), type, data) < 0) {
    return hdf5_failure(fmt::format("write attribute '{}'", key));
  }
  return {};
}

Status write_text(hid_t where, const std::string& key, const std::string& text) {
  if (!fits_attribute(text)) {
    const std::string link = escape_key(key);
    const hsize_t size = text.size();
    ASSAY_RETURN_IF_ERROR(write_array(where, link, H5T_STD_U8LE, {&size, 1}, text.data(),
                                      {.deflate = true, .chunk_bytes = 64 * 1024}));
    const Hdf5DataSet data_set(H5Dopen2(where, link.c_str(), H5P_DEFAULT));
    if (!data_set.valid()) return hdf5_failure(fmt::format("open '{}'", link));
    return write_text(data_set.get(), "key", key);
  }
  const Hdf5Type type = text_type(text.size());
  // The type is at least one byte wide; the text's own end is that byte when it is empty.
  return write_attribute(where, key, type.get(), scalar_space(), text.c_str());
}

// Chunk extents: whole rows, equal parts, none above `chunk_bytes`.
std::vector<hsize_t> chunk_dims(std::span<const hsize_t> dims, size_t element_bytes,
                                hsize_t chunk_bytes) {
  std::vector<hsize_t> chunk(dims.begin(), dims.end());
  hsize_t row_bytes = element_bytes;
  for (size_t i = dims.size(); i-- > 1;) {
    chunk[i] = std::max<hsize_t>(1, std::min(dims[i], chunk_bytes / row_bytes));
    row_bytes *= chunk[i];
  }
  const hsize_t most = std::max<hsize_t>(1, chunk_bytes / row_bytes);
  const hsize_t parts = (dims[0] + most - 1) / most;
  chunk[0] = (dims[0] + parts - 1) / parts;
  return chunk;
}

Result<Hdf5Property> large_creation(std::span<const hsize_t> dims, size_t element_bytes,
                                    const Hdf5Storage& storage) {
  Hdf5Property list = object_creation(H5P_DATASET_CREATE);
  bool ok = list.valid();
  if (storage.shuffle || storage.deflate) {
    const std::vector<hsize_t> chunk = chunk_dims(dims, element_bytes, storage.chunk_bytes);
    ok = ok && H5Pset_chunk(list.get(), static_cast<int>(chunk.size()), chunk.data()) >= 0;
  }
  if (storage.shuffle) ok = ok && H5Pset_shuffle(list.get()) >= 0;
  if (storage.deflate) ok = ok && H5Pset_deflate(list.get(), kDeflateLevel) >= 0;
  if (!ok) return hdf5_failure("prepare a data set");
  return list;
}

Status write_created(hid_t parent, const std::string& name, hid_t type,
                     std::span<const hsize_t> dims, const void* data, hid_t creation) {
  const Hdf5Space space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr));
  Hdf5DataSet data_set(
      H5Dcreate2(parent, name.c_str(), type, space.get(), H5P_DEFAULT, creation, H5P_DEFAULT));
  if (!data_set.valid()) return hdf5_failure(fmt::format("create data set '{}'", name));
  const bool empty = H5Sget_simple_extent_npoints(space.get()) == 0;
  if (!empty && H5Dwrite(data_set.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
    return hdf5_failure(fmt::format("write data set '{}'", name));
  }
  return data_set.reset() ? Status() : hdf5_failure(fmt::format("close data set '{}'", name));
}

}  // namespace

struct Hdf5Image::Buffer {
  char* data = nullptr;
  size_t size = 0;
  bool closed = false;
  ~Buffer() {
    if (closed) std::free(data);
  }

  static void* allocate(size_t size, H5FD_file_image_op_t, void* self) {
    auto* buffer = static_cast<Buffer*>(self);
    buffer->data = static_cast<char*>(std::malloc(size));
    buffer->size = size;
    return buffer->data;
  }
  static void* copy(void* to, const void* from, size_t size, H5FD_file_image_op_t, void*) {
    return std::memcpy(to, from, size);
  }
  static void* resize(void* data, size_t size, H5FD_file_image_op_t, void* self) {
    auto* buffer = static_cast<Buffer*>(self);
    void* grown = std::realloc(data, size);
    if (grown == nullptr) return nullptr;
    buffer->data = static_cast<char*>(grown);
    buffer->size = size;
    return grown;
  }
  static herr_t release(void* data, H5FD_file_image_op_t operation, void* self) {
    auto* buffer = static_cast<Buffer*>(self);
    if (operation == H5FD_FILE_IMAGE_OP_FILE_CLOSE && data == buffer->data) {
      buffer->closed = true;  // ours now
    } else {
      std::free(data);
    }
    return 0;
  }
  static void* share(void* self) { return self; }
  static herr_t unshare(void*) { return 0; }
};

Hdf5Image::Hdf5Image() : buffer_(std::make_unique<Buffer>()) {}
Hdf5Image::~Hdf5Image() { (void)file_.reset(); }
Hdf5Image::Hdf5Image(Hdf5Image&&) noexcept = default;

Result<Hdf5Image> Hdf5Image::create() {
  Hdf5Image image;
  const Hdf5Property access(H5Pcreate(H5P_FILE_ACCESS));
  const Hdf5Property creation = object_creation(H5P_FILE_CREATE);
  H5FD_file_image_callbacks_t callbacks{Buffer::allocate,   Buffer::copy,  Buffer::resize,
                                        Buffer::release,    Buffer::share, Buffer::unshare,
                                        image.buffer_.get()};
  const bool ready = creation.valid() &&
                     H5Pset_fapl_core(access.get(), kCoreIncrement, false) >= 0 &&
                     H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0 &&
                     H5Pset_file_image_callbacks(access.get(), &callbacks) >= 0;
  if (!ready) return hdf5_failure("prepare a file in memory");
  image.file_ =
      Hdf5File(H5Fcreate(core_file_name().c_str(), H5F_ACC_TRUNC, creation.get(), access.get()));
  if (!image.file_.valid()) return hdf5_failure("create a file in memory");
  return image;
}

Result<std::string> Hdf5Image::take() {
  if (!file_.reset()) return hdf5_failure("close a file in memory");
  const Buffer& buffer = *buffer_;
  if (!buffer.closed || buffer.size < kSuperblockBytes) {
    return fail(StatusCode::kInternal, "HDF5 kept the file image to itself");
  }
  uint64_t end = 0;
  for (size_t i = 8; i-- > 0;) {
    end = end << 8 | static_cast<unsigned char>(buffer.data[kEndOfFileAt + i]);
  }
  if (end > buffer.size) {
    return fail(StatusCode::kInternal, "HDF5 file image of {} bytes ends at {}", buffer.size, end);
  }
  return std::string(buffer.data, end);
}

Result<Hdf5Group> create_group(hid_t parent, const std::string& name) {
  Hdf5Group group(H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, group_creation(), H5P_DEFAULT));
  if (!group.valid()) return hdf5_failure(fmt::format("create group '{}'", name));
  return group;
}

Status write_array(hid_t parent, const std::string& name, hid_t type, std::span<const hsize_t> dims,
                   const void* data, const Hdf5Storage& storage) {
  const size_t element_bytes = H5Tget_size(type);
  hsize_t bytes = element_bytes;
  for (const hsize_t extent : dims) bytes *= extent;
  if (bytes > 0 && bytes <= kCompactBytes) {
    return write_created(parent, name, type, dims, data, compact_creation());
  }
  // Without a filter in one piece, and so is nothing at all.
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Property creation,
                         large_creation(dims, element_bytes, bytes == 0 ? Hdf5Storage{} : storage));
  return write_created(parent, name, type, dims, data, creation.get());
}

Status write_number(hid_t where, const char* key, hid_t type, const void* number) {
  return write_attribute(where, key, type, scalar_space(), number);
}

Status write_value(hid_t where, const std::string& key, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data())) {
    return write_text(where, key, *text);
  }
  if (const auto* number = std::get_if<double>(&value.data())) {
    return write_number(where, key.c_str(), H5T_IEEE_F64LE, number);
  }
  if (const auto* number = std::get_if<int64_t>(&value.data())) {
    return write_number(where, key.c_str(), H5T_STD_I64LE, number);
  }
  const uint8_t flag = std::get<bool>(value.data()) ? 1 : 0;
  return write_number(where, key.c_str(), H5T_STD_U8LE, &flag);
}

Status write_values(hid_t where, const std::map<std::string, Value>& values) {
  for (const auto& [key, value] : values) ASSAY_RETURN_IF_ERROR(write_value(where, key, value));
  return {};
}

Hdf5Type text_type(size_t size) {
  Hdf5Type type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), std::max<size_t>(1, size));
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  return type;
}

std::string pack_texts(const std::vector<std::string>& texts, size_t& width) {
  width = 1;
  for (const std::string& text : texts) width = std::max(width, text.size());
  std::string packed(width * texts.size(), '\0');
  for (size_t i = 0; i < texts.size(); ++i) texts[i].copy(&packed[i * width], width);
  return packed;
}

Status write_texts(hid_t where, const char* key, const std::vector<std::string>& texts) {
  size_t width = 1;
  const std::string packed = pack_texts(texts, width);
  const Hdf5Type type = text_type(width);
  const hsize_t count = texts.size();
  const Hdf5Space space(H5Screate_simple(1, &count, nullptr));
  return write_attribute(where, key, type.get(), space.get(), packed.data());
}

}  // namespace assay::tracking
