#include "tracking/blob_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/bytes_of.h"
#include "tests/tracking/failing_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/workspace.h"

namespace assay::tracking {
namespace {

// sha256sum of "hello\n".
constexpr const char* kHello = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

class BlobStoreTest : public testing::Test {
 protected:
  void SetUp() override { workspace_ = *Workspace::create(folder_ / "store", "a", &files_); }
  std::string path_of_hello() const { return folder_ / "store/blobs/58/" + kHello; }

  TestFolder folder_;
  FailingFiles files_;
  std::shared_ptr<Workspace> workspace_;
};

TEST_F(BlobStoreTest, StoresByContent) {
  BlobStore blobs(*workspace_);
  const auto ref = blobs.put("hello\n");
  ASSERT_TRUE(ref) << ref.error().message;
  EXPECT_EQ(ref->sha256, kHello);
  EXPECT_EQ(ref->size, 6);
  EXPECT_EQ(slurp(path_of_hello()), "hello\n");
  EXPECT_EQ(*blobs.read(kHello), "hello\n");
  EXPECT_TRUE(blobs.contains(kHello));
  EXPECT_TRUE(blobs.verify(kHello));
}

TEST_F(BlobStoreTest, StoresWhatIsWrittenInBlocks) {
  BlobStore blobs(*workspace_);
  const auto ref = blobs.put([](ByteSink sink) -> Status {
    ASSAY_RETURN_IF_ERROR(sink(bytes_of("hel")));
    return sink(bytes_of("lo\n"));
  });
  ASSERT_TRUE(ref) << ref.error().message;
  EXPECT_EQ(ref->sha256, kHello);
  EXPECT_EQ(ref->size, 6);
  EXPECT_EQ(slurp(path_of_hello()), "hello\n");
  const auto failed = blobs.put([](ByteSink sink) -> Status {
    ASSAY_RETURN_IF_ERROR(sink(bytes_of("some")));
    return fail(StatusCode::kData, "no more");
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "no more");
  EXPECT_TRUE(std::filesystem::is_empty((*workspace_->writer())->tmp_folder()));
}

TEST_F(BlobStoreTest, StoresOnceAndPins) {
  BlobStore blobs(*workspace_);
  ASSERT_TRUE(blobs.put("hello\n"));
  struct stat first {};
  ASSERT_EQ(::stat(path_of_hello().c_str(), &first), 0);
  EXPECT_EQ(first.st_nlink, 2U) << "blob and pin";
  spill(folder_ / "file", "hello\n");
  ASSERT_TRUE(blobs.put_file(folder_ / "file"));
  struct stat second {};
  ASSERT_EQ(::stat(path_of_hello().c_str(), &second), 0);
  EXPECT_EQ(first.st_ino, second.st_ino);
  EXPECT_EQ(second.st_nlink, 2U);
  const std::string writer = (*workspace_->writer())->id();
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "store/writers/" + writer + "/tmp"));
}

TEST_F(BlobStoreTest, StoresLargeFilesAndEmptyOnes) {
  BlobStore blobs(*workspace_);
  std::string large(3'500'000, 'a');
  for (size_t i = 0; i < large.size(); i += 97) large[i] = static_cast<char>(i);
  spill(folder_ / "large", large);
  const auto ref = blobs.put_file(folder_ / "large");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->size, 3'500'000);
  EXPECT_EQ(*blobs.read(ref->sha256), large);
  const auto empty = blobs.put("");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(*blobs.read(empty->sha256), "");
}

TEST_F(BlobStoreTest, StoredByManyThreadsIsOne) {
  std::vector<std::thread> threads;
  std::atomic<int> stored{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      if (BlobStore(*workspace_).put("hello\n")) ++stored;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stored.load(), 8);
  EXPECT_EQ(slurp(path_of_hello()), "hello\n");
}

