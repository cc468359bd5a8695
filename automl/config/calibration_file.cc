#include "automl/config/calibration_file.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "kernels/base/file_layer.h"

namespace assay::automl {
namespace {

using kernels::CalibratedOp;
using kernels::Calibration;
using kernels::DeviceCalibration;
using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "assay-calibration";
constexpr int64_t kVersion = 1;
constexpr int64_t kMostBytes = 1 << 20;
constexpr size_t kMostNameBytes = 256;
constexpr size_t kMostDevices = 256;
constexpr size_t kMostOps = 1024;
// An hour of waiting, and costs off by a million times, are no measurements.
constexpr double kLongestWait = 3.6e12;
constexpr double kGreatestFactor = 1e6;

tl::unexpected<Error> unfit(std::string_view what) {
  return fail(StatusCode::kData, "it is no calibration: {}", what);
}

Result<std::string> text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    return unfit(fmt::format("no text '{}'", key));
  }
  auto text = found->get<std::string>();
  if (text.empty() || text.size() > kMostNameBytes) {
    return unfit(
        fmt::format("'{}' has {} bytes (must be 1..{})", key, text.size(), kMostNameBytes));
  }
  return text;
}

Result<int64_t> integer_of(const Json& object, const char* key, int64_t low, int64_t high) {
  const auto found = object.find(key);
  const bool known = found != object.end() && found->is_number_integer();
  const bool fits = known && (!found->is_number_unsigned() ||
                              found->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  const int64_t value = fits ? found->get<int64_t>() : low;
  if (!fits || value < low || value > high) {
    return unfit(fmt::format("'{}' (must be an integer in {}..{})", key, low, high));
  }
  return value;
}

Result<double> number_of(const Json& object, const char* key, double low, double high) {
  const auto found = object.find(key);
  const double value =
      found != object.end() && found->is_number() ? found->get<double>() : std::nan("");
  if (!(value >= low && value <= high)) {
    return unfit(fmt::format("'{}' (must be a number in {}..{})", key, low, high));
  }
  return value;
}

// The array of a key, whose items are objects.
Result<const Json*> objects_of(const Json& object, const char* key, size_t most) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->size() > most) {
    return unfit(fmt::format("'{}' (must be a list of at most {})", key, most));
  }
  for (const Json& item : *found) {
    if (!item.is_object()) return unfit(fmt::format("'{}' holds what is no object", key));
  }
  return &*found;
}

Result<CalibratedOp> op_of(const Json& object) {
  CalibratedOp op;
  ASSAY_ASSIGN_OR_RETURN(op.op, text_of(object, "op"));
  ASSAY_ASSIGN_OR_RETURN(op.implementation, text_of(object, "implementation"));
  ASSAY_ASSIGN_OR_RETURN(op.fit.wait_ns, number_of(object, "wait_ns", 0, kLongestWait));
  ASSAY_ASSIGN_OR_RETURN(op.fit.factor,
                         number_of(object, "factor", 1 / kGreatestFactor, kGreatestFactor));
  ASSAY_ASSIGN_OR_RETURN(op.misfit, number_of(object, "misfit", 1, kGreatestFactor));
  return op;
}

Result<DeviceCalibration> device_of(const Json& object) {
  DeviceCalibration device;
  ASSAY_ASSIGN_OR_RETURN(device.kind, text_of(object, "kind"));
  ASSAY_ASSIGN_OR_RETURN(device.device.name, text_of(object, "name"));
  ASSAY_ASSIGN_OR_RETURN(device.device.memory_bytes,
                         integer_of(object, "memory_bytes", 0, INT64_MAX));
  ASSAY_ASSIGN_OR_RETURN(const Json* ops, objects_of(object, "ops", kMostOps));
  for (const Json& item : *ops) {
    ASSAY_ASSIGN_OR_RETURN(CalibratedOp op, op_of(item));
    device.ops.push_back(std::move(op));
  }
  return device;
}

