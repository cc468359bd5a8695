#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <istream>
#include <optional>
#include <sstream>
#include <utility>

#include "automl/config/yaml_tree_internal.h"
#include "kernels/base/status.h"
#include "kernels/base/utf8.h"

namespace assay::automl {
namespace {

int line_of(const YAML::Mark& mark) { return mark.is_null() ? 0 : mark.line + 1; }

// Ends the parse from within an event.
struct StopParsing {};

// Builds the tree of the first document. Open lists and maps wait on a stack; a finished node
// goes to the one below it.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::vector<ConfigMistake>& mistakes) : mistakes_(mistakes) {}

  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    add_mistake(mark, "a second document (--- starts one; there must be one)");
    throw StopParsing{};
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    add_mistake(mark, fmt::format("anchor &{} (anchors are not allowed)", name));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    add_mistake(mark, "alias (aliases are not allowed: write the value again)");
    add(node(YamlNode::Kind::kNull, mark));
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    add(node(YamlNode::Kind::kNull, mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    check_tag(mark, tag);
    YamlNode scalar = node(YamlNode::Kind::kScalar, mark);
    scalar.text = value;
    scalar.quoted = tag == "!";
    add(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kList, mark, tag);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kMap, mark, tag);
  }
  void OnMapEnd() override { close(); }

 private:
  struct OpenNode {
    YamlNode node;
    std::optional<YamlNode> key = {};  // of a map, once read, until its value is
    std::map<std::string, int, std::less<>> key_lines = {};
  };

  static YamlNode node(YamlNode::Kind kind, const YAML::Mark& mark) {
    YamlNode made;
    made.kind = kind;
    made.line = line_of(mark);
    return made;
  }

  void add_mistake(const YAML::Mark& mark, std::string text) {
    mistakes_.push_back({line_of(mark), std::move(text)});
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    add_mistake(mark, fmt::format("tag {} (tags are not allowed)", tag.substr(0, 100)));
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag) {
    check_tag(mark, tag);
    if (static_cast<int>(stack_.size()) >= kMaxConfigDepth) {
      add_mistake(mark, fmt::format("nested more than {} levels deep", kMaxConfigDepth));
      throw StopParsing{};
    }
    stack_.push_back({node(kind, mark)});
  }

  void close() {
    YamlNode done = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(done));
  }

  void add(YamlNode done) {
    if (stack_.empty()) {
      root_ = std::move(done);
      return;
    }
    OpenNode& parent = stack_.back();
    if (parent.node.kind == YamlNode::Kind::kList) {
      parent.node.items.push_back(std::move(done));
    } else if (!parent.key) {
      parent.key = std::move(done);
    } else {
      add_pair(parent, std::move(*std::exchange(parent.key, std::nullopt)), std::move(done));
    }
  }

  void add_pair(OpenNode& parent, YamlNode key, YamlNode value) {
    if (key.kind != YamlNode::Kind::kScalar) {
      mistakes_.push_back({key.line, fmt::format("a key is {} (must be a name)", kind_text(key))});
      return;
    }
    const auto [first, added] = parent.key_lines.emplace(key.text, key.line);
    if (!added) {
      mistakes_.push_back({key.line, fmt::format("key '{}' is there twice (first on line {})",
                                                 key.text.substr(0, 100), first->second)});
      return;
    }
    // Nothing begins after the line break; it belongs to the key's line.
    if (value.kind == YamlNode::Kind::kNull) value.line = key.line;
    parent.node.keys.push_back(std::move(key));
    parent.node.items.push_back(std::move(value));
  }

  std::vector<ConfigMistake>& mistakes_;
  std::vector<OpenNode> stack_;
  YamlNode root_;
  int documents_ = 0;
};

// Where the first byte is that is no UTF-8 text (NUL is none), or npos.
size_t bad_byte(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = text[at] == '\0' ? 0 : utf8_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

void parse_into(TreeBuilder& builder, std::string_view text, std::vector<ConfigMistake>& mistakes) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const StopParsing&) {
    // The mistake is noted.
  } catch (const YAML::Exception& error) {
    mistakes.push_back({line_of(error.mark), "not YAML: " + error.msg});
  } catch (const std::exception& error) {
    mistakes.push_back({0, fmt::format("not YAML: {}", error.what())});
  }
}

}  // namespace

std::string_view kind_text(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a scalar";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      break;
  }
  return "a map";
}

YamlNode parse_yaml(std::string_view text, std::vector<ConfigMistake>& mistakes) {
  if (text.size() > static_cast<size_t>(kMaxConfigBytes)) {
    mistakes.push_back(
        {0, fmt::format("{} bytes (a config has at most {})", text.size(), kMaxConfigBytes)});
    return {};
  }
  if (const size_t bad = bad_byte(text); bad != std::string_view::npos) {
    const auto line = static_cast<int>(1 + std::count(text.begin(), text.begin() + bad, '\n'));
    mistakes.push_back({line, text.find('\0') == bad ? "a NUL byte (a config is text)"
                                                     : "a byte that is not UTF-8 text"});
    return {};
  }
  TreeBuilder builder(mistakes);
  parse_into(builder, text, mistakes);
  return builder.take_root();
}

}  // namespace assay::automl
