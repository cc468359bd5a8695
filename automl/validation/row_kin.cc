#include "automl/validation/row_kin.h"

#include "datasets/nested_samples.h"
#include "datasets/splits.h"

namespace assay::automl {
namespace {

template <class T>
std::vector<T> kin_at(std::span<const T> values, std::span<const uint32_t> rows) {
  std::vector<T> taken;
  taken.reserve(rows.size());
  for (const uint32_t row : rows) taken.push_back(values[row]);
  return taken;
}

}  // namespace

std::vector<int32_t> RowKin::blocks(std::span<const uint32_t> rows, int most, uint64_t seed) const {
  if (!groups.empty()) return datasets::group_parts(kin_at(groups, rows), most, seed);
  if (!times.empty()) return datasets::time_parts(kin_at(times, rows), most);
  return {};
}

std::vector<std::vector<uint32_t>> RowKin::samples(std::span<const uint32_t> rows,
                                                   std::span<const double> shares,
                                                   uint64_t seed) const {
  if (!groups.empty()) return datasets::group_samples(kin_at(groups, rows), shares, seed);
  if (!times.empty()) return datasets::time_samples(kin_at(times, rows), shares, seed);
  return {};
}

}  // namespace assay::automl
