#include "datasets/byte_source_internal.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <thread>

#include "tests/datasets/table_reading.h"

namespace assay::datasets {

std::string gzipped(const std::string& bytes) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  std::string input = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

namespace {

// Everything, in reads of `step` bytes.
Result<std::string> drain(ByteSource& source, int64_t step) {
  std::string all;
  for (;;) {
    std::string part(static_cast<size_t>(step), '\0');
    ASSAY_ASSIGN_OR_RETURN(const int64_t got, source.read(part.data(), step));
    all.append(part, 0, static_cast<size_t>(got));
    if (got < step) return all;
  }
}

TEST(ByteSource, ReadsAFileInAnySteps) {
  const TestFolder folder;
  const std::string path = folder.write("a.csv", "0123456789");
  for (const int64_t step : {1, 3, 10, 11}) {
    auto source = ByteSource::open(path);
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ(*drain(**source, step), "0123456789");
    EXPECT_EQ((*source)->progress(), 1.0);
    ASSERT_TRUE((*source)->rewind());
    EXPECT_EQ(*drain(**source, 4), "0123456789");
  }
}

TEST(ByteSource, InflatesSeveralMembersAndPadding) {
  const std::string bytes = gzipped("first,") + gzipped("") + gzipped("second") + std::string(7, 0);
  for (const int64_t step : {1, 5, 100}) {
    auto source = ByteSource::from_memory(bytes, "a.gz");
    EXPECT_EQ(*drain(*source, step), "first,second");
    ASSERT_TRUE(source->rewind());
    EXPECT_EQ(*drain(*source, step), "first,second");
  }
}

TEST(ByteSource, TruncatedGzipSaysHowFarItGot) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + "\n";
  const std::string whole = gzipped(text);
  for (const size_t size : {size_t{3}, size_t{11}, whole.size() / 2, whole.size() - 1}) {
    auto source = ByteSource::from_memory(whole.substr(0, size), "cut.gz");
    const auto read = drain(*source, 1000);
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().code, StatusCode::kData);
    EXPECT_NE(read.error().message.find("'cut.gz' is truncated after " + std::to_string(size)),
              std::string::npos)
        << read.error().message;
  }
}

TEST(ByteSource, DamagedGzipIsADataError) {
  std::string bytes = gzipped("some text that is long enough to be compressed, compressed");
  bytes[bytes.size() - 6] ^= 1;  // the checksum
  auto source = ByteSource::from_memory(bytes, "bad.gz");
  const auto read = drain(*source, 1000);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("is damaged"), std::string::npos) << read.error().message;
  auto tail = ByteSource::from_memory(gzipped("text") + "tail", "tail.gz");
  EXPECT_FALSE(drain(*tail, 1000));
}

TEST(ByteSource, MissingFileFolderAndDeviceAreClearErrors) {
  const TestFolder folder;
  const auto missing = ByteSource::open(folder.path() + "/no.csv");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, StatusCode::kNotFound);
  EXPECT_NE(missing.error().message.find("no.csv"), std::string::npos);
  const auto directory = ByteSource::open(folder.path());
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, StatusCode::kIo);
  EXPECT_NE(directory.error().message.find("it is a folder"), std::string::npos);
  const auto device = ByteSource::open("/dev/null");
  ASSERT_FALSE(device);
  EXPECT_NE(device.error().message.find("neither a file nor a pipe"), std::string::npos);
}

// A pipe that another thread fills with `bytes`, a few at a time, and closes.
class FilledPipe {
 public:
  explicit FilledPipe(std::string bytes) {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    writer_ = std::thread([bytes = std::move(bytes), end = ends_[1]] {
      const size_t step = 7 + bytes.size() / 1000;
      for (size_t at = 0; at < bytes.size(); at += step) {
        EXPECT_GT(::write(end, bytes.data() + at, std::min(step, bytes.size() - at)), 0);
      }
      ::close(end);
    });
  }
  ~FilledPipe() {
    writer_.join();
    ::close(ends_[0]);
  }
  FilledPipe(const FilledPipe&) = delete;
  FilledPipe& operator=(const FilledPipe&) = delete;
  std::string path() const { return "/dev/fd/" + std::to_string(ends_[0]); }

