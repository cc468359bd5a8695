// Random runs for the catalog's tests: few different keys and values, so that queries find some and
// miss others; every type of value, missing ones, NaN.
#pragma once

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "tracking/run_record.h"

namespace assay::tracking {

class RandomRuns {
 public:
  explicit RandomRuns(unsigned seed) : random_(seed) {}

  size_t pick(size_t count) { return random_() % count; }

  Value value() {
    switch (pick(8)) {
      case 0:
        return Value(static_cast<int64_t>(pick(4)));
      case 1:
        return Value(pick(2) == 0);
      case 2:
        return Value(std::to_string(pick(3)));
      case 3:
        return Value(std::numeric_limits<double>::quiet_NaN());
      case 4:
        return Value(static_cast<double>(pick(4)));
      case 5:
        return Value(0.5 * static_cast<double>(pick(5)));
      default:
        return Value(std::string(1, static_cast<char>('a' + pick(3))) + (pick(2) == 0 ? "" : "B"));
    }
  }

  // Without id, times and writer.
  RunRecord record() {
    constexpr const char* kKinds[] = {"sweep", "trial", "job", "pipeline", "step"};
    constexpr const char* kExperiments[] = {"Adult", "adult", "letter"};
    RunRecord record;
    record.info.kind = kKinds[pick(5)];
    record.info.experiment = kExperiments[pick(3)];
    record.info.name = "run " + std::to_string(pick(20));
    record.info.user = pick(2) == 0 ? "ada" : "bob";
    record.info.status = static_cast<RunStatus>(1 + pick(5));
    record.info.finished = true;
    if (pick(3) > 0) record.info.score = 0.25 * static_cast<double>(pick(5));
    if (pick(2) == 0) record.info.metric = "m1";
    for (const char* key : {"a", "b", "c d"}) {
      if (pick(3) > 0) record.params[key] = value();
      if (pick(3) == 0) record.tags[key] = value();
    }
    for (const char* key : {"m1", "m/2"}) {
      for (size_t points = pick(4); points > 0; --points) {
        record.metrics[key].push_back({0, 0, 0.5 * static_cast<double>(pick(4))});
      }
      if (pick(8) == 0) record.metrics[key].push_back({0, 0, std::nan("")});
    }
    if (pick(2) == 0)
      record.datasets.push_back({"data" + std::to_string(pick(3)), "", "", "train", 0, 0, {}});
    if (pick(2) == 0) record.tags["device"] = pick(2) == 0 ? "cpu" : "cuda:0";
    return record;
  }

 private:
  std::mt19937 random_;
};

}  // namespace assay::tracking
