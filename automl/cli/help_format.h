// How --help looks: options in groups, values by what they are (TIME, SIZE, N, FILE, NAME), choices
// and defaults after the text, lines of at most 100 columns. Shell completion reads the same tree.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace assay::automl::cli {

// Options that every command has (--help, --json, ...); it is shown last.
inline constexpr const char* kGeneralGroup = "General";

// To be called before subcommands are added: they inherit it.
void use_help_format(CLI::App& app);

// The help of a command as `--help` prints it; `path` is what it is called by: "assay runs list".
std::string help_text(const CLI::App& command, const std::string& path);

// Adds an option that takes one of `choices`, in upper or lower case; `target` gets the choice as
// it is spelled there. Its default is what `target` holds.
CLI::Option* add_choice(CLI::App& command, const std::string& name, std::string& target,
                        std::span<const std::string_view> choices, const std::string& help);

// The choices of an option as its type name "a|b|c" holds them; empty if it takes any value.
std::vector<std::string> choices_of(const CLI::Option& option);
// "TIME", "FILE", ...: a type name that was set, or the option's own name.
std::string value_name(const CLI::Option& option);

// The words of `text` in lines of at most `width` columns.
std::vector<std::string> wrapped_lines(std::string_view text, size_t width);

}  // namespace assay::automl::cli
