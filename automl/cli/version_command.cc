// assay version
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "automl/cli/invocation.h"
#include "automl/cli/output.h"
#include "tracking/environment.h"

namespace assay::automl::cli {

void add_version_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("version", "Print the version of Assay and its libraries");
  add_output_options(*command, invocation);
  command->callback([&invocation] {
    invocation.action = [&invocation]() -> Status {
      const auto environment = tracking::collect_environment({invocation.argv, {}, {}});
      nlohmann::json object;
      for (const char* key : {"assay_version", "compiler", "build_type", "hdf5_version",
                              "libgit2_version", "architecture"}) {
        const auto found = environment.find(key);
        object[key] = found == environment.end() ? "unknown" : found->second.text();
      }
      if (invocation.json) {
        print_result(object.dump() + "\n");
      } else {
        print_result(fmt::format(
            "assay {} ({}, {}; HDF5 {}, libgit2 {})\n", object["assay_version"].get<std::string>(),
            object["compiler"].get<std::string>(), object["architecture"].get<std::string>(),
            object["hdf5_version"].get<std::string>(),
            object["libgit2_version"].get<std::string>()));
      }
      return {};
    };
  });
}

}  // namespace assay::automl::cli
