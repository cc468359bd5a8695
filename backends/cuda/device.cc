#include "backends/cuda/device.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace assay::backends::cuda {

namespace {

std::atomic<uint64_t> device_count{0};

}  // namespace

CudaDevice::CudaDevice(Opener open, kernels::DeviceInfo info, int32_t multiprocessors,
                       int32_t lanes)
    : open_(std::move(open)),
      info_(std::move(info)),
      multiprocessors_(multiprocessors),
      number_(device_count.fetch_add(1, std::memory_order_relaxed)) {
  info_.streams_tables = true;
  for (int32_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>());
}

std::unique_ptr<CudaDevice> CudaDevice::make(Opener open, kernels::DeviceInfo info,
                                             int32_t multiprocessors, int32_t lanes) {
  return std::unique_ptr<CudaDevice>(new CudaDevice(
      std::move(open), std::move(info), std::max(1, multiprocessors), std::max(1, lanes)));
}

CudaDevice::~CudaDevice() {
  drop_forms().clear();
  close();
}

// Threads come to lanes in turn, each when it first uses the device.
CudaDevice::Lane& CudaDevice::lane() const {
  if (lanes_.size() == 1) return *lanes_[0];
  struct Dealt {
    uint64_t device;
    uint32_t turn;
  };
  thread_local std::vector<Dealt> dealt;
  for (const Dealt& known : dealt) {
    if (known.device == number_) return *lanes_[known.turn % lanes_.size()];
  }
  dealt.push_back({number_, threads_.fetch_add(1, std::memory_order_relaxed)});
  return *lanes_[dealt.back().turn % lanes_.size()];
}

CudaDevice::Use CudaDevice::use() const { return Use(lane()); }

Status CudaDevice::bring_up() {
  const Use mine = use();
  return ready(mine.lane());
}

Status CudaDevice::ready(Lane& lane) {
  {
    const std::lock_guard lock(mutex_);
    if (!lost_.empty()) return fail(StatusCode::kDevice, "{} was lost: {}", info_.id, lost_);
  }
  if (lane.session != nullptr) return {};
  std::string why;
  lane.session = open_(why);
  if (lane.session == nullptr) return fail(StatusCode::kDevice, "{}: {}", info_.id, why);
  Status prepared = prepare_stage(lane, lane.stage);
  if (!prepared) {
    unpin_stage(lane);
    lane.session.reset();
  }
  return prepared;
}

Status CudaDevice::prepare_stage(Lane& lane, std::byte* (&stages)[Session::kMarks]) {
  for (std::byte*& stage : stages) {
    if (stage != nullptr) continue;
    void* address = nullptr;
    ASSAY_RETURN_IF_ERROR(
        check(lane, lane.session->pin(kStageBytes, &address), "pinning host memory"));
    stage = static_cast<std::byte*>(address);
  }
  return {};
}

void CudaDevice::unpin_stage(Lane& lane) {
  for (auto* stages : {&lane.stage, &lane.load_stage}) {
    for (std::byte*& stage : *stages) {
      if (stage != nullptr) (void)lane.session->unpin(stage);
      stage = nullptr;
    }
  }
}

// Outcomes are not looked at: what cannot be released now goes with the sessions. All of them end
// their work before any memory goes.
void CudaDevice::close() {
  for (const auto& lane : lanes_) {
    if (lane->session != nullptr) (void)lane->session->finish();
    release_orphans(*lane);
  }
  for (const auto& [address, piece] : pieces_) (void)piece.lane->session->release(address);
  for (const auto& lane : lanes_) {
    if (lane->session == nullptr) continue;
    (void)lane->session->finish();
    unpin_stage(*lane);
    lane->session.reset();
  }
}

Status CudaDevice::check(const Lane& lane, Outcome outcome, std::string_view doing) {
  if (outcome == Outcome::kOk) return {};
  const std::string reason = fmt::format("{}: {}: {}", info_.id, doing, lane.session->message());
  if (outcome == Outcome::kLost) {
    const std::lock_guard lock(mutex_);
    if (lost_.empty()) lost_ = reason;
  }
  const StatusCode code =
      outcome == Outcome::kNoMemory ? StatusCode::kResourceExhausted : StatusCode::kDevice;
  return fail(code, "{}{}", reason,
              outcome == Outcome::kLost ? " (the device is lost to this process)" : "");
}

