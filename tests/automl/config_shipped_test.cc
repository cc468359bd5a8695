// The tables that ship: those of every learner, and the documents made from them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "automl/config/config_reference.h"
#include "automl/config/config_schema.h"
#include "automl/config/config_template.h"
#include "automl/config/option_table.h"
#include "automl/config/yaml_config.h"
#include "automl/learners/learner.h"

namespace assay::automl {
namespace {

std::vector<OptionGroup> shipped_learners() {
  std::vector<OptionGroup> groups;
  for (const Learner* learner : learner_list()) groups.push_back(learner->options());
  return groups;
}

std::string read_document(const std::string& name) {
  std::ifstream file(ASSAY_SOURCE_DIR "/docs/" + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(ShippedTables, AreWellFormed) {
  ASSERT_GE(shipped_learners().size(), 5U);
  for (const OptionGroup& group : shipped_learners()) {
    const Status status = check_group(group);
    EXPECT_TRUE(status) << status.error().message;
  }
}

TEST(ShippedTables, DocumentsAreCurrent) {
  EXPECT_EQ(read_document("config.md"), config_reference(shipped_learners()))
      << "run scripts/make_docs";
  EXPECT_EQ(read_document("config.schema.json"), config_schema(shipped_learners()))
      << "run scripts/make_docs";
}

TEST(ShippedTables, TemplateIsValidWithEveryCommentedLineTakenIn) {
  ExperimentConfig config;
  config.data.train = "t.csv";
  config.data.target = "y";
  const auto learners = shipped_learners();
  std::istringstream lines(config_template(config, learners));
  std::string full;
  for (std::string line; std::getline(lines, line);) {
    const bool prose = line.rfind("# ", 0) == 0 && line.rfind("#  ", 0) != 0;
    full += (!prose && line.rfind('#', 0) == 0 ? line.substr(1) : line) + "\n";
  }
  const auto parsed = parse_config(full, {"t.yaml", ""}, learners);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message << "\n" << full;
  EXPECT_EQ(parsed->learners.size(), learners.size());
}

}  // namespace
}  // namespace assay::automl
