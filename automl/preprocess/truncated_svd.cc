// Columns are made orthonormal by Cholesky of Z'Z, twice, for what rounding leaves of a first time.
// A column that lies in the span of those before it becomes 0 and stays so.
#define EIGEN_DONT_PARALLELIZE
#include "automl/preprocess/truncated_svd.h"

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "automl/preprocess/column_transform.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

constexpr int32_t kMoreColumns = 8;
constexpr int kPasses = 2;
constexpr int64_t kProductRows = 1024;
// Of a pivot against what stood there before: less is rounding.
constexpr double kLeastPivot = 1e-10;
// Of a singular value against the greatest one.
constexpr double kLeastValue = 1e-5;

// [rows, width] row-major.
struct Block {
  int64_t rows = 0;
  size_t width = 0;
  std::vector<float> cells;

  Block(int64_t row_count, size_t columns)
      : rows(row_count), width(columns), cells(static_cast<size_t>(row_count) * columns, 0.0f) {}
  float* row(int64_t index) { return cells.data() + static_cast<size_t>(index) * width; }
  const float* row(int64_t index) const {
    return cells.data() + static_cast<size_t>(index) * width;
  }
};

SparseRows transposed(const SparseRows& matrix) {
  SparseRows out;
  out.column_count = static_cast<int32_t>(matrix.row_count());
  out.offsets.assign(static_cast<size_t>(matrix.column_count) + 1, 0);
  for (const int32_t column : matrix.columns) ++out.offsets[static_cast<size_t>(column) + 1];
  for (size_t i = 1; i < out.offsets.size(); ++i) out.offsets[i] += out.offsets[i - 1];
  out.columns.resize(matrix.columns.size());
  out.values.resize(matrix.values.size());
  std::vector<int64_t> next(out.offsets.begin(), out.offsets.end() - 1);
  for (int64_t row = 0; row < matrix.row_count(); ++row) {
    const auto end = static_cast<size_t>(matrix.offsets[static_cast<size_t>(row) + 1]);
    for (auto i = static_cast<size_t>(matrix.offsets[static_cast<size_t>(row)]); i < end; ++i) {
      const auto place = static_cast<size_t>(next[static_cast<size_t>(matrix.columns[i])]++);
      out.columns[place] = static_cast<int32_t>(row);
      out.values[place] = matrix.values[i];
    }
  }
  return out;
}

// out = matrix * in.
Status multiply(const SparseRows& matrix, const Block& in, Block& out,
                const kernels::ComputeContext& context) {
  return for_chunks(chunk_count_of(matrix.row_count(), kProductRows), &context, [&](int64_t chunk) {
    const ChunkRange rows = chunk_range(matrix.row_count(), kProductRows, chunk);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      float* sums = out.row(row);
      std::fill_n(sums, out.width, 0.0f);
      const auto end = static_cast<size_t>(matrix.offsets[static_cast<size_t>(row) + 1]);
      for (auto i = static_cast<size_t>(matrix.offsets[static_cast<size_t>(row)]); i < end; ++i) {
        const float value = matrix.values[i];
        const float* cells = in.row(matrix.columns[i]);
        for (size_t c = 0; c < out.width; ++c) sums[c] += value * cells[c];
      }
    }
  });
}

// block' * block, the lower triangle [width, width].
Result<std::vector<double>> gram(const Block& block, const kernels::ComputeContext& context) {
  const size_t width = block.width;
  const int64_t chunks = chunk_count_of(block.rows, kProductRows);
  std::vector<std::vector<double>> parts(static_cast<size_t>(chunks));
  ASSAY_RETURN_IF_ERROR(for_chunks(chunks, &context, [&](int64_t chunk) {
    std::vector<double>& part = parts[static_cast<size_t>(chunk)];
    part.assign(width * width, 0.0);
    const ChunkRange rows = chunk_range(block.rows, kProductRows, chunk);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const float* cells = block.row(row);
      for (size_t i = 0; i < width; ++i) {
        const double left = cells[i];
        for (size_t j = 0; j <= i; ++j) part[i * width + j] += left * double{cells[j]};
      }
    }
  }));
  std::vector<double> sum(width * width, 0.0);
  for (const std::vector<double>& part : parts) {
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
  }
  return sum;
}

// The lower factor in place; a diagonal of 0 marks a column that depends on those before.
void factor(std::vector<double>& a, size_t width) {
  for (size_t j = 0; j < width; ++j) {
    const double before = a[j * width + j];
    double pivot = before;
    for (size_t k = 0; k < j; ++k) pivot -= a[j * width + k] * a[j * width + k];
    const bool stands = pivot > kLeastPivot * before;
    const double root = stands ? std::sqrt(pivot) : 0;
    a[j * width + j] = root;
    for (size_t i = j + 1; i < width; ++i) {
      double sum = a[i * width + j];
      for (size_t k = 0; k < j; ++k) sum -= a[i * width + k] * a[j * width + k];
      a[i * width + j] = stands ? sum / root : 0;
    }
  }
}

