#include "backends/devices.h"
#include "datasets/growth_layout.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"
#include "tests/conformance/tree_problems.h"

namespace assay::conformance {
namespace {

using kernels::GrowTree;
using kernels::GrowTreeArgs;
using kernels::GrowTrees;

template <class T>
std::vector<T> copy_of(const T* first, int64_t count) {
  return std::vector<T>(first, first + count);
}

// The table's columns and bundles, made on the host and copied to where the case runs.
void place_growth_forms(const BinnedTable& table, CaseBuffers& buffers, kernels::BinnedView& view) {
  static const auto devices = backends::open_devices({});
  SerialExecutor executor;
  const kernels::BinnedView blocks = table.view(table.bins.data());
  const auto layout = datasets::GrowthLayout::make(blocks, devices->host(), executor);
  ASSERT_TRUE(layout.has_value()) << layout.error().message;
  const kernels::BinnedView full = layout->extend(blocks);
  const int64_t features = table.feature_count();
  view.columns = buffers.input("columns", copy_of(full.columns, table.row_count * features));
  if (full.bundles == nullptr) return;
  kernels::BundleView bundles = *full.bundles;
  const int64_t count = bundles.bundle_count;
  bundles.cells = buffers.input("bundle cells", copy_of(bundles.cells, table.row_count * count));
  const auto keep = [&](const auto*& array, int64_t size) {
    array = buffers.host_input("bundles", copy_of(array, size));
  };
  keep(bundles.code_counts, count);
  keep(bundles.feature_offsets, count + 1);
  keep(bundles.features, features);
  keep(bundles.places, features);
  keep(bundles.bundle_of, features);
  keep(bundles.bins, features * 256);
  keep(bundles.usual_bins, features);
  keep(bundles.odd_codes, bundles.odd_offsets[features]);
  keep(bundles.odd_offsets, features + 1);
  view.bundles = buffers.keep(bundles);
}

// In what form the table comes.
enum class Form {
  kBlocks,
  kGrowthForms,  // with columns and bundles
  kOnHost,       // to be streamed
};

Form every_form(uint64_t seed) { return static_cast<Form>(seed % 3); }

kernels::BinnedView place_table(const BinnedTable& table, Form form, CaseBuffers& buffers) {
  const bool on_host = form == Form::kOnHost;
  kernels::BinnedView view = table.view(on_host ? buffers.host_input("bins", table.bins)
                                                : buffers.input("bins", table.bins));
  view.on_host = on_host;
  view.bin_counts = buffers.host_input("bin_counts", table.bin_counts);
  view.kinds = buffers.host_input("kinds", table.kinds);
  if (form == Form::kGrowthForms && table.row_count > 0 && table.feature_count() > 0) {
    place_growth_forms(table, buffers, view);
  }
  return view;
}

GrowTreeArgs place_tree(const TreeProblem& item, const kernels::BinnedView& bins,
                        CaseBuffers& buffers) {
  const auto device_array = [&](const char* name, const auto& values) {
    return values.empty() ? nullptr : buffers.input(name, values);
  };
  GrowTreeArgs args;
  args.bins = bins;
  args.rows = buffers.input("rows", item.rows);
  args.gradients = device_array("gradients", item.gradients);
  args.hessians = device_array("hessians", item.hessians);
  args.classes = device_array("classes", item.classes);
  args.weights = device_array("weights", item.weights);
  args.max_abs_gradient = item.max_abs_gradient;
  args.max_hessian = item.max_hessian;
  if (!item.feature_mask.empty()) {
    args.feature_mask = buffers.host_input("feature_mask", item.feature_mask);
  }
  if (!item.monotone.empty()) args.monotone = buffers.host_input("monotone", item.monotone);
  if (!item.interactions.empty()) {
    args.interactions = buffers.host_input("interactions", item.interactions);
  }
  kernels::Tree old;
  old.nodes.resize(7);
  old.leaf_values = {1, 2, 3};
  args.tree = buffers.host_object<kernels::Tree>("tree", old, bytes_of);
  args.leaf_of = buffers.output<int32_t>("leaf_of", item.problem.sample_count);
  return args;
}

// Splits that there can be, each with a histogram and a scan for every block of columns of an FPGA
// card; of a node whose columns are its own, one for each child. A few of them take as long as a
// tile of a product.
int64_t card_steps_of(const kernels::GrowTreeProblem& problem) {
  const kernels::TreeParams& params = problem.params;
  int64_t splits = std::min<int64_t>(params.max_leaves, problem.sample_count) - 1;
  if (params.max_depth < 30) {
    splits = std::min(splits, (int64_t{1} << params.max_depth) - 1);
  }
  if (params.min_child_samples > 1) {
    splits = std::min(splits, problem.sample_count / params.min_child_samples);
  }
  const int64_t nodes = params.columns_per_node > 0 ? 2 * splits : splits;
  return std::max<int64_t>(0, nodes) * ((problem.feature_count + 63) / 64) / 4;
}

OpCase<GrowTree> case_of(const TreeProblem& item, Form form = Form::kBlocks) {
  OpCase<GrowTree> op_case;
  op_case.name = item.name;
  op_case.table_on_host = form == Form::kOnHost;
  op_case.problem = item.problem;
  op_case.card_steps = card_steps_of(item.problem);
  op_case.place = [item, form](CaseBuffers& buffers) {
    return place_tree(item, place_table(item.table, form, buffers), buffers);
  };
  return op_case;
}

// Trees of one table. Those that share rows have the same array of them, as outputs of a round do.
OpCase<GrowTrees> case_of(const std::vector<TreeProblem>& items, Form form) {
  OpCase<GrowTrees> op_case;
  op_case.table_on_host = form == Form::kOnHost;
  op_case.name = fmt::format("{}, {} trees", items[0].name, items.size());
  for (const TreeProblem& item : items) {
    op_case.problem.trees.push_back(item.problem);
    op_case.card_steps += card_steps_of(item.problem);
  }
  op_case.place = [items, form](CaseBuffers& buffers) {
    const kernels::BinnedView bins = place_table(items[0].table, form, buffers);
    kernels::GrowTreesArgs args;
    for (const TreeProblem& item : items) {
      args.trees.push_back(place_tree(item, bins, buffers));
      if (item.rows == items[0].rows) args.trees.back().rows = args.trees[0].rows;
    }
    return args;
  };
  return op_case;
}

void check_seeds(uint64_t begin, uint64_t end, int64_t row_count, Form form = Form::kBlocks) {
  std::vector<OpCase<GrowTree>> cases;
  for (uint64_t seed = begin; seed < end; ++seed) {
    const TreeProblem item =
        row_count == 0 ? random_tree_problem(seed) : random_tree_problem(seed, row_count);
    cases.push_back(case_of(item, form));
  }
  check_op<GrowTree>(kernels::reference::grow_tree, cases);
}

TEST(GrowTree, AgreesOnSmallProblems) { check_seeds(0, with_thread_sanitizer() ? 20 : 100, 0); }

// Large enough that the CPU shares one node's rows among threads, and grows subtrees apart.
TEST(GrowTree, AgreesOnProblemsOfThousandsOfRows) {
  // A few of them are short enough for an emulated card.
  check_seeds(1000, with_thread_sanitizer() ? 1004 : 1008, 4500);
}

TEST(GrowTree, AgreesWithColumnsAndBundles) {
  check_seeds(2000, with_thread_sanitizer() ? 2010 : 2060, 0, Form::kGrowthForms);
  check_seeds(3000, with_thread_sanitizer() ? 3002 : 3008, 4500, Form::kGrowthForms);
}

TEST(GrowTree, AgreesOnTablesInTheHostsMemory) {
  check_seeds(4000, with_thread_sanitizer() ? 4010 : 4060, 0, Form::kOnHost);
  check_seeds(4100, with_thread_sanitizer() ? 4102 : 4106, 4500, Form::kOnHost);
}

// One-hot columns beside a wide one: the bundles are what histograms are built from.
TreeProblem one_hot_problem(int32_t class_count) {
  TreeProblem item = plain_tree_problem(3000, 21, class_count);
  Rng rng(77);
  kernels::BinnedView view = item.table.view(item.table.bins.data());
  for (int32_t f = 1; f < 21; ++f) item.table.bin_counts[static_cast<size_t>(f)] = 3;
  for (int64_t row = 0; row < 3000; ++row) {
    const auto hot = static_cast<int32_t>(1 + rng.below(20));
    for (int32_t f = 1; f < 21; ++f) {
      item.table.bins[static_cast<size_t>(view.cell_offset(row, f))] = f == hot ? 2 : 1;
    }
  }
  return item;
}

TEST(GrowTree, AgreesOnOneHotColumns) {
  std::vector<OpCase<GrowTree>> cases;
  for (const int32_t class_count : {0, 2, 3}) {
    for (const int32_t columns : {0, 4}) {
      TreeProblem item = one_hot_problem(class_count);
      item.problem.params.columns_per_node = columns;
      item.name = fmt::format("one-hot, {} classes, {} columns a node", class_count, columns);
      cases.push_back(case_of(item, Form::kGrowthForms));
    }
  }
  check_op<GrowTree>(kernels::reference::grow_tree, cases);
}

// Trees whose order of growth does not matter, with no more rows than a thread takes alone.
TEST(GrowTree, AgreesOnOneHotColumnsLevelByLevel) {
  std::vector<OpCase<GrowTree>> cases;
  for (const int32_t class_count : {0, 3}) {
    for (const auto growth :
         {kernels::GrowthPolicy::kDepthWise, kernels::GrowthPolicy::kSymmetric}) {
      for (const int64_t rows : {1, 100, 200}) {
        for (const bool random : {false, true}) {
          TreeProblem item = one_hot_problem(class_count);
          item.problem.params.growth = growth;
          item.problem.params.max_depth = 5;
          item.problem.params.max_leaves = 32;
          item.problem.params.min_child_samples = rows;
          item.problem.params.random_thresholds = random;
          item.name = fmt::format("one-hot, {} classes, growth {}, {} rows a leaf, random {}",
                                  class_count, static_cast<int>(growth), rows, random);
          cases.push_back(case_of(item, Form::kGrowthForms));
        }
      }
    }
  }
  check_op<GrowTree>(kernels::reference::grow_tree, cases);
}

// Several problems on the table of one: other gradients each and, as folds have, other rows.
std::vector<TreeProblem> problems_of_one_table(uint64_t seed, int64_t row_count) {
  Rng rng(derive_seed(seed, "trees of a round"));
  std::vector<TreeProblem> items;
  const auto count = static_cast<size_t>(2 + rng.below(row_count > 1000 ? 5 : 11));
  const bool folds = rng.below(2) == 0;
  const bool mixed = rng.below(4) == 0;
  for (uint64_t other = seed; items.size() < count; other += 100'000) {
    TreeProblem item = random_tree_problem(other, row_count);
    if (!items.empty()) {
      // The first one's table; of the rest what goes with any table of as many rows.
      const TreeProblem& first = items[0];
      TreeProblem on_first = first;
      on_first.problem.seed = item.problem.seed;
      if (mixed) on_first.problem.params = item.problem.params;
      if (first.problem.class_count == 0 && !item.gradients.empty()) {
        on_first.gradients = item.gradients;
        on_first.hessians = item.hessians;
      }
      if (folds) on_first.rows = item.rows;
      on_first.problem.sample_count = static_cast<int64_t>(on_first.rows.size());
      on_first.problem.params.columns_per_node = first.problem.params.columns_per_node;
      on_first.set_bounds();
      item = std::move(on_first);
    }
    items.push_back(std::move(item));
  }
  return items;
}

void check_rounds(uint64_t begin, uint64_t end, int64_t row_count) {
  std::vector<OpCase<GrowTrees>> cases;
  for (uint64_t seed = begin; seed < end; ++seed) {
    cases.push_back(case_of(problems_of_one_table(seed, row_count), every_form(seed)));
  }
  check_op<GrowTrees>(kernels::reference::grow_trees, cases);
}

TEST(GrowTrees, AgreesOnSmallProblems) { check_rounds(0, with_thread_sanitizer() ? 4 : 15, 300); }

TEST(GrowTrees, AgreesOnProblemsOfThousandsOfRows) {
  check_rounds(1000, with_thread_sanitizer() ? 1002 : 1006, 4500);
}

// All roots in one pass of several chunks and blocks, or of folds each in its own where there are
// few; then trees side by side and one with all threads.
TEST(GrowTrees, AgreesOnTheOutputsOfARoundAndOnFolds) {
  std::vector<OpCase<GrowTrees>> cases;
  for (const size_t count : {size_t{3}, size_t{5}, size_t{8}, size_t{9}}) {
    if (with_thread_sanitizer() && count > 3) continue;
    std::vector<TreeProblem> outputs;
    std::vector<TreeProblem> folds;
    Rng rng(count);
    for (size_t k = 0; k < count; ++k) {
      TreeProblem item = plain_tree_problem(6000, 5, 0);
      item.problem.params.max_leaves = 8;
      item.problem.seed += k;
      for (float& gradient : item.gradients) {
        gradient += static_cast<float>(rng.next_double() * static_cast<double>(k));
      }
      item.set_bounds();
      outputs.push_back(item);
      item.rows.clear();
      for (uint32_t row = 0; row < 6000; ++row) {
        if (row % count != k) item.rows.push_back(row);
      }
      item.problem.sample_count = static_cast<int64_t>(item.rows.size());
      item.set_bounds();
      folds.push_back(std::move(item));
    }
    outputs[0].name = "outputs";
    folds[0].name = "folds";
    cases.push_back(case_of(outputs, Form::kBlocks));
    cases.push_back(case_of(outputs, Form::kOnHost));
    cases.push_back(case_of(folds, Form::kGrowthForms));
    cases.push_back(case_of(folds, Form::kOnHost));
  }
  TreeProblem wide = plain_tree_problem(500, 600, 0);
  wide.problem.params.max_leaves = 4;
  cases.push_back(case_of(std::vector<TreeProblem>{wide, wide}, Form::kBlocks));
  cases.push_back(case_of(std::vector<TreeProblem>{wide, wide}, Form::kOnHost));
  check_op<GrowTrees>(kernels::reference::grow_trees, cases);
}

TEST(GrowTrees, NoTreesAreNoWork) {
  check_op<GrowTrees>(kernels::reference::grow_trees,
                      {{"none", {}, [](CaseBuffers&) { return kernels::GrowTreesArgs(); }, {}}});
}

TEST(GrowTrees, RefuseTreesOfDifferentTables) {
  const TreeProblem first = plain_tree_problem(50, 2, 0);
  const TreeProblem second = plain_tree_problem(50, 2, 0);
  std::vector<kernels::Tree> trees(2);
  std::vector<int32_t> leaf_of(50);
  const kernels::GrowTreesArgs args{
      {first.args(&trees[0], leaf_of.data()), second.args(&trees[1], leaf_of.data())}};
  const Status refused = check_problem({{first.problem, second.problem}}, args);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "grow_trees: tree 1 has another table (all trees must have the same)");
  EXPECT_FALSE(check_problem({{first.problem}}, args));
}

TEST(GrowTree, AgreesOnSymmetricTrees) {
  std::vector<OpCase<GrowTree>> cases;
  for (const int32_t class_count : {0, 2}) {
    for (const Form form : {Form::kBlocks, Form::kGrowthForms, Form::kOnHost}) {
      TreeProblem item = plain_tree_problem(9000, 5, class_count);
      item.problem.params.growth = kernels::GrowthPolicy::kSymmetric;
      item.problem.params.max_leaves = class_count == 0 ? 16 : 8;
      item.problem.params.min_child_samples = 30;
      item.name += fmt::format(", symmetric, {} classes", class_count);
      cases.push_back(case_of(item, form));
    }
  }
  check_op<GrowTree>(kernels::reference::grow_tree, cases);
}

// Symmetric trees of gradients or that count classes, few enough leaves for the reference.
TreeProblem symmetric_problem(uint64_t seed, int64_t row_count, bool counts_classes) {
  TreeProblem item;
  do {
    item = row_count == 0 ? random_tree_problem(seed) : random_tree_problem(seed, row_count);
    seed += 1'000'000;
  } while ((item.problem.class_count > 0) != counts_classes || item.table.feature_count() > 28);
  kernels::TreeParams& params = item.problem.params;
  if (params.growth != kernels::GrowthPolicy::kSymmetric) {
    params.growth = kernels::GrowthPolicy::kSymmetric;
    params.max_leaves = std::min(params.max_leaves, row_count > 1000 ? 9 : 20);
  }
  item.name += ", symmetric";
  return item;
}

void check_symmetric_trees(uint64_t seed, uint64_t count, bool counts_classes) {
  std::vector<OpCase<GrowTree>> cases;
  for (uint64_t k = 0; k < (with_thread_sanitizer() ? count / 6 : count); ++k) {
    cases.push_back(case_of(symmetric_problem(seed + k, 0, counts_classes), every_form(k)));
  }
  for (uint64_t k = 0; k < (with_thread_sanitizer() ? 1 : 4); ++k) {
    cases.push_back(
        case_of(symmetric_problem(seed + 1000 + k, 3000, counts_classes), every_form(k)));
  }
  check_op<GrowTree>(kernels::reference::grow_tree, cases);
}

TEST(GrowTree, AgreesOnSymmetricTreesOfGradients) { check_symmetric_trees(5000, 60, false); }

TEST(GrowTree, AgreesOnSymmetricTreesThatCountClasses) { check_symmetric_trees(9000, 40, true); }

// As many classes as a GPU counts.
TEST(GrowTree, AgreesOnSymmetricTreesOfManyClasses) {
  std::vector<OpCase<GrowTree>> cases;
  for (const Form form : {Form::kBlocks, Form::kOnHost}) {
    TreeProblem item = plain_tree_problem(700, 3, 28);
    Rng rng(28);
    for (int32_t& row_class : item.classes) row_class = static_cast<int32_t>(rng.below(28));
    item.table.kinds[1] = kernels::FeatureKind::kCategorical;
    for (int64_t row = 0; row < 700; ++row) item.weights.push_back(0.25f * float(1 + row % 5));
    item.problem.params.growth = kernels::GrowthPolicy::kSymmetric;
    item.problem.params.max_leaves = 8;
    item.name += ", symmetric, 28 classes";
    item.set_bounds();
    cases.push_back(case_of(item, form));
  }
  check_op<GrowTree>(kernels::reference::grow_tree, cases);
}

// Several on one table: other seeds, gradients or classes, and rows, and one in three of another
// growth.
std::vector<TreeProblem> symmetric_round(uint64_t seed, bool counts_classes) {
  const uint64_t base = counts_classes ? 11'000 : 7000;
  const TreeProblem first = symmetric_problem(base + seed, 300, counts_classes);
  std::vector<TreeProblem> items{first};
  for (uint64_t k = 1; k < 2 + seed % 6; ++k) {
    const TreeProblem other = symmetric_problem(base + 1000 + 10 * seed + k, 300, counts_classes);
    TreeProblem item = first;
    item.problem.seed = other.problem.seed;
    item.problem.class_count = other.problem.class_count;
    item.gradients = other.gradients;
    item.hessians = other.hessians;
    item.classes = other.classes;
    item.weights = other.weights;
    if (k % 2 == 0) item.rows = other.rows;
    item.problem.sample_count = static_cast<int64_t>(item.rows.size());
    if (k % 3 == 0) item.problem.params.growth = kernels::GrowthPolicy::kLeafWise;
    item.problem.params.max_depth = other.problem.params.max_depth;
    item.set_bounds();
    items.push_back(std::move(item));
  }
  return items;
}

TEST(GrowTrees, AgreesOnSymmetricTrees) {
  std::vector<OpCase<GrowTrees>> cases;
  for (uint64_t seed = 0; seed < (with_thread_sanitizer() ? 3 : 10); ++seed) {
    for (const bool counts_classes : {false, true}) {
      cases.push_back(case_of(symmetric_round(seed, counts_classes), every_form(seed)));
    }
  }
  check_op<GrowTrees>(kernels::reference::grow_trees, cases);
}

TEST(GrowTree, AgreesOnManyRows) {
  std::vector<OpCase<GrowTree>> cases;
  for (const int32_t class_count : {0, 2}) {
    for (const int32_t columns : {0, 3}) {
      if (with_thread_sanitizer() && (class_count == 0) != (columns == 0)) continue;
      TreeProblem item = plain_tree_problem(9000, 6, class_count);
      item.problem.params.columns_per_node = columns;
      item.problem.params.growth =
          columns == 0 ? kernels::GrowthPolicy::kLeafWise : kernels::GrowthPolicy::kDepthWise;
      item.problem.params.max_leaves = columns == 0 ? 15 : 1 << 30;
      item.problem.params.min_child_samples = 30;
      item.name += fmt::format(", {} classes, {} columns a node", class_count, columns);
      cases.push_back(case_of(item));
    }
  }
  check_op<GrowTree>(kernels::reference::grow_tree, cases);
}

}  // namespace
}  // namespace assay::conformance