Result<void*> CudaDevice::allocate(int64_t bytes) {
  if (bytes <= 0) {
    return fail(StatusCode::kInvalidArgument, "{}: allocation of {} bytes (must be positive)",
                info_.id, bytes);
  }
  const Use mine = use();
  if (bytes > free_bytes()) {
    drop_forms().clear();
    release_idle_orphans();
  }
  int64_t left = 0;
  {
    // The bytes are held from here on.
    const std::lock_guard lock(mutex_);
    left = info_.memory_bytes - held_bytes_;
    if (bytes > left) {
      return fail(StatusCode::kResourceExhausted, "{}: allocation of {} bytes, {} of {} are free",
                  info_.id, bytes, left, info_.memory_bytes);
    }
    held_bytes_ += bytes;
  }
  Lane& lane = mine.lane();
  void* address = nullptr;
  Status made = ready(lane);
  if (made) {
    release_orphans(lane);
    made = check(lane, lane.session->allocate(bytes, &address),
                 fmt::format("allocation of {} bytes, {} of the budget's {} are free", bytes, left,
                             info_.memory_bytes));
  }
  const std::lock_guard lock(mutex_);
  if (!made) {
    held_bytes_ -= bytes;
    return tl::unexpected(made.error());
  }
  pieces_.emplace(address, Piece{bytes, &lane});
  return address;
}

void CudaDevice::release(void* address) {
  if (address == nullptr) return;
  const Use mine = use();
  Piece piece{};
  {
    const std::lock_guard lock(mutex_);
    const auto found = pieces_.find(address);
    if (found == pieces_.end()) return;
    piece = found->second;
    pieces_.erase(found);
  }
  Lane& lane = mine.lane();
  if (piece.lane == &lane) {
    (void)check(lane, lane.session->release(address), "release");
    const std::lock_guard lock(mutex_);
    held_bytes_ -= piece.bytes;
  } else {
    // Its lane may be at work for long, and knows nothing of what this one still does.
    if (lane.session != nullptr) (void)lane.session->finish();
    {
      const std::lock_guard lock(mutex_);
      piece.lane->orphans.push_back({address, piece.bytes});
    }
    const std::unique_lock idle(piece.lane->mutex, std::try_to_lock);
    if (idle) release_orphans(*piece.lane);
  }
  bins_written(address, piece.bytes);
}

void CudaDevice::release_orphans(Lane& lane) {
  std::vector<Orphan> orphans;
  {
    const std::lock_guard lock(mutex_);
    orphans.swap(lane.orphans);
  }
  int64_t bytes = 0;
  for (const Orphan& orphan : orphans) {
    (void)lane.session->release(orphan.address);
    bytes += orphan.bytes;
  }
  const std::lock_guard lock(mutex_);
  held_bytes_ -= bytes;
}

// Those at work have theirs until they are done.
void CudaDevice::release_idle_orphans() {
  for (const auto& lane : lanes_) {
    const std::unique_lock idle(lane->mutex, std::try_to_lock);
    if (idle) release_orphans(*lane);
  }
}

std::vector<CudaDevice::KeptForms> CudaDevice::drop_forms() {
  const std::lock_guard lock(mutex_);
  return std::exchange(kept_forms_, {});
}

