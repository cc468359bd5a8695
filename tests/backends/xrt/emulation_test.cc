// The parts of the emulated card by themselves: wire format, memory, metadata. Expected bytes are
// worked out by hand from the definition of protocol buffers and XRT's table of calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xrt/xclbin.h>

#include <cstring>
#include <string>

#include "backends/xrt/emulation/device_memory.h"
#include "backends/xrt/emulation/wire.h"
#include "backends/xrt/emulation/xclbin_writer.h"
#include "backends/xrt/xclbin_file.h"

namespace assay::backends::xrt::emulation {
namespace {

using testing::HasSubstr;

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(Wire, ReadsTheHeaderOfACall) {
  const auto bytes = bytes_of({0x09, 0x2c, 1, 0, 0, 0, 0, 0, 0, 0x15, 6, 0, 0, 0});
  const auto header = read_call_header(std::span(bytes).first<kCallHeaderBytes>());
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->body_bytes, 300u);
  EXPECT_EQ(header->api, static_cast<uint32_t>(Api::kHostToDevice));
}

TEST(Wire, RefusesHeadersOfAnythingElseAndHugeBodies) {
  auto bytes = bytes_of({0x08, 0x2c, 1, 0, 0, 0, 0, 0, 0, 0x15, 6, 0, 0, 0});
  EXPECT_FALSE(read_call_header(std::span(bytes).first<kCallHeaderBytes>()));
  bytes = bytes_of({0x09, 0, 0, 0, 0, 1, 0, 0, 0, 0x15, 6, 0, 0, 0});
  EXPECT_FALSE(read_call_header(std::span(bytes).first<kCallHeaderBytes>()));
}

TEST(Wire, ReadsFieldsOfEveryKind) {
  // 3: 300, 4: "ab", 5: fixed64 1, 6: fixed32 2
  const auto message = bytes_of(
      {0x18, 0xac, 0x02, 0x22, 2, 'a', 'b', 0x29, 1, 0, 0, 0, 0, 0, 0, 0, 0x35, 2, 0, 0, 0});
  const auto fields = read_fields(message);
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ(fields->numbers[3], 300u);
  EXPECT_EQ(fields->bytes[4].size(), 2u);
  EXPECT_EQ(fields->numbers[5], 1u);
  EXPECT_EQ(fields->numbers[6], 2u);
}

TEST(Wire, RefusesWhatEndsTooEarly) {
  EXPECT_FALSE(read_fields(bytes_of({0x18})));
  EXPECT_FALSE(read_fields(bytes_of({0x22, 5, 'a'})));
  EXPECT_FALSE(read_fields(bytes_of({0x29, 1, 2})));
  EXPECT_FALSE(read_fields(bytes_of({0x1b})));  // a group, which XRT never sends
}

TEST(Wire, WritesReplies) {
  WireWriter writer;
  writer.number(1, 300);
  writer.bytes(2, bytes_of({7}));
  EXPECT_EQ(writer.reply(), bytes_of({0x09, 6, 0, 0, 0, 0, 0, 0, 0, 0x08, 0xac, 0x02, 0x12, 1, 7}));
}

TEST(DeviceMemory, FreshBuffersHoldAPatternAndNotZeros) {
  DeviceMemory memory;
  ASSERT_TRUE(memory.allocate(0x4000, 100));
  const std::byte* place = memory.find(0x4000, 100);
  ASSERT_NE(place, nullptr);
  EXPECT_EQ(place[0], std::byte{0xCB});
  EXPECT_EQ(place[99], std::byte{0xCB});
  EXPECT_EQ(memory.find(0x4000 + 60, 40), place + 60);
  EXPECT_EQ(memory.find(0x4000 + 60, 41), nullptr);
  EXPECT_EQ(memory.find(0x3fff, 1), nullptr);
}

TEST(DeviceMemory, RefusesOverlapsAndForgetsWhatIsFreed) {
  DeviceMemory memory;
  EXPECT_TRUE(memory.allocate(0x4000, 0x1000));
  EXPECT_FALSE(memory.allocate(0x4800, 0x1000));
  EXPECT_FALSE(memory.allocate(0x3800, 0x1000));
  EXPECT_FALSE(memory.allocate(0x9000, 0));
  EXPECT_TRUE(memory.allocate(0x5000, 0x1000));
  const std::byte* place = memory.find(0x4000, 1);
  EXPECT_EQ(memory.describe(place + 16), "live buffer 0x4000 of 4096 bytes, at byte 16");
  EXPECT_TRUE(memory.free(0x4000));
  EXPECT_FALSE(memory.free(0x4000));
  EXPECT_EQ(memory.find(0x4000, 1), nullptr);
  EXPECT_EQ(memory.describe(place + 16), "freed buffer 0x4000 of 4096 bytes, at byte 16");
  EXPECT_EQ(memory.describe(&memory), "");
  EXPECT_TRUE(memory.allocate(0x4000, 0x1000));
}

void sample(const float* in, float* out, int64_t count, float scale) {
  for (int64_t i = 0; i < count; ++i) out[i] = scale * in[i];
}

TEST(XclbinWriter, MetadataFollowTheSignature) {
  const EmulatedKernel kernel = describe<sample>("sample", "in out count scale", 2);
  const std::string xml = kernel_metadata({&kernel, 1});
  EXPECT_THAT(xml, HasSubstr("<arg name=\"in\" addressQualifier=\"1\" id=\"0\" "
                             "port=\"M_AXI_GMEM\" size=\"0x8\" offset=\"0x10\""));
  EXPECT_THAT(xml, HasSubstr("<arg name=\"count\" addressQualifier=\"0\" id=\"2\" "
                             "port=\"S_AXI_CONTROL\" size=\"0x8\" offset=\"0x28\""));
  EXPECT_THAT(xml, HasSubstr("<arg name=\"scale\" addressQualifier=\"0\" id=\"3\" "
                             "port=\"S_AXI_CONTROL\" size=\"0x4\" offset=\"0x34\""));
  EXPECT_THAT(xml, HasSubstr("type=\"float\""));
  EXPECT_THAT(xml, HasSubstr("<instance name=\"sample_2\"><addrRemap base=\"0x1810000\""));
}

TEST(XclbinWriter, CallsTheKernelWithTheBitsOfItsArguments) {
  const EmulatedKernel kernel = describe<sample>("sample", "in out count scale", 1);
  const float in[2] = {3, 5};
  float out[2] = {0, 0};
  const float scale = 0.5f;
  uint64_t words[4] = {reinterpret_cast<uint64_t>(in), reinterpret_cast<uint64_t>(out), 2, 0};
  std::memcpy(&words[3], &scale, sizeof(scale));
  kernel.call(words);
  EXPECT_EQ(out[0], 1.5f);
  EXPECT_EQ(out[1], 2.5f);
}

TEST(XclbinWriter, SectionsAreWhereTheHeaderSays) {
  const EmulatedKernel kernel = describe<sample>("sample", "in out count scale", 2);
  const auto file = write_xclbin({&kernel, 1}, bytes_of({1, 2, 3}));
  const auto* head = reinterpret_cast<const axlf*>(file.data());
  EXPECT_STREQ(head->m_magic, "xclbin2");
  EXPECT_EQ(head->m_header.m_length, file.size());
  ASSERT_EQ(head->m_header.m_numSections, 5u);
  const axlf_section_header* bitstream = ::xclbin::get_axlf_section(head, BITSTREAM);
  ASSERT_NE(bitstream, nullptr);
  EXPECT_EQ(bitstream->m_sectionSize, 3u);
  EXPECT_EQ(file[bitstream->m_sectionOffset + 2], std::byte{3});
  const axlf_section_header* units = ::xclbin::get_axlf_section(head, IP_LAYOUT);
  ASSERT_NE(units, nullptr);
  const auto* layout = reinterpret_cast<const ip_layout*>(file.data() + units->m_sectionOffset);
  ASSERT_EQ(layout->m_count, 2);
  EXPECT_STREQ(reinterpret_cast<const char*>(layout->m_ip_data[1].m_name), "sample:sample_2");
  EXPECT_EQ(layout->m_ip_data[1].m_base_address, 0x1810000u);
  const axlf_section_header* wires = ::xclbin::get_axlf_section(head, CONNECTIVITY);
  ASSERT_NE(wires, nullptr);
  EXPECT_EQ(reinterpret_cast<const connectivity*>(file.data() + wires->m_sectionOffset)->m_count,
            4);
  // Another library is another xclbin.
  const auto other = write_xclbin({&kernel, 1}, bytes_of({1, 2, 4}));
  EXPECT_NE(std::memcmp(head->m_header.uuid,
                        reinterpret_cast<const axlf*>(other.data())->m_header.uuid, 16),
            0);
}

// Fields of the container by XRT's own header, in a file that write_xclbin made.
class XclbinFile : public testing::Test {
 protected:
  void SetUp() override {
    const EmulatedKernel kernel = describe<sample>("sample", "in out count scale", 2);
    file_ = write_xclbin({&kernel, 1}, bytes_of({1, 2, 3}));
  }
  axlf& head() { return *reinterpret_cast<axlf*>(file_.data()); }
  std::string refusal() const {
    const auto info = read_xclbin(file_);
    return info ? std::string() : info.error().message;
  }
  // Of a card: no hash of ours stands in the way of what is changed.
  void call_real() {
    std::memcpy(head().m_header.m_platformVBNV, "xilinx_u55c", 12);
    head().m_header.m_mode = XCLBIN_PR;
  }

