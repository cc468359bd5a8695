// What the engine and a device worker tell each other over a socket of packets. Both are of one
// build, so messages are plain structs; a worker checks every number in them all the same. A worker
// answers requests one after the other, each with one reply. Buffers are parts of one piece of
// shared memory, the arena, whose file comes with the first request.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::backends::xrt {

inline constexpr uint32_t kProtocolVersion = 2;
// The worker's end of the socket.
inline constexpr int kWorkerFile = 3;
// How the name of a worker's run folder in /tmp begins.
inline constexpr char kRunFolderPrefix[] = "assay-fpga-";
// The exit code of a worker whose emulated device has gone.
inline constexpr int kModelGone = 86;
inline constexpr int32_t kMostArgs = 24;
inline constexpr int32_t kMostSteps = 48;
inline constexpr int32_t kMostKernels = 24;
// Runs of one batch that are under way at a time.
inline constexpr uint32_t kMostRuns = 16;
// Buffers begin at pages, and their sizes are whole pages.
inline constexpr uint64_t kPageBytes = 4096;

enum class RequestKind : uint32_t { kOpen, kCreate, kDestroy, kBatch, kClose };

// Opens card `card` and loads an xclbin. Comes with the arena's file.
struct OpenRequest {
  uint32_t version = kProtocolVersion;
  uint32_t card = 0;
  uint64_t arena_bytes = 0;
  char xclbin[1024] = {};
};

// A buffer in a memory group, over bytes [offset, offset + bytes) of the arena.
struct CreateRequest {
  uint64_t buffer = 0;  // its number from now on, which must be free
  uint64_t offset = 0;
  uint64_t bytes = 0;
  int32_t group = 0;
  int32_t reserved = 0;
};

struct DestroyRequest {
  uint64_t buffer = 0;
};

enum class StepKind : uint32_t {
  kToDevice,    // sends bytes [offset, offset + bytes) of a buffer to the card
  kFromDevice,  // brings them back
  kStart,       // starts a kernel as run `run`
  kWait,        // waits for it
};

struct KernelArg {
  // Bytes of a scalar, in the low end of `value`; 0: `value` is a buffer.
  uint32_t bytes = 0;
  uint32_t reserved = 0;
  uint64_t value = 0;
};

struct Step {
  StepKind kind = StepKind::kToDevice;
  uint32_t run = 0;
  uint64_t buffer = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint32_t kernel = 0;  // as KernelInfo are numbered
  uint32_t arg_count = 0;
  KernelArg args[kMostArgs];
};

struct BatchRequest {
  uint32_t step_count = 0;
  uint32_t reserved = 0;
  Step steps[kMostSteps];
};

struct Request {
  RequestKind kind = RequestKind::kClose;
  uint32_t reserved = 0;
  uint64_t number = 0;  // comes back with the reply
  union {
    OpenRequest open;
    CreateRequest create;
    DestroyRequest destroy;
    BatchRequest batch;
  };
  Request() : open() {}
};
// Where the part of a request that its kind needs begins.
inline constexpr size_t kRequestHead = offsetof(Request, open);

struct KernelInfo {
  char name[48] = {};
  int32_t unit_count = 0;
  int32_t arg_count = 0;
  uint32_t arg_bytes[kMostArgs] = {};  // 0: a buffer
  int32_t groups[kMostArgs] = {};      // of buffers: the memory group that the card wants them in
};

// What a card is and can do.
struct CardInfo {
  char name[64] = {};
  char uuid[40] = {};         // of the xclbin
  uint64_t memory_bytes = 0;  // of all banks that the xclbin uses
  int32_t kernel_count = 0;
  uint32_t emulated = 0;  // 1: what opened is an emulation, whatever was asked for
  KernelInfo kernels[kMostKernels];
};

enum class ReplyCode : uint32_t { kOk, kBadRequest, kDevice, kNoMemory };

struct Reply {
  ReplyCode code = ReplyCode::kOk;
  uint32_t reserved = 0;
  uint64_t number = 0;
  char message[512] = {};
  CardInfo card;  // of kOpen
};
// A reply to any other request ends here.
inline constexpr size_t kReplyHead = offsetof(Reply, card);

}  // namespace assay::backends::xrt