void CudaDevice::bins_written(const void* bins, int64_t bytes) {
  const auto* begin = static_cast<const uint8_t*>(bins);
  std::vector<KeptForms> stale;  // destroyed when the list is whole again and nothing is locked
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < kept_forms_.size();) {
    KeptForms& kept = kept_forms_[i];
    const bool touched = kept.bins < begin + bytes &&
                         begin < kept.bins + kept.row_count * int64_t{kept.feature_count};
    if (touched) {
      stale.push_back(std::move(kept));
      kept_forms_.erase(kept_forms_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

CudaDevice::Forms CudaDevice::known_forms(const kernels::BinnedView& bins) const {
  const std::lock_guard lock(mutex_);
  for (const KeptForms& kept : kept_forms_) {
    const bool same = kept.bins == bins.bins && kept.row_count == bins.row_count &&
                      kept.feature_count == bins.feature_count;
    if (same) return kept.forms;
  }
  return nullptr;
}

Result<CudaDevice::Forms> CudaDevice::forms_of(const kernels::BinnedView& bins) {
  const Use mine = use();
  if (Forms known = known_forms(bins)) return known;
  const std::lock_guard making(making_forms_);
  if (Forms known = known_forms(bins)) return known;
  return make_forms(bins);
}

Result<CudaDevice::Forms> CudaDevice::make_forms(const kernels::BinnedView& bins) {
  const int32_t width = tile_width_of(bins.feature_count);
  const int64_t column_bytes = bins.row_count * int64_t{bins.feature_count};
  const int64_t tile_bytes = bins.row_count * width * tile_count_of(bins.feature_count);
  // Trees need the other half.
  const int64_t room = free_bytes() / 2;
  if (column_bytes == 0 || column_bytes + tile_bytes > room) return Forms();
  TableForms made;
  ASSAY_ASSIGN_OR_RETURN(made.columns, kernels::DeviceArray<uint8_t>::make(*this, column_bytes));
  ASSAY_ASSIGN_OR_RETURN(made.tiles, kernels::DeviceArray<uint8_t>::make(*this, tile_bytes));
  ASSAY_RETURN_IF_ERROR(launch<TableFormsKernel>(
      {(bins.row_count + TableFormsKernel::kRows - 1) / TableFormsKernel::kRows, bins.block_count(),
       TableFormsKernel::kSharedBytes},
      {bins, made.columns.on_device(), made.tiles.on_device(), width}));
  if (lanes_.size() > 1) ASSAY_RETURN_IF_ERROR(finish());
  auto forms = std::make_shared<const TableForms>(std::move(made));
  const std::lock_guard lock(mutex_);
  kept_forms_.push_back({bins.bins, bins.row_count, bins.feature_count, forms});
  return forms;
}

int64_t CudaDevice::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

Status CudaDevice::fill(void* target, uint8_t value, int64_t bytes) {
  if (bytes == 0) return {};
  const Use mine = use();
  ASSAY_RETURN_IF_ERROR(ready(mine.lane()));
  bins_written(target, bytes);
  return check(mine.lane(), mine.lane().session->fill(target, value, bytes), "fill");
}

Status CudaDevice::start(KernelId kernel, const LaunchShape& shape, const void* params,
                         int64_t bytes) {
  const Use mine = use();
  ASSAY_RETURN_IF_ERROR(ready(mine.lane()));
  kernels::count_use(info_.id, {}, kKernelNames[static_cast<size_t>(kernel)]);
  return check(mine.lane(), mine.lane().session->launch(kernel, shape, params, bytes), "launch");
}

Status CudaDevice::gemm(const GemmCall& call) {
  const Use mine = use();
  ASSAY_RETURN_IF_ERROR(ready(mine.lane()));
  kernels::count_use(info_.id, {}, "cublas_sgemm");
  return check(mine.lane(), mine.lane().session->gemm(call), "gemm");
}

Status CudaDevice::gemm_narrow(const NarrowGemmCall& call) {
  const Use mine = use();
  ASSAY_RETURN_IF_ERROR(ready(mine.lane()));
  kernels::count_use(info_.id, {}, "cublas_gemm_ex");
  return check(mine.lane(), mine.lane().session->gemm_narrow(call), "gemm_narrow");
}

Status CudaDevice::load(void* target, int64_t bytes, Filler fill) {
  const Use mine = use();
  Lane& lane = mine.lane();
  ASSAY_RETURN_IF_ERROR(ready(lane));
  ASSAY_RETURN_IF_ERROR(prepare_stage(lane, lane.load_stage));
  auto* to = static_cast<std::byte*>(target);
  bins_written(target, bytes);
  int32_t place = 0;
  for (int64_t done = 0; done < bytes; place = (place + 1) % Session::kMarks) {
    const int64_t part = std::min(kStageBytes, bytes - done);
    std::byte* stage = lane.load_stage[place];
    // What the buffer held last has been read.
    ASSAY_RETURN_IF_ERROR(check(lane, lane.session->await_load(place), "load"));
    ASSAY_RETURN_IF_ERROR(fill({stage, static_cast<size_t>(part)}, done));
    ASSAY_RETURN_IF_ERROR(check(lane, lane.session->load(to + done, stage, part), "load"));
    ASSAY_RETURN_IF_ERROR(check(lane, lane.session->mark_load(place), "load"));
    done += part;
  }
  count_upload(bytes);
  return {};
}

Status CudaDevice::loads_after_work() {
  const Use mine = use();
  ASSAY_RETURN_IF_ERROR(ready(mine.lane()));
  return check(mine.lane(), mine.lane().session->loads_after_work(), "load");
}

Status CudaDevice::work_after_loads() {
  const Use mine = use();
  ASSAY_RETURN_IF_ERROR(ready(mine.lane()));
  return check(mine.lane(), mine.lane().session->work_after_loads(), "load");
}

Status CudaDevice::finish() {
  const Use mine = use();
  ASSAY_RETURN_IF_ERROR(ready(mine.lane()));
  return check(mine.lane(), mine.lane().session->finish(), "waiting for the GPU");
}

Status CudaDevice::do_upload(void* target, std::span<const std::byte> bytes) {
  const Use mine = use();
  Lane& lane = mine.lane();
  ASSAY_RETURN_IF_ERROR(ready(lane));
  auto* to = static_cast<std::byte*>(target);
  const auto size = static_cast<int64_t>(bytes.size());
  bins_written(target, size);
  int32_t place = 0;
  for (int64_t done = 0; done < size; place = (place + 1) % Session::kMarks) {
    const int64_t part = std::min(kStageBytes, size - done);
    // What the buffer held last has been read.
    ASSAY_RETURN_IF_ERROR(check(lane, lane.session->await(place), "upload"));
    std::memcpy(lane.stage[place], bytes.data() + done, static_cast<size_t>(part));
    ASSAY_RETURN_IF_ERROR(
        check(lane, lane.session->copy_in(to + done, lane.stage[place], part), "upload"));
    ASSAY_RETURN_IF_ERROR(check(lane, lane.session->mark(place), "upload"));
    done += part;
  }
  // Others may read it at once.
  return lanes_.size() > 1 && mine.outermost() ? finish() : Status();
}

Status CudaDevice::do_download(std::span<std::byte> target, const void* source) {
  const Use mine = use();
  Lane& lane = mine.lane();
  ASSAY_RETURN_IF_ERROR(ready(lane));
  const auto* from = static_cast<const std::byte*>(source);
  const auto size = static_cast<int64_t>(target.size());
  const int64_t parts = (size + kStageBytes - 1) / kStageBytes;
  const auto size_of = [&](int64_t part) {
    return std::min(kStageBytes, size - part * kStageBytes);
  };
  const auto request = [&](int64_t part) -> Status {
    const auto place = static_cast<int32_t>(part % Session::kMarks);
    ASSAY_RETURN_IF_ERROR(check(
        lane, lane.session->copy_out(lane.stage[place], from + part * kStageBytes, size_of(part)),
        "download"));
    return check(lane, lane.session->mark(place), "download");
  };
  for (int64_t part = 0; part < std::min<int64_t>(parts, Session::kMarks); ++part) {
    ASSAY_RETURN_IF_ERROR(request(part));
  }
  for (int64_t part = 0; part < parts; ++part) {
    const auto place = static_cast<int32_t>(part % Session::kMarks);
    ASSAY_RETURN_IF_ERROR(check(lane, lane.session->await(place), "download"));
    std::memcpy(target.data() + part * kStageBytes, lane.stage[place],
                static_cast<size_t>(size_of(part)));
    if (part + Session::kMarks < parts) ASSAY_RETURN_IF_ERROR(request(part + Session::kMarks));
  }
  return {};
}

}  // namespace assay::backends::cuda
