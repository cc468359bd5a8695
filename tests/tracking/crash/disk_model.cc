#include "tests/tracking/crash/disk_model.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/tracking/test_folder.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPageBytes = 4096;
constexpr size_t kSectorBytes = 512;
constexpr int kRoot = 0;

// One page of data that was never synced, as it may look on the disk.
void lose_page(std::string& data, size_t begin, size_t end, Rng& random) {
  const auto at = data.begin();
  const auto first = at + static_cast<std::ptrdiff_t>(begin);
  const auto last = at + static_cast<std::ptrdiff_t>(end);
  switch (random.below(3)) {
    case 0:
      std::fill(first, last, '\0');
      return;
    case 1: {
      const size_t sector = (begin / kSectorBytes + random.below(8)) * kSectorBytes;
      const size_t torn = std::clamp(sector, begin, end);
      std::fill(at + static_cast<std::ptrdiff_t>(torn), last, '\0');
      return;
    }
    default:
      return;
  }
}

}  // namespace

DiskModel::DiskModel(const std::string& root) : root_(root) {
  nodes_.push_back({.folder = true});
  std::map<uint64_t, int> inodes;
  scan(root, kRoot, inodes);
  now_ = base_;
}

void DiskModel::scan(const std::string& folder, int node, std::map<uint64_t, int>& inodes) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    struct stat info {};
    ::stat(path.c_str(), &info);
    int child = kNothing;
    if (entry.is_directory()) {
      child = add_node({.folder = true});
      scan(path, child, inodes);
    } else if (const auto known = inodes.find(info.st_ino); known != inodes.end()) {
      child = known->second;
    } else {
      std::string data = slurp(path);
      const size_t size = data.size();
      child = add_node({.data = std::move(data), .synced = size});
      inodes[info.st_ino] = child;
    }
    base_[{node, entry.path().filename().string()}] = child;
  }
}

int DiskModel::add_node(Node node) {
  nodes_.push_back(std::move(node));
  return static_cast<int>(nodes_.size()) - 1;
}

std::vector<std::string> DiskModel::parts_of(const std::string& path) const {
  std::vector<std::string> parts;
  for (const fs::path& part : fs::path(path.substr(std::min(root_.size(), path.size())))) {
    if (!part.empty() && part != "/" && part != ".") parts.push_back(part.string());
  }
  return parts;
}

Result<DiskModel::Place> DiskModel::place_of(const std::string& path) const {
  const std::vector<std::string> parts = parts_of(path);
  if (!path.starts_with(root_) || parts.empty()) {
    return fail(StatusCode::kInternal, "the trace names '{}', outside '{}'", path, root_);
  }
  int folder = kRoot;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto it = now_.find({folder, parts[i]});
    if (it == now_.end()) return fail(StatusCode::kInternal, "the trace has no '{}'", path);
    folder = it->second;
  }
  return Place{folder, parts.back()};
}

Result<int> DiskModel::node_at(const std::string& path) const {
  if (path == root_) return kRoot;
  ASSAY_ASSIGN_OR_RETURN(const Place place, place_of(path));
  const auto it = now_.find(place);
  if (it == now_.end()) return fail(StatusCode::kInternal, "the trace has no '{}'", path);
  return it->second;
}

void DiskModel::make_change(std::vector<std::pair<Place, int>> edits) {
  for (const auto& [place, node] : edits) {
    if (node == kNothing) {
      now_.erase(place);
    } else {
      now_[place] = node;
    }
  }
  changes_.push_back({std::move(edits)});
}

Status DiskModel::make_folders(const std::string& path) {
  std::string partial = root_;
  for (const std::string& part : parts_of(path)) {
    partial += "/" + part;
    ASSAY_ASSIGN_OR_RETURN(const Place place, place_of(partial));
    if (!now_.contains(place)) make_change({{place, add_node({.folder = true})}});
  }
  return {};
}

Status DiskModel::move(const TraceStep& step) {
  ASSAY_ASSIGN_OR_RETURN(const int node, node_at(step.from));
  ASSAY_ASSIGN_OR_RETURN(const Place to, place_of(step.path));
  if (step.operation == FileOperation::kLink) {
    make_change({{to, node}});
    return {};
  }
  ASSAY_ASSIGN_OR_RETURN(const Place from, place_of(step.from));
  make_change({{from, kNothing}, {to, node}});
  return {};
}

