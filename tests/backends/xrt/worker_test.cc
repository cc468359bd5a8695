// The device worker through the real libxrt and its software emulation.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <numeric>
#include <thread>

#include "backends/xrt/emulation/xclbin_writer.h"
#include "backends/xrt/xclbin_file.h"
#include "tests/backends/xrt/worker_fixture.h"

namespace assay::backends::xrt {

namespace {

class WorkerTest : public testing::Test {
 protected:
  void start(const WorkerSpec& spec) {
    auto client = WorkerClient::start(spec, arena_.file(), TestArena::kBytes);
    ASSERT_TRUE(client.has_value()) << client.error().message;
    client_ = std::move(*client);
    add_ = kernel_index(*client_, "add_arrays");
    session_ = client_->process();
    folder_ = client_->run_folder();
  }
  void SetUp() override { start(test_spec()); }
  void TearDown() override { expect_nothing_left(); }
  // A worker that was killed cannot end its device model, which ends when it finds its socket
  // closed: soon, but not at once.
  bool session_ends() const {
    constexpr int kMostTries = 1000;
    for (int tries = 0; tries < kMostTries; ++tries) {
      if (processes_of_session(session_).empty()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  // Another worker in place of the one there is, whose device model tells what it does.
  void restart_with(const EventFile& events) {
    client_.reset();
    WorkerSpec spec = test_spec();
    spec.environment.set.emplace_back(kEventVariable, events.path());
    start(spec);
  }
  void expect_nothing_left() {
    client_.reset();
    EXPECT_TRUE(session_ends()) << "a process was left behind";
    EXPECT_FALSE(std::filesystem::exists(folder_));
  }
  // Kills the processes of that role; how many there were.
  int kill_all(const std::string& role) const {
    int count = 0;
    for (const pid_t process : processes_of_session(session_)) {
      if (role_of(process, session_) == role) count += kill(process, SIGKILL) == 0 ? 1 : 0;
    }
    return count;
  }
  // A buffer of the card, and where it is in the arena.
  struct Pages {
    uint64_t offset = 0;
    uint64_t bytes = 0;
    uint64_t buffer = 0;
  };
  Pages make(uint64_t bytes) {
    Pages pages{arena_.take(bytes), (bytes + kPageBytes - 1) / kPageBytes * kPageBytes, 0};
    const auto made = client_->create(pages.offset, pages.bytes, 0);
    EXPECT_TRUE(made.has_value()) << made.error().message;
    if (made) pages.buffer = *made;
    return pages;
  }
  // What add_arrays needs: a counts up, b is 0.5.
  struct Arrays {
    Pages a, b, sum;
  };
  Arrays arrays(int64_t count) {
    const auto bytes = static_cast<uint64_t>(count) * sizeof(float);
    const Arrays made{make(bytes), make(bytes), make(bytes)};
    auto* a = arena_.at<float>(made.a.offset);
    std::iota(a, a + count, 0.0f);
    std::fill_n(arena_.at<float>(made.b.offset), count, 0.5f);
    return made;
  }
  const float* sum_of(const Arrays& arrays) { return arena_.at<float>(arrays.sum.offset); }
  Step add_step(const Arrays& arrays, int64_t count, uint32_t run = 0, float scale = 2) {
    return start_step(
        add_, run,
        {buffer_arg(arrays.a.buffer), buffer_arg(arrays.b.buffer), buffer_arg(arrays.sum.buffer),
         scalar_arg(count), scalar_arg(scale), scalar_arg(100.0), scalar_arg(int32_t{-3})});
  }

  TestArena arena_;
  std::unique_ptr<WorkerClient> client_;
  uint32_t add_ = 0;
  pid_t session_ = 0;
  std::string folder_;
};

TEST_F(WorkerTest, TellsTheCardsKernels) {
  const CardInfo& card = client_->card();
  EXPECT_EQ(card.emulated, 1u);
  const auto file = read_xclbin(test_spec().xclbin);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(card.uuid, file->uuid);
  EXPECT_EQ(card.memory_bytes, uint64_t{4} << 30);
  ASSERT_EQ(card.kernel_count, 5);
  const KernelInfo& add = card.kernels[add_];
  EXPECT_EQ(add.unit_count, 2);
  ASSERT_EQ(add.arg_count, 7);
  const std::vector<uint32_t> bytes(add.arg_bytes, add.arg_bytes + 7);
  EXPECT_EQ(bytes, (std::vector<uint32_t>{0, 0, 0, 8, 4, 8, 4}));
}

TEST_F(WorkerTest, RunsAKernelOnWhatWasSent) {
  constexpr int64_t kCount = 5000;
  const auto made = arrays(kCount);
  const uint64_t bytes = made.a.bytes;
  ASSERT_TRUE(client_->run(std::vector<Step>{
      copy_step(StepKind::kToDevice, made.a.buffer, 0, bytes),
      copy_step(StepKind::kToDevice, made.b.buffer, 0, bytes), add_step(made, kCount), wait_step(0),
      copy_step(StepKind::kFromDevice, made.sum.buffer, 0, bytes)}));
  const float* sum = sum_of(made);
  for (int64_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(sum[i], 2 * static_cast<float>(i) + 0.5f + 100 - 3) << i;
  }
}

// The card has its own memory: what is not sent does not get there, and what is not fetched does
// not come back.
TEST_F(WorkerTest, UnsentDataStayInvisible) {
  constexpr int64_t kCount = 1024;
  const auto made = arrays(kCount);
  const uint64_t bytes = made.a.bytes;
  ASSERT_TRUE(
      client_->run(std::vector<Step>{copy_step(StepKind::kToDevice, made.a.buffer, 0, bytes),
                                     copy_step(StepKind::kToDevice, made.b.buffer, 0, bytes),
                                     add_step(made, kCount), wait_step(0)}));
  const float* sum = sum_of(made);
  EXPECT_EQ(sum[7], 0);
  arena_.at<float>(made.a.offset)[7] = 1e6f;
  // Half of it.
  ASSERT_TRUE(client_->run(
      std::vector<Step>{add_step(made, kCount), wait_step(0),
                        copy_step(StepKind::kFromDevice, made.sum.buffer, 0, bytes / 2)}));
  EXPECT_EQ(sum[7], 14 + 0.5f + 97);
  EXPECT_EQ(sum[kCount - 1], 0);
}

TEST_F(WorkerTest, RunsOnSeveralUnitsAtATime) {
  constexpr int64_t kCount = 1000;
  std::vector<Arrays> all;
  std::vector<Step> steps;
  for (uint32_t i = 0; i < 6; ++i) {
    all.push_back(arrays(kCount));
    const Arrays& own = all.back();
    steps.push_back(copy_step(StepKind::kToDevice, own.a.buffer, 0, own.a.bytes));
    steps.push_back(copy_step(StepKind::kToDevice, own.b.buffer, 0, own.a.bytes));
    steps.push_back(add_step(own, kCount, i, static_cast<float>(i)));
  }
  for (uint32_t i = 0; i < 6; ++i) {
    steps.push_back(wait_step(i));
    steps.push_back(copy_step(StepKind::kFromDevice, all[i].sum.buffer, 0, all[i].a.bytes));
  }
  ASSERT_TRUE(client_->run(steps));
  for (uint32_t i = 0; i < 6; ++i) {
    EXPECT_EQ(sum_of(all[i])[10], static_cast<float>(i) * 10 + 97.5f) << i;
  }
}

// Each of the two waits for the other.
TEST_F(WorkerTest, UnitsOfAKernelRunAtTheSameTime) {
  const Pages first = make(4096);
  const Pages second = make(4096);
  const uint32_t meet = kernel_index(*client_, "meet");
  std::vector<Step> steps;
  for (uint32_t run = 0; run < 2; ++run) {
    const Pages& own = run == 0 ? first : second;
    steps.push_back(start_step(meet, run, {buffer_arg(own.buffer), scalar_arg(int32_t{0})}));
  }
  for (uint32_t run = 0; run < 2; ++run) {
    steps.push_back(wait_step(run));
    const Pages& own = run == 0 ? first : second;
    steps.push_back(copy_step(StepKind::kFromDevice, own.buffer, 0, own.bytes));
  }
  ASSERT_TRUE(client_->run(steps));
  EXPECT_EQ(*arena_.at<int32_t>(first.offset), 2);
  EXPECT_EQ(*arena_.at<int32_t>(second.offset), 2);
}

TEST_F(WorkerTest, ChecksArgumentKindsBeforeAnythingRuns) {
  const auto made = arrays(16);
  Step wrong = add_step(made, 16);
  wrong.args[1] = scalar_arg(int64_t{5});  // XRT would take it for an address
  const Status refused = client_->run(std::vector<Step>{wrong});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.error().message,
            "fpga:emu0: kernel add_arrays, argument 1: 8 bytes were given, 0 are wanted (0: a "
            "buffer)");
  Step buffer = add_step(made, 16);
  buffer.args[4] = buffer_arg(made.a.buffer);
  EXPECT_FALSE(client_->run(std::vector<Step>{buffer}));
  Step unknown = add_step(made, 16);
  unknown.args[0] = buffer_arg(999);
  EXPECT_FALSE(client_->run(std::vector<Step>{unknown}));
  Step few = add_step(made, 16);
  few.arg_count = 6;
  EXPECT_FALSE(client_->run(std::vector<Step>{few}));
  EXPECT_FALSE(
      client_->run(std::vector<Step>{copy_step(StepKind::kToDevice, made.a.buffer, 4096, 4096)}));
  EXPECT_FALSE(client_->run(std::vector<Step>{start_step(77, 0, {})}));
  // It is as good as before.
  EXPECT_TRUE(client_->run(std::vector<Step>{add_step(made, 16), wait_step(0)}));
}

TEST_F(WorkerTest, SaysWhenTheCardIsFull) {
  constexpr uint64_t kBytes = uint64_t{1} << 30;
  Result<uint64_t> made = 0;
  for (int i = 0; i < 5 && made; ++i) made = client_->create(arena_.take(kBytes), kBytes, 0);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, StatusCode::kResourceExhausted) << made.error().message;
  client_->destroy(1);
  client_->destroy(2);
  const auto small = arrays(16);
  EXPECT_TRUE(client_->run(std::vector<Step>{add_step(small, 16), wait_step(0)}));
}

TEST_F(WorkerTest, KernelThatWritesBehindItsBufferIsNamed) {
  const uint64_t buffer = make(4096).buffer;
  const uint32_t kernel = kernel_index(*client_, "write_at");
  const auto at = [&](int64_t byte) {
    return client_->run(std::vector<Step>{
        start_step(kernel, 0, {buffer_arg(buffer), scalar_arg(byte)}), wait_step(0)});
  };
  EXPECT_TRUE(at(4095));
  const Status died = at(4096);
  ASSERT_FALSE(died);
  EXPECT_EQ(died.error().code, StatusCode::kDevice);
  EXPECT_NE(died.error().message.find("write_at_1 touched memory out of its reach (live buffer"),
            std::string::npos)
      << died.error().message;
  EXPECT_NE(died.error().message.find("of 4096 bytes, at byte 4096"), std::string::npos)
      << died.error().message;
  // It stays dead, and says the same.
  EXPECT_EQ(at(0).error().message, died.error().message);
}

TEST_F(WorkerTest, KernelThatUsesFreedMemoryIsNamed) {
  const uint64_t buffer = make(4096).buffer;
  const uint64_t other = make(4096).buffer;
  const uint32_t kernel = kernel_index(*client_, "write_kept");
  const auto run = [&](uint64_t own, int32_t keep) {
    return client_->run(std::vector<Step>{
        start_step(kernel, 0, {buffer_arg(own), scalar_arg(keep)}), wait_step(0)});
  };
  EXPECT_TRUE(run(buffer, 1));
  EXPECT_TRUE(run(buffer, 0));
  client_->destroy(buffer);
  const Status died = run(other, 0);
  ASSERT_FALSE(died);
  EXPECT_NE(died.error().message.find("write_kept_1 touched memory out of its reach (freed buffer"),
            std::string::npos)
      << died.error().message;
}

TEST_F(WorkerTest, DeathOfTheDeviceModelIsAStatus) {
  const auto made = arrays(16);
  EXPECT_EQ(kill_all("model"), 1);
  const Status died = client_->run(std::vector<Step>{add_step(made, 16), wait_step(0)});
  ASSERT_FALSE(died);
  EXPECT_EQ(died.error().code, StatusCode::kDevice);
  // The driver says so, if it finds its child dead before its socket closed.
  EXPECT_TRUE(
      died.error().message == "fpga:emu0: its worker is gone: it died: its emulated card is gone" ||
      died.error().message ==
          "fpga:emu0: its worker is gone: it died: it ended with code 1 (Software emulation "
          "of compute unit(s) exited unexpectedly)")
      << died.error().message;
}

// Whichever of the worker's processes is killed while a kernel runs.
TEST_F(WorkerTest, DeathInTheMiddleOfAKernelIsAStatus) {
  for (const char* victim : {"model", "worker", "guard"}) {
    SCOPED_TRACE(victim);
    const EventFile events;
    restart_with(events);
    const uint64_t buffer = make(4096).buffer;
    const uint32_t kernel = kernel_index(*client_, "never_end");
    std::thread killer([&] {
      EXPECT_TRUE(events.wait_for("start never_end_1"));
      EXPECT_EQ(kill_all(victim), 1);
    });
    const Status died = client_->run(std::vector<Step>{
        start_step(kernel, 0, {buffer_arg(buffer), scalar_arg(int32_t{0})}), wait_step(0)});
    killer.join();
    ASSERT_FALSE(died);
    EXPECT_EQ(died.error().code, StatusCode::kDevice) << died.error().message;
    EXPECT_NE(died.error().message.find("its worker is gone: it died"), std::string::npos)
        << died.error().message;
    const std::vector<std::string> lines = events.lines();
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "end never_end_1"), 0);
    expect_nothing_left();
  }
}

// As soon as there is one of them, while the card is being opened.
TEST_F(WorkerTest, DeathWhileTheCardIsOpenedIsAStatus) {
  for (const char* victim : {"model", "worker", "guard"}) {
    SCOPED_TRACE(victim);
    expect_nothing_left();
    std::atomic<bool> opened = false;
    int killed = 0;
    std::thread killer([&] {
      while (!opened && killed == 0) {
        for (const pid_t guard : children_of(getpid())) {
          std::error_code unreadable;
          const auto folder =
              std::filesystem::read_symlink("/proc/" + std::to_string(guard) + "/cwd", unreadable);
          if (unreadable || !folder.filename().string().starts_with(kRunFolderPrefix)) continue;
          session_ = guard;
          folder_ = folder.string();
          killed = kill_all(victim);
        }
      }
    });
    auto started = WorkerClient::start(test_spec(), arena_.file(), TestArena::kBytes);
    opened = true;
    killer.join();
    if (started) {
      session_ = (*started)->process();
      folder_ = (*started)->run_folder();
      client_ = std::move(*started);
    } else {
      EXPECT_EQ(started.error().code, StatusCode::kDevice) << started.error().message;
      EXPECT_NE(started.error().message.find("its worker is gone"), std::string::npos)
          << started.error().message;
    }
  }
}

// From the first of the device's steps to the last: copies, kernels' starts and ends. What is done
// by then is as it should be, or the run has failed; and nothing is left.
TEST_F(WorkerTest, DeathOfTheModelAtAnyStepIsAStatus) {
  constexpr int64_t kCount = 4096;
  int failures = 0;
  for (size_t steps = 0; steps < 8; ++steps) {
    SCOPED_TRACE(steps);
    const EventFile events;
    restart_with(events);
    const auto made = arrays(kCount);
    std::atomic<bool> done = false;
    if (steps == 0) {  // before anything, and not beside it
      kill_all("model");
      while (kill_all("model") > 0) std::this_thread::yield();
    }
    std::thread killer([&] {
      while (events.lines().size() < steps && !done) std::this_thread::yield();
      kill_all("model");
    });
    const Status ran = client_->run(std::vector<Step>{
        copy_step(StepKind::kToDevice, made.a.buffer, 0, made.a.bytes),
        copy_step(StepKind::kToDevice, made.b.buffer, 0, made.a.bytes), add_step(made, kCount, 0),
        add_step(made, kCount, 1), wait_step(0), wait_step(1),
        copy_step(StepKind::kFromDevice, made.sum.buffer, 0, made.a.bytes)});
    done = true;
    killer.join();
    if (ran) {
      EXPECT_EQ(sum_of(made)[10], 20 + 97.5f);
    } else {
      ++failures;
      EXPECT_EQ(ran.error().code, StatusCode::kDevice) << ran.error().message;
    }
    expect_nothing_left();
  }
  EXPECT_GT(failures, 0);
}

TEST_F(WorkerTest, DeathOfTheWorkerIsAStatus) {
  EXPECT_EQ(kill_all("worker"), 1);
  const Status died = client_->run({});
  ASSERT_FALSE(died);
  EXPECT_EQ(died.error().code, StatusCode::kDevice);
  EXPECT_EQ(died.error().message,
            "fpga:emu0: its worker is gone: it died: it was ended by signal 9");
}

TEST_F(WorkerTest, DeathOfTheGuardIsAStatus) {
  EXPECT_EQ(kill_all("guard"), 1);
  // The system takes a moment to end the worker, which may answer meanwhile.
  Status died = client_->run({});
  while (died) died = client_->run({});
  EXPECT_EQ(died.error().code, StatusCode::kDevice);
}

// What the driver prints on the way is no reason for its end.
TEST_F(WorkerTest, WarningsAreNoLastWords) {
  std::ofstream(folder_ + "/worker.log", std::ios::app)
      << "[XRT] ERROR: no such thing\n[XRT] WARNING: something is old\n\nINFO: all is well\n";
  EXPECT_EQ(kill_all("worker"), 1);
  EXPECT_EQ(
      client_->run({}).error().message,
      "fpga:emu0: its worker is gone: it died: it was ended by signal 9 ([XRT] ERROR: no such "
      "thing)");
}

TEST_F(WorkerTest, RunThatDoesNotEndIsGivenUp) {
  client_.reset();
  WorkerSpec spec = test_spec();
  spec.timeout_seconds = 3;
  start(spec);
  const uint64_t buffer = make(4096).buffer;
  const Status late =
      client_->run(std::vector<Step>{start_step(kernel_index(*client_, "never_end"), 0,
                                                {buffer_arg(buffer), scalar_arg(int32_t{0})}),
                                     wait_step(0)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, StatusCode::kDevice);
  EXPECT_NE(late.error().message.find("it has not answered for 3 seconds"), std::string::npos)
      << late.error().message;
}

TEST_F(WorkerTest, TwoWorkersDoNotMeet) {
  TestArena other_arena;
  auto other = WorkerClient::start(test_spec(), other_arena.file(), TestArena::kBytes);
  ASSERT_TRUE(other.has_value()) << other.error().message;
  const auto made = arrays(16);
  ASSERT_TRUE((*other)->create(0, 4096, 0).has_value());
  other->reset();
  EXPECT_TRUE(client_->run(std::vector<Step>{add_step(made, 16), wait_step(0)}));
}

void no_kernel() {}

TEST(Worker, RefusesWhatIsNoXclbin) {
  const auto folder = std::filesystem::path(test_spec().xclbin).parent_path();
  const auto attempt = [&](const std::string& name) {
    WorkerSpec spec = test_spec();
    spec.xclbin = (folder / name).string();
    const TestArena arena;
    const auto client = WorkerClient::start(spec, arena.file(), TestArena::kBytes);
    return client ? std::string() : client.error().message;
  };
  EXPECT_EQ(attempt("missing.xclbin"), "fpga:emu0: xclbin '" +
                                           (folder / "missing.xclbin").string() +
                                           "' cannot be read: No such file or directory");
  EXPECT_NE(attempt(".").find("cannot be read"), std::string::npos) << attempt(".");
  {
    std::ofstream(folder / "text.xclbin") << std::string(1000, 'x');
    std::filesystem::copy_file(test_spec().xclbin, folder / "short.xclbin",
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(folder / "short.xclbin", 5000);
  }
  EXPECT_NE(attempt("text.xclbin").find("is no xclbin"), std::string::npos);
  EXPECT_NE(attempt("short.xclbin").find("has 5000 bytes, but should have"), std::string::npos);
  // A bitstream of something else.
  const emulation::EmulatedKernel kernel = emulation::describe<no_kernel>("none", "", 1);
  const auto wrong = emulation::write_xclbin({&kernel, 1}, std::as_bytes(std::span("text")));
  std::ofstream(folder / "wrong_bitstream.xclbin", std::ios::binary)
      .write(reinterpret_cast<const char*>(wrong.data()), static_cast<int64_t>(wrong.size()));
  EXPECT_NE(attempt("wrong_bitstream.xclbin").find("no library of emulated kernels"),
            std::string::npos)
      << attempt("wrong_bitstream.xclbin");
}

// Bytes of an xclbin's head and tables that are not what they were: XRT believes them, and what
// comes of it is refused, or the worker's end, or an xclbin like any other. It is never more than
// that.
TEST(Worker, SurvivesDamagedXclbins) {
  const std::string whole = test_spec().xclbin;
  const auto damaged = std::filesystem::path(whole).parent_path() / "damaged.xclbin";
  int refused = 0;
  for (const std::streamoff place : {24, 300, 340, 456, 470, 480, 488, 500, 528, 568, 608, 640}) {
    SCOPED_TRACE(place);
    std::filesystem::copy_file(whole, damaged, std::filesystem::copy_options::overwrite_existing);
    {
      std::fstream file(damaged, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(place);
      const std::vector<char> junk(8, '\x7f');
      file.write(junk.data(), static_cast<std::streamsize>(junk.size()));
    }
    WorkerSpec spec = test_spec();
    spec.xclbin = damaged.string();
    spec.timeout_seconds = 60;
    const TestArena arena;
    auto client = WorkerClient::start(spec, arena.file(), TestArena::kBytes);
    if (client) continue;
    ++refused;
    EXPECT_EQ(client.error().code, StatusCode::kDevice) << client.error().message;
    EXPECT_EQ(client.error().message.find("seconds"), std::string::npos)
        << "it hung: " << client.error().message;
  }
  EXPECT_GT(refused, 3);
  std::filesystem::remove(damaged);
}

// A byte of the bitstream or of the kernels' metadata, which XRT would not miss, or would refuse
// without a reason.
TEST(Worker, SaysThatAnXclbinIsDamaged) {
  const std::string whole = test_spec().xclbin;
  const auto damaged = std::filesystem::path(whole).parent_path() / "flipped.xclbin";
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(whole));
  for (const std::streamoff place : {std::streamoff{2000}, size / 2, size - 1}) {
    std::filesystem::copy_file(whole, damaged, std::filesystem::copy_options::overwrite_existing);
    {
      std::fstream file(damaged, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(place);
      const int byte = file.get();
      file.seekp(place);
      file.put(static_cast<char>(byte ^ 0x40));
    }
    WorkerSpec spec = test_spec();
    spec.xclbin = damaged.string();
    const TestArena arena;
    const auto client = WorkerClient::start(spec, arena.file(), TestArena::kBytes);
    ASSERT_FALSE(client.has_value()) << place;
    EXPECT_EQ(client.error().message,
              "fpga:emu0: xclbin '" + damaged.string() +
                  "' is damaged: its contents are not what it was written with");
  }
  std::filesystem::remove(damaged);
}

TEST(Worker, RefusesATimeoutThatIsNone) {
  const TestArena arena;
  for (const char* text : {"abc", "", "0", "-3", "1e400", "5s"}) {
    setenv("ASSAY_FPGA_TIMEOUT", text, 1);
    const auto client = WorkerClient::start(test_spec(), arena.file(), TestArena::kBytes);
    unsetenv("ASSAY_FPGA_TIMEOUT");
    ASSERT_FALSE(client.has_value()) << text;
    EXPECT_EQ(client.error().code, StatusCode::kConfig);
    EXPECT_EQ(client.error().message,
              std::string("ASSAY_FPGA_TIMEOUT=") + text + " (must be seconds > 0 and <= 1000000)");
  }
}

TEST(Worker, MissingProgramIsNamed) {
  WorkerSpec spec = test_spec();
  spec.program = "/nowhere/assay-device-worker";
  const TestArena arena;
  const auto client = WorkerClient::start(spec, arena.file(), TestArena::kBytes);
  ASSERT_FALSE(client.has_value());
  EXPECT_EQ(client.error().message,
            "fpga:emu0: its worker /nowhere/assay-device-worker cannot be started: No such file or "
            "directory");
}

TEST(Worker, MissingPartOfTheEmulationIsNamed) {
  const auto missing = emulated_card({"/nowhere"}, test_spec().xclbin);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().message,
            "the emulated card lacks /nowhere/emulation/lib/libxrt_swemu.so.2");
}

}  // namespace
}  // namespace assay::backends::xrt
