// What reports say of the use of the machine, from made-up samples.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "automl/report/machine_use.h"
#include "automl/report/report_page.h"

namespace assay::automl {
namespace {

constexpr double kStart = 1'700'000'000;

tracking::RunRecord record() {
  tracking::RunRecord run;
  run.info.kind = "sweep";
  run.info.created_ns = static_cast<int64_t>(kStart) * 1'000'000'000;
  run.environment["usable_cpu_count"] = tracking::Value(int64_t{4});
  return run;
}

void add(tracking::RunRecord& run, const std::string& key, double seconds, double value) {
  run.metrics[key].push_back({0, kStart + seconds, value});
}

std::ptrdiff_t count_of(const std::string& text, char wanted) {
  return std::count(text.begin(), text.end(), wanted);
}

// The path of the line with this colour.
std::string line_of(const Figure& figure, size_t category) {
  const size_t at = figure.svg.find("line thin " + line_class(category));
  if (at == std::string::npos) return {};
  const size_t begin = figure.svg.rfind(" d=\"", at) + 4;
  return figure.svg.substr(begin, figure.svg.find('"', begin) - begin);
}

TEST(MachineUse, TakesProcessorsAsAShareOfAllAndGpusByNumber) {
  tracking::RunRecord run = record();
  add(run, "system/gpu10_percent", 2, 30);
  add(run, "system/gpu2_percent", 2, 20);
  add(run, "system/cpu_percent", 1, 200);
  add(run, "system/gpu_percent", 2, 1);      // not of a device
  add(run, "system/gpuX_percent", 2, 1);     // nor this
  add(run, "system/gpu1_percentile", 2, 1);  // nor this
  const std::vector<BusyTime> busy = busy_times(run);
  ASSERT_EQ(busy.size(), 3u);
  EXPECT_EQ(busy[0].name, "processors");
  EXPECT_EQ(busy[0].points, (std::vector<std::pair<double, double>>{{1, 50}}));
  EXPECT_EQ(busy[1].name, "GPU 2");
  EXPECT_EQ(busy[2].name, "GPU 10");
  EXPECT_EQ(busy[2].points[0].second, 30);
}

TEST(MachineUse, LinesAreBrokenWhereNothingWasSampled) {
  tracking::RunRecord run = record();
  for (const double second : {0, 1, 2, 3, 100, 101, 102})
    add(run, "system/gpu0_percent", second, 50);
  for (const double second : {0, 1, 2, 3, 5, 6, 7}) add(run, "system/cpu_percent", second, 100);
  const Figure figure = busy_figure(run, 10);
  ASSERT_EQ(figure.legend.size(), 2u);
  EXPECT_EQ(figure.legend[1].label, "GPU 0");
  EXPECT_EQ(count_of(line_of(figure, 0), 'M'), 1);
  EXPECT_EQ(count_of(line_of(figure, 1), 'M'), 2);
}

TEST(MachineUse, LongSweepsAreDrawnWithFewPoints) {
  tracking::RunRecord run = record();
  for (int second = 0; second < 20'000; ++second) {
    add(run, "system/gpu0_percent", second, second % 2 == 0 ? 0 : 100);
  }
  EXPECT_LT(busy_figure(run, 20'000).svg.size(), 30'000u);
}

TEST(MachineUse, TableHasMeansAndGreatestValues) {
  tracking::RunRecord run = record();
  add(run, "system/cpu_percent", 1, 400);
  add(run, "system/cpu_percent", 2, 100);
  add(run, "system/rss_bytes", 1, 1 << 20);
  add(run, "system/rss_bytes", 2, 3 << 20);
  add(run, "system/gpu0_percent", 1, 90);
  add(run, "system/gpu0_percent", 2, NAN);
  add(run, "system/gpu0_memory_bytes", 1, NAN);
  const HtmlTable table = machine_table(run);
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0][0].text, "processors busy");
  EXPECT_EQ(table.rows[0][1].text, "62 %");  // of 62.5, ties to even
  EXPECT_EQ(table.rows[0][2].text, "100 %");
  EXPECT_EQ(table.rows[1][1].text, "2.0 MiB");
  EXPECT_EQ(table.rows[1][2].text, "3.0 MiB");
  EXPECT_EQ(table.rows[2][0].text, "GPU 0 busy");
  EXPECT_EQ(table.rows[2][1].text, "90 %");
}

TEST(MachineUse, IsInReportsOfRunsThatSampled) {
  ReportInputs inputs;
  inputs.data.sweep = record();
  inputs.data.times.push_back({0, "run0", "gbt", "finished", "cuda:0", 0.5, 3, 2});
  EXPECT_EQ(busy_figure(inputs.data.sweep, 3).svg, "");
  EXPECT_TRUE(machine_table(inputs.data.sweep).rows.empty());
  EXPECT_EQ(report_html(inputs).find("Use of the machine"), std::string::npos);
  EXPECT_EQ(report_markdown(inputs).find("GPU 0"), std::string::npos);
  for (const double second : {1, 2, 3}) add(inputs.data.sweep, "system/gpu0_percent", second, 70);
  const std::string html = report_html(inputs);
  EXPECT_NE(html.find("Use of the machine"), std::string::npos);
  EXPECT_NE(html.find("GPU 0 busy"), std::string::npos);
  EXPECT_NE(report_markdown(inputs).find("| GPU 0 busy | 70 % | 70 % |"), std::string::npos);
}

}  // namespace
}  // namespace assay::automl
