// Where the options of a run were set: lines of a config file or flags, for messages about options
// that turn out to be wrong only when the data is there. Plain value.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::automl {

class ConfigPlaces {
 public:
  // An option by its path ("data.target"), an item of a list or map by that of the option and its
  // text ("data.drop.id"), a section by its name.
  void set_line(std::string path, std::string_view file, int line);
  // The flag takes the option over, with the items it had.
  void set_flag(const std::string& path, std::string flag);

  // "churn.yaml:7: data.target: <text>" or "--target: <text>"; for an option without a place that
  // of what it is part of ("data.drop", "data"), and the path alone if there is none.
  std::string message(std::string_view path, std::string_view text) const;
  // The line of the same place; 0 for a flag, or without one.
  int line_of(std::string_view path) const;
  // The error with its place put before each line that begins with the path of an option
  // ("data.target: ...", "budget.memory=...", "learners.gbt.alpha=..."); other lines as they are.
  Error placed(Error error) const;

 private:
  struct Place {
    std::string text;
    bool flag = false;
    int line = 0;
  };
  std::string placed_line(std::string_view line) const;
  const Place* find(std::string_view path) const;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace assay::automl
