// Counts in messages: "1 run", "3 runs". Plain functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

// "1 run", "0 runs", "2 copies" (of "copy"), "3 processes": the noun as English counts it. Of a
// noun of several words the last one counts: "2 model versions".
std::string counted(int64_t count, std::string_view noun);

// The noun alone: "run" or "runs".
std::string plural(int64_t count, std::string_view noun);

}  // namespace assay
