// The kernels of linear_scores and linear_gradient.
//
// Scores: a thread has a row and up to kOutputs of its sums in registers. Rows of a matrix are far
// apart for threads side by side, so the block fetches a tile of columns of its rows together, as
// they lie in memory, and each thread reads its own row from shared memory.
//
// Gradient: a block has one chunk of rows, and a thread one column, which is read side by side with
// its neighbours'. It leaves sums of the chunk, which a second kernel adds in order.
#pragma once

#include "backends/cuda/block.h"

namespace assay::backends::cuda {

// Sums of a thread, indexed by constants.
template <int32_t kCount>
struct LinearSums {
  double values[kCount];
};

struct LinearScoresKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kOutputs = 8;   // of a block
  static constexpr int32_t kColumns = 32;  // of a tile
  // Odd, so that threads that read their rows side by side meet different banks.
  static constexpr int32_t kStride = kColumns + 1;
  static constexpr int32_t kWeightBytes =
      kColumns * kOutputs * static_cast<int32_t>(sizeof(double));
  static constexpr int32_t kTileBytes = kThreads * kStride * static_cast<int32_t>(sizeof(float));
  static constexpr int32_t kSharedBytes =
      kWeightBytes + kTileBytes + kThreads * static_cast<int32_t>(sizeof(int64_t));

  // Grid: x blocks of kThreads rows, y of kOutputs outputs.
  struct Params {
    const float* features;
    const uint32_t* rows;  // or null
    const double* parameters;
    double* scores;
    int64_t sample_count;
    int32_t column_count;
    int32_t output_count;
  };

  using Sums = LinearSums<kOutputs>;

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    auto* weights = block.template shared<double>();                         // [kColumns, kOutputs]
    auto* tile = block.template shared<float>(kWeightBytes);                 // [kThreads, kStride]
    auto* rows = block.template shared<int64_t>(kWeightBytes + kTileBytes);  // -1: there is none
    const auto first_output = static_cast<int32_t>(block.y()) * kOutputs;
    const int32_t rest = params.output_count - first_output;
    const int32_t outputs = rest < kOutputs ? rest : kOutputs;
    typename Block::template PerThread<Sums> sums;
    block.each([&](int32_t thread) {
      const int64_t i = block.x() * kThreads + thread;
      rows[thread] = -1;
      if (i < params.sample_count) {
        rows[thread] = params.rows == nullptr ? i : int64_t{params.rows[i]};
      }
      const double* intercepts =
          params.parameters + int64_t{params.column_count} * params.output_count + first_output;
      ASSAY_UNROLL
      for (int32_t k = 0; k < kOutputs; ++k) {
        sums[thread].values[k] = k < outputs ? intercepts[k] : 0.0;
      }
    });
    for (int32_t first = 0; first < params.column_count; first += kColumns) {
      const int32_t left = params.column_count - first;
      const int32_t columns = left < kColumns ? left : kColumns;
      block.each([&](int32_t thread) {
        fetch_features(params, rows, thread, first, columns, tile);
        fetch_weights(params, thread, first, columns, first_output, outputs, weights);
      });
      block.each([&](int32_t thread) {
        if (rows[thread] < 0) return;
        const float* own = tile + thread * kStride;
        if (outputs == 1) {
          add_columns<1>(own, weights, columns, sums[thread]);
        } else {
          add_columns<kOutputs>(own, weights, columns, sums[thread]);
        }
      });
    }
    block.each([&](int32_t thread) {
      if (rows[thread] < 0) return;
      double* scores = params.scores + rows[thread] * params.output_count + first_output;
      ASSAY_UNROLL
      for (int32_t k = 0; k < kOutputs; ++k) {
        if (k < outputs) scores[k] = sums[thread].values[k];
      }
    });
  }

 private:
  // Threads side by side have columns side by side.
  ASSAY_DEVICE static void fetch_features(const Params& params, const int64_t* rows, int32_t thread,
                                          int32_t first, int32_t columns, float* tile) {
    const int32_t column = thread % kColumns;
    if (column >= columns) return;
    ASSAY_UNROLL
    for (int32_t step = 0; step < kColumns; ++step) {
      const int32_t place = thread / kColumns + step * (kThreads / kColumns);
      const int64_t row = rows[place];
      if (row < 0) continue;
      tile[place * kStride + column] = params.features[row * params.column_count + first + column];
    }
  }

  // Outputs that the block does not have weigh 0.
  ASSAY_DEVICE static void fetch_weights(const Params& params, int32_t thread, int32_t first,
                                         int32_t columns, int32_t first_output, int32_t outputs,
                                         double* weights) {
    for (int32_t i = thread; i < columns * kOutputs; i += kThreads) {
      const int64_t column = first + i / kOutputs;
      const int32_t k = i % kOutputs;
      weights[i] =
          k < outputs ? params.parameters[column * params.output_count + first_output + k] : 0.0;
    }
  }

  template <int32_t kCount>
  ASSAY_DEVICE static void add_columns(const float* features, const double* weights,
                                       int32_t columns, Sums& sums) {
    for (int32_t j = 0; j < columns; ++j) {
      const auto x = static_cast<double>(features[j]);
      ASSAY_UNROLL
      for (int32_t k = 0; k < kCount; ++k) {
        sums.values[k] = sums.values[k] + x * weights[j * kOutputs + k];
      }
    }
  }
};