TEST_F(BlobStoreTest, FindsDamage) {
  BlobStore blobs(*workspace_);
  ASSERT_TRUE(blobs.put("hello\n"));
  spill(path_of_hello(), "jello\n");
  for (const StatusCode code : {blobs.read(kHello).error().code, blobs.verify(kHello).error().code,
                                blobs.copy_to(kHello, folder_ / "out").error().code}) {
    EXPECT_EQ(code, StatusCode::kData);
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(BlobStoreTest, StoringAgainMendsACutBlob) {
  BlobStore blobs(*workspace_);
  ASSERT_TRUE(blobs.put("hello\n"));
  spill(path_of_hello(), "hel");
  EXPECT_FALSE(blobs.verify(kHello));
  ASSERT_TRUE(blobs.put("hello\n"));
  EXPECT_TRUE(blobs.verify(kHello));
}

TEST_F(BlobStoreTest, StoringAgainMendsABlobOfTheSameSize) {
  BlobStore blobs(*workspace_);
  ASSERT_TRUE(blobs.put("hello\n"));
  spill(path_of_hello(), "jello\n");
  ASSERT_TRUE(blobs.put("hello\n"));
  EXPECT_EQ(slurp(path_of_hello()), "hello\n");
  struct stat info {};
  ASSERT_EQ(::stat(path_of_hello().c_str(), &info), 0);
  EXPECT_EQ(info.st_nlink, 2U) << "the pin is of the whole one";
  // By a process that did not store it, from a file.
  spill(path_of_hello(), "jello\n");
  workspace_.reset();
  workspace_ = *Workspace::open(folder_ / "store", &files_);
  spill(folder_ / "file", "hello\n");
  ASSERT_TRUE(BlobStore(*workspace_).put_file(folder_ / "file"));
  EXPECT_EQ(slurp(path_of_hello()), "hello\n");
}

// Counts how often blobs are opened.
class BlobReads final : public ObservedFiles {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    if (path.find("/blobs/") != std::string::npos) ++opened;
    return ObservedFiles::open(path);
  }
  int opened = 0;

 private:
  Status perform(const FileCall& call, Act act) override { return act(call); }
};

TEST_F(BlobStoreTest, StoringAgainPutsAFolderInItsPlaceAway) {
  BlobStore blobs(*workspace_);
  ASSERT_TRUE(blobs.put("hello\n"));
  std::filesystem::remove(path_of_hello());
  std::filesystem::create_directories(path_of_hello());
  spill(path_of_hello() + "/inside", "kept");
  const auto ref = blobs.put("hello\n");
  ASSERT_TRUE(ref) << ref.error().message;
  EXPECT_EQ(*blobs.read(kHello), "hello\n");
  size_t kept = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder_ / "store/quarantine")) {
    if (entry.path().filename() == "inside") kept += slurp(entry.path()) == "kept" ? 1 : 0;
  }
  EXPECT_EQ(kept, 1U);
}

TEST_F(BlobStoreTest, OneThatDidNotChangeIsHashedOnce) {
  ASSERT_TRUE(BlobStore(*workspace_).put("hello\n"));
  const auto age = [&](std::chrono::hours hours) {
    std::filesystem::last_write_time(path_of_hello(),
                                     std::filesystem::file_time_type::clock::now() - hours);
  };
  age(std::chrono::hours(2));
  BlobReads files;
  {
    const auto workspace = *Workspace::open(folder_ / "store", &files);
    BlobStore blobs(*workspace);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(blobs.put("hello\n"));
    EXPECT_EQ(files.opened, 1);
    spill(path_of_hello(), "jello\n");
    age(std::chrono::hours(1));
    ASSERT_TRUE(blobs.put("hello\n"));
    EXPECT_EQ(slurp(path_of_hello()), "hello\n");
  }
}

TEST_F(BlobStoreTest, SaysWhatIsMissingOrNoHash) {
  BlobStore blobs(*workspace_);
  EXPECT_EQ(blobs.read(kHello).error().code, StatusCode::kData);
  EXPECT_EQ(blobs.verify(kHello).error().code, StatusCode::kData);
  EXPECT_EQ(blobs.copy_to(kHello, folder_ / "out").error().code, StatusCode::kData);
  EXPECT_EQ(blobs.read("../../WORKSPACE").error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(blobs.put_file(folder_ / "none").error().code, StatusCode::kNotFound);
  EXPECT_FALSE(blobs.contains("nonsense"));
}

TEST_F(BlobStoreTest, HasALimitForReading) {
  BlobStore blobs(*workspace_);
  ASSERT_TRUE(blobs.put("hello\n"));
  EXPECT_EQ(blobs.read(kHello, 5).error().code, StatusCode::kResourceExhausted);
  EXPECT_TRUE(blobs.read(kHello, 6));
}

TEST_F(BlobStoreTest, CopiesOutOverAnOldFile) {
  BlobStore blobs(*workspace_);
  ASSERT_TRUE(blobs.put("hello\n"));
  spill(folder_ / "out", "something longer than hello");
  ASSERT_TRUE(blobs.copy_to(kHello, folder_ / "out"));
  EXPECT_EQ(slurp(folder_ / "out"), "hello\n");
}

TEST_F(BlobStoreTest, AFullDiskNeverLeavesAHalfBlob) {
  spill(folder_ / "file", "hello\n");
  for (const bool keep : {false, true}) {
    for (const bool from_file : {false, true}) {
      bool done = false;
      for (int64_t n = 0; !done; ++n) {
        ASSERT_LT(n, 100);
        std::filesystem::remove_all(folder_ / "store");
        files_.restart(-1, false);
        workspace_ = *Workspace::create(folder_ / "store", "a", &files_);
        ASSERT_TRUE(workspace_->writer());
        files_.restart(n, keep);
        BlobStore blobs(*workspace_);
        const auto ref = from_file ? blobs.put_file(folder_ / "file") : blobs.put("hello\n");
        done = files_.count() <= n;
        files_.restart(-1, false);
        if (!ref) {
          EXPECT_EQ(ref.error().code, StatusCode::kIo);
        }
        EXPECT_EQ(done, ref.has_value()) << "operation " << n;
        if (blobs.contains(kHello)) {
          EXPECT_TRUE(blobs.verify(kHello)) << n;
        }
        EXPECT_TRUE(blobs.put("hello\n")) << "works again when there is room";
        EXPECT_TRUE(blobs.verify(kHello));
      }
    }
  }
}

}  // namespace
}  // namespace assay::tracking
