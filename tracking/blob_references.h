// Which blobs of a workspace something still needs: run files (those in the trash too), the
// journals of writers, registered models.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/journal_view.h"
#include "tracking/model_registry.h"
#include "tracking/read_problems.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// Hash of a blob -> who names it, for messages ("run 01J...", "model credit").
using BlobReferences = std::map<std::string, std::string>;

// Run files, journals, model records and changes of models that are left out might name any blob.
struct FoundReferences : ReadProblems {
  BlobReferences blobs{};

  bool complete() const { return empty(); }
};

// Adds the blobs that a run names: artifacts, source files, manifest, git diff, models.
void add_references(const RunRecord& run, BlobReferences& references);

// The run as its file and then its writer's journal have it. Fails: data, io.
Result<RunRecord> journaled_run(Workspace& workspace, const std::string& run_id,
                                const JournalView::Found& found);

// Of the blobs that are named those that are not there, nor known to be lost (quarantine.h). One
// that a garbage collection has put aside is there, and so counts what cannot be looked at.
// Fails: io.
Result<BlobReferences> missing_blobs(Workspace& workspace, const BlobReferences& named);
// A message for each: "blob ... is missing: run ... needs it".
std::vector<std::string> missing_messages(const BlobReferences& missing);

// What is taken for gone although it is still there.
struct AsIfGone {
  std::set<std::string> files{};  // paths of run files
  std::set<VersionKey> versions{};
};

// Finds references again and again at the cost of what changed. Each find() lists the folders of
// run files and asks for the identity of each file, but reads only files that it did not read
// before, and of those only the links in the seal (run_links.h) if they have some.
//
// Why what it remembers is never stale: a run file never changes, it is only replaced, by the
// rename of a file that exists beside it until then. So another content has another inode, and by
// the time that an inode's number is used again, another time of change, which no program can set;
// a file that changed in the two seconds before it was read is read again. Journals and model
// records are read each time. The catalog is asked for missing runs alone: it may lag behind.
//
// The workspace must outlive it. Not thread-safe.
class ReferenceFinder {
 public:
  explicit ReferenceFinder(Workspace& workspace) : workspace_(workspace) {}

  // As if what is `gone` were not there. Whatever is named from before the call until
  // after it is found, although runs are published, deleted and restored meanwhile.
  // Fails: io.
  Result<FoundReferences> find(const AsIfGone& gone = {});

  // Run files that were opened so far.
  int64_t files_read() const { return files_read_; }

 private:
  struct Known {
    FileInfo file{};
    bool settled = false;  // the file's times vouch for its content
    uint64_t round = 0;    // of find(), that saw it last
    std::string run_id{};
    std::vector<std::string> blobs{};
    std::optional<Error> problem{};  // why it cannot be read
  };
  struct Found {
    std::string path;
    FileInfo file;
    std::optional<Error> problem{};  // why it is no file, or a folder that cannot be listed
  };
  Status list_files(const std::string& folder, std::vector<Found>& files);
  Result<std::vector<Found>> all_files();
  Status read_new(const std::vector<Found>& files);

  Workspace& workspace_;
  std::map<std::string, Known> known_;  // by path
  uint64_t round_ = 0;
  int64_t files_read_ = 0;
};

// One find() from nothing. Thread-safe. Fails: as that.
Result<FoundReferences> find_references(Workspace& workspace);

}  // namespace assay::tracking
