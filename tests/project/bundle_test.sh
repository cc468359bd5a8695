#!/usr/bin/env bash
# What scripts/bundle makes is small and stands alone: bundle_test.sh BUILD. The program of the bundle
# runs with nothing in its environment, and all its libraries but the C library's are the bundle's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

scripts/bundle --from "$1" "$scratch/bundle"
program=$scratch/bundle/bin/assay
env -i "$program" devices >"$scratch/devices.log"
grep -q '^cpu ' "$scratch/devices.log"
# Its module is found there too, and says why there is no GPU, if so.
if [ -e "$scratch/bundle/lib/assay/libassay_cuda.so" ] && grep 'no module' "$scratch/devices.log"; then
  echo "the bundle's own module was not found" >&2
  exit 1
fi
env -i ldd "$program" | awk '$2 == "=>" {print $3}' >"$scratch/libraries.log"
if grep -v "^$scratch/bundle/" "$scratch/libraries.log" |
  grep -vE '/(libc|libm|libdl|libpthread|librt|libresolv|libutil)[-.][^/]*$'; then
  echo "the bundle's program takes the libraries above from the system" >&2
  exit 1
fi
