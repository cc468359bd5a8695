// Time, hardware, and how to do it again.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "automl/report/machine_use.h"
#include "automl/report/report_parts_internal.h"
#include "automl/report/score_picture.h"
#include "automl/report/text_table.h"
#include "automl/report/time_chart.h"
#include "automl/scheduler/trial_record.h"

namespace assay::automl {
namespace {

double end_seconds(const ReportInputs& inputs) {
  const tracking::RunInfo& info = inputs.data.sweep.info;
  double end = info.ended_ns > 0 ? static_cast<double>(info.ended_ns - info.created_ns) * 1e-9 : 0;
  for (const TrialTime& time : inputs.data.times) end = std::max(end, time.end);
  return end;
}

std::string share_text(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f} %", 100 * part / whole) : "-";
}

struct Use {
  size_t trials = 0;
  double seconds = 0;
  double fit = 0;
};

template <class Key>
std::vector<std::pair<std::string, Use>> uses_by(const ReportInputs& inputs, Key&& key) {
  std::map<std::string, Use> uses;
  for (const TrialTime& time : inputs.data.times) {
    Use& use = uses[key(time)];
    ++use.trials;
    use.seconds += time.end - time.begin;
    use.fit += time.fit_seconds;
  }
  std::vector<std::pair<std::string, Use>> sorted(uses.begin(), uses.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.seconds > b.second.seconds;
  });
  return sorted;
}

}  // namespace

HtmlTable time_table(const ReportInputs& inputs) {
  HtmlTable table;
  table.caption = "Time of trials by learner; slots run side by side.";
  table.columns = {{"learner", false},      {"trials", true},
                   {"time", true},          {"share", true},
                   {"of it fitting", true}, {"predicting, scoring, recording", true}};
  const auto uses = uses_by(inputs, [](const TrialTime& time) { return time.learner; });
  Use all;
  for (const auto& [learner, use] : uses) {
    all.trials += use.trials;
    all.seconds += use.seconds;
    all.fit += use.fit;
  }
  for (const auto& [learner, use] : uses) {
    table.rows.push_back({learner, fmt::format("{}", use.trials), duration_text(use.seconds),
                          share_text(use.seconds, all.seconds), duration_text(use.fit),
                          duration_text(use.seconds - use.fit)});
  }
  if (table.rows.size() > 1) {
    table.rows.push_back({"all", fmt::format("{}", all.trials), duration_text(all.seconds), "",
                          duration_text(all.fit), duration_text(all.seconds - all.fit)});
    table.rows.back()[0].emphasis = true;
  }
  return table;
}

HtmlTable phase_table(const ReportInputs& inputs) {
  HtmlTable table;
  table.caption = "Phases of the sweep, from the making of its record on.";
  table.columns = {{"phase", false}, {"time", true}, {"share", true}};
  if (inputs.data.times.empty()) return table;
  const double end = end_seconds(inputs);
  const double first = inputs.data.times.front().begin;
  double last = 0;
  for (const TrialTime& time : inputs.data.times) last = std::max(last, time.end);
  const auto add = [&](const char* name, double seconds) {
    table.rows.push_back({name, duration_text(seconds), share_text(seconds, end)});
  };
  add("reading and preparing the table", first);
  add("trials", last - first);
  add("ensemble, saving the model and records", end - last);
  return table;
}

void add_time(HtmlPage& page, const ReportInputs& inputs) {
  page.section("time", "Time");
  if (inputs.data.times.empty()) {
    page.note("No records of trials are left to tell when they ran.");
    return;
  }
  const double end = end_seconds(inputs);
  page.wide_figure(timeline_figure(inputs.data.times, learner_colours(inputs.data.board), end));
  const Figure use = busy_figure(inputs.data.sweep, end);
  if (!use.svg.empty()) page.wide_figure(use);
  page.table(time_table(inputs));
  page.table(phase_table(inputs));
  double busy = 0;
  double last = 0;
  for (const TrialTime& time : inputs.data.times) {
    busy += time.end - time.begin;
    last = std::max(last, time.end);
  }
  const std::vector<size_t> lanes = slot_lanes(inputs.data.times);
  const double slots = static_cast<double>(*std::max_element(lanes.begin(), lanes.end()) + 1);
  const double span = slots * (last - inputs.data.times.front().begin);
  page.paragraph(
      fmt::format("Slots were at work for {} of the time between the first trial's "
                  "beginning and the last one's end.",
                  share_text(busy, span)));
}

Facts hardware_facts(const ReportInputs& inputs) {
  const tracking::RunRecord& sweep = inputs.data.sweep;
  Facts facts;
  const auto add = [&](const char* name, std::string value) {
    if (!value.empty()) facts.emplace_back(name, std::move(value));
  };
  const auto of = [&](const char* key) { return value_of(sweep.environment, key); };
  add("processor", of("cpu_model"));
  add("processors", of("cpu_count"));
  add("usable for the run", of("usable_cpu_count"));
  add("threads", of("threads"));
  const std::string slots = value_of(sweep.tags, "slots");
  const std::string threads = value_of(sweep.tags, "threads_per_slot");
  if (!slots.empty()) add("slots", fmt::format("{}, of {} threads each", slots, threads));
  const auto memory = sweep.environment.find("usable_memory_bytes");
  if (memory != sweep.environment.end()) {
    const auto* bytes = std::get_if<int64_t>(&memory->second.data());
    add("usable memory", bytes != nullptr ? size_text(static_cast<double>(*bytes)) : "");
  }
  add("device", value_of(sweep.tags, "device"));
  add("what devices are", of("devices"));
  add("host", of("host"));
  add("system", of("os"));
  add("kernel", of("kernel"));
  add("architecture", of("architecture"));
  return facts;
}

