// What the tests of the readers share: threads, files, and reading from memory.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "datasets/byte_source_internal.h"
#include "datasets/csv_reader.h"
#include "datasets/csv_reader_internal.h"

namespace assay::datasets {

// Takes chunks in whatever order the threads come.
class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(int threads) : threads_(threads) {}
  int thread_count() const override { return threads_; }
  Status parallel_for(int64_t chunk_count,
                      FunctionRef<void(int64_t chunk, int thread)> body) override {
    std::atomic<int64_t> next{0};
    const auto work = [&](int thread) {
      for (int64_t chunk = next++; chunk < chunk_count; chunk = next++) body(chunk, thread);
    };
    std::vector<std::thread> threads;
    for (int t = 1; t < threads_; ++t) threads.emplace_back(work, t);
    work(0);
    for (std::thread& thread : threads) thread.join();
    return {};
  }

 private:
  int threads_;
};

using TableResult = Result<std::shared_ptr<const Table>>;

inline TableResult read_text(const std::string& text, const CsvOptions& options = {}) {
  SerialExecutor executor;
  const StopToken stop;
  return read_csv_source(ByteSource::from_memory(text, "data.csv"), options, executor, stop);
}

// The table, or a test failure and a null.
inline std::shared_ptr<const Table> must_read(const std::string& text,
                                              const CsvOptions& options = {}) {
  TableResult table = read_text(text, options);
  EXPECT_TRUE(table.has_value()) << table.error().message << "\n" << text;
  return table ? *table : nullptr;
}

inline std::string error_of(const std::string& text, const CsvOptions& options = {}) {
  const TableResult table = read_text(text, options);
  EXPECT_FALSE(table.has_value()) << "read without an error:\n" << text;
  return table ? "" : std::string(name_of(table.error().code)) + ": " + table.error().message;
}

// A row of a string column as text, "<missing>" where it is.
inline std::string cell(const Column& column, int64_t row) {
  const int32_t code = column.codes[static_cast<size_t>(row)];
  return code == kMissingCode ? "<missing>"
                              : column.levels[static_cast<size_t>(code - kFirstLevelCode)];
}

// A folder that goes when the test ends.
class TestFolder {
 public:
  TestFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "assay_test_XXXXXX").string();
    path_ = ::mkdtemp(path.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

 private:
  std::string path_;
};

// Bytes as gzip makes them.
std::string gzipped(const std::string& bytes);

// Empty if the tables are the same in every bit, else where they differ.
std::string difference(const Table& a, const Table& b);

}  // namespace assay::datasets
