#include <algorithm>
#include <atomic>

#include "tracking/hdf5_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kMostBytes = size_t{4} << 30;
constexpr size_t kConversionBytes = size_t{1} << 20;  // of a conversion

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

herr_t collect_attribute(hid_t, const char* name, const H5A_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

// Padded text up to its first NUL.
std::string unpad(const char* data, size_t size) {
  return std::string(data, static_cast<size_t>(std::find(data, data + size, '\0') - data));
}

Result<Value> read_attribute(hid_t where, const std::string& name) {
  const Hdf5Attribute attribute(H5Aopen(where, name.c_str(), H5P_DEFAULT));
  if (!attribute.valid()) return hdf5_failure(fmt::format("open attribute '{}'", name));
  const Hdf5Type type(H5Aget_type(attribute.get()));
  const Hdf5Space space(H5Aget_space(attribute.get()));
  const size_t size = H5Tget_size(type.get());
  const std::string doing = fmt::format("read attribute '{}'", name);
  if (H5Sget_simple_extent_npoints(space.get()) != 1 || H5Tis_variable_str(type.get()) > 0) {
    return fail(StatusCode::kData, "attribute '{}' is not one value", name);
  }
  switch (H5Tget_class(type.get())) {
    case H5T_FLOAT: {
      double number = 0;
      if (H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &number) < 0) return hdf5_failure(doing);
      return Value(number);
    }
    case H5T_INTEGER: {
      int64_t number = 0;
      if (H5Aread(attribute.get(), H5T_NATIVE_INT64, &number) < 0) return hdf5_failure(doing);
      return size == 1 ? Value(number != 0) : Value(number);
    }
    case H5T_STRING: {
      std::string text(size, '\0');
      const Hdf5Type memory(H5Tcopy(type.get()));
      if (H5Aread(attribute.get(), memory.get(), text.data()) < 0) return hdf5_failure(doing);
      return Value(unpad(text.data(), size));
    }
    default:
      return fail(StatusCode::kData, "attribute '{}' has a type that no run file has", name);
  }
}

}  // namespace

Result<Hdf5File> open_image(std::string_view bytes) {
  static std::atomic<uint64_t> counter{0};
  const Hdf5Property access(H5Pcreate(H5P_FILE_ACCESS));
  // HDF5 copies from the buffer, never writes to it.
  void* data = const_cast<char*>(bytes.data());
  const bool ready = H5Pset_fapl_core(access.get(), 64 * 1024, false) >= 0 &&
                     H5Pset_file_image(access.get(), data, bytes.size()) >= 0;
  if (!ready) return hdf5_failure("prepare to read a file in memory");
  const std::string name = fmt::format("assay-read-{}", counter.fetch_add(1));
  Hdf5File file(H5Fopen(name.c_str(), H5F_ACC_RDONLY, access.get()));
  if (!file.valid()) return hdf5_failure("open the file");
  return file;
}

bool has_link(hid_t where, const std::string& name) {
  const bool found = H5Lexists(where, name.c_str(), H5P_DEFAULT) > 0;
  H5Eclear2(H5E_DEFAULT);
  return found;
}

Result<Hdf5Group> open_group(hid_t parent, const std::string& name) {
  Hdf5Group group(H5Gopen2(parent, name.c_str(), H5P_DEFAULT));
  if (!group.valid()) return hdf5_failure(fmt::format("open group '{}'", name));
  return group;
}

Result<std::vector<std::string>> link_names(hid_t group) {
  std::vector<std::string> names;
  hsize_t at = 0;
  if (H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, &at, collect_name, &names) < 0) {
    return hdf5_failure("list a group");
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string original_key(hid_t object, const std::string& link) {
  if (H5Aexists(object, "key") <= 0) return link;
  const auto value = read_attribute(object, "key");
  return value ? value->text() : link;
}

Result<std::map<std::string, Value>> read_values(hid_t where) {
  std::vector<std::string> names;
  hsize_t at = 0;
  if (H5Aiterate2(where, H5_INDEX_NAME, H5_ITER_NATIVE, &at, collect_attribute, &names) < 0) {
    return hdf5_failure("list attributes");
  }
  std::map<std::string, Value> values;
  for (const std::string& name : names) {
    ASSAY_ASSIGN_OR_RETURN(values[name], read_attribute(where, name));
  }
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> links, link_names(where));
  for (const std::string& link : links) {
    const Hdf5DataSet data_set(H5Dopen2(where, link.c_str(), H5P_DEFAULT));
    H5Eclear2(H5E_DEFAULT);
    if (!data_set.valid() || H5Aexists(data_set.get(), "key") <= 0) continue;
    ASSAY_ASSIGN_OR_RETURN(std::string bytes, read_bytes(where, link));
    values[original_key(data_set.get(), link)] = Value(std::move(bytes));
  }
  return values;
}