// Implementations of ops, kernels that devices started for them, and copies.
HtmlTable kernel_rows(const tracking::RunRecord& record) {
  HtmlTable table;
  table.columns = {
      {"device", false}, {"op", false}, {"kernel", false}, {"calls", true}, {"copied", true}};
  for (const kernels::KernelUse& use : read_kernel_table(record)) {
    table.rows.push_back({use.device, use.op.empty() ? "-" : use.op, use.kernel,
                          fmt::format("{}", use.calls),
                          use.bytes > 0 ? size_text(static_cast<double>(use.bytes)) : "-"});
  }
  return table;
}

void add_hardware(HtmlPage& page, const ReportInputs& inputs) {
  page.section("hardware", "Hardware");
  page.facts(hardware_facts(inputs));
  const HtmlTable used = machine_table(inputs.data.sweep);
  if (!used.rows.empty()) page.table(used);
  const auto uses = uses_by(
      inputs, [](const TrialTime& time) { return time.device.empty() ? "-" : time.device; });
  if (uses.empty()) return;
  HtmlTable table;
  table.caption = fmt::format("What trials ran on; each had the {} threads of its slot.",
                              value_of(inputs.data.sweep.tags, "threads_per_slot").empty()
                                  ? std::string("own")
                                  : value_of(inputs.data.sweep.tags, "threads_per_slot"));
  table.columns = {{"device", false}, {"trials", true}, {"time", true}};
  for (const auto& [device, use] : uses) {
    table.rows.push_back({device, fmt::format("{}", use.trials), duration_text(use.seconds)});
  }
  page.table(table);
  HtmlTable ran = kernel_rows(inputs.data.trial ? *inputs.data.trial : inputs.data.sweep);
  ran.caption = inputs.data.trial ? "What ran in the trial." : "What ran in all trials together.";
  if (!ran.rows.empty()) page.table(ran);
  if (uses.size() < 2) return;
  HtmlTable each;
  each.columns = {{"trial", true}, {"learner", false}, {"device", false}, {"took", true}};
  for (const TrialTime& time : inputs.data.times) {
    if (each.rows.size() == 1000) break;
    each.rows.push_back({fmt::format("{}", time.trial), time.learner, time.device,
                         duration_text(time.end - time.begin)});
  }
  page.folded("Device of each trial", each);
}

Facts reproduction_facts(const ReportInputs& inputs) {
  const tracking::RunRecord& sweep = inputs.data.sweep;
  Facts facts;
  const auto add = [&](const char* name, std::string value) {
    if (!value.empty()) facts.emplace_back(name, std::move(value));
  };
  add("run", sweep.info.run_id);
  add("seed", value_of(sweep.environment, "seed"));
  add("assay", value_of(sweep.environment, "assay_version"));
  add("build", value_of(sweep.environment, "build_type"));
  add("compiler", value_of(sweep.environment, "compiler"));
  add("HDF5", value_of(sweep.environment, "hdf5_version"));
  add("user", sweep.info.user);
  if (sweep.source) {
    add("config file", sweep.source->config_path);
    add("git commit", sweep.source->git_commit);
    add("git branch", sweep.source->git_branch);
    if (!sweep.source->git_commit.empty()) {
      add("changes beside the commit", sweep.source->git_dirty ? "yes, kept as a patch" : "none");
    }
    add("about git", sweep.source->git_note);
    add("SHA-256 of the list of sources", sweep.source->manifest_sha256);
  }
  for (const tracking::DatasetUse& use : sweep.datasets) {
    add("SHA-256 of the table", use.content_hash);
  }
  for (const tracking::ModelUse& model : sweep.models) {
    if (model.version > 0) add("SHA-256 of the model", model.sha256);
  }
  return facts;
}

void add_reproduction(HtmlPage& page, const ReportInputs& inputs) {
  const tracking::RunRecord& sweep = inputs.data.sweep;
  page.section("reproduce", "How to reproduce it");
  const std::string command = value_of(sweep.environment, "command_line");
  if (!command.empty()) page.preformatted(command);
  const bool timed = value_of(sweep.params, "budget.trials") == "0" ||
                     value_of(sweep.params, "budget.time") != "0";
  page.paragraph(
      timed ? "The sweep had a time limit: results were used as they came, and the same command "
              "gives a similar, not the same, result."
            : "The sweep had a limit of trials and none of time: the same release, table and seed "
              "give the same result, bit by bit, on any number of threads.");
  page.facts(reproduction_facts(inputs));
  if (sweep.source && !sweep.source->config.empty()) {
    page.folded_text("The config file", sweep.source->config);
  }
  page.paragraph(
      fmt::format("assay runs checkout {} writes the config and scripts that the run "
                  "had.",
                  sweep.info.run_id));
}

}  // namespace assay::automl