Status orthonormalise(Block& block, const kernels::ComputeContext& context) {
  const size_t width = block.width;
  for (int time = 0; time < 2; ++time) {
    ASSAY_ASSIGN_OR_RETURN(std::vector<double> lower, gram(block, context));
    factor(lower, width);
    ASSAY_RETURN_IF_ERROR(
        for_chunks(chunk_count_of(block.rows, kProductRows), &context, [&](int64_t chunk) {
          const ChunkRange rows = chunk_range(block.rows, kProductRows, chunk);
          std::vector<double> solved(width);
          for (int64_t row = rows.begin; row < rows.end; ++row) {
            float* cells = block.row(row);
            for (size_t j = 0; j < width; ++j) {
              double sum = cells[j];
              for (size_t k = 0; k < j; ++k) sum -= solved[k] * lower[j * width + k];
              const double root = lower[j * width + j];
              solved[j] = root > 0 ? sum / root : 0;
              cells[j] = static_cast<float>(solved[j]);
            }
          }
        }));
  }
  return {};
}

// Entries uniform on (-1, 1).
void draw(Block& block, uint64_t seed) {
  Rng rng(derive_seed(seed, "truncated_svd"));
  for (float& cell : block.cells) cell = static_cast<float>(2 * rng.next_double() - 1);
}

// The vectors Z W of the greatest values, with their signs.
TruncatedSvd rotate(const Block& basis, const std::vector<double>& squares, int32_t rank) {
  const auto width = static_cast<Eigen::Index>(basis.width);
  Eigen::MatrixXd matrix(width, width);
  for (Eigen::Index i = 0; i < width; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) {
      matrix(i, j) = matrix(j, i) = squares[static_cast<size_t>(i * width + j)];
    }
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
  TruncatedSvd svd;
  const double greatest = std::sqrt(std::max(0.0, solver.eigenvalues()(width - 1)));
  for (Eigen::Index k = width; k-- > 0 && width - k <= rank;) {
    const double value = std::sqrt(std::max(0.0, solver.eigenvalues()(k)));
    if (!(value > kLeastValue * greatest)) break;
    svd.values.push_back(value);
  }
  const size_t count = svd.values.size();
  svd.vectors.resize(static_cast<size_t>(basis.rows) * count);
  for (size_t c = 0; c < count; ++c) {
    const auto vector = solver.eigenvectors().col(width - 1 - static_cast<Eigen::Index>(c));
    float most = 0;
    for (int64_t row = 0; row < basis.rows; ++row) {
      const float* cells = basis.row(row);
      double sum = 0;
      for (Eigen::Index i = 0; i < width; ++i) sum += double{cells[i]} * vector(i);
      const auto entry = static_cast<float>(sum);
      svd.vectors[static_cast<size_t>(row) * count + c] = entry;
      if (std::abs(entry) > std::abs(most)) most = entry;
    }
    if (most >= 0) continue;
    for (size_t row = 0; row < static_cast<size_t>(basis.rows); ++row) {
      float& entry = svd.vectors[row * count + c];
      entry = -entry;
    }
  }
  return svd;
}

size_t width_of(int64_t rows, int64_t columns, int32_t rank) {
  return static_cast<size_t>(
      std::max<int64_t>(1, std::min({int64_t{rank} + kMoreColumns, rows, columns})));
}

}  // namespace

Result<TruncatedSvd> truncated_svd(const SparseRows& matrix, int32_t rank, uint64_t seed,
                                   const kernels::ComputeContext& context) {
  if (matrix.row_count() == 0 || matrix.column_count == 0) return TruncatedSvd{};
  const SparseRows columns = transposed(matrix);
  const size_t width = width_of(matrix.row_count(), matrix.column_count, rank);
  Block basis(matrix.column_count, width);
  Block images(matrix.row_count(), width);
  draw(basis, seed);
  for (int pass = 0; pass < kPasses; ++pass) {
    ASSAY_RETURN_IF_ERROR(orthonormalise(basis, context));
    ASSAY_RETURN_IF_ERROR(multiply(matrix, basis, images, context));
    ASSAY_RETURN_IF_ERROR(multiply(columns, images, basis, context));
  }
  ASSAY_RETURN_IF_ERROR(orthonormalise(basis, context));
  ASSAY_RETURN_IF_ERROR(multiply(matrix, basis, images, context));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<double> squares, gram(images, context));
  return rotate(basis, squares, rank);
}

int64_t svd_bytes(int64_t rows, int64_t columns, int64_t nonzeros, int32_t rank) {
  const auto width = static_cast<int64_t>(width_of(rows, columns, rank));
  const int64_t chunks = chunk_count_of(std::max(rows, columns), kProductRows);
  return 8 * nonzeros + 16 * columns + 4 * width * (rows + 2 * columns) +
         8 * width * width * (chunks + 3);
}

}  // namespace assay::automl
