#include "kernels/base/file_layer.h"
#include "tests/bytes_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FileLayerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "assay_file_layer_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, std::string_view text) {
    auto file = files_.create(path(name));
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE((*file)->append(bytes_of(text)).has_value());
  }
  std::string content(const std::string& name) {
    auto text = read_file(files_, path(name), 1 << 20);
    return text ? *text : "error: " + text.error().message;
  }

  std::string folder_;
  PosixFileLayer files_;
};

TEST_F(FileLayerTest, WaitsForNoPipeSocketOrDevice) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path("socket").size(), sizeof address.sun_path);
  path("socket").copy(address.sun_path, path("socket").size());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  for (const std::string& special : {path("pipe"), path("socket"), std::string("/dev/null")}) {
    for (const bool append : {false, true}) {
      const auto opened = append ? files_.open_append(special) : files_.open(special);
      ASSERT_FALSE(opened) << special;
      EXPECT_EQ(opened.error().code, StatusCode::kNotFound);
      EXPECT_THAT(opened.error().message, HasSubstr("'" + special + "': it is no file"));
    }
    EXPECT_TRUE(files_.stat(special)->special);
    EXPECT_FALSE(files_.stat(special)->folder);
  }
  ::close(fd);
  write("a", "text");
  EXPECT_FALSE(files_.stat(path("a"))->special);
  EXPECT_FALSE(files_.stat(folder_)->special);
}

TEST_F(FileLayerTest, FindsNothingBehindALinkToItself) {
  ASSERT_EQ(::symlink("round", path("round").c_str()), 0);
  EXPECT_EQ(files_.open(path("round")).error().code, StatusCode::kNotFound);
  EXPECT_EQ(files_.open_append(path("round")).error().code, StatusCode::kNotFound);
  EXPECT_EQ(files_.stat(path("round")).error().code, StatusCode::kNotFound);
  EXPECT_FALSE(files_.exists(path("round")));
  // A folder may be away and hold much: that is no empty one.
  EXPECT_EQ(files_.scan(path("round")).error().code, StatusCode::kIo);
  EXPECT_EQ(files_.list(path("round")).error().code, StatusCode::kIo);
}

TEST_F(FileLayerTest, AppendedBytesReadBack) {
  auto file = files_.create(path("a"));
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE((*file)->append(bytes_of("hello ")).has_value());
  ASSERT_TRUE((*file)->append(bytes_of("world")).has_value());
  ASSERT_TRUE((*file)->sync().has_value());
  EXPECT_EQ(*(*file)->size(), 11);
  std::string part(5, '\0');
  EXPECT_EQ(*(*file)->read_at(6, std::as_writable_bytes(std::span(part))), 5);
  EXPECT_EQ(part, "world");
  EXPECT_EQ(*(*file)->read_at(11, std::as_writable_bytes(std::span(part))), 0);
  EXPECT_EQ(content("a"), "hello world");
}

TEST_F(FileLayerTest, CreateRefusesAnExistingFileAndNamesIt) {
  write("a", "kept");
  const auto again = files_.create(path("a"));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, StatusCode::kAlreadyExists);
  EXPECT_THAT(again.error().message, HasSubstr(path("a")));
  EXPECT_EQ(content("a"), "kept");
}

TEST_F(FileLayerTest, MissingFilesAreNotFound) {
  EXPECT_EQ(files_.open(path("no")).error().code, StatusCode::kNotFound);
  EXPECT_EQ(files_.unlink(path("no")).error().code, StatusCode::kNotFound);
  EXPECT_EQ(read_file(files_, path("no"), 10).error().code, StatusCode::kNotFound);
  EXPECT_FALSE(files_.exists(path("no")));
}

TEST_F(FileLayerTest, LinkKeepsTheFirst) {
  write("a", "first");
  write("b", "second");
  ASSERT_TRUE(files_.link(path("a"), path("c")).has_value());
  EXPECT_EQ(files_.link(path("b"), path("c")).error().code, StatusCode::kAlreadyExists);
  EXPECT_EQ(content("c"), "first");
}

TEST_F(FileLayerTest, RenameReplaces) {
  write("a", "new");
  write("b", "old");
  ASSERT_TRUE(files_.rename(path("a"), path("b")).has_value());
  EXPECT_EQ(content("b"), "new");
  EXPECT_FALSE(files_.exists(path("a")));
}

TEST_F(FileLayerTest, ListIsSorted) {
  write("b", "");
  write("a", "");
  ASSERT_TRUE(make_folders(files_, path("c/d")).has_value());
  ASSERT_TRUE(make_folders(files_, path("c/d")).has_value());
  ASSERT_TRUE(make_folders(files_, path("c/d/")).has_value());
  ASSERT_TRUE(files_.make_folder(path("c/d")).has_value());
  EXPECT_THAT(*files_.list(folder_), ElementsAre("a", "b", "c"));
  EXPECT_THAT(*files_.list(path("c/d")), IsEmpty());
  EXPECT_FALSE(files_.list(path("no")).has_value());
}