struct LinearGradientKernel {
  static constexpr int32_t kThreads = 128;  // columns of a block
  static constexpr int32_t kOutputs = 8;    // of a block
  static constexpr int32_t kChunkRows = 2048;
  static constexpr int32_t kBatch = kThreads;  // rows staged at once, a thread each
  static constexpr int32_t kAhead = 16;        // rows that a thread reads at once
  static constexpr int32_t kGradientBytes =
      kBatch * kOutputs * static_cast<int32_t>(sizeof(double));
  static constexpr int32_t kSharedBytes =
      kGradientBytes + kBatch * static_cast<int32_t>(sizeof(int64_t));

  // Grid: x column_tiles blocks a chunk, y blocks of kOutputs outputs.
  struct Params {
    const float* features;
    const uint32_t* rows;    // or null
    const float* gradients;  // [output_count, row_count]
    double* partials;        // [chunks of the launch, column_count + 1, output_count] out
    int64_t row_count;
    int64_t sample_count;
    int64_t first_chunk;
    int32_t column_count;
    int32_t column_tiles;  // of kThreads columns, that of the intercepts among them
    int32_t output_count;
  };

  using Sums = LinearSums<kOutputs>;

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    auto* gradients = block.template shared<double>();            // [kBatch, kOutputs]
    auto* rows = block.template shared<int64_t>(kGradientBytes);  // [kBatch]
    const int64_t chunk = block.x() / params.column_tiles;
    const int64_t first_column = block.x() % params.column_tiles * kThreads;
    const int64_t begin = (params.first_chunk + chunk) * kChunkRows;
    const int64_t behind = begin + kChunkRows;
    const int64_t end = behind < params.sample_count ? behind : params.sample_count;
    const auto first_output = static_cast<int32_t>(block.y()) * kOutputs;
    const int32_t rest = params.output_count - first_output;
    const int32_t outputs = rest < kOutputs ? rest : kOutputs;
    typename Block::template PerThread<Sums> sums;
    block.each([&](int32_t thread) {
      ASSAY_UNROLL
      for (int32_t k = 0; k < kOutputs; ++k) sums[thread].values[k] = 0.0;
    });
    for (int64_t first = begin; first < end; first += kBatch) {
      const auto count = static_cast<int32_t>(end - first < kBatch ? end - first : kBatch);
      block.each([&](int32_t thread) {
        if (thread >= count) return;
        const int64_t i = first + thread;
        const int64_t row = params.rows == nullptr ? i : int64_t{params.rows[i]};
        rows[thread] = row;
        ASSAY_UNROLL
        for (int32_t k = 0; k < kOutputs; ++k) {
          const int64_t plane = (first_output + k) * params.row_count;
          gradients[thread * kOutputs + k] =
              k < outputs ? static_cast<double>(params.gradients[plane + row]) : 0.0;
        }
      });
      block.each([&](int32_t thread) {
        const int64_t column = first_column + thread;
        if (column > params.column_count) return;
        if (outputs == 1) {
          add_rows<1>(params, column, rows, gradients, count, sums[thread]);
        } else {
          add_rows<kOutputs>(params, column, rows, gradients, count, sums[thread]);
        }
      });
    }
    block.each([&](int32_t thread) {
      const int64_t column = first_column + thread;
      if (column > params.column_count) return;
      const int64_t line = chunk * (int64_t{params.column_count} + 1) + column;
      double* partials = params.partials + line * params.output_count + first_output;
      ASSAY_UNROLL
      for (int32_t k = 0; k < kOutputs; ++k) {
        if (k < outputs) partials[k] = sums[thread].values[k];
      }
    });
  }

 private:
  template <int32_t kCount>
  ASSAY_DEVICE static void add_rows(const Params& params, int64_t column, const int64_t* rows,
                                    const double* gradients, int32_t count, Sums& sums) {
    const bool intercept = column == params.column_count;
    for (int32_t first = 0; first < count; first += kAhead) {
      float x[kAhead];
      ASSAY_UNROLL
      for (int32_t a = 0; a < kAhead; ++a) {
        x[a] = 1.0f;
        if (!intercept && first + a < count) {
          x[a] = params.features[rows[first + a] * params.column_count + column];
        }
      }
      ASSAY_UNROLL
      for (int32_t a = 0; a < kAhead; ++a) {
        if (first + a >= count) break;
        const double* g = gradients + (first + a) * kOutputs;
        ASSAY_UNROLL
        for (int32_t k = 0; k < kCount; ++k) {
          sums.values[k] = sums.values[k] + static_cast<double>(x[a]) * g[k];
        }
      }
    }
  }
};

// Adds the sums of chunks to those of the chunks before.
struct LinearJoinKernel {
  static constexpr int32_t kThreads = 64;
  static constexpr int32_t kAhead = 16;  // sums that a thread reads at once

  // Grid: x blocks of kThreads cells.
  struct Params {
    const double* partials;  // [chunk_count, cell_count]
    double* sums;            // [cell_count] in and out
    int64_t chunk_count;
    int64_t cell_count;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      const int64_t cell = block.x() * kThreads + thread;
      if (cell >= params.cell_count) return;
      double sum = params.sums[cell];
      for (int64_t first = 0; first < params.chunk_count; first += kAhead) {
        double next[kAhead];
        ASSAY_UNROLL
        for (int32_t a = 0; a < kAhead; ++a) {
          const int64_t chunk = first + a;
          next[a] =
              chunk < params.chunk_count ? params.partials[chunk * params.cell_count + cell] : 0.0;
        }
        ASSAY_UNROLL
        for (int32_t a = 0; a < kAhead; ++a) {
          if (first + a < params.chunk_count) sum = sum + next[a];
        }
      }
      params.sums[cell] = sum;
    });
  }
};

}  // namespace assay::backends::cuda
