#include "tracking/hdf5_internal.h"

namespace assay::tracking {
namespace {

std::mutex& session_mutex() {
  static std::mutex mutex;
  return mutex;
}

herr_t keep_innermost(unsigned, const H5E_error2_t* error, void* reason) {
  if (error->desc != nullptr) *static_cast<std::string*>(reason) = error->desc;
  return 0;
}

}  // namespace

Hdf5Session::Hdf5Session() : lock_(session_mutex()) {
  // Static destructors of other libraries may run before HDF5's own exit handler.
  static const bool prepared = H5dont_atexit() >= 0 && H5open() >= 0;
  (void)prepared;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

tl::unexpected<Error> hdf5_failure(std::string_view doing) {
  std::string reason;
  // Downward: the last one seen is where it began.
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_innermost, &reason);
  H5Eclear2(H5E_DEFAULT);
  return fail(StatusCode::kInternal, "HDF5 cannot {}: {}", doing,
              reason.empty() ? "no reason given" : reason);
}

std::string hdf5_version() {
  const Hdf5Session session;
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("{}.{}.{}", major, minor, release);
}

}  // namespace assay::tracking
