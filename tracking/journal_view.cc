#include "tracking/journal_view.h"

#include <utility>

#include "tracking/writer_lease.h"

namespace assay::tracking {
namespace {

// Each try starts over because a folder was renamed between the listing and the look into it.
constexpr int kTries = 16;

}  // namespace

Result<JournalView> JournalView::read(Workspace& workspace) {
  FileLayer& files = workspace.files();
  for (int tries = 0;; ++tries) {
    JournalView view;
    const auto folders = writer_folders(files, workspace.path());
    if (!folders && folders.error().code == StatusCode::kNotFound) return view;
    if (!folders) return tl::unexpected<Error>(folders.error());
    bool again = false;
    for (const WriterFolder& folder : *folders) {
      auto index = JournalIndex::read(files, folder.path);
      if (!index && index.error().code == StatusCode::kNotFound) {
        again = tries < kTries;
        continue;
      }
      if (!index) {
        view.unreadable_.push_back(std::move(index.error().message));
        continue;
      }
      if (index->segments().empty() && index->damaged().empty()) continue;
      const bool dead = folder.taken || writer_liveness(files, workspace.path(),
                                                        folder.writer_id) == Liveness::kDead;
      view.indexes_.push_back(std::make_unique<JournalIndex>(std::move(*index)));
      const JournalIndex& kept = *view.indexes_.back();
      for (const auto& [run_id, entry] : kept.runs()) view.runs_[run_id] = {&kept, &entry, dead};
    }
    if (!again) return view;
  }
}

const JournalView::Found* JournalView::find(const std::string& run_id) const {
  const auto it = runs_.find(run_id);
  return it == runs_.end() ? nullptr : &it->second;
}

std::vector<std::string> JournalView::damaged() const {
  std::vector<std::string> messages;
  for (const auto& index : indexes_) {
    messages.insert(messages.end(), index->damaged().begin(), index->damaged().end());
  }
  return messages;
}

}  // namespace assay::tracking
