// Bytes that are written block by block, so that nobody has to hold all of them.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"

namespace assay {

// Takes the next block; what fails ends the writing.
using ByteSink = FunctionRef<Status(std::span<const std::byte>)>;
// Writes all bytes to the sink, and gives on what fails there.
using ByteSource = FunctionRef<Status(ByteSink)>;

}  // namespace assay
