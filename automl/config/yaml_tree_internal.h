// A YAML text as a tree of our own, with line numbers, in the subset that configs are written in.
// The library behind it is used for its events only; its nodes, conversions and aliases are not.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace assay::automl {

inline constexpr int64_t kMaxConfigBytes = 1 << 20;
inline constexpr int kMaxConfigDepth = 64;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 0;                 // from 1
  std::string text;             // of a scalar
  bool quoted = false;          // a scalar that is text whatever it looks like
  std::vector<YamlNode> items;  // of a list, or the values of a map
  std::vector<YamlNode> keys;   // of a map: scalars, distinct, one for each item
};

// "nothing", "a scalar", "a list", "a map".
std::string_view kind_text(const YamlNode& node);

struct ConfigMistake {
  int line = 0;  // from 1; 0: nowhere in particular
  std::string text;
};

// Parses the one document in `text`; an empty text is a null node. Adds to `mistakes`: bad syntax
// (then the tree is null), more than one document, too many bytes, too deep, bytes that are not
// UTF-8 or are NUL, keys that are not scalars or come twice, anchors, aliases, tags. What is wrong
// is left out of the tree.
YamlNode parse_yaml(std::string_view text, std::vector<ConfigMistake>& mistakes);

}  // namespace assay::automl
