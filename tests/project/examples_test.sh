#!/usr/bin/env bash
# Every config in examples/ is good, and a sweep of three trials on it registers a model that
# predicts each row of its test file: examples_test.sh ASSAY_PROGRAM
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
assay=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export ASSAY_WORKSPACE=$scratch/workspace

count=0
for config in examples/*.yaml; do
  name=$(basename "$config" .yaml)
  test_data=examples/data/${name}_test.csv
  "$assay" config check "$config"
  # A copy without its time budget, so that what is run does not depend on the machine's speed.
  mkdir -p "$scratch/$name"
  ln -sfn "$PWD/examples/data" "$scratch/$name/data"
  sed -E 's/^  (time|trials): .*/  trials: 3/' "$config" >"$scratch/$name/$name.yaml"
  "$assay" run "$scratch/$name/$name.yaml" --quiet
  "$assay" score "$name" --data "$test_data"
  "$assay" predict "$name" --data "$test_data" --out "$scratch/$name/predictions.csv"
  expected=$(wc -l <"$test_data")
  found=$(wc -l <"$scratch/$name/predictions.csv")
  if [ "$expected" -ne "$found" ]; then
    echo "$name: $found lines of predictions for $expected lines of data" >&2
    exit 1
  fi
  count=$((count + 1))
done
[ "$count" -ge 2 ]
