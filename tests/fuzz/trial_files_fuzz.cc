// Fuzz target of the files that a sweep goes on from: outcomes of trials, and what a trial that was
// under way had. The input is a file without its hash, which is put behind it. What is read must be
// written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "automl/models/model_file.h"
#include "automl/scheduler/trial_archive.h"
#include "automl/scheduler/trial_checkpoint.h"
#include "kernels/base/hash.h"

namespace {

using namespace assay::automl;

void require(bool holds) {
  if (!holds) std::abort();
}

void read_part(const std::string& bytes) {
  const auto spec = read_checkpoint_spec(bytes, "fuzz");
  if (!spec) {
    require(spec.error().code == assay::StatusCode::kData && !spec.error().message.empty());
    return;
  }
  const auto checkpoint = read_checkpoint(bytes, "fuzz", *spec);
  if (!checkpoint) {
    require(checkpoint.error().code == assay::StatusCode::kData);
    return;
  }
  require(checkpoint->models.size() == checkpoint->folds.size());
  const auto again = checkpoint_bytes(*spec, *checkpoint);
  require(again.has_value());
  const auto read = read_checkpoint(*again, "again", *spec);
  require(read.has_value());
  require(*checkpoint_bytes(*spec, *read) == *again);
}

std::string archived(const TrialOutcome& outcome) {
  std::string bytes;
  const assay::Status written = write_archived(outcome, [&](std::span<const std::byte> block) {
    bytes.append(reinterpret_cast<const char*>(block.data()), block.size());
    return assay::Status();
  });
  require(written.has_value());
  return bytes;
}

void read_outcome(const std::string& bytes) {
  const auto reader = ModelReader::open(bytes, "fuzz");
  if (!reader) return;
  TrialOutcome outcome;
  outcome.result.spec.number = reader->integer("trial", 0, INT64_MAX).value_or(0);
  outcome.result.spec.seed = std::strtoull(reader->text("seed").value_or("0").c_str(), nullptr, 10);
  if (const auto score = reader->tensor<double>("score", 1)) outcome.score = (*score)[0];
  const assay::Status done = read_archived(*reader, outcome);
  if (!done) {
    require(done.error().code == assay::StatusCode::kData && !done.error().message.empty());
    return;
  }
  const std::string again = archived(outcome);
  const auto second = ModelReader::open(again, "again");
  require(second.has_value() && read_archived(*second, outcome).has_value());
  require(archived(outcome) == again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  bytes += assay::sha256_hex(bytes);
  read_part(bytes);
  read_outcome(bytes);
  return 0;
}
