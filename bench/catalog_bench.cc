// The run catalog on many runs: rebuilding, and queries cold and warm.
//
//     catalog_bench FOLDER [RUNS [ASSAY]]
//
// Makes a workspace in FOLDER (about 11 KB a run; kept, and used again if it is there) with RUNS
// runs (100,000) of 20 parameters, 4 tags and 10 metrics. Their files share one HDF5 part and have
// each their own seal, which is all that the catalog reads. With the path of the program ASSAY, the
// command line is timed too, process start included. Medians of 15 repetitions, in milliseconds;
// files are in the page cache.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tracking/catalog.h"
#include "tracking/environment.h"
#include "tracking/records_internal.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/run_seal_internal.h"
#include "tracking/ulid.h"

extern char** environ;

namespace {

using namespace assay;
using namespace assay::tracking;

constexpr int kRepetitions = 15;
constexpr const char* kQueries[] = {
    "",
    "kind = 'trial' order by score desc limit 50",
    "metrics.m0 > 0.9 and (params.learner = 'gbdt' or tags.team like 'fraud%') order by metrics.m0 "
    "desc limit 20",
    "params.p3 between 0.2 and 0.4 and status = 'completed' order by name limit 20 offset 1000",
    "start_time > '2020-01-01' and duration > 5 and params.p7 is not null limit 50",
};

double now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

template <class Body>
double median_ms(Body body, int repetitions = kRepetitions) {
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    const double begin = now_ms();
    body();
    times.push_back(now_ms() - begin);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

[[noreturn]] void stop(const std::string& message) {
  std::fprintf(stderr, "catalog_bench: %s\n", message.c_str());
  std::exit(1);
}

template <class T>
T value_of(Result<T> result) {
  if (!result) stop(result.error().message);
  return std::move(*result);
}

RunRecord random_record(std::mt19937& random, int64_t number) {
  constexpr const char* kLearners[] = {"gbdt", "random_forest", "linear", "extra_trees", "knn"};
  std::uniform_real_distribution<double> unit(0, 1);
  RunRecord record;
  RunInfo& info = record.info;
  info.run_id = value_of(make_ulid());
  info.kind = random() % 50 == 0 ? "sweep" : "trial";
  info.name = fmt::format("trial-{}", number);
  info.experiment = fmt::format("experiment-{}", random() % 40);
  info.user = fmt::format("user{}", random() % 8);
  info.status = random() % 12 == 0 ? RunStatus::kFailed : RunStatus::kCompleted;
  info.finished = true;
  info.metric = "m0";
  info.score = unit(random);
  info.created_ns = 1'700'000'000'000'000'000 + number * 1'000'000'000;
  info.ended_ns = info.created_ns + static_cast<int64_t>(unit(random) * 10e9);
  info.writer = "01HZY0J8Q0ABCDEFGHJKMNPQRS";
  record.params["learner"] = kLearners[random() % 5];
  for (int i = 0; i < 19; ++i) {
    if (i % 3 != 2 || random() % 2 == 0) record.params[fmt::format("p{}", i)] = unit(random);
  }
  record.tags["team"] = fmt::format("{}-{}", random() % 3 == 0 ? "fraud" : "churn", random() % 20);
  record.tags["seed"] = fmt::format("{}", random());
  record.tags["device"] = "cpu";
  record.tags["trial"] = number;
  for (int i = 0; i < 10; ++i) {
    record.metrics[fmt::format("m{}", i)] = {{0, 0, unit(random)}, {1, 0, unit(random)}};
  }
  return record;
}

void make_runs(Workspace& workspace, int64_t count) {
  std::mt19937 random(1);
  const std::string whole = value_of(run_file_image(RunRecord{}));
  const std::string part(value_of(verified_image(whole, "template")));
  PosixFileLayer files;
  for (int64_t i = 0; i < count; ++i) {
    const RunRecord record = random_record(random, i);
    std::string bytes = part;
    append_seal(bytes, to_json(summary_of(record)));
    const std::string path = workspace.path() + "/" + run_file_path(record.info.run_id);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    auto file = value_of(files.create(path));
    if (!file->append(std::as_bytes(std::span(bytes)))) stop("cannot write " + path);
  }
}

void run_program(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  if (posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0) stop("spawn");
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) stop(arguments[0] + " failed");
}

void time_queries(Workspace& workspace, const std::string& path, const std::string& program) {
  Catalog warm(workspace);
  std::printf("%8s %8s %8s %9s  query\n", "cold", "warm", "program", "found");
  for (const char* text : kQueries) {
    RunQuery query = value_of(parse_run_query(text, wall_time_ns()));
    if (!query.limit) query.limit = 50;
    const int64_t found = value_of(warm.search(query)).matched;
    const double cold_ms = median_ms([&] { value_of(Catalog(workspace).search(query)); });
    const double warm_ms = median_ms([&] { value_of(warm.search(query)); });
    double program_ms = 0;
    if (!program.empty()) {
      program_ms = median_ms([&] { run_program({program, "runs", "search", text, "-w", path}); });
    }
    std::printf("%8.2f %8.2f %8.2f %9lld  %s\n", cold_ms, warm_ms, program_ms,
                static_cast<long long>(found), text);
  }
  if (!program.empty()) {
    std::printf("%8.2f ms for `version`, which does nothing\n", median_ms([&] {
                  run_program({program, "version"});
                }));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) stop("usage: catalog_bench FOLDER [RUNS [ASSAY]]");
  const std::string path = argv[1];
  const int64_t count = argc > 2 ? std::atoll(argv[2]) : 100'000;
  const std::string program = argc > 3 ? argv[3] : "";
  const bool fresh = !std::filesystem::exists(path + "/WORKSPACE");
  const auto workspace = value_of(Workspace::create(path, "bench"));
  if (fresh) {
    const double begin = now_ms();
    make_runs(*workspace, count);
    std::printf("%.1f s to make %lld run files\n", (now_ms() - begin) * 1e-3,
                static_cast<long long>(count));
  }
  std::printf("%.2f s to rebuild the catalog from %lld run files\n",
              median_ms([&] { value_of(Catalog(*workspace).rebuild()); }, 3) * 1e-3,
              static_cast<long long>(value_of(Catalog(*workspace).search({.limit = 1})).total));
  std::printf("%.0f ms to write it again (%.1f MB)\n",
              median_ms([&] { value_of(Catalog(*workspace).save().map([] { return 0; })); }, 3),
              static_cast<double>(std::filesystem::file_size(path + "/catalog.h5")) * 1e-6);
  // A folder's times are trusted two seconds after its last change; these are older by now.
  time_queries(*workspace, path, program);

  std::mt19937 random(2);
  RunRecord record = random_record(random, count);
  auto run = value_of(Run::create(workspace, {.kind = "trial"}));
  if (!run->finish(RunStatus::kCompleted)) stop("finish");
  record.info.run_id = run->id();
  const WriterLease* writer = value_of(workspace->writer());
  std::printf("%.1f us to note a published run\n",
              median_ms([&] { Catalog::note(*workspace, *writer, record); }, 1001) * 1e3);
  const RunQuery newest = {.limit = 50};
  std::printf("%.2f ms cold, right after a run was published\n",
              median_ms([&] { value_of(Catalog(*workspace).search(newest)); }));
  return 0;
}
