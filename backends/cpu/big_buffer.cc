#include "backends/cpu/big_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

namespace assay::backends::cpu {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kLargePage = size_t{2} << 20;

}  // namespace

void* allocate_pages(size_t bytes) {
  const bool large = bytes >= 2 * kLargePage;
  const size_t padded = std::max(kLine, (bytes + kLine - 1) / kLine * kLine);
  void* address = nullptr;
  if (posix_memalign(&address, large ? kLargePage : kLine, padded) != 0) return nullptr;
  // Advice: a system without large pages works as well.
  if (large) (void)madvise(address, padded / kLargePage * kLargePage, MADV_HUGEPAGE);
  return address;
}

void FreePages::operator()(void* address) const { std::free(address); }

}  // namespace assay::backends::cpu
