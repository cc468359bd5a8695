#include "tracking/run_scratch.h"

#include <atomic>
#include <map>

#include "tracking/records_internal.h"
#include "tracking/run_query.h"
#include "tracking/ulid.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {
namespace {

constexpr std::string_view kClaimPrefix = "after-";
constexpr int64_t kClaimLimitBytes = 64;
constexpr int64_t kLeaseLimitBytes = 64 * 1024;

// "process 1234 on host alpha", as far as its lease tells.
std::string holder_text(Workspace& workspace, const std::string& writer) {
  const std::string path = fmt::format("{}/writers/{}/LEASE", workspace.path(), writer);
  const auto text = read_file(workspace.files(), path, kLeaseLimitBytes);
  const auto lease = text ? parse_lease(*text, path) : Result<LeaseInfo>(LeaseInfo());
  if (!lease || lease->pid == 0) return "another process";
  return fmt::format("process {} on {}", lease->pid, lease->host);
}

// A file of the writer's own, to be renamed or linked; not synced.
Result<std::string> write_temporary(Workspace& workspace, ByteSource source) {
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
  static std::atomic<uint64_t> counter{0};
  std::string path = fmt::format("{}/scratch-{}", writer->tmp_folder(), counter.fetch_add(1));
  ASSAY_ASSIGN_OR_RETURN(auto file, workspace.files().create(path));
  Status written = source([&](std::span<const std::byte> block) { return file->append(block); });
  if (written) return path;
  (void)workspace.files().unlink(path);
  return tl::unexpected<Error>(std::move(written.error()));
}

}  // namespace

RunScratch::RunScratch(Workspace& workspace, const std::string& run_id)
    : workspace_(workspace),
      folder_(fmt::format("{}/{}/{}", workspace.path(), kScratchFolder, run_id)) {}

// Not the folders above: where a workspace was nothing is made anew.
Status RunScratch::make() {
  FileLayer& files = workspace_.files();
  ASSAY_RETURN_IF_ERROR(files.make_folder(fmt::format("{}/{}", workspace_.path(), kScratchFolder)));
  return files.make_folder(folder_);
}

Status RunScratch::claim(const std::string& writer) {
  FileLayer& files = workspace_.files();
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* own, workspace_.writer());
  ASSAY_RETURN_IF_ERROR(make());
  std::string last = writer;
  while (true) {
    const std::string path = fmt::format("{}/{}{}", folder_, kClaimPrefix, last);
    const auto own_id = [&](ByteSink sink) { return sink(std::as_bytes(std::span(own->id()))); };
    ASSAY_ASSIGN_OR_RETURN(const std::string temporary, write_temporary(workspace_, own_id));
    const Status linked = files.link(temporary, path);
    (void)files.unlink(temporary);
    if (linked) return {};
    if (linked.error().code != StatusCode::kAlreadyExists) return linked;
    ASSAY_ASSIGN_OR_RETURN(std::string next, read_file(files, path, kClaimLimitBytes));
    if (next == own->id()) return {};
    // After a loss of power a claim may be empty: whoever made it is dead.
    const bool named = is_ulid(next) && next != last;
    if (named && writer_liveness(files, workspace_.path(), next) != Liveness::kDead) {
      return fail(StatusCode::kAlreadyExists, "{} goes on with it already",
                  holder_text(workspace_, next));
    }
    if (named) {
      last = std::move(next);
    } else {
      ASSAY_RETURN_IF_ERROR(files.unlink(path));
    }
  }
}

Status RunScratch::write(const std::string& name, std::span<const std::byte> bytes) {
  return write(name, [&](ByteSink sink) { return sink(bytes); });
}

Status RunScratch::write(const std::string& name, ByteSource source) {
  FileLayer& files = workspace_.files();
  ASSAY_ASSIGN_OR_RETURN(const std::string temporary, write_temporary(workspace_, source));
  const std::string path = folder_ + "/" + name;
  Status moved = files.rename(temporary, path);
  if (!moved) {
    moved = make();
    if (moved) moved = files.rename(temporary, path);
  }
  if (!moved) (void)files.unlink(temporary);
  return moved;
}

Result<std::string> RunScratch::read(const std::string& name, int64_t limit_bytes) const {
  return read_file(workspace_.files(), folder_ + "/" + name, limit_bytes);
}

Result<std::unique_ptr<File>> RunScratch::open(const std::string& name) const {
  return workspace_.files().open(folder_ + "/" + name);
}

Status RunScratch::remove(const std::string& name) {
  // Whoever took this writer over may go on from it.
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_.writer());
  ASSAY_RETURN_IF_ERROR(writer->check_held());
  const Status removed = unlink(name);
  ASSAY_RETURN_IF_ERROR(writer->check_held());
  return removed;
}

Status RunScratch::unlink(const std::string& name) {
  Status removed = workspace_.files().unlink(folder_ + "/" + name);
  return !removed && removed.error().code == StatusCode::kNotFound ? Status() : removed;
}

Result<std::vector<std::string>> RunScratch::names() const {
  auto names = workspace_.files().list(folder_);
  if (!names && names.error().code == StatusCode::kNotFound) return std::vector<std::string>();
  if (!names) return tl::unexpected<Error>(std::move(names.error()));
  std::erase_if(*names, [](const std::string& name) { return name.starts_with(kClaimPrefix); });
  return std::move(*names);
}

Status RunScratch::discard() {
  FileLayer& files = workspace_.files();
  const auto names = files.list(folder_);
  if (!names && names.error().code == StatusCode::kNotFound) return {};
  if (!names) return tl::unexpected<Error>(names.error());
  for (const std::string& name : *names) ASSAY_RETURN_IF_ERROR(unlink(name));
  Status removed = files.remove_folder(folder_);
  return !removed && removed.error().code == StatusCode::kNotFound ? Status() : removed;
}

Result<StaleScratch> remove_stale_scratch(Workspace& workspace, int64_t before_ns, bool dry_run) {
  StaleScratch stale;
  FileLayer& files = workspace.files();
  const std::string root = fmt::format("{}/{}", workspace.path(), kScratchFolder);
  const auto folders = files.list(root);
  if (!folders && folders.error().code == StatusCode::kNotFound) return stale;
  if (!folders) return tl::unexpected<Error>(folders.error());
  for (const std::string& run_id : *folders) {
    if (!is_ulid(run_id)) continue;  // nothing of ours
    const auto run = find_run(workspace, run_id);
    if (!run && run.error().code != StatusCode::kNotFound) continue;  // damaged: perhaps mended
    int64_t ended_ns = run ? run->ended_ns : 0;
    if (run && ended_ns == 0) {
      // Its writer died, and until it is recovered only this tells when.
      const auto info = files.stat(root + "/" + run_id);
      if (info) ended_ns = info->modified_ns;
    }
    const bool wanted = run && run->status != RunStatus::kCompleted &&
                        (run->status == RunStatus::kRunning || ended_ns > before_ns);
    if (wanted) continue;
    const auto entries = files.scan(root + "/" + run_id);
    if (!entries) continue;  // somebody else removes it
    ++stale.runs;
    for (const FolderEntry& entry : *entries) stale.bytes += entry.info.size;
    if (!dry_run) ASSAY_RETURN_IF_ERROR(RunScratch(workspace, run_id).discard());
  }
  return stale;
}

}  // namespace assay::tracking
