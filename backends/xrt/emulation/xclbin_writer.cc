#include "backends/xrt/emulation/xclbin_writer.h"

#include <fmt/format.h>
#include <xrt/xclbin.h>

#include <cstring>
#include <string_view>
#include <utility>

#include "backends/xrt/xclbin_file.h"

namespace assay::backends::xrt::emulation {
namespace {

using Bytes = std::vector<std::byte>;

struct Section {
  axlf_section_kind kind;
  const char* name;
  Bytes bytes;
};

template <class T>
void append(Bytes& bytes, const T& value) {
  const size_t end = bytes.size();
  bytes.resize(end + sizeof(T));
  std::memcpy(bytes.data() + end, &value, sizeof(T));
}

Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return Bytes(first, first + text.size());
}

template <size_t Size>
void put_text(unsigned char (&target)[Size], std::string_view text) {
  std::memset(target, 0, Size);
  std::memcpy(target, text.data(), std::min(text.size(), Size - 1));
}

// Calls visit(kernel, "name_1", address) for each unit in order of address.
template <class Visit>
void visit_units(std::span<const EmulatedKernel> kernels, Visit&& visit) {
  uint64_t address = kFirstUnitAddress;
  for (const EmulatedKernel& kernel : kernels) {
    for (int32_t unit = 1; unit <= kernel.units; ++unit, address += kUnitAddressRange) {
      visit(kernel, fmt::format("{}_{}", kernel.name, unit), address);
    }
  }
}

std::string arg_elements(const EmulatedKernel& kernel) {
  std::string xml;
  std::string_view names = kernel.arg_names;
  for (int32_t i = 0; i < kernel.arg_count; ++i) {
    const EmulatedArg& arg = kernel.args[i];
    const size_t end = names.find(' ');
    xml += fmt::format(
        "<arg name=\"{}\" addressQualifier=\"{}\" id=\"{}\" port=\"{}\" size=\"0x{:x}\" "
        "offset=\"0x{:x}\" hostOffset=\"0x0\" hostSize=\"0x{:x}\" type=\"{}\"/>\n",
        names.substr(0, end), arg.buffer ? 1 : 0, i, arg.buffer ? "M_AXI_GMEM" : "S_AXI_CONTROL",
        arg.bytes, arg_offset(kernel, i), arg.bytes, arg.type);
    names = end == std::string_view::npos ? std::string_view() : names.substr(end + 1);
  }
  return xml;
}

Bytes memory_section() {
  mem_topology topology{};
  topology.m_count = 1;
  mem_data& bank = topology.m_mem_data[0];
  bank.m_type = MEM_DDR4;
  bank.m_used = 1;
  bank.m_size = kBankBytes / 1024;
  put_text(bank.m_tag, "bank0");
  Bytes bytes;
  append(bytes, topology);
  return bytes;
}

Bytes layout_section(std::span<const EmulatedKernel> kernels) {
  ip_layout head{};
  std::vector<ip_data> units;
  visit_units(kernels,
              [&](const EmulatedKernel& kernel, const std::string& name, uint64_t address) {
                ip_data unit{};
                unit.m_type = IP_KERNEL;
                unit.properties = uint32_t{AP_CTRL_HS} << IP_CONTROL_SHIFT;
                unit.m_base_address = address;
                put_text(unit.m_name, fmt::format("{}:{}", kernel.name, name));
                units.push_back(unit);
              });
  head.m_count = static_cast<int32_t>(units.size());
  Bytes bytes(offsetof(ip_layout, m_ip_data));
  std::memcpy(bytes.data(), &head, bytes.size());
  for (const ip_data& unit : units) append(bytes, unit);
  return bytes;
}

Bytes connectivity_section(std::span<const EmulatedKernel> kernels) {
  std::vector<connection> connections;
  int32_t index = 0;
  visit_units(kernels, [&](const EmulatedKernel& kernel, const std::string&, uint64_t) {
    for (int32_t i = 0; i < kernel.arg_count; ++i) {
      if (kernel.args[i].buffer) connections.push_back({i, index, 0});
    }
    ++index;
  });
  Bytes bytes;
  append(bytes, static_cast<int32_t>(connections.size()));
  for (const connection& one : connections) append(bytes, one);
  return bytes;
}

}  // namespace

