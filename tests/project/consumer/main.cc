// Uses a part of each installed library, so that a header or a library that is missing shows.
#include <cstdio>
#include <vector>

#include "automl/metrics/metric.h"
#include "backends/devices.h"
#include "datasets/table.h"
#include "kernels/base/hash.h"

int main() {
  assay::datasets::Column column;
  column.name = "x";
  column.numbers = {1, 2, 3};
  const auto table = assay::datasets::Table::make({column}, "memory", "");
  if (!table || (*table)->row_count() != 3) return 1;

  if (assay::sha256_hex("abc").substr(0, 8) != "ba7816bf") return 2;

  const auto devices = assay::backends::open_devices({});
  if (!devices || devices->host().info().kind != "cpu") return 3;

  const std::vector<float> predictions = {1, 2, 5};
  const std::vector<double> truth = {1, 2, 3};
  const auto score = assay::automl::Metric::find("mae")->score(
      {.data = predictions.data(), .rows = 3, .columns = 1}, {.values = truth});
  if (!score || *score < 0.66 || *score > 0.67) return 4;  // (0 + 0 + 2) / 3
  std::puts("consumer: ok");
  return 0;
}
