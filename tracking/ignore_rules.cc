// libgit2 reads and matches the patterns; the order of several files is ours. libgit2 1.5 drops a
// negated pattern without wildcards (`!keep.log`) that negates nothing in its own file, although it
// may bring back what a file above ignores, and where no rule is about a path it goes on to the
// folders above it, which may have been brought back. So each file is a rule set of its own, asked
// about one path alone, and the deepest one that says anything decides, as in git. Folders are
// judged before what is in them.
#include "tracking/ignore_rules_internal.h"

#include <git2/sys/repository.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/file_layer.h"
#include "tracking/git_internal.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRulesLimitBytes = int64_t{1} << 20;
constexpr const char* kRulesFile = ".amlignore";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr const char* kGitRulesFile = ".gitignore";

tl::unexpected<Error> git_failure(const std::string& doing) {
  return fail(StatusCode::kInternal, "{}: {}", doing, git_reason());
}

Result<bool> is_ignored(git_repository* repository, const std::string& path) {
  int ignored = 0;
  if (git_ignore_path_is_ignored(&ignored, repository, path.c_str()) != 0) {
    return git_failure(fmt::format("cannot tell whether '{}' is ignored", path));
  }
  return ignored != 0;
}

// A repository in memory with these rules and an empty work tree.
Result<GitRepository> repository_with(const std::string& rules, const std::string& empty_folder) {
  git_repository* raw = nullptr;
  if (git_repository_new(&raw) != 0) return git_failure("cannot read ignore rules");
  GitRepository repository(raw);
  if (git_repository_set_workdir(raw, empty_folder.c_str(), 0) != 0 ||
      git_ignore_add_rule(raw, rules.c_str()) != 0) {
    return git_failure("cannot read ignore rules");
  }
  return repository;
}

// A pattern that ends in a backslash is none to git; libgit2 takes the next line with it.
bool ends_open(const std::string& line) {
  const size_t last = line.find_last_not_of('\\');
  const size_t backslashes = line.size() - (last == std::string::npos ? 0 : last + 1);
  return backslashes % 2 == 1;
}

// A tab at the end of a pattern, behind which may be blanks, as [tab]: libgit2 would cut it off.
void keep_last_tab(std::string& line) {
  size_t end = line.size();
  if (end > 0 && line[end - 1] == '\r') --end;
  while (end > 1 && line[end - 1] == ' ' && line[end - 2] != '\\') --end;
  if (end > 0 && line[end - 1] == '\t') line.replace(end - 1, std::string::npos, "[\t]");
}

// As git reads them: a byte order mark is skipped (libgit2 looks for one before all rules only, and
// there are others before these); without patterns that end in a backslash; tabs at their ends are
// kept; `!keep.log` as `![k]eep.log`: the same, and libgit2 keeps it.
std::string for_libgit2(const std::string& rules) {
  std::string kept;
  for (size_t at = rules.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
       at < rules.size();) {
    const size_t end = std::min(rules.find('\n', at), rules.size());
    std::string line = rules.substr(at, end - at);
    at = end + 1;
    if (ends_open(line)) continue;
    keep_last_tab(line);
    if (line.starts_with('!') && line.find_first_of("*?[\\") == std::string::npos) {
      const size_t first = line.find_first_not_of("!/^-] \t\r");
      if (first != std::string::npos) line.replace(first, 1, fmt::format("[{}]", line[first]));
    }
    kept += line + "\n";
  }
  return kept;
}

enum class Verdict { kNothing, kIgnored, kKept };

// The rules of one file. A first rule for everything keeps libgit2 from looking at folders above,
// and its two forms tell "ignored", "kept" and "nothing said" apart.
class RuleSet {
 public:
  static Result<RuleSet> parse(const std::string& text, const std::string& empty_folder) {
    const std::string rules = for_libgit2(text);
    RuleSet set;
    ASSAY_ASSIGN_OR_RETURN(set.after_none_, repository_with("!*\n" + rules, empty_folder));
    ASSAY_ASSIGN_OR_RETURN(set.after_all_, repository_with("*\n" + rules, empty_folder));
    return set;
  }

