#include "automl/config/config_places.h"

#include <gtest/gtest.h>

#include "automl/config/column_check.h"
#include "automl/config/yaml_config.h"

namespace assay::automl {
namespace {

constexpr std::string_view kText =
    "data:\n"
    "  train: t.csv\n"
    "  target: yy\n"
    "  drop: [id,\n"
    "         idd]\n"
    "  column_types:\n"
    "    a.b: numeric\n"
    "    zip: categorical\n"
    "device: cpu\n";

struct Parsed {
  ConfigPlaces places;
  ExperimentConfig config;
};

Parsed parsed() {
  Parsed result;
  auto config = parse_config(kText, {"c.yaml", ""}, {}, &result.places);
  EXPECT_TRUE(config) << config.error().message;
  if (config) result.config = std::move(*config);
  return result;
}

TEST(ConfigPlaces, AreTheLinesOfOptionsAndItems) {
  const ConfigPlaces places = parsed().places;
  EXPECT_EQ(places.message("data.target", "no"), "c.yaml:3: data.target: no");
  EXPECT_EQ(places.message("data.drop.idd", "no"), "c.yaml:5: data.drop: no");
  EXPECT_EQ(places.message("data.column_types.zip", "no"), "c.yaml:8: data.column_types: no");
  EXPECT_EQ(places.message("data.column_types.a.b", "no"), "c.yaml:7: data.column_types: no");
  EXPECT_EQ(places.message("data.group", "no"), "c.yaml:1: data.group: no") << "the section's";
  EXPECT_EQ(places.message("budget.time", "no"), "budget.time: no");
}

TEST(ConfigPlaces, FlagsTakeOptionsOver) {
  ConfigPlaces places = parsed().places;
  places.set_flag("data.drop", "--drop");
  places.set_flag("data.target", "--target");
  EXPECT_EQ(places.message("data.drop.idd", "no"), "--drop: no");
  EXPECT_EQ(places.message("data.target", "no"), "--target: no");
  EXPECT_EQ(places.message("data.train", "no"), "c.yaml:2: data.train: no");
}

TEST(ConfigPlaces, PlaceMessagesThatBeginWithAnOption) {
  ConfigPlaces places = parsed().places;
  places.set_flag("data.target", "--target");
  const auto placed = [&](std::string message) {
    return places.placed({StatusCode::kData, std::move(message)}).message;
  };
  EXPECT_EQ(placed("device: unknown device 'x'"), "c.yaml:9: device: unknown device 'x'");
  EXPECT_EQ(placed("data.target: it is text"), "--target: it is text");
  EXPECT_EQ(placed("data.train=t.csv is odd"), "c.yaml:2: data.train=t.csv is odd");
  EXPECT_EQ(placed("t.csv:3: 1 field"), "t.csv:3: 1 field");
  EXPECT_EQ(placed("budget.time=1 s is too small"), "budget.time=1 s is too small");
  EXPECT_EQ(placed("device: x\nt.csv: y\ndata.train: z"),
            "c.yaml:9: device: x\nt.csv: y\nc.yaml:2: data.train: z")
      << "line by line";
  EXPECT_EQ(placed("device"), "device");
  EXPECT_EQ(placed(""), "");
  EXPECT_EQ(places.placed({StatusCode::kData, "device: x"}).code, StatusCode::kData);
}

TEST(ColumnCheck, NamesEveryColumnThatIsNotThere) {
  ExperimentConfig config = parsed().config;
  config.data.weight = "w";
  const std::vector<std::string> names = {"id", "y", "zip", "ww"};
  const auto mistakes = check_columns(config.data, names, "t.csv");
  std::vector<std::string> paths;
  for (const ColumnMistake& mistake : mistakes) paths.push_back(mistake.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"data.target", "data.weight", "data.drop.idd",
                                             "data.column_types.a.b"}));
  EXPECT_EQ(mistakes[0].text, "t.csv has no column 'yy' (did you mean 'y'?)");
  EXPECT_EQ(mistakes[2].text, "t.csv has no column 'idd' (did you mean 'id'?)");
  EXPECT_TRUE(check_columns(config.data,
                            std::vector<std::string>{"yy", "w", "id", "idd", "a.b", "zip"}, "t.csv")
                  .empty());
}

}  // namespace
}  // namespace assay::automl