Result<Hdf5Array> open_array(hid_t parent, const std::string& name) {
  Hdf5Array array;
  array.data_set = Hdf5DataSet(H5Dopen2(parent, name.c_str(), H5P_DEFAULT));
  if (!array.data_set.valid()) return hdf5_failure(fmt::format("open data set '{}'", name));
  array.type = Hdf5Type(H5Dget_type(array.data_set.get()));
  const Hdf5Space space(H5Dget_space(array.data_set.get()));
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (!array.type.valid() || rank < 0) {
    return hdf5_failure(fmt::format("read the extent of '{}'", name));
  }
  array.dims.resize(static_cast<size_t>(rank));
  H5Sget_simple_extent_dims(space.get(), array.dims.data(), nullptr);
  const size_t element = std::max<size_t>(8, H5Tget_size(array.type.get()));
  array.count = 1;
  for (const hsize_t extent : array.dims) {
    if (extent != 0 && array.count > kMostBytes / element / extent) {
      return fail(StatusCode::kData, "data set '{}' takes more than {} bytes", name, kMostBytes);
    }
    array.count *= extent;
  }
  return array;
}

Status read_into(const Hdf5Array& array, hid_t memory_type, void* data) {
  if (array.count == 0) return {};
  // A conversion goes through buffers that the library clears each time, of 1 MiB unless it is told
  // how little there is: that took more than half of the reading of a run.
  const size_t element = std::max(H5Tget_size(array.type.get()), H5Tget_size(memory_type));
  const size_t buffer =
      element * std::min(array.count, std::max<size_t>(1, kConversionBytes / element));
  const Hdf5Property transfer(H5Pcreate(H5P_DATASET_XFER));
  if (!transfer.valid() || H5Pset_buffer(transfer.get(), buffer, nullptr, nullptr) < 0 ||
      H5Dread(array.data_set.get(), memory_type, H5S_ALL, H5S_ALL, transfer.get(), data) < 0) {
    return hdf5_failure("read a data set");
  }
  return {};
}

Result<std::string> read_bytes(hid_t parent, const std::string& name) {
  ASSAY_ASSIGN_OR_RETURN(const Hdf5Array array, open_array(parent, name));
  std::string bytes(array.count, '\0');
  ASSAY_RETURN_IF_ERROR(read_into(array, H5T_NATIVE_UINT8, bytes.data()));
  return bytes;
}

Result<std::vector<std::string>> read_texts(const Hdf5Array& array) {
  if (H5Tget_class(array.type.get()) != H5T_STRING || H5Tis_variable_str(array.type.get()) > 0) {
    return fail(StatusCode::kData, "a column of texts has another type");
  }
  const size_t width = H5Tget_size(array.type.get());
  std::string packed(width * array.count, '\0');
  ASSAY_RETURN_IF_ERROR(read_into(array, array.type.get(), packed.data()));
  std::vector<std::string> texts(array.count);
  for (size_t i = 0; i < texts.size(); ++i) texts[i] = unpad(&packed[i * width], width);
  return texts;
}

Result<std::vector<std::string>> read_text_attribute(hid_t where, const char* key) {
  const Hdf5Attribute attribute(H5Aopen(where, key, H5P_DEFAULT));
  if (!attribute.valid()) return hdf5_failure(fmt::format("open attribute '{}'", key));
  const Hdf5Type type(H5Aget_type(attribute.get()));
  const Hdf5Space space(H5Aget_space(attribute.get()));
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  const bool texts_there =
      H5Tget_class(type.get()) == H5T_STRING && count >= 0 && H5Tis_variable_str(type.get()) <= 0;
  if (!texts_there) return fail(StatusCode::kData, "attribute '{}' is no list of texts", key);
  const size_t width = H5Tget_size(type.get());
  std::string packed(width * static_cast<size_t>(count), '\0');
  if (count > 0 && H5Aread(attribute.get(), type.get(), packed.data()) < 0) {
    return hdf5_failure(fmt::format("read attribute '{}'", key));
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    texts.push_back(unpad(&packed[i * width], width));
  }
  return texts;
}

}  // namespace assay::tracking