  // `path` is relative to the file's folder, with a trailing slash if it is a folder.
  Result<Verdict> judge(const std::string& path) const {
    ASSAY_ASSIGN_OR_RETURN(const bool ignored, is_ignored(after_none_.get(), path));
    if (ignored) return Verdict::kIgnored;
    ASSAY_ASSIGN_OR_RETURN(const bool swept, is_ignored(after_all_.get(), path));
    return swept ? Verdict::kNothing : Verdict::kKept;
  }

 private:
  GitRepository after_none_;
  GitRepository after_all_;
};

// The ignore file that the user has for all repositories; empty if none can be found.
std::string user_rules_path(git_repository* repository) {
  git_config* raw = nullptr;
  if (git_repository_config_snapshot(&raw, repository) == 0) {
    const GitOwned<git_config, git_config_free> config(raw);
    git_buf path = GIT_BUF_INIT;
    const bool found = git_config_get_path(&path, raw, "core.excludesfile") == 0;
    std::string text = found ? std::string(path.ptr, path.size) : std::string();
    git_buf_dispose(&path);
    if (found) return text;
  }
  if (const char* folder = std::getenv("XDG_CONFIG_HOME"); folder != nullptr && *folder != '\0') {
    return fmt::format("{}/git/ignore", folder);
  }
  const char* home = std::getenv("HOME");
  return home == nullptr ? std::string() : fmt::format("{}/.config/git/ignore", home);
}

std::string exclude_path(git_repository* repository) {
  git_buf path = GIT_BUF_INIT;
  std::string text;
  if (git_repository_item_path(&path, repository, GIT_REPOSITORY_ITEM_INFO) == 0) {
    text = fmt::format("{}/exclude", path.ptr);
  }
  git_buf_dispose(&path);
  return text;
}

}  // namespace

struct IgnoreRules::State {
  const GitLibrary library;
  std::string empty_folder;
  std::string top;     // where rule files begin to count: the folder, or the work tree around it
  std::string prefix;  // of the folder below `top`: "" or "a/b/"
  std::string kind;
  GitIndex index;  // of the repository that the folder is in, or null
  // .git/info/exclude and the user's own file: asked last, about paths below `top`.
  std::vector<RuleSet> last_sets;
  // By folder below `top`, "" or "a/b/"; nothing where there is no rule file.
  mutable std::map<std::string, std::optional<RuleSet>> sets;
  // Ignored folders that hold tracked files: nothing else in them is kept.
  mutable std::set<std::string> tracked_only;

  // The repository that the folder is in, unless git ignores the folder itself.
  Result<bool> open_repository(const std::string& folder) {
    git_repository* raw = nullptr;
    if (git_repository_open_ext(&raw, folder.c_str(), 0, nullptr) != 0) return false;
    GitRepository opened(raw);
    const char* work_tree = git_repository_workdir(raw);
    std::error_code error;
    if (work_tree == nullptr) return false;
    const fs::path relative = fs::relative(folder, work_tree, error);
    if (error || relative.empty() || *relative.begin() == "..") return false;
    top = work_tree;
    if (!top.ends_with('/')) top += '/';
    for (const std::string& path : {exclude_path(raw), user_rules_path(raw)}) {
      std::optional<RuleSet> set;
      ASSAY_RETURN_IF_ERROR(read_set(path, set));
      if (set) last_sets.push_back(std::move(*set));
    }
    std::string below;
    if (relative != ".") {
      for (const fs::path& part : relative) {
        ASSAY_ASSIGN_OR_RETURN(const bool ignored, ignores(below + part.string() + "/"));
        below += part.string() + "/";
        if (ignored) return false;
      }
    }
    prefix = below;
    git_index* raw_index = nullptr;
    if (git_repository_index(&raw_index, raw) == 0) index.reset(raw_index);
    kind = "git";
    return true;
  }

  // The rules of one folder, read when they are first needed.
  Result<const RuleSet*> set_of(const std::string& folder) const {
    const auto it = sets.find(folder);
    if (it != sets.end()) return it->second ? &*it->second : nullptr;
    std::optional<RuleSet>& set = sets[folder];
    ASSAY_RETURN_IF_ERROR(read_set(top + folder + kGitRulesFile, set));
    return set ? &*set : nullptr;
  }

