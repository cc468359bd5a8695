#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "kernels/base/plurals.h"
#include "tracking/ignore_rules_internal.h"
#include "tracking/record_seal_internal.h"
#include "tracking/source_tree_internal.h"
#include "tracking/utf8_internal.h"
#include "tracking/workspace_marker.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

// A folder with more than that is somebody's home, not a scripts folder.
constexpr int64_t kMostEntries = 200'000;
constexpr size_t kNamedInMessage = 5;

std::string megabytes(int64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

class TreeReader {
 public:
  TreeReader(const TreeRequest& request, IgnoreRules rules)
      : request_(request), rules_(std::move(rules)) {}

  Result<SourceTree> read() {
    folders_.push_back("");
    while (!folders_.empty()) {
      const std::string folder = std::move(folders_.back());
      folders_.pop_back();
      ASSAY_RETURN_IF_ERROR(read_folder(folder));
    }
    std::sort(tree_.files.begin(), tree_.files.end(),
              [](const TreeFile& a, const TreeFile& b) { return a.path < b.path; });
    ASSAY_RETURN_IF_ERROR(check_limits());
    add_notes();
    tree_.ignore_kind = rules_.kind();
    return std::move(tree_);
  }

 private:
  Status read_folder(const std::string& folder) {
    if (request_.stop != nullptr && request_.stop->requested()) {
      return fail(StatusCode::kCancelled, "stopped while reading '{}'", request_.folder);
    }
    std::error_code error;
    const fs::path full = fs::path(request_.folder) / folder;
    for (fs::directory_iterator it(full, error), end; !error && it != end; it.increment(error)) {
      if (++entries_ > kMostEntries) {
        return fail(StatusCode::kInvalidArgument,
                    "the scripts folder '{}' holds more than {} files and folders: name a folder "
                    "of scripts, or leave out what is none in {}/.amlignore",
                    request_.folder, kMostEntries, request_.folder);
      }
      const std::string name = it->path().filename().string();
      ASSAY_RETURN_IF_ERROR(add(*it, folder.empty() ? name : fmt::format("{}/{}", folder, name)));
    }
    if (!error) return {};
    return fail(StatusCode::kIo, "cannot read folder '{}': {}", full.string(), error.message());
  }

  Status add(const fs::directory_entry& entry, const std::string& path) {
    std::error_code error;
    const fs::file_status status = entry.symlink_status(error);
    if (error || status.type() == fs::file_type::not_found) return {};  // it went away
    const bool is_folder = status.type() == fs::file_type::directory;
    if (entry.path().filename() == ".git" || is_workspace(entry, is_folder)) return {};
    if (!is_utf8(path)) {
      ++unnamed_;
      return {};
    }
    ASSAY_ASSIGN_OR_RETURN(const bool left_out, rules_.leaves_out(path, is_folder));
    if (left_out) return {};
    if (is_folder) {
      folders_.push_back(path);
    } else if (status.type() == fs::file_type::symlink) {
      add_link(entry, path);
    } else if (status.type() == fs::file_type::regular) {
      const bool program = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
      const auto size = static_cast<int64_t>(entry.file_size(error));
      if (!error) tree_.files.push_back({path, program ? kProgramMode : kPlainMode, size, {}});
    } else {
      ++special_;
    }
    return {};
  }

  void add_link(const fs::directory_entry& entry, const std::string& path) {
    std::error_code error;
    const fs::path target = fs::read_symlink(entry.path(), error);
    if (error) return;
    const std::string text = target.string();
    if (!is_utf8(text)) {
      ++unnamed_;
      return;
    }
    const fs::path inside = (fs::path(path).parent_path() / target).lexically_normal();
    if (target.is_absolute() || *inside.begin() == "..") ++outside_;
    tree_.files.push_back({path, kLinkMode, static_cast<int64_t>(text.size()), text});
  }

  bool is_workspace(const fs::directory_entry& entry, bool is_folder) const {
    if (!is_folder) return false;
    std::error_code error;
    if (fs::equivalent(entry.path(), request_.workspace, error) && !error) return true;
    const fs::path marker = entry.path() / "WORKSPACE";
    if (!fs::exists(marker, error)) return false;
    if (entry.path().filename() == ".assay") return true;
    // Of whatever name; but other programs have files of that name, too.
    PosixFileLayer files;
    const auto known = read_marker(files, entry.path().string());
    return known || written_by_newer(known.error().message);
  }

  Status check_limits() const {
    int64_t bytes = 0;
    for (const TreeFile& file : tree_.files) bytes += file.size;
    const auto count = static_cast<int64_t>(tree_.files.size());
    if (bytes <= request_.max_bytes && count <= request_.max_files) return {};
    return fail(StatusCode::kInvalidArgument,
                "the scripts folder '{0}' is too large to keep with the run: {1} with {2} (at most "
                "{3} files, {4}). {5}Say in {0}/.amlignore what to leave out (rules as in "
                ".gitignore)",
                request_.folder, counted(count, "file"), megabytes(bytes), request_.max_files,
                megabytes(request_.max_bytes), largest_text());
  }

  // "Largest folders: data/ (480.0 MB, 12 files), ... Largest files: data/a.csv (80.0 MB), ..."
  std::string largest_text() const {
    struct Total {
      std::string name;
      int64_t bytes = 0;
      int64_t files = 0;
    };
    std::map<std::string, Total> by_folder;
    std::vector<Total> largest;
    for (const TreeFile& file : tree_.files) {
      largest.push_back({file.path, file.size, 1});
      for (size_t at = file.path.find('/'); at != std::string::npos;
           at = file.path.find('/', at + 1)) {
        Total& total = by_folder[file.path.substr(0, at + 1)];
        total.bytes += file.size;
        ++total.files;
      }
    }
    // Too many files: what has many is what is large.
    const bool by_count = static_cast<int64_t>(tree_.files.size()) > request_.max_files;
    const auto larger = [&](const Total& a, const Total& b) {
      if (by_count && a.files != b.files) return a.files > b.files;
      return a.bytes > b.bytes;
    };
    const auto list = [&](std::vector<Total> totals, std::string_view title, bool folders) {
      std::stable_sort(totals.begin(), totals.end(), larger);
      std::string text;
      for (size_t i = 0; i < std::min(kNamedInMessage, totals.size()); ++i) {
        text += fmt::format("{}{} ({}{})", text.empty() ? "" : ", ", totals[i].name,
                            megabytes(totals[i].bytes),
                            folders ? ", " + counted(totals[i].files, "file") : "");
      }
      return text.empty() ? text : fmt::format("{}: {}. ", title, text);
    };
    std::vector<Total> folders;
    for (auto& [name, total] : by_folder) folders.push_back({name, total.bytes, total.files});
    return list(std::move(folders), "Largest folders", true) +
           list(std::move(largest), "Largest files", false);
  }

  void add_notes() {
    if (special_ > 0) {
      tree_.notes.push_back(
          fmt::format("{} left out of the snapshot: neither file, folder nor "
                      "link",
                      counted(special_, "special file")));
    }
    if (unnamed_ > 0) {
      tree_.notes.push_back(
          fmt::format("{} left out of the snapshot: named in bytes that are not UTF-8",
                      counted(unnamed_, "file")));
    }
    if (outside_ > 0) {
      tree_.notes.push_back(
          fmt::format("{} out of the scripts folder: kept as links, without "
                      "what they point to",
                      counted(outside_, "symbolic link") + (outside_ == 1 ? " points" : " point")));
    }
  }

  const TreeRequest& request_;
  IgnoreRules rules_;
  SourceTree tree_;
  std::vector<std::string> folders_;
  int64_t entries_ = 0;
  int64_t special_ = 0;
  int64_t unnamed_ = 0;
  int64_t outside_ = 0;
};

}  // namespace

Result<SourceTree> read_source_tree(const TreeRequest& request) {
  std::error_code error;
  if (!fs::is_directory(request.folder, error)) {
    return fail(StatusCode::kNotFound, "scripts: no folder '{}'", request.folder);
  }
  const std::string absolute = fs::canonical(request.folder, error).string();
  if (error) {
    return fail(StatusCode::kIo, "cannot read folder '{}': {}", request.folder, error.message());
  }
  for (fs::path at = absolute;; at = at.parent_path()) {
    if (fs::equivalent(at, request.workspace, error) && !error) {
      return fail(StatusCode::kInvalidArgument,
                  "the scripts folder '{}' is in the workspace '{}': name a folder of scripts",
                  request.folder, request.workspace);
    }
    if (at == at.parent_path()) break;
  }
  ASSAY_ASSIGN_OR_RETURN(IgnoreRules rules, IgnoreRules::open(absolute, request.empty_folder));
  return TreeReader(request, std::move(rules)).read();
}

}  // namespace assay::tracking
