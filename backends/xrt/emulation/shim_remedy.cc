// What XRT loads as its software-emulation driver in our folder: a library without code of a
// driver, which brings in Debian's and mends it. The driver (2.13) drops what realloc returns and
// goes on in the freed block; waits for ever when the device model dies; signals its whole process
// group; and sleeps five seconds at each close. It is linked -Bsymbolic, but calls the C library
// through its table of addresses: those entries are turned to the functions below. They behave as
// the C library does, but for what the driver gets wrong.
//
// No other code of the process is touched. Plain C interfaces only: this runs while libraries load.
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/xrt/worker_protocol.h"

namespace {

using assay::backends::xrt::kModelGone;

constexpr char kDriver[] = "libxrt_swemu.so.2";
// Room for a message: 8 MiB of data and what goes around it. Pages that are not used cost nothing.
constexpr size_t kMessageRoom = size_t{24} << 20;

// The driver calls malloc for its message buffers alone; C++ allocations go another way. With room
// from the start, realloc never has to move a block.
void* roomy_malloc(size_t bytes) { return malloc(bytes < kMessageRoom ? kMessageRoom : bytes); }

// The driver goes on with the old address: it must stay good.
void* staying_realloc(void* block, size_t bytes) {
  if (block == nullptr) return roomy_malloc(bytes);
  if (malloc_usable_size(block) >= bytes) return block;
  _exit(kModelGone);  // a larger message than XRT ever sends: better than writing past the end
}

// The driver tries for ever to read from a model that is gone.
ssize_t ending_read(int file, void* target, size_t bytes) {
  while (true) {
    const ssize_t count = read(file, target, bytes);
    if (count > 0 || bytes == 0) return count;
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    _exit(kModelGone);
  }
}

ssize_t ending_write(int file, const void* source, size_t bytes) {
  while (true) {
    const ssize_t count = write(file, source, bytes);
    if (count >= 0) return count;
    if (errno == EINTR || errno == EAGAIN) continue;
    _exit(kModelGone);
  }
}

// The driver waits five minutes for a model that could not be started.
int watching_select(int count, fd_set* read_set, fd_set* write_set, fd_set* error_set,
                    timeval* timeout) {
  const fd_set wanted = *read_set;
  int64_t left_ms = timeout == nullptr ? INT64_MAX : timeout->tv_sec * 1000;
  constexpr int64_t kSliceMs = 20;
  for (; left_ms > 0; left_ms -= kSliceMs) {
    *read_set = wanted;
    timeval slice{0, kSliceMs * 1000};
    const int ready = select(count, read_set, write_set, error_set, &slice);
    if (ready > 0) return ready;
    siginfo_t child{};
    if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 && child.si_pid != 0) {
      _exit(kModelGone);
    }
  }
  return 0;
}

// Its group may be that of a shell script.
int sparing_kill(pid_t process, int number) { return process == 0 ? 0 : kill(process, number); }

unsigned quick_sleep(unsigned) { return 0; }

// It leaves in the middle of signal handlers, where exit would run destructors.
[[noreturn]] void quick_exit_now(int code) { _exit(code); }

// It changes modes of files in its own run folder by way of a shell.
int skipped_system(const char*) { return 0; }

// It hands out what it has not written.
int clearing_memalign(void** target, size_t alignment, size_t bytes) {
  const int failed = posix_memalign(target, alignment, bytes);
  if (failed == 0) memset(*target, 0, bytes);
  return failed;
}

// Called at each close, and good for one.
void skipped_shutdown() {}

struct Remedy {
  const char* symbol;
  void* function;
};

template <class Function>
void* address_of(Function* function) {
  return reinterpret_cast<void*>(function);
}