  // Leaves `set` empty if there is no such file.
  Status read_set(const std::string& path, std::optional<RuleSet>& set) const {
    std::error_code error;
    if (path.empty() || !fs::is_regular_file(path, error)) return {};
    PosixFileLayer files;
    auto rules = read_file(files, path, kRulesLimitBytes);
    if (!rules && rules.error().code == StatusCode::kResourceExhausted) {
      return fail(StatusCode::kInvalidArgument, "{}", rules.error().message);
    }
    if (!rules) return tl::unexpected<Error>(std::move(rules.error()));
    ASSAY_ASSIGN_OR_RETURN(set, RuleSet::parse(*rules, empty_folder));
    return {};
  }

  // `path` is relative to `top`. The rule files above it, the deepest first.
  Result<bool> ignores(const std::string& path) const {
    size_t end = path.size() > 1 ? path.find_last_of('/', path.size() - 2) : std::string::npos;
    while (true) {
      const std::string folder = end == std::string::npos ? "" : path.substr(0, end + 1);
      ASSAY_ASSIGN_OR_RETURN(const RuleSet* set, set_of(folder));
      if (set != nullptr) {
        ASSAY_ASSIGN_OR_RETURN(const Verdict verdict, set->judge(path.substr(folder.size())));
        if (verdict != Verdict::kNothing) return verdict == Verdict::kIgnored;
      }
      if (end == std::string::npos) break;
      end = end == 0 ? std::string::npos : path.find_last_of('/', end - 1);
    }
    for (const RuleSet& set : last_sets) {
      ASSAY_ASSIGN_OR_RETURN(const Verdict verdict, set.judge(path));
      if (verdict != Verdict::kNothing) return verdict == Verdict::kIgnored;
    }
    return false;
  }

  bool in_tracked_only(const std::string& path) const {
    for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
      if (tracked_only.contains(path.substr(0, at))) return true;
    }
    return false;
  }

  bool tracks(const std::string& path, bool is_folder) const {
    if (index == nullptr) return false;
    if (is_folder) {
      size_t at = 0;
      return git_index_find_prefix(&at, index.get(), (path + "/").c_str()) == 0;
    }
    return git_index_get_bypath(index.get(), path.c_str(), 0) != nullptr;
  }
};

IgnoreRules::IgnoreRules(std::unique_ptr<State> state) : state_(std::move(state)) {}
IgnoreRules::~IgnoreRules() = default;
IgnoreRules::IgnoreRules(IgnoreRules&&) noexcept = default;

Result<IgnoreRules> IgnoreRules::open(const std::string& folder, const std::string& empty_folder) {
  auto state = std::make_unique<State>();
  state->empty_folder = empty_folder;
  const std::string own_top = folder.ends_with('/') ? folder : folder + "/";
  std::error_code error;
  if (fs::is_regular_file(own_top + kRulesFile, error)) {
    state->kind = kRulesFile;
    ASSAY_RETURN_IF_ERROR(state->read_set(own_top + kRulesFile, state->sets[""]));
    return IgnoreRules(std::move(state));
  }
  ASSAY_ASSIGN_OR_RETURN(const bool in_repository, state->open_repository(folder));
  if (in_repository) return IgnoreRules(std::move(state));
  state->last_sets.clear();
  state->sets.clear();
  state->top = own_top;
  state->kind = kGitRulesFile;
  return IgnoreRules(std::move(state));
}

Result<bool> IgnoreRules::leaves_out(const std::string& path, bool is_folder) const {
  // A trailing slash says that it is a folder: rules like `build/` are about folders alone.
  const std::string full = state_->prefix + path;
  const std::string asked = is_folder ? full + "/" : full;
  if (state_->kind == kRulesFile) {
    ASSAY_ASSIGN_OR_RETURN(const Verdict verdict, state_->sets.at("")->judge(asked));
    return verdict == Verdict::kIgnored;
  }
  bool ignored = state_->in_tracked_only(full);
  if (!ignored) {
    ASSAY_ASSIGN_OR_RETURN(ignored, state_->ignores(asked));
  }
  if (!ignored) return false;
  if (!state_->tracks(full, is_folder)) return true;
  if (is_folder) state_->tracked_only.insert(full);
  return false;
}

const std::string& IgnoreRules::kind() const { return state_->kind; }

}  // namespace assay::tracking
