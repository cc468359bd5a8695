// Any bytes as a config: an error or a config, never a crash; and a config that was accepted reads
// back from its own template.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "automl/config/config_template.h"
#include "automl/config/yaml_config.h"
#include "tests/automl/config_samples.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace assay::automl;
  static const std::vector<OptionGroup> learners = sample_learners();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = parse_config(text, {"fuzz.yaml", ""}, learners);
  if (!config) return 0;
  const std::string written = config_template(*config, learners);
  const auto back = parse_config(written, {"back.yaml", ""}, learners);
  if (!back || config_template(*back, learners) != written) {
    std::fprintf(stderr, "%s\n%s\n", written.c_str(),
                 back ? "differs" : back.error().message.c_str());
    std::abort();
  }
  return 0;
}