  std::vector<std::byte> file_;
};

TEST_F(XclbinFile, TellsWhatItIsFor) {
  const auto emulated = read_xclbin(file_);
  ASSERT_TRUE(emulated.has_value()) << emulated.error().message;
  EXPECT_TRUE(emulated->emulated);
  EXPECT_EQ(emulated->platform, "assay_emulated");
  EXPECT_EQ(emulated->bytes, file_.size());
  call_real();
  for (int i = 0; i < 16; ++i) head().m_header.uuid[i] = static_cast<unsigned char>(i);
  const auto real = read_xclbin(file_);
  ASSERT_TRUE(real.has_value()) << real.error().message;
  EXPECT_FALSE(real->emulated);
  EXPECT_EQ(real->platform, "xilinx_u55c");
  EXPECT_EQ(real->uuid, "000102030405060708090a0b0c0d0e0f");
  for (const auto mode : {XCLBIN_HW_EMU, XCLBIN_SW_EMU, XCLBIN_HW_EMU_PR}) {
    head().m_header.m_mode = static_cast<uint16_t>(mode);
    EXPECT_TRUE(read_xclbin(file_)->emulated) << mode;
  }
  head().m_header.m_mode = XCLBIN_FLAT;
  EXPECT_FALSE(read_xclbin(file_)->emulated);
}

TEST_F(XclbinFile, SaysHowItIsDamaged) {
  call_real();
  EXPECT_EQ(refusal(), "");
  const std::vector<std::byte> whole = file_;
  file_.pop_back();
  EXPECT_EQ(refusal(),
            fmt::format("has {} bytes, but should have {}", whole.size() - 1, whole.size()));
  file_.resize(400);
  EXPECT_EQ(refusal(), "is no xclbin");
  file_ = whole;
  file_[0] = std::byte{'y'};
  EXPECT_EQ(refusal(), "is no xclbin");
  file_ = whole;
  head().m_header.m_numSections = 1000;
  EXPECT_EQ(refusal(), "is damaged: it should have 1000 sections");
  file_ = whole;
  head().m_sections[1].m_sectionSize = ~uint64_t{0};
  EXPECT_THAT(refusal(), HasSubstr("is damaged: section 1 ('metadata') ends beyond the file's "));
  file_ = whole;
  head().m_sections[4].m_sectionOffset = whole.size() + 1;
  EXPECT_THAT(refusal(), HasSubstr("section 4 ('ip_layout') ends beyond"));
  file_ = whole;
  head().m_sections[4].m_sectionKind = 30;
  EXPECT_THAT(refusal(), HasSubstr("has no section IP_LAYOUT"));
  file_ = whole;
  std::memset(head().m_header.uuid, 0, 16);
  EXPECT_EQ(refusal(), "is damaged: it has no uuid");
}

TEST_F(XclbinFile, OfTheEmulatedCardMissesNoByte) {
  const size_t contents = offsetof(axlf, m_sections) + 5 * sizeof(axlf_section_header);
  for (size_t at = contents; at < file_.size(); ++at) {
    file_[at] ^= std::byte{1};
    EXPECT_EQ(refusal(), "is damaged: its contents are not what it was written with") << at;
    file_[at] ^= std::byte{1};
  }
  EXPECT_EQ(refusal(), "");
}

}  // namespace
}  // namespace assay::backends::xrt::emulation
