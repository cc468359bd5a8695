// What is wrong with a command line, in the words of people: CLI11 says it in those of a parser.
#pragma once

#include "kernels/base/status.h"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace assay::automl::cli {

// The error (invalid_argument) for a command line that `app` refused with `error`: unknown commands
// and options with the nearest there is, options given twice or without a value; and the command
// whose help says more. `app` must be as the parse left it.
Error usage_error(const CLI::App& app, const CLI::ParseError& error);

}  // namespace assay::automl::cli
