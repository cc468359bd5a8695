#include "backends/xrt/emulation/device_model.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstring>

#include "backends/xrt/emulation/event_log.h"
#include "backends/xrt/emulation/fault_note.h"

namespace assay::backends::xrt::emulation {

bool DeviceModel::load(const std::string& library) {
  units_.clear();
  kernels_.clear();
  // Never closed: threads may still return into it, and another bitstream may come under its name.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    leave_note(fmt::format("the bitstream is no library of emulated kernels: {}", dlerror()));
    return false;
  }
  const auto table = reinterpret_cast<TableFunction*>(dlsym(handle, kTableSymbol));
  if (table == nullptr) {
    leave_note(
        fmt::format("the bitstream is no library of emulated kernels: it has no {}", kTableSymbol));
    return false;
  }
  int32_t count = 0;
  const EmulatedKernel* kernels = table(&count);
  kernels_.assign(kernels, kernels + count);
  uint64_t address = kFirstUnitAddress;
  for (const EmulatedKernel& kernel : kernels_) {
    for (int32_t unit = 1; unit <= kernel.units; ++unit, address += kUnitAddressRange) {
      units_.emplace(address, std::make_unique<ComputeUnit>(kernel, unit, memory_));
    }
  }
  return true;
}

ComputeUnit* DeviceModel::unit_at(uint64_t address, uint64_t& offset) {
  auto after = units_.upper_bound(address);
  if (after == units_.begin()) return nullptr;
  --after;
  offset = address - after->first;
  return offset < kUnitAddressRange ? after->second.get() : nullptr;
}

bool DeviceModel::write_device(const CallFields& fields) {
  const std::span<const std::byte> data = fields.bytes[4];
  const uint64_t size = fields.numbers[5];
  std::byte* target = memory_.find(fields.numbers[3], size);
  if (target == nullptr || data.size() < size) {
    end_with_note(fmt::format("the host wrote {} bytes at 0x{:x}, which are not in one live buffer",
                              size, fields.numbers[3]));
  }
  std::memcpy(target, data.data(), size);
  log_event("write", fmt::format("{}", size));
  return true;
}

void DeviceModel::read_device(const CallFields& fields, WireWriter& reply) {
  const uint64_t size = fields.numbers[5];
  const std::byte* source = memory_.find(fields.numbers[4], size);
  if (source == nullptr) {
    end_with_note(fmt::format("the host read {} bytes at 0x{:x}, which are not in one live buffer",
                              size, fields.numbers[4]));
  }
  reply.number(1, size);
  reply.bytes(2, {source, size});
  log_event("read", fmt::format("{}", size));
}

void DeviceModel::answer_close(const CallFields& fields, WireWriter& reply) {
  closed_ = fields.numbers[3] != 0;
  units_.clear();
  reply.number(1, 1);
}

void DeviceModel::answer_control(Api api, const CallFields& fields, WireWriter& reply) {
  const bool by_register = api == Api::kWriteRegister || api == Api::kReadRegister;
  const bool writes = api == Api::kWriteControl || api == Api::kWriteRegister;
  const uint64_t address = by_register ? fields.numbers[1] + fields.numbers[2] : fields.numbers[2];
  uint64_t offset = 0;
  ComputeUnit* unit = unit_at(address, offset);
  if (unit == nullptr) {
    end_with_note(
        fmt::format("the host asked for a register at 0x{:x}, where no unit is", address));
  }
  reply.number(1, 1);
  if (writes) {
    unit->write(offset, by_register ? fields.bytes[3] : fields.bytes[4]);
  } else {
    reply.bytes(2, unit->read(offset, fields.numbers[3]));
  }
}

std::optional<std::vector<std::byte>> DeviceModel::answer(uint32_t api,
                                                          std::span<const std::byte> body) {
  const std::optional<CallFields> fields = read_fields(body);
  if (!fields) return std::nullopt;
  WireWriter reply;
  switch (static_cast<Api>(api)) {
    case Api::kClose:
      answer_close(*fields, reply);
      break;
    case Api::kLoadBitstream: {
      const auto path = fields->bytes[2];
      reply.number(1, load({reinterpret_cast<const char*>(path.data()), path.size()}) ? 1 : 0);
      break;
    }
    case Api::kAllocate:
      reply.number(1, memory_.allocate(fields->numbers[1], fields->numbers[2]) ? 1 : 0);
      reply.bytes(2, {});
      break;
    case Api::kFree:
      reply.number(1, memory_.free(fields->numbers[1]) ? 1 : 0);
      break;
    case Api::kHostToDevice:
      reply.number(1, write_device(*fields) ? fields->numbers[5] : 0);
      break;
    case Api::kDeviceToHost:
      read_device(*fields, reply);
      break;
    case Api::kWriteControl:
    case Api::kReadControl:
    case Api::kWriteRegister:
    case Api::kReadRegister:
      answer_control(static_cast<Api>(api), *fields, reply);
      break;
    case Api::kSetupInstance:
    case Api::kDriverVersion:
      reply.number(1, 1);
      break;
    default:
      return std::nullopt;
  }
  return reply.reply();
}

}  // namespace assay::backends::xrt::emulation
