// A record with something of everything that a run file can hold.
#pragma once

#include <limits>
#include <memory>
#include <string>

#include "tests/special_numbers.h"
#include "tracking/run_record.h"

namespace assay::tracking {

inline RunRecord sample_record() {
  RunRecord record;
  record.info = {.run_id = "01HZY0J8Q0ABCDEFGHJKMNPQRS",
                 .parent_run_id = "01HZY0J8Q0ABCDEFGHJKMNPQRT",
                 .kind = "trial",
                 .name = "bäume 🌳",
                 .experiment = "Adult",
                 .user = "ada",
                 .status = RunStatus::kCompleted,
                 .message = "all is well",
                 .metric = "roc_auc",
                 .score = 0.9275,
                 .created_ns = 1'700'000'000'000'000'001,
                 .ended_ns = 1'700'000'009'000'000'002,
                 .writer = "01HZY0J8Q0ABCDEFGHJKMNPQRV",
                 .wal_seq = 7,
                 .finished = true};
  record.params = {{"learning_rate", 0.1},
                   {"trees", int64_t{300}},
                   {"early", true},
                   {"late", false},
                   {"learner", "gbdt"},
                   {"empty", ""},
                   {".", 1},
                   {"größe/km", "lang 長い"},
                   {"long", std::string(100'000, 'x') + "end"},
                   {"bytes", std::string("a\0b\xff", 4)},
                   {"nan", std::numeric_limits<double>::quiet_NaN()}};
  record.tags = {{"team", "fraud"}, {"priority", int64_t{2}}};
  record.metrics["roc_auc"] = {{0, 1.5, 0.5}, {1, 2.5, 0.75}, {2, 3.5, 0.9275}};
  record.metrics["loss"] = {
      {0, 1.0, std::numeric_limits<double>::quiet_NaN()}, {1, 2.0, kInf}, {2, 3.0, -kInf}};
  record.metrics["loss/val"] = {{-5, 1.0, 1e308}};
  record.metrics["."] = {{1, 1, 1}};
  record.metrics["50%"] = {{1, 1, 50}};
  record.metrics["declared"] = {};
  for (int i = 0; i < 25'000; ++i) record.metrics["many"].push_back({i, i * 0.5, i * 2.0});
  record.stdout_text = "first line\nsecond \xff line\n";
  for (int i = 0; i < 20'000; ++i) record.stdout_text += "progress\n";
  record.stderr_text = "warning: none\n";
  record.artifacts = {{"plots/roc.svg", std::string(64, 'a'), 1234, "image/svg+xml"},
                      {"größe.txt", std::string(64, 'b'), 0, ""}};
  Predictions wide{
      "oof", 3, 2, std::vector<float>{0.25F, 0.75F, 0.5F, 0.5F, 1, 0}, {10, 5, 7}, {"no", "yes"}};
  record.predictions.push_back(std::make_shared<const Predictions>(std::move(wide)));
  Predictions tall{"test/raw", 2, 1, std::vector<double>{1.5, -2.5}, {}, {}};
  record.predictions.push_back(std::make_shared<const Predictions>(std::move(tall)));
  NamedTable table{"feature_importance",
                   {{"feature", std::vector<std::string>{"age", "größe", ""}},
                    {"gain", std::vector<double>{3.5, 1.25, 0}},
                    {"splits", std::vector<int64_t>{12, 4, 0}}}};
  record.tables.push_back(std::make_shared<const NamedTable>(std::move(table)));
  record.source = SourceInfo{.manifest_sha256 = std::string(64, 'c'),
                             .files = {{"config.yaml", 0100644, 42, std::string(64, 'd')}},
                             .config = "target: income\n",
                             .config_path = "config.yaml",
                             .git_commit = std::string(40, 'e'),
                             .git_branch = "main",
                             .git_dirty = true,
                             .git_diff_sha256 = std::string(64, 'f'),
                             .git_note = ""};
  record.environment = {{"assay_version", "0.1.0"}, {"cpu_count", int64_t{64}}};
  record.datasets = {{"adult",
                      "1",
                      std::string(64, '1'),
                      "train",
                      32561,
                      15,
                      {{"name", std::vector<std::string>{"age", "income"}},
                       {"missing", std::vector<int64_t>{0, 3}}}},
                     {"adult", "1", std::string(64, '2'), "test", 16281, 15, {}}};
  record.models = {{"adult", 3, std::string(64, '3'), 98765, 1, R"({"columns":["age"]})"}};
  return record;
}

}  // namespace assay::tracking
