#include "tracking/experiment.h"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "kernels/base/names.h"
#include "tracking/run_rewrite_internal.h"
#include "tracking/run_trash.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {
namespace {

// All runs of an experiment, and those of any that cannot be read. Fails: not_found with the
// nearest name.
Result<RunList> runs_of(Workspace& workspace, std::string_view name) {
  ASSAY_ASSIGN_OR_RETURN(RunList list, list_runs(workspace, {.experiment = std::string(name)}));
  if (!list.runs.empty()) return list;
  ASSAY_ASSIGN_OR_RETURN(const auto all, Experiment::list_all(workspace));
  std::vector<std::string> names;
  for (const ExperimentInfo& experiment : all) names.push_back(experiment.name);
  return fail(StatusCode::kNotFound, "no experiment '{}'{}", name, name_hint(name, names));
}

// One rename at a time, of whatever experiments: two at once would each get some of the runs. Who
// wants its turn says so in its writer's folder and then looks at those of the others: of two the
// one with the lower id stays, and the other steps back. A writer that died is in nobody's way, and
// one that was only asleep cannot rewrite runs any more once it was taken over.
class RenameTurn {
 public:
  static Result<std::unique_ptr<RenameTurn>> wait(Workspace& workspace) {
    ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
    std::unique_ptr<RenameTurn> turn(new RenameTurn(workspace, *writer));
    while (true) {
      if (!turn->said_) ASSAY_RETURN_IF_ERROR(turn->say());
      ASSAY_ASSIGN_OR_RETURN(const Others others, turn->look());
      if (!others.lower && !others.higher) return turn;
      if (others.lower) turn->step_back();
      std::this_thread::sleep_for(kPause);
    }
  }
  ~RenameTurn() { step_back(); }
  RenameTurn(const RenameTurn&) = delete;
  RenameTurn& operator=(const RenameTurn&) = delete;

 private:
  struct Others {
    bool lower = false;
    bool higher = false;
  };
  static constexpr auto kPause = std::chrono::milliseconds(5);
  static constexpr const char* kWish = "/tmp/RENAMING";

  RenameTurn(Workspace& workspace, const WriterLease& writer)
      : threads_(workspace.rename_mutex()),
        workspace_(workspace),
        files_(workspace.files()),
        id_(writer.id()),
        wish_(fmt::format("{}/writers/{}{}", workspace.path(), id_, kWish)) {}

  Status say() {
    auto file = files_.create(wish_);
    if (!file) return tl::unexpected<Error>(std::move(file.error()));
    said_ = true;
    return {};
  }

  void step_back() {
    if (said_) (void)files_.unlink(wish_);
    said_ = false;
  }

  Result<Others> look() {
    Others others;
    ASSAY_ASSIGN_OR_RETURN(const auto folders, writer_folders(files_, workspace_.path()));
    for (const WriterFolder& folder : folders) {
      if (folder.taken || folder.writer_id == id_ || !files_.exists(folder.path + kWish)) continue;
      const bool dead =
          writer_liveness(files_, workspace_.path(), folder.writer_id) == Liveness::kDead;
      (folder.writer_id < id_ ? others.lower : others.higher) |= !dead;
    }
    return others;
  }

  const std::unique_lock<std::mutex> threads_;  // that share the writer
  Workspace& workspace_;
  FileLayer& files_;
  const std::string id_;
  const std::string wish_;
  bool said_ = false;
};

}  // namespace

Result<Experiment> Experiment::open(std::shared_ptr<Workspace> workspace, std::string name) {
  ASSAY_RETURN_IF_ERROR(check_name("experiment", name));
  return Experiment(std::move(workspace), std::move(name));
}

Result<std::vector<ExperimentInfo>> Experiment::list_all(Workspace& workspace) {
  ASSAY_ASSIGN_OR_RETURN(const RunList all, list_runs(workspace));
  std::vector<ExperimentInfo> experiments;
  std::map<std::string, size_t> places;
  for (const RunInfo& run : all.runs) {  // newest first
    const auto [it, fresh] = places.emplace(lower_case(run.experiment), experiments.size());
    if (fresh) experiments.push_back({run.experiment, 0, run.created_ns});
    ++experiments[it->second].runs;
  }
  return experiments;
}

Result<ExperimentChange> Experiment::rename(Workspace& workspace, std::string_view from,
                                            std::string_view to, bool merge) {
  ASSAY_RETURN_IF_ERROR(check_name("experiment", to));
  // Without a writer's lease, which a folder that cannot be written to does not give.
  if (auto found = runs_of(workspace, from); !found) {
    return tl::unexpected<Error>(std::move(found.error()));
  }
  ASSAY_ASSIGN_OR_RETURN(const auto turn, RenameTurn::wait(workspace));
  ASSAY_ASSIGN_OR_RETURN(RunList list, runs_of(workspace, from));
  for (const RunInfo& run : list.runs) {
    if (run.status != RunStatus::kRunning) continue;
    return fail(StatusCode::kInvalidArgument,
                "run {} of experiment '{}' is still running: rename it when it has ended",
                run.run_id, from);
  }
  if (!merge && lower_case(from) != lower_case(to)) {
    ASSAY_ASSIGN_OR_RETURN(const RunList others,
                           list_runs(workspace, {.experiment = std::string(to), .limit = 1}));
    if (!others.runs.empty()) {
      return fail(StatusCode::kAlreadyExists,
                  "there is an experiment '{}': its runs and those of '{}' would be in one (merge "
                  "them to allow that)",
                  others.runs[0].experiment, from);
    }
  }
  // What is only in a journal gets its file first.
  ASSAY_RETURN_IF_ERROR(workspace.recover());
  ExperimentChange change;
  change.damaged = std::move(list.damaged);
  for (const RunInfo& run : list.runs) {
    bool changed = false;
    auto renamed = rewrite_run(workspace, run.run_id, {}, [&](RunRecord& record) -> Result<bool> {
      changed = record.info.experiment != to;
      record.info.experiment = to;
      return changed;
    });
    if (renamed) {
      change.runs += changed ? 1 : 0;
    } else if (renamed.error().code == StatusCode::kData) {
      change.damaged.push_back(std::move(renamed.error().message));
    } else if (renamed.error().code != StatusCode::kNotFound) {  // that is: deleted meanwhile
      return tl::unexpected<Error>(std::move(renamed.error()));
    }
  }
  return change;
}

Result<ExperimentRemoval> Experiment::remove(Workspace& workspace, std::string_view name,
                                             bool force) {
  ASSAY_ASSIGN_OR_RETURN(RunList list, runs_of(workspace, name));
  ExperimentRemoval removal;
  ASSAY_ASSIGN_OR_RETURN(removal.runs, delete_runs(workspace, list.runs, force));
  removal.damaged = std::move(list.damaged);
  return removal;
}

Result<std::unique_ptr<Run>> Experiment::start_run(RunSpec spec) const {
  spec.experiment = name_;
  return Run::create(workspace_, std::move(spec));
}

Result<RunList> Experiment::list(RunFilter filter) const {
  filter.experiment = name_;
  return list_runs(*workspace_, filter);
}

}  // namespace assay::tracking
