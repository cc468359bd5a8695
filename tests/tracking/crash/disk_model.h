// A file system that may lose power. It keeps, beside the state that programs see, what of it is
// durable, and makes folders that a machine could find after its next start. The rules, which are
// as harsh as POSIX allows and harsher than journaling file systems are:
//
// - Data. What was appended before a sync of the file is kept. Of what was appended after, any
//   4 KiB page is kept, zero, or torn at a multiple of 512 bytes, and the file's length is anything
//   between the synced and the full one. (Bytes of other files do not show: ext4 as it is mounted
//   by default, XFS and btrfs see to that.) Syncing a file does not make its name durable.
// - Names. A creation, link, rename or removal, also of folders, is durable once a folder that it
//   changes was synced after it. Before that it may have happened or not, each by itself and in any
//   order, except that a change of a name builds on the earlier changes of the same name. Syncing a
//   folder does not make the folder's own name durable.
// - A rename is atomic: both of its names change, or neither, and what it replaces is gone only
//   when the new is there.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/rng.h"
#include "tests/tracking/crash/disk_trace.h"

namespace assay::tracking {

class DiskModel {
 public:
  // Begins with what lies in the folder, all of it durable. Recorded paths must be below it.
  explicit DiskModel(const std::string& root);

  // Fails: internal if the step does not fit the state, which a true recording always does.
  Status apply(const TraceStep& step);

  // Writes a state that a loss of power now could leave into an empty folder. Hard links stay hard
  // links.
  void lose_power(const std::string& folder, Rng& random) const;

 private:
  struct Node {
    bool folder = false;
    std::string data{};
    size_t synced = 0;  // bytes of data that are durable
  };
  using Place = std::pair<int, std::string>;  // folder and name in it
  static constexpr int kNothing = -1;
  struct Change {
    std::vector<std::pair<Place, int>> edits{};  // a name and what it means then, or kNothing
    bool durable = false;
  };
  using Names = std::map<Place, int>;

  void scan(const std::string& folder, int node, std::map<uint64_t, int>& inodes);
  int add_node(Node node);
  // The folder that holds the last part of the path, and that part.
  Result<Place> place_of(const std::string& path) const;
  Result<int> node_at(const std::string& path) const;
  std::vector<std::string> parts_of(const std::string& path) const;
  void make_change(std::vector<std::pair<Place, int>> edits);
  Status make_folders(const std::string& path);
  Status move(const TraceStep& step);
  void make_durable(int folder);
  Names surviving_names(Rng& random) const;
  std::string surviving_data(const Node& node, Rng& random) const;

  const std::string root_;
  std::vector<Node> nodes_;
  Names now_;
  Names base_;  // durable from the beginning
  std::vector<Change> changes_;
  std::map<int64_t, int> open_files_;  // number in the trace: node
};

}  // namespace assay::tracking
