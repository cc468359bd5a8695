// Files 0 to 2 of a process, which a shell can start it without (`<&- >&- 2>&-`).
#pragma once

namespace assay {

// Opens /dev/null in place of each of them that is closed, so that no file or socket that is opened
// later gets its number, and with it what is meant for a terminal. Call before anything is opened.
void open_standard_files();

}  // namespace assay
