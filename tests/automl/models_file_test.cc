#include "automl/models/model_file.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "kernels/base/hash.h"
#include "tests/tracking/test_folder.h"

namespace assay::automl {
namespace {

using testing::HasSubstr;

ModelWriter sample_writer() {
  ModelWriter writer;
  writer.put_text("kind", "sample");
  ModelWriter part = writer.child("part").child("0");
  part.put_number("number", 0.1);
  part.put_integer("integer", -7);
  part.put_flag("flag", true);
  const std::string texts[] = {"plain", "", "caf\xe9", std::string("nul\0", 4)};
  part.put_texts("texts", texts);
  const float floats[] = {1.5f, -0.0f, 3, 4, 5, 6};
  part.put_tensor("floats", std::span<const float>(floats), {2, 3});
  const uint8_t bytes[] = {1, 2, 255};
  writer.put_tensor("bytes", std::span<const uint8_t>(bytes));
  writer.put_tensor("empty", std::span<const double>());
  return writer;
}

std::string sample_file() { return *sample_writer().finish(); }

// The file with its hash made right again.
std::string sealed(std::string file) {
  file.resize(file.size() - 64);
  return file + sha256_hex(file);
}

std::string error_of(std::string file) {
  const auto reader = ModelReader::open(std::move(file), "m.assay");
  if (reader) return "opened";
  EXPECT_EQ(reader.error().code, StatusCode::kData);
  return reader.error().message;
}

TEST(ModelFile, GivesBackWhatWasPut) {
  const auto reader = ModelReader::open(sample_file(), "m.assay");
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(*reader->text("kind"), "sample");
  const ModelReader part = reader->child("part").child("0");
  EXPECT_EQ(*part.number("number"), 0.1);
  EXPECT_EQ(*part.integer("integer", -10, 10), -7);
  EXPECT_EQ(*part.flag("flag"), true);
  EXPECT_THAT(*part.texts("texts"),
              testing::ElementsAre("plain", "", "caf\xe9", std::string("nul\0", 4)));
  EXPECT_THAT(*part.tensor<float>("floats"), testing::ElementsAre(1.5f, -0.0f, 3, 4, 5, 6));
  EXPECT_THAT(*reader->tensor<uint8_t>("bytes", 3), testing::ElementsAre(1, 2, 255));
  EXPECT_TRUE(reader->tensor<double>("empty", 0)->empty());
  EXPECT_TRUE(reader->has("kind"));
  EXPECT_FALSE(reader->has("part"));
}

TEST(ModelFile, HasTheLayoutOfItsHeader) {
  const std::string file = sample_file();
  EXPECT_EQ(file.substr(0, 8), "ASSAYMOD");
  uint32_t version = 0;
  uint64_t header = 0;
  std::memcpy(&version, file.data() + 8, 4);
  std::memcpy(&header, file.data() + 16, 8);
  EXPECT_EQ(version, 1u);
  EXPECT_EQ(file[24], '{');
  EXPECT_EQ(file[24 + header - 1], '}');
  const size_t first = (24 + header + 63) / 64 * 64;
  // "bytes" is the first tensor by name, "empty" takes no room.
  EXPECT_EQ(file.substr(first, 3), "\x01\x02\xff");
  EXPECT_EQ((file.size() - 64) % 64, 0u);
  EXPECT_EQ(file.substr(file.size() - 64), sha256_hex(file.substr(0, file.size() - 64)));
}

TEST(ModelFile, ItsSizeIsKnownWithoutMakingIt) {
  EXPECT_EQ(*sample_writer().byte_count(), static_cast<int64_t>(sample_file().size()));
  ModelWriter counting = ModelWriter::counting();
  const std::vector<double> values(1000, 0.5);
  counting.child("a").put_tensor("b", std::span<const double>(values));
  ModelWriter keeping;
  keeping.child("a").put_tensor("b", std::span<const double>(values));
  EXPECT_EQ(*counting.byte_count(), static_cast<int64_t>(keeping.finish()->size()));
  EXPECT_EQ(counting.finish().error().code, StatusCode::kInternal);
  counting.put_number("nan", std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(counting.byte_count());
}

// More values than a block takes, and no whole number of blocks.
TEST(ModelFile, TensorsThatAreReadWhenItIsWrittenAreAsThoseThatWereCopied) {
  std::vector<double> doubles(100'003);
  std::vector<uint8_t> bytes(300'001);
  for (size_t i = 0; i < doubles.size(); ++i) doubles[i] = std::sqrt(static_cast<double>(i));
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i);
  ModelWriter copied = sample_writer();
  copied.put_tensor("doubles", std::span<const double>(doubles));
  copied.put_tensor("bytes2", std::span<const uint8_t>(bytes), {1, 300'001});
  ModelWriter referred = sample_writer();
  referred.refer_tensor("doubles", std::span<const double>(doubles));
  referred.make_tensor<uint8_t>("bytes2", 300'001, {1, 300'001},
                                [](int64_t first, std::span<uint8_t> out) {
                                  for (uint8_t& byte : out) {
                                    byte = static_cast<uint8_t>(first * first);
                                    ++first;
                                  }
                                });
  EXPECT_EQ(*copied.finish(), *referred.finish());
  EXPECT_EQ(*referred.byte_count(), static_cast<int64_t>(referred.finish()->size()));
}

TEST(ModelFile, IsWrittenInBlocksUntilOneIsRefused) {
  const std::vector<double> values(200'000, 0.5);
  ModelWriter writer;
  writer.refer_tensor("values", std::span<const double>(values));
  std::string file;
  size_t largest = 0;
  ASSERT_TRUE(writer.write([&](std::span<const std::byte> block) {
    file.append(reinterpret_cast<const char*>(block.data()), block.size());
    largest = std::max(largest, block.size());
    return Status();
  }));
  EXPECT_EQ(file, *writer.finish());
  EXPECT_LT(largest, file.size() / 2);
  int blocks = 0;
  const Status refused = writer.write([&](std::span<const std::byte>) -> Status {
    if (++blocks == 2) return fail(StatusCode::kIo, "full");
    return {};
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "full");
  EXPECT_EQ(blocks, 2);
}

TEST(ModelFile, IsReadFromAnOpenFile) {
  const tracking::TestFolder folder;
  tracking::spill(folder / "m", sample_file());
  PosixFileLayer files;
  const auto reader = ModelReader::open(*files.open(folder / "m"), "m");
  ASSERT_TRUE(reader) << reader.error().message;
  const ModelReader part = reader->child("part").child("0");
  EXPECT_THAT(*part.tensor<float>("floats"), testing::ElementsAre(1.5f, -0.0f, 3, 4, 5, 6));
  EXPECT_THAT(*part.texts("texts"),
              testing::ElementsAre("plain", "", "caf\xe9", std::string("nul\0", 4)));
  for (const size_t size : {size_t{0}, size_t{100}, sample_file().size() - 1}) {
    tracking::spill(folder / "cut", sample_file().substr(0, size));
    const auto cut = ModelReader::open(*files.open(folder / "cut"), "cut");
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, StatusCode::kData);
  }
  // Cut after it was opened.
  std::filesystem::resize_file(folder / "m", 100);
  EXPECT_EQ(part.tensor<float>("floats").error().code, StatusCode::kData);
}

TEST(ModelFile, EqualPartsInAnyOrderGiveEqualBytes) {
  ModelWriter a;
  a.put_integer("x", 1);
  a.put_integer("y", 2);
  ModelWriter b;
  b.put_integer("y", 2);
  b.put_integer("x", 1);
  EXPECT_EQ(*a.finish(), *b.finish());
}

TEST(ModelFile, RefusesWrongParts) {
  const auto message = [](const ModelWriter& writer) {
    const auto file = writer.finish();
    EXPECT_FALSE(file);
    return file ? std::string() : file.error().message;
  };
  ModelWriter twice;
  twice.put_integer("x", 1);
  twice.put_flag("x", true);
  EXPECT_THAT(message(twice), HasSubstr("x was put twice"));
  ModelWriter infinite;
  infinite.put_number("x", std::numeric_limits<double>::infinity());
  EXPECT_THAT(message(infinite), HasSubstr("x is not finite"));
  ModelWriter shape;
  const float values[] = {1, 2, 3};
  shape.child("a").put_tensor("x", std::span<const float>(values), {2, 2});
  EXPECT_THAT(message(shape), HasSubstr("a/x has a shape"));
  ModelWriter text;
  text.put_text("x", "caf\xe9");
  EXPECT_FALSE(message(text).empty());
}

TEST(ModelFile, NamesWhatIsMissingOrOfAnotherKind) {
  const auto reader = ModelReader::open(sample_file(), "m.assay");
  ASSERT_TRUE(reader);
  const ModelReader part = reader->child("part").child("0");
  EXPECT_EQ(part.number("numbr").error().message, "m.assay: part/0: no number 'numbr'");
  EXPECT_EQ(part.integer("integer", 0, 10).error().message,
            "m.assay: part/0: integer is -7 (must be 0..10)");
  EXPECT_EQ(part.text("number").error().code, StatusCode::kData);
  EXPECT_EQ(part.flag("integer").error().code, StatusCode::kData);
  EXPECT_EQ(part.tensor<double>("floats").error().message,
            "m.assay: part/0: no f64 tensor 'floats'");
  EXPECT_EQ(part.tensor<float>("floats", 5).error().message,
            "m.assay: part/0: tensor 'floats' has 6 values (must be 5)");
  EXPECT_FALSE(part.texts("floats"));
}

TEST(ModelFile, EveryDamagedByteIsAnError) {
  const std::string file = sample_file();
  for (size_t i = 0; i < file.size(); ++i) {
    std::string damaged = file;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
    EXPECT_NE(error_of(damaged), "opened") << "byte " << i;
  }
}

TEST(ModelFile, EveryTruncationIsAnError) {
  const std::string file = sample_file();
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_NE(error_of(file.substr(0, size)), "opened") << size << " bytes";
  }
}

// Damage that has a right hash: somebody made it so.
TEST(ModelFile, ChecksTheHeaderItself) {
  const std::string file = sample_file();
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string other = file;
    const size_t at = other.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    other.replace(at, from.size(), to);
    return error_of(sealed(other));
  };
  EXPECT_THAT(replaced("[\"f32\",2,3]", "[\"f32\",2,9]"), HasSubstr("header is not sound"));
  EXPECT_THAT(replaced("[\"f32\",2,3]", "[\"f33\",2,3]"), HasSubstr("header is not sound"));
  EXPECT_THAT(replaced("[\"f32\",2,3]", "[\"f32\",-23]"), HasSubstr("header is not sound"));
  EXPECT_THAT(replaced("\"tensors\"", "\"tensorz\""), HasSubstr("header is not sound"));
  EXPECT_THAT(replaced("{\"tensors\"", "x\"tensors\""), HasSubstr("header is not sound"));
  std::string longer = file;
  longer[16] = '\xff';
  longer[17] = '\xff';
  EXPECT_THAT(error_of(sealed(longer)), HasSubstr("header is longer than the file"));
  std::string future = file;
  future[8] = 2;
  EXPECT_THAT(error_of(sealed(future)), HasSubstr("format version 2 (this program reads 1)"));
  EXPECT_THAT(error_of("PK" + file), HasSubstr("not a model file"));
  std::string padded = file;
  padded.insert(padded.size() - 64, 64, '\0');
  EXPECT_THAT(error_of(sealed(padded)), HasSubstr("header is not sound"));
}

}  // namespace
}  // namespace assay::automl
