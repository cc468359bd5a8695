#!/usr/bin/env bash
# Installs a build into a scratch folder, then configures, builds and runs the project in consumer/
# with what was installed: consumer_test.sh BUILD_FOLDER CXX_COMPILER C_COMPILER
set -euo pipefail
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$1" --prefix "$scratch/installed" >"$scratch/install.log"
# A header that names a folder of the build would work here and nowhere else.
if grep -rlF "$1" "$scratch/installed" --include='*.cmake' --include='*.h'; then
  echo "the files above name the build folder" >&2
  exit 1
fi
cmake -S "$source_folder/consumer" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_COMPILER="$2" -DCMAKE_C_COMPILER="$3" -DCMAKE_PREFIX_PATH="$scratch/installed"
cmake --build "$scratch/build"
"$scratch/build/consumer"
