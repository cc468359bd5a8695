// Which blobs of a workspace something still needs: run files (those in the trash too), the
// journals of writers, registered models. Reads all run files. Thread-safe.
#pragma once

#include <map>
#include <set>
#include <string>

#include "kernels/base/status.h"
#include "tracking/journal_view.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// Hash of a blob -> who names it, for messages ("run 01J...", "model credit").
using BlobReferences = std::map<std::string, std::string>;

// Adds the blobs that a run names: artifacts, source files, manifest, git diff, models.
void add_references(const RunRecord& run, BlobReferences& references);

// The run as its file and then its writer's journal have it. Fails: data, io.
Result<RunRecord> journaled_run(Workspace& workspace, const std::string& run_id,
                                const JournalView::Found& found);

// As if the files `gone` (paths) were not there.
// Fails: data if a run file, a journal or a model's record is damaged, naming it: it might name any
// blob; io.
Result<BlobReferences> find_references(Workspace& workspace,
                                       const std::set<std::string>& gone = {});

}  // namespace assay::tracking