 private:
  std::array<int, 2> ends_{};
  std::thread writer_;
};

TEST(ByteSource, ReadsAPipeOnce) {
  for (const std::string& bytes : {std::string("0123456789"), gzipped("0123456789")}) {
    for (const int64_t step : {1, 4, 100}) {
      const FilledPipe pipe(bytes);
      auto source = ByteSource::open(pipe.path());
      ASSERT_TRUE(source) << source.error().message;
      EXPECT_EQ(*drain(**source, step), "0123456789");
      EXPECT_EQ((*source)->progress(), 1.0);
      EXPECT_TRUE((*source)->check_unchanged());
      const Status again = (*source)->rewind();
      ASSERT_FALSE(again);
      EXPECT_EQ(again.error().code, StatusCode::kIo);
      EXPECT_NE(again.error().message.find("cannot be read a second time"), std::string::npos);
    }
  }
  for (const std::string bytes : {"", "0"}) {
    const FilledPipe pipe(bytes);
    EXPECT_EQ(*drain(**ByteSource::open(pipe.path()), 4), bytes);
  }
}

TEST(ByteSource, KeepsAPipeToReadItAgain) {
  const StopToken stop;
  const std::string text(3 << 20, 'x');
  for (const std::string& bytes : {text, gzipped(text)}) {
    const FilledPipe pipe(bytes);
    auto source = ByteSource::open_kept(pipe.path(), 0, stop);
    ASSERT_TRUE(source) << source.error().message;
    for (int time = 0; time < 2; ++time) {
      EXPECT_TRUE(*drain(**source, 100000) == text);
      ASSERT_TRUE((*source)->rewind());
    }
  }
  const FilledPipe pipe(text);
  const auto too_long = ByteSource::open_kept(pipe.path(), 2 << 20, stop);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, StatusCode::kResourceExhausted);
  std::string rest(1 << 20, 0);
  const int fd = ::open(pipe.path().c_str(), O_RDONLY);
  while (::read(fd, rest.data(), rest.size()) > 0) continue;
  ::close(fd);
}

TEST(ByteSource, WaitsForAPipeOnlyUntilItIsStopped) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  StopToken stop;
  stop.request();
  const auto source = ByteSource::open_kept("/dev/fd/" + std::to_string(ends[0]), 0, stop);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, StatusCode::kCancelled);
  for (const int end : ends) ::close(end);
}

TEST(ByteSource, NoticesAFileThatShrinksOrGrows) {
  const TestFolder folder;
  const std::string path = folder.write("a.csv", std::string(1000, 'x'));
  auto source = ByteSource::open(path);
  ASSERT_TRUE(source);
  std::string part(100, '\0');
  ASSERT_TRUE((*source)->read(part.data(), 100));
  EXPECT_TRUE((*source)->check_unchanged());
  std::filesystem::resize_file(path, 500);
  const auto rest = drain(**source, 100);
  ASSERT_FALSE(rest);
  EXPECT_EQ(rest.error().code, StatusCode::kIo);
  EXPECT_NE(rest.error().message.find("shrank to 500 bytes"), std::string::npos);
  std::filesystem::resize_file(path, 2000);
  ASSERT_TRUE((*source)->rewind());
  EXPECT_EQ(drain(**source, 100)->size(), 1000u);  // what was there at the start
  const Status changed = (*source)->check_unchanged();
  ASSERT_FALSE(changed);
  EXPECT_NE(changed.error().message.find("1000 bytes, now 2000"), std::string::npos);
}

}  // namespace
}  // namespace assay::datasets
