// Where commands print: results on stdout, notes and errors on stderr. Only cli/ prints.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "automl/cli/invocation.h"
#include "automl/report/text_table.h"
#include "kernels/base/status.h"
#include "tracking/read_problems.h"

namespace assay::automl::cli {

// A result, as it is.
void print_result(std::string_view text);
// Text on stderr as it is. A stderr that cannot be written is no reason to fail.
void print_message(std::string_view text);
// A line for people, on stderr; nothing with --quiet.
void print_note(const Invocation& invocation, std::string_view text);
// Names what is damaged, each in a line on stderr, also with --quiet. The command goes on and, if
// nothing else fails, ends with the exit code for damaged data.
void print_damage(Invocation& invocation, std::span<const std::string> damaged);
// Likewise for what could not be read and may be whole: the exit code is that of failed input and
// output.
void print_unreadable(Invocation& invocation, std::span<const std::string> unreadable);
// Both.
void print_problems(Invocation& invocation, const tracking::ReadProblems& problems);
// `assay: error: ...` on stderr; with --json also {"error": {...}} as a line on stdout.
void print_error(const Invocation& invocation, const Error& error);
// Whether everything printed reached stdout. Fails: io (a full disk, a closed pipe); cancelled if a
// signal came while nobody read it.
Status flush_output();

// A table as people read it, or with --csv as programs do.
void print_table(const Invocation& invocation, const TextTable& table);
// Cells of such a table, rounded for people: a number of bytes, a score.
std::string size_cell(const Invocation& invocation, int64_t bytes);
std::string score_cell(const Invocation& invocation, double score);

// Columns of the terminal behind stdout; 0 if it is not one.
int terminal_width();
// Whether stdout is a terminal that shows no more than ASCII: TERM=dumb, or a locale that is not
// UTF-8.
bool ascii_only();
// Whether stderr is a terminal on which a line can be drawn over: TERM is neither dumb nor empty.
// No command writes escape sequences, so there is nothing that NO_COLOR could turn off.
bool redraws_lines();
// The exit code for an error.
int exit_code_of(StatusCode code);

}  // namespace assay::automl::cli
