"""Checks the tree against the rules of include_graph.py, and the rules against planted violations."""
import os
import unittest

import include_graph

HEADER = "// What it is.\n#pragma once\n"
# A small tree that keeps every rule.
GOOD = {
    "kernels/base/status.h": HEADER + "#include <fmt/format.h>\n#include <tl/expected.hpp>\n",
    "kernels/base/hash.h": HEADER + '#include "kernels/base/status.h"\n',
    "kernels/base/hash.cc": "#include <openssl/evp.h>\n#include <sys/stat.h>\n",
    "kernels/gemm.h": HEADER + '#include "kernels/base/status.h"\n',
    "backends/devices.h": HEADER,
    "backends/devices.cc": '#include "backends/cpu/gemm.h"\n#include "backends/cuda/gemm.h"\n',
    "backends/cpu/gemm.h": HEADER + '#include "backends/devices.h"\n',
    "backends/cpu/gemm.cc": "#include <Eigen/Core>\n#include <hwy/highway.h>\n",
    "backends/cuda/gemm.h": HEADER,
    "datasets/table.h": HEADER + '#include "kernels/gemm.h"\n#include "kernels/base/status.h"\n',
    "datasets/gzip.cc": "#include <zlib.h>\n",
    "tracking/run_file.h": HEADER + "#include <hdf5.h>\n",
    "automl/config/schema.cc": "#include <yaml-cpp/yaml.h>\n#include <nlohmann/json.hpp>\n",
    "automl/models/model.h": HEADER + '#include "datasets/table.h"\n',
    "automl/learners/forest.h": HEADER + '#include "automl/models/model.h"\n',
    "automl/scheduler/sweep.h": HEADER + '#include "tracking/run_file.h"\n',
    "automl/cli/main.cc": '#include <CLI/CLI.hpp>\n#include "backends/devices.h"\n'
    '#include "automl/scheduler/sweep.h"\n#include "backends/cpu/gemm.h"\n',
    "tests/datasets/table_test.cc": '#include <gtest/gtest.h>\n#include "automl/cli/main.cc"\n',
}


class IncludeGraph(unittest.TestCase):
    def refuse(self, path, text, expected):
        """Planting `text` at `path` in the good tree makes a violation that says `expected`."""
        problems = include_graph.check({**GOOD, path: text})
        self.assertTrue(
            any(p.startswith(path) and expected in p for p in problems),
            f"{path} was not refused for '{expected}': {problems}",
        )

    def test_tree_keeps_the_rules(self):
        top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        files = include_graph.read_tree(top)
        self.assertIn("kernels/base/status.h", files)
        self.assertEqual(include_graph.check(files), [])

    def test_good_tree_is_accepted(self):
        self.assertEqual(include_graph.check(GOOD), [])

    def test_folders_do_not_include_upwards_or_sideways(self):
        for path, target in [
            ("kernels/base/x.cc", "kernels/gemm.h"),
            ("kernels/x.cc", "backends/devices.h"),
            ("backends/x.cc", "datasets/table.h"),
            ("backends/cpu/x.cc", "backends/cuda/gemm.h"),
            ("datasets/x.cc", "tracking/run_file.h"),
            ("datasets/x.cc", "automl/models/model.h"),
            ("tracking/x.cc", "datasets/table.h"),
            ("tracking/x.cc", "kernels/gemm.h"),
            ("automl/learners/x.cc", "backends/devices.h"),
            ("automl/learners/x.cc", "backends/cpu/gemm.h"),
            ("automl/learners/x.cc", "tests/datasets/table_test.cc"),
        ]:
            self.refuse(path, f'#include "{target}"\n', "must not include")

    def test_automl_rooms_keep_their_order(self):
        for path, target in [
            ("automl/models/x.cc", "automl/learners/forest.h"),
            ("automl/learners/x.cc", "automl/scheduler/sweep.h"),
            ("automl/search/x.cc", "automl/scheduler/sweep.h"),
        ]:
            self.refuse(path, f'#include "{target}"\n', "lies below")
        self.refuse("automl/attic/x.cc", '#include "automl/models/model.h"\n', "no known room")

    def test_automl_rooms_of_one_level_make_no_circle(self):
        tree = dict(GOOD)
        tree["automl/metrics/score.h"] = HEADER + '#include "automl/models/model.h"\n'
        self.assertEqual(include_graph.check(tree), [])
        tree["automl/models/linear.cc"] = '#include "automl/metrics/score.h"\n'
        self.assertIn("circle: models -> metrics -> models", include_graph.check(tree)[0])

    def test_libraries_stay_with_their_owners(self):
        for path, header in [
            ("automl/scheduler/x.cc", "hdf5.h"),
            ("datasets/x.cc", "H5Fpublic.h"),
            ("automl/scheduler/x.cc", "git2.h"),
            ("automl/cli/x.cc", "yaml-cpp/yaml.h"),
            ("automl/config/x.cc", "CLI/CLI.hpp"),
            ("tracking/x.cc", "spdlog/spdlog.h"),
            ("datasets/x.cc", "Eigen/Core"),
            ("kernels/x.cc", "hwy/highway.h"),
            ("automl/learners/x.cc", "omp.h"),
            ("tracking/x.cc", "zlib.h"),
            ("automl/models/x.cc", "zstd.h"),
            ("kernels/base/x.cc", "openssl/sha.h"),
            ("kernels/x.cc", "Random123/philox.h"),
            ("datasets/x.cc", "gtest/gtest.h"),
            ("backends/cpu/x.cc", "cuda_runtime.h"),
        ]:
            self.refuse(path, f"#include <{header}>\n", "belongs to")

    def test_libraries_stay_out_of_headers(self):
        for path, header in [
            ("automl/learners/x.h", "Eigen/Core"),
            ("automl/config/x.h", "yaml-cpp/yaml.h"),
            ("automl/cli/x.h", "CLI/CLI.hpp"),
            ("tracking/x.h", "nlohmann/json.hpp"),
            ("datasets/x.h", "fmt/format.h"),
        ]:
            self.refuse(path, HEADER + f"#include <{header}>\n", "belongs to")

    def test_unknown_libraries_are_refused_everywhere(self):
        for path in ("kernels/x.cc", "tests/kernels/x_test.cc"):
            self.refuse(path, "#include <boost/any.hpp>\n", "no folder owns")

    def test_includes_name_files_from_the_top(self):
        for target in ("table.h", "../kernels/gemm.h", "datasets/nowhere.h"):
            self.refuse("datasets/x.cc", f'#  include "{target}"\n', "no file of the tree")

    def test_file_style(self):
        self.refuse("datasets/x.cc", "\n" * 601, "601 lines")
        for name in ("csv_utils", "common", "impl", "run_manager", "text_helpers"):
            self.refuse(f"datasets/{name}.cc", "", "says nothing")
        self.refuse("datasets/CsvReader.cc", "", "snake_case")
        self.refuse("datasets/a_name_that_is_much_too_long.cc", "", "characters")
        self.refuse("datasets/x.h", "#pragma once\n", "open with a comment")
        self.refuse("datasets/x.h", "// X.\n#include <vector>\n#pragma once\n", "#pragma once")
        self.refuse("datasets/x.h", "// X.\n", "#pragma once")
        several = "// X. Included once for each target.\n#if defined(X_H)\n#endif\n"
        self.assertEqual(include_graph.check({"backends/cpu/x_simd.h": several}), [])
        self.refuse("datasets/x.cc", "#pragma omp parallel for\n", "Executor")


if __name__ == "__main__":
    unittest.main()
