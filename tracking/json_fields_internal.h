// Takes fields out of a JSON object and checks their types: how the small JSON records of a
// workspace are read. Remembers the first field that is missing or of another type, so that a
// reader asks for all of them and looks at status() once. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_record.h"

namespace assay::tracking {

class Fields {
 public:
  // `source` is what messages call the text (a path).
  Fields(std::string_view text, std::string source);

  // Absent or wrong: an empty value, and status() says so (absent: only if required).
  std::string text(const char* key, bool required = true) const;
  int64_t integer(const char* key, bool required = true) const;
  bool flag(const char* key, bool required = true) const;
  // Absent, null and wrong: nothing. Numbers that JSON has no words for are the texts nan, inf,
  // -inf.
  std::optional<double> maybe_number(const char* key) const;
  std::optional<std::string> maybe_text(const char* key) const;
  // An object of texts; absent: empty.
  std::map<std::string, std::string> texts(const char* key) const;
  // The same where a value may be null.
  std::map<std::string, std::optional<std::string>> maybe_texts(const char* key) const;
  // An object of numbers, whole numbers, booleans and texts, and of lists with one number that JSON
  // has no word for; absent: empty.
  std::map<std::string, Value> values(const char* key) const;
  // An object of lists of numbers, as maybe_number() reads them; absent: empty.
  std::map<std::string, std::vector<double>> number_lists(const char* key) const;
  // An array of texts; absent: empty.
  std::vector<std::string> text_list(const char* key) const;
  // An array of whole numbers; absent: empty.
  std::vector<int64_t> integer_list(const char* key) const;
  // A field that is an object; the result shares this object's status(). Absent: nothing.
  std::optional<Fields> object(const char* key) const;
  // An array of objects; absent: empty.
  std::vector<Fields> list(const char* key) const;
  // The fields of an object that are objects themselves, by name; absent: empty.
  std::map<std::string, Fields> objects(const char* key) const;

  // A `data` error about the first field that was wrong.
  Status status() const;

 private:
  struct State;
  Fields(std::shared_ptr<State> state, const void* node) : state_(std::move(state)), node_(node) {}
  const void* find(const char* key, bool required) const;
  void note(const char* key, const char* expected) const;

  std::shared_ptr<State> state_;
  const void* node_;  // the object, inside state_
};

}  // namespace assay::tracking