// What takes the place of a function of the C library, or null. (Not a table with static storage:
// that would have to be initialised, and may not be when the constructor below runs.)
void* remedy_for(const char* symbol) {
  const Remedy remedies[] = {
      {"malloc", address_of(roomy_malloc)},
      {"realloc", address_of(staying_realloc)},
      {"read", address_of(ending_read)},
      {"write", address_of(ending_write)},
      {"select", address_of(watching_select)},
      {"kill", address_of(sparing_kill)},
      {"sleep", address_of(quick_sleep)},
      {"exit", address_of(quick_exit_now)},
      {"system", address_of(skipped_system)},
      {"posix_memalign", address_of(clearing_memalign)},
      {"_ZN6google8protobuf23ShutdownProtobufLibraryEv", address_of(skipped_shutdown)},
  };
  for (const Remedy& remedy : remedies) {
    if (strcmp(symbol, remedy.symbol) == 0) return remedy.function;
  }
  return nullptr;
}

#if defined(__x86_64__)
constexpr unsigned kJumpSlot = R_X86_64_JUMP_SLOT;
constexpr unsigned kDataSlot = R_X86_64_GLOB_DAT;
#elif defined(__aarch64__)
constexpr unsigned kJumpSlot = R_AARCH64_JUMP_SLOT;
constexpr unsigned kDataSlot = R_AARCH64_GLOB_DAT;
#else
#error "the emulation of XRT devices knows x86-64 and aarch64"
#endif

void turn_slot(void** slot, void* function) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<uintptr_t>(slot) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(slot + 1);
  // The table is read-only once the library is loaded.
  if (mprotect(reinterpret_cast<void*>(first), end - first, PROT_READ | PROT_WRITE) == 0) {
    *slot = function;
  }
}

void turn_slots(const link_map& library, const ElfW(Rela) * entries, size_t count,
                const ElfW(Sym) * symbols, const char* names) {
  for (size_t i = 0; i < count; ++i) {
    const auto type = ELF64_R_TYPE(entries[i].r_info);
    if (type != kJumpSlot && type != kDataSlot) continue;
    const char* name = names + symbols[ELF64_R_SYM(entries[i].r_info)].st_name;
    void* function = remedy_for(name);
    if (function == nullptr) continue;
    turn_slot(reinterpret_cast<void**>(library.l_addr + entries[i].r_offset), function);
  }
}

void mend(const link_map& library) {
  const ElfW(Sym)* symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela)* jumps = nullptr;
  const ElfW(Rela)* data = nullptr;
  size_t jump_bytes = 0;
  size_t data_bytes = 0;
  for (const ElfW(Dyn)* entry = library.l_ld; entry->d_tag != DT_NULL; ++entry) {
    const auto address = entry->d_un.d_ptr;
    if (entry->d_tag == DT_SYMTAB) symbols = reinterpret_cast<const ElfW(Sym)*>(address);
    if (entry->d_tag == DT_STRTAB) names = reinterpret_cast<const char*>(address);
    if (entry->d_tag == DT_JMPREL) jumps = reinterpret_cast<const ElfW(Rela)*>(address);
    if (entry->d_tag == DT_RELA) data = reinterpret_cast<const ElfW(Rela)*>(address);
    if (entry->d_tag == DT_PLTRELSZ) jump_bytes = entry->d_un.d_val;
    if (entry->d_tag == DT_RELASZ) data_bytes = entry->d_un.d_val;
  }
  if (symbols == nullptr || names == nullptr) return;
  turn_slots(library, jumps, jump_bytes / sizeof(ElfW(Rela)), symbols, names);
  turn_slots(library, data, data_bytes / sizeof(ElfW(Rela)), symbols, names);
}

// Whether the path of a loaded library is the driver's and not our own, which has the same name.
bool is_driver(const char* path, const char* own) {
  const char* slash = strrchr(path, '/');
  return strcmp(slash == nullptr ? path : slash + 1, kDriver) == 0 && strcmp(path, own) != 0;
}

__attribute__((constructor)) void mend_driver() {
  Dl_info own{};
  if (dladdr(address_of(mend_driver), &own) == 0) return;
  // The list of the loader, which holds its lock while constructors run.
  for (const link_map* library = _r_debug.r_map; library != nullptr; library = library->l_next) {
    if (is_driver(library->l_name, own.dli_fname)) mend(*library);
  }
}

}  // namespace
