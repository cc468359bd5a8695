#include "kernels/base/executor.h"

#include <exception>
#include <new>

namespace assay {

Status SerialExecutor::parallel_for(int64_t chunk_count,
                                    FunctionRef<void(int64_t chunk, int thread)> body) {
  Status status;
  for (int64_t chunk = 0; chunk < chunk_count; ++chunk) {
    try {
      body(chunk, 0);
    } catch (const std::bad_alloc&) {
      status = fail(StatusCode::kResourceExhausted, "out of memory in a parallel loop");
    } catch (const std::exception& e) {
      status = fail(StatusCode::kInternal, "exception in a parallel loop: {}", e.what());
    } catch (...) {
      status = fail(StatusCode::kInternal, "exception of unknown type in a parallel loop");
    }
  }
  return status;
}

}  // namespace assay