TEST_F(FileLayerTest, StatTellsReplacedFilesApart) {
  write("a", "12345");
  const auto first = files_.stat(path("a"));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->size, 5);
  EXPECT_EQ(first->links, 1U);
  EXPECT_FALSE(first->folder);
  EXPECT_EQ(*files_.stat(path("a")), *first);
  write("b", "12345");
  ASSERT_TRUE(files_.rename(path("b"), path("a")).has_value());
  EXPECT_NE(files_.stat(path("a"))->inode, first->inode);
  EXPECT_TRUE(files_.stat(folder_)->folder);
  EXPECT_EQ(files_.stat(path("no")).error().code, StatusCode::kNotFound);
}

TEST_F(FileLayerTest, ScanIsASortedListWithStats) {
  write("b", "12");
  write("a", "1");
  ASSERT_TRUE(files_.make_folder(path("c")).has_value());
  const auto entries = files_.scan(folder_);
  ASSERT_TRUE(entries.has_value());
  ASSERT_EQ(entries->size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    const FolderEntry& entry = (*entries)[i];
    EXPECT_EQ(entry.name, std::string(1, static_cast<char>('a' + i)));
    EXPECT_EQ(entry.info, *files_.stat(path(entry.name)));
  }
  EXPECT_EQ(files_.scan(path("no")).error().code, StatusCode::kNotFound);
}

TEST_F(FileLayerTest, AppendersOfOneFileDoNotTearEachOther) {
  write("log", "");
  EXPECT_EQ(files_.open_append(path("no")).error().code, StatusCode::kNotFound);
  constexpr int kLines = 500;
  auto append = [this](char letter) {
    const std::string line = std::string(997, letter) + "\n";
    for (int i = 0; i < kLines; ++i) {
      auto file = files_.open_append(path("log"));
      ASSERT_TRUE(file.has_value());
      ASSERT_TRUE((*file)->append(bytes_of(line)).has_value());
    }
  };
  std::thread other([&] { append('b'); });
  append('a');
  other.join();
  const std::string text = content("log");
  ASSERT_EQ(text.size(), size_t{2} * kLines * 998);
  for (size_t at = 0; at < text.size(); at += 998) {
    EXPECT_EQ(text.substr(at, 998), std::string(997, text[at]) + "\n");
  }
}

TEST_F(FileLayerTest, AFolderThatCannotBeMadeIsAnIoError) {
  const Status made = make_folders(files_, "/proc/none/below");
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, StatusCode::kIo);
}

TEST_F(FileLayerTest, AFolderAloneDoesNotMakeItsParent) {
  const Status made = files_.make_folder(path("gone/below"));
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, StatusCode::kNotFound);
  EXPECT_FALSE(files_.exists(path("gone")));
}

TEST_F(FileLayerTest, MakeFolderFailsUnderAFile) {
  write("a", "");
  EXPECT_FALSE(files_.make_folder(path("a/b")).has_value());
}

TEST_F(FileLayerTest, ReadFileKeepsItsLimit) {
  write("a", "12345");
  EXPECT_EQ(*read_file(files_, path("a"), 5), "12345");
  const auto over = read_file(files_, path("a"), 4);
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().code, StatusCode::kResourceExhausted);
  EXPECT_THAT(over.error().message, HasSubstr("5 bytes (must be at most 4)"));
}

TEST_F(FileLayerTest, ReadFileRefusesAFolder) {
  const auto text = read_file(files_, folder_, 1 << 20);
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code, StatusCode::kNotFound);
  EXPECT_THAT(text.error().message, HasSubstr("a folder"));
  EXPECT_EQ(files_.open_append(folder_).error().code, StatusCode::kNotFound);
}

TEST_F(FileLayerTest, PublishReplacesAndLeavesNothingBehind) {
  ASSERT_TRUE(files_.make_folder(path("tmp")).has_value());
  ASSERT_TRUE(publish_file(files_, path("tmp"), path("m"), bytes_of("one")).has_value());
  EXPECT_EQ(content("m"), "one");
  ASSERT_TRUE(publish_file(files_, path("tmp"), path("m"), bytes_of("two")).has_value());
  EXPECT_EQ(content("m"), "two");
  EXPECT_THAT(*files_.list(path("tmp")), IsEmpty());
}

TEST_F(FileLayerTest, PublishToABareNameUsesTheWorkingFolder) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  const Status status = publish_file(files_, ".", "bare", bytes_of("x"));
  std::filesystem::current_path(before);
  EXPECT_TRUE(status.has_value()) << status.error().message;
  EXPECT_EQ(content("bare"), "x");
}