std::string kernel_metadata(std::span<const EmulatedKernel> kernels) {
  std::string xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<project name=\"assay\">\n<platform vendor=\"assay\" boardid=\"emulated\" name=\"emulated\" "
      "featureRomTime=\"0\">\n<version major=\"1\" minor=\"0\"/>\n"
      "<device name=\"fpga0\" fpgaDevice=\"emulated\" addrWidth=\"0\">\n"
      "<core name=\"OCL_REGION_0\" target=\"csim\" type=\"clc_region\" clockFreq=\"0MHz\" "
      "numComputeUnits=\"1\">\n";
  for (const EmulatedKernel& kernel : kernels) {
    xml += fmt::format(
        "<kernel name=\"{}\" language=\"c\" vlnv=\"assay:hls:{}:1.0\" attributes=\"\" "
        "hwControlProtocol=\"ap_ctrl_hs\" interrupt=\"true\">\n"
        "<port name=\"M_AXI_GMEM\" mode=\"master\" range=\"0xFFFFFFFFFFFFFFFF\" "
        "dataWidth=\"512\" portType=\"addressable\" base=\"0x0\"/>\n"
        "<port name=\"S_AXI_CONTROL\" mode=\"slave\" range=\"0x{:x}\" dataWidth=\"32\" "
        "portType=\"addressable\" base=\"0x0\"/>\n{}",
        kernel.name, kernel.name, kRegisterBytes, arg_elements(kernel));
    visit_units(kernels,
                [&](const EmulatedKernel& owner, const std::string& name, uint64_t address) {
                  if (&owner != &kernel) return;
                  xml += fmt::format(
                      "<instance name=\"{}\"><addrRemap base=\"0x{:x}\" range=\"0x{:x}\" "
                      "port=\"S_AXI_CONTROL\"/></instance>\n",
                      name, address, kUnitAddressRange);
                });
    xml += "</kernel>\n";
  }
  return xml + "</core>\n</device>\n</platform>\n</project>\n";
}

std::vector<std::byte> write_xclbin(std::span<const EmulatedKernel> kernels,
                                    std::span<const std::byte> library) {
  const std::vector<Section> sections = {
      {BITSTREAM, "bitstream", Bytes(library.begin(), library.end())},
      {EMBEDDED_METADATA, "metadata", bytes_of(kernel_metadata(kernels))},
      {MEM_TOPOLOGY, "mem_topology", memory_section()},
      {CONNECTIVITY, "connectivity", connectivity_section(kernels)},
      {IP_LAYOUT, "ip_layout", layout_section(kernels)},
  };
  const size_t heads = offsetof(axlf, m_sections) + sections.size() * sizeof(axlf_section_header);
  Bytes file(heads);
  std::vector<axlf_section_header> headers;
  for (const Section& section : sections) {
    file.resize((file.size() + 7) / 8 * 8);
    axlf_section_header header{};
    header.m_sectionKind = section.kind;
    std::strncpy(header.m_sectionName, section.name, sizeof(header.m_sectionName) - 1);
    header.m_sectionOffset = file.size();
    header.m_sectionSize = section.bytes.size();
    headers.push_back(header);
    file.insert(file.end(), section.bytes.begin(), section.bytes.end());
  }
  axlf head{};
  std::memcpy(head.m_magic, "xclbin2", 8);
  head.m_signature_length = -1;
  std::memset(head.reserved, 0xFF, sizeof(head.reserved));
  head.m_header.m_length = file.size();
  head.m_header.m_versionMajor = 2;
  head.m_header.m_versionMinor = 13;
  head.m_header.m_mode = XCLBIN_SW_EMU;
  put_text(head.m_header.m_platformVBNV, kEmulatedPlatform);
  head.m_header.m_numSections = static_cast<uint32_t>(sections.size());
  hash_contents(std::span(file).subspan(heads), head.m_header.uuid);
  std::memcpy(file.data(), &head, offsetof(axlf, m_sections));
  std::memcpy(file.data() + offsetof(axlf, m_sections), headers.data(),
              headers.size() * sizeof(axlf_section_header));
  return file;
}

}  // namespace assay::backends::xrt::emulation