Status DiskModel::apply(const TraceStep& step) {
  switch (step.operation) {
    case FileOperation::kCreate: {
      ASSAY_ASSIGN_OR_RETURN(const Place place, place_of(step.path));
      const int node = add_node({});
      open_files_[step.file] = node;
      make_change({{place, node}});
      return {};
    }
    case FileOperation::kOpenAppend: {
      ASSAY_ASSIGN_OR_RETURN(open_files_[step.file], node_at(step.path));
      return {};
    }
    case FileOperation::kAppend:
      nodes_[static_cast<size_t>(open_files_.at(step.file))].data += step.bytes;
      return {};
    case FileOperation::kSync: {
      Node& node = nodes_[static_cast<size_t>(open_files_.at(step.file))];
      node.synced = node.data.size();
      return {};
    }
    case FileOperation::kRename:
    case FileOperation::kLink:
      return move(step);
    case FileOperation::kUnlink:
    case FileOperation::kRemoveFolder: {
      ASSAY_ASSIGN_OR_RETURN(const Place place, place_of(step.path));
      make_change({{place, kNothing}});
      return {};
    }
    case FileOperation::kMakeFolder:
      return make_folders(step.path);
    case FileOperation::kSyncFolder: {
      ASSAY_ASSIGN_OR_RETURN(const int folder, node_at(step.path));
      make_durable(folder);
      return {};
    }
  }
  return {};
}

void DiskModel::make_durable(int folder) {
  // A durable change of a name takes the earlier changes of that name with it.
  std::set<Place> needed;
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    if (change->durable) continue;
    const auto touches = [&](const auto& edit) {
      return edit.first.first == folder || needed.contains(edit.first);
    };
    if (!std::any_of(change->edits.begin(), change->edits.end(), touches)) continue;
    change->durable = true;
    for (const auto& edit : change->edits) needed.insert(edit.first);
  }
}

DiskModel::Names DiskModel::surviving_names(Rng& random) const {
  const uint64_t kept_of_eight = random.below(8);
  Names names = base_;
  std::set<Place> broken;  // names of which a change was lost
  for (const Change& change : changes_) {
    const bool possible =
        std::none_of(change.edits.begin(), change.edits.end(),
                     [&](const auto& edit) { return broken.contains(edit.first); });
    const bool kept = change.durable || (possible && random.below(8) < kept_of_eight);
    for (const auto& [place, node] : change.edits) {
      if (!kept) {
        broken.insert(place);
      } else if (node == kNothing) {
        names.erase(place);
      } else {
        names[place] = node;
      }
    }
  }
  return names;
}

std::string DiskModel::surviving_data(const Node& node, Rng& random) const {
  std::string data = node.data;
  const size_t pending = data.size() - node.synced;
  if (pending == 0) return data;
  const uint64_t fate = random.below(4);
  if (fate == 0) return data;  // all of it got there in time
  data.resize(node.synced + (fate == 1 ? 0 : random.below(pending + 1)));
  for (size_t begin = node.synced; begin < data.size();) {
    const size_t end = std::min(data.size(), (begin / kPageBytes + 1) * kPageBytes);
    if (fate == 3) lose_page(data, begin, end, random);
    begin = end;
  }
  return data;
}

void DiskModel::lose_power(const std::string& folder, Rng& random) const {
  const Names names = surviving_names(random);
  std::map<int, std::string> written;  // node: where it lies
  // Names are ordered by folder, and a folder may have a lower number than its parent: walk down.
  std::vector<std::pair<int, std::string>> folders = {{kRoot, folder}};
  while (!folders.empty()) {
    const auto [number, path] = folders.back();
    folders.pop_back();
    for (auto it = names.lower_bound({number, ""}); it != names.end(); ++it) {
      if (it->first.first != number) break;
      const Node& node = nodes_[static_cast<size_t>(it->second)];
      const std::string target = path + "/" + it->first.second;
      const auto [known, first] = written.try_emplace(it->second, target);
      if (node.folder) {
        fs::create_directory(target);
        folders.emplace_back(it->second, target);
      } else if (first) {
        spill(target, surviving_data(node, random));
      } else {
        fs::create_hard_link(known->second, target);
      }
    }
  }
}

}  // namespace assay::tracking