std::string folder_of_settings() {
  if (const char* folder = std::getenv("XDG_CONFIG_HOME"); folder != nullptr && *folder == '/') {
    return folder;
  }
  const char* home = std::getenv("HOME");
  return home == nullptr || *home != '/' ? std::string() : std::string(home) + "/.config";
}

}  // namespace

std::string calibration_path() {
  const std::string folder = folder_of_settings();
  return folder.empty() ? folder : folder + "/assay/calibration.json";
}

std::string calibration_json(const Calibration& calibration) {
  Json devices = Json::array();
  for (const DeviceCalibration& device : calibration.devices) {
    Json ops = Json::array();
    for (const CalibratedOp& op : device.ops) {
      ops.push_back({{"op", op.op},
                     {"implementation", op.implementation},
                     {"wait_ns", op.fit.wait_ns},
                     {"factor", op.fit.factor},
                     {"misfit", op.misfit}});
    }
    devices.push_back({{"kind", device.kind},
                       {"name", device.device.name},
                       {"memory_bytes", device.device.memory_bytes},
                       {"ops", std::move(ops)}});
  }
  const Json object = {{"format", kFormat},
                       {"version", kVersion},
                       {"made_ns", calibration.made_ns},
                       {"processor", calibration.processor},
                       {"usable_cpus", calibration.usable_cpus},
                       {"devices", std::move(devices)}};
  return object.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Calibration> parse_calibration(std::string_view text) {
  const Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return unfit("no JSON object");
  ASSAY_ASSIGN_OR_RETURN(const std::string format, text_of(object, "format"));
  if (format != kFormat) return unfit(fmt::format("its format is not '{}'", kFormat));
  ASSAY_ASSIGN_OR_RETURN(const int64_t version, integer_of(object, "version", 1, INT64_MAX));
  if (version != kVersion) {
    return fail(StatusCode::kData, "it is of version {} (this program reads {})", version,
                kVersion);
  }
  Calibration calibration;
  ASSAY_ASSIGN_OR_RETURN(calibration.made_ns, integer_of(object, "made_ns", 0, INT64_MAX));
  ASSAY_ASSIGN_OR_RETURN(calibration.processor, text_of(object, "processor"));
  ASSAY_ASSIGN_OR_RETURN(const int64_t cpus, integer_of(object, "usable_cpus", 1, 1 << 20));
  calibration.usable_cpus = static_cast<int32_t>(cpus);
  ASSAY_ASSIGN_OR_RETURN(const Json* devices, objects_of(object, "devices", kMostDevices));
  for (const Json& item : *devices) {
    ASSAY_ASSIGN_OR_RETURN(DeviceCalibration device, device_of(item));
    calibration.devices.push_back(std::move(device));
  }
  return calibration;
}

KnownCalibration read_calibration(const std::string& path, std::string_view processor,
                                  int usable_cpus) {
  KnownCalibration known;
  if (path.empty()) return known;
  PosixFileLayer files;
  const auto text = read_file(files, path, kMostBytes);
  if (!text && text.error().code == StatusCode::kNotFound) return known;
  auto read = text ? parse_calibration(*text) : tl::unexpected<Error>(text.error());
  if (!read) {
    known.note = fmt::format("{} is not used: {}", path, read.error().message);
  } else if (read->processor != processor) {
    known.note = fmt::format("{} is not used: it was made on another machine ({}; this is {})",
                             path, read->processor, processor);
  } else if (read->usable_cpus != usable_cpus) {
    known.note = fmt::format("{} is not used: it was made with {} processors (there are {})", path,
                             read->usable_cpus, usable_cpus);
  } else {
    known.calibration = std::move(*read);
  }
  return known;
}

Status write_calibration(const std::string& path, const Calibration& calibration) {
  if (path.empty()) {
    return fail(StatusCode::kInvalidArgument,
                "there is no place for a calibration: neither XDG_CONFIG_HOME nor HOME names a "
                "folder");
  }
  PosixFileLayer files;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  ASSAY_RETURN_IF_ERROR(make_folders(files, folder));
  const std::string text = calibration_json(calibration);
  return publish_file(files, folder, path, std::as_bytes(std::span(text)));
}

}  // namespace assay::automl