TEST_F(FileLayerTest, FailedPublishLeavesTargetAndTemporaryFolderAlone) {
  ASSERT_TRUE(files_.make_folder(path("tmp")).has_value());
  const Status status = publish_file(files_, path("tmp"), path("no/m"), bytes_of("x"));
  EXPECT_FALSE(status.has_value());
  EXPECT_THAT(*files_.list(path("tmp")), IsEmpty());
}

TEST_F(FileLayerTest, ConcurrentPublishersLeaveOneWholeFile) {
  ASSERT_TRUE(files_.make_folder(path("tmp")).has_value());
  const std::string a(5000, 'a');
  const std::string b(5000, 'b');
  auto publish = [this](const std::string& text) {
    PosixFileLayer files;
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(publish_file(files, path("tmp"), path("m"), bytes_of(text)).has_value());
    }
  };
  std::thread other([&] { publish(b); });
  publish(a);
  other.join();
  const std::string result = content("m");
  EXPECT_TRUE(result == a || result == b);
  EXPECT_THAT(*files_.list(path("tmp")), IsEmpty());
}

TEST_F(FileLayerTest, RemovesOnlyEmptyFolders) {
  ASSERT_TRUE(files_.make_folder(path("d")).has_value());
  write("d/file", "x");
  EXPECT_EQ(files_.remove_folder(path("d")).error().code, StatusCode::kIo);
  ASSERT_TRUE(files_.unlink(path("d/file")).has_value());
  EXPECT_TRUE(files_.remove_folder(path("d")).has_value());
  EXPECT_EQ(files_.remove_folder(path("d")).error().code, StatusCode::kNotFound);
}

// Passes everything on to a PosixFileLayer, but fails the n-th step (append, sync, rename,
// sync_folder) as a full disk would.
class FailingLayer final : public FileLayer {
 public:
  explicit FailingLayer(int failing_step) : failing_step_(failing_step) {}

  Status step() {
    if (++steps_ == failing_step_) return fail(StatusCode::kIo, "no space left (injected)");
    return {};
  }
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<std::unique_ptr<File>> open(const std::string& path) override { return real_.open(path); }
  Result<std::unique_ptr<File>> open_append(const std::string& path) override {
    return real_.open_append(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    ASSAY_RETURN_IF_ERROR(step());
    return real_.rename(from, to);
  }
  Status link(const std::string& from, const std::string& to) override {
    return real_.link(from, to);
  }
  Status unlink(const std::string& path) override { return real_.unlink(path); }
  Status make_folder(const std::string& path) override { return real_.make_folder(path); }
  Status sync_folder(const std::string& path) override {
    ASSAY_RETURN_IF_ERROR(step());
    return real_.sync_folder(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return real_.list(path);
  }
  bool exists(const std::string& path) override { return real_.exists(path); }
  Result<FileInfo> stat(const std::string& path) override { return real_.stat(path); }
  Result<std::vector<FolderEntry>> scan(const std::string& path) override {
    return real_.scan(path);
  }
  Status remove_folder(const std::string& path) override { return real_.remove_folder(path); }

 private:
  PosixFileLayer real_;
  int failing_step_;
  int steps_ = 0;
};

class FailingFile final : public File {
 public:
  FailingFile(std::unique_ptr<File> real, FailingLayer* layer)
      : real_(std::move(real)), layer_(layer) {}
  Status append(std::span<const std::byte> bytes) override {
    ASSAY_RETURN_IF_ERROR(layer_->step());
    return real_->append(bytes);
  }
  Status sync() override {
    ASSAY_RETURN_IF_ERROR(layer_->step());
    return real_->sync();
  }
  Result<int64_t> read_at(int64_t offset, std::span<std::byte> bytes) override {
    return real_->read_at(offset, bytes);
  }
  Result<int64_t> size() override { return real_->size(); }

 private:
  std::unique_ptr<File> real_;
  FailingLayer* layer_;
};

Result<std::unique_ptr<File>> FailingLayer::create(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(auto file, real_.create(path));
  return std::make_unique<FailingFile>(std::move(file), this);
}

TEST_F(FileLayerTest, PublishReportsAFailureAtEveryStepAndNeverTearsTheTarget) {
  ASSERT_TRUE(files_.make_folder(path("tmp")).has_value());
  // append, sync, rename, sync_folder
  for (int failing_step = 1; failing_step <= 4; ++failing_step) {
    const std::string name = "m" + std::to_string(failing_step);
    write(name, "old");
    FailingLayer files(failing_step);
    const Status status = publish_file(files, path("tmp"), path(name), bytes_of("new"));
    ASSERT_FALSE(status.has_value()) << failing_step;
    EXPECT_EQ(status.error().code, StatusCode::kIo);
    EXPECT_EQ(content(name), failing_step == 4 ? "new" : "old") << failing_step;
    EXPECT_THAT(*files_.list(path("tmp")), IsEmpty()) << failing_step;
  }
  FailingLayer files(5);
  EXPECT_TRUE(publish_file(files, path("tmp"), path("m5"), bytes_of("new")).has_value());
}

}  // namespace
}  // namespace assay
