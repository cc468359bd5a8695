// The writing side of RFC 4180: fields and numbers that csv_reader reads back unchanged.
#pragma once

#include <string>
#include <string_view>

namespace assay::datasets {

// Appends the field, quoted if it is empty, holds the delimiter, a quote, CR or LF, or begins or
// ends with a blank.
void append_csv_field(std::string& out, std::string_view field, char delimiter = ',');

// Appends the shortest decimal that reads back as the same double; nothing for NaN (missing).
void append_csv_number(std::string& out, double value);
// The shortest decimal that reads back as the same float.
void append_csv_number(std::string& out, float value);

}  // namespace assay::datasets
