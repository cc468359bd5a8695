#include "automl/report/report_page.h"

#include <fmt/format.h>

#include "automl/report/html_page.h"
#include "automl/report/report_parts_internal.h"
#include "automl/report/text_table.h"
#include "tracking/environment.h"

namespace assay::automl {

std::string report_html(const ReportInputs& inputs) {
  const tracking::RunInfo& info = inputs.data.sweep.info;
  HtmlPage page(
      "Assay report: " + report_title(inputs),
      fmt::format("{} {}, {}", info.kind, info.run_id, tracking::iso_time(info.created_ns)));
  add_summary(page, inputs);
  add_trial(page, inputs);
  add_leaderboard(page, inputs);
  add_search(page, inputs);
  add_params(page, inputs);
  add_predictions(page, inputs);
  add_importance(page, inputs);
  add_data(page, inputs);
  add_time(page, inputs);
  add_hardware(page, inputs);
  add_reproduction(page, inputs);
  return std::move(page).finish(fmt::format("Made by assay {} from the records of run {}.",
                                            tracking::assay_version(), info.run_id));
}

}  // namespace assay::automl
