#include "datasets/csv_writer.h"

#include <charconv>

namespace assay::datasets {
namespace {

template <class Number>
void append_shortest(std::string& out, Number value) {
  if (value != value) return;
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  if (error == std::errc()) out.append(text, end);
}

}  // namespace

void append_csv_field(std::string& out, std::string_view field, char delimiter) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  bool quote = field.empty() || blank(field.front()) || blank(field.back());
  for (const char c : field) {
    quote = quote || c == delimiter || c == '"' || c == '\r' || c == '\n';
  }
  if (!quote) {
    out += field;
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_csv_number(std::string& out, double value) { append_shortest(out, value); }
void append_csv_number(std::string& out, float value) { append_shortest(out, value); }

}  // namespace assay::datasets
