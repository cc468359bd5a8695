// What a sweep used of the machine over time: processors, memory and GPUs, from the metrics that
// its run sampled (tracking/system_sampler.h). Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "automl/report/html_page.h"
#include "automl/report/plot.h"
#include "tracking/run_record.h"

namespace assay::automl {

// One resource: how much of it was busy, in percent, at seconds since the run was made. Processors
// are all that the run could use together.
struct BusyTime {
  std::string name;  // "processors", "GPU 0"
  std::vector<std::pair<double, double>> points;
};

// Those that were sampled, processors first, then GPUs by number.
std::vector<BusyTime> busy_times(const tracking::RunRecord& run);

// A line for each of them; broken where nothing was sampled for long, as before a resume. `end` as
// in timeline_figure. Without a picture if nothing was sampled twice.
Figure busy_figure(const tracking::RunRecord& run, double end);

// Their mean and greatest values, and those of memory; no rows if nothing was sampled.
HtmlTable machine_table(const tracking::RunRecord& run);

}  // namespace assay::automl
