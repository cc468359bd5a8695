# shellcheck shell=bash
# The steps that scripts/quickstart and scripts/test share: say what happens, install packages,
# configure and build. Sourced by them (bash), from the top folder of the project.

# Paths inside the project are hashed as relative ones, so that a fresh clone finds what an earlier
# one has compiled.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-true}

say() { printf '%s\n' "$*"; }
stop() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a step: `step "what it does" command...` prints the title, then the seconds it took.
step() {
  local title=$1 start=$EPOCHREALTIME
  shift
  say "==> $title"
  "$@" || return $?
  say "    $(seconds_since "$start") s"
}

# Seconds since a value of $EPOCHREALTIME, with one decimal.
seconds_since() {
  local now=${EPOCHREALTIME/[.,]/} start=${1/[.,]/}
  local tenths=$(((now - start) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

# The packages of the named groups of scripts/packages.list.
packages_of() {
  local group package rest wanted
  while read -r group package rest; do
    for wanted in "$@"; do
      if [ "$group" = "$wanted" ]; then printf '%s\n' "$package"; fi
    done
  done <scripts/packages.list
}

# Installs what is missing of the named groups. Touches no network when nothing is.
install_packages() {
  local wanted installed missing=() package root=()
  mapfile -t wanted < <(packages_of "$@")
  if ! command -v dpkg-query >/dev/null; then
    say "    this is no Debian system: packages are not installed; needed are the equivalents of"
    say "    ${wanted[*]}"
    return 0
  fi
  installed=" $(dpkg-query -W -f '${db:Status-Abbrev}:${Package} ' "${wanted[@]}" 2>/dev/null) "
  for package in "${wanted[@]}"; do
    case $installed in
      *"ii :$package "*) ;;
      *) missing+=("$package") ;;
    esac
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "    all ${#wanted[@]} packages are there"
    return 0
  fi
  say "    missing: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      stop "installing needs root and there is no sudo; run: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  mkdir -p build
  local log=build/packages.log
  if ! { "${root[@]}" apt-get update -q &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    stop "could not install ${missing[*]} (all of apt's output is in $log)"
  fi
}

# Compiler processes to run side by side: usable CPUs, but at most one for each GiB of free memory.
build_jobs() {
  local cpus memory_kib quota period
  cpus=$(nproc)
  if [ -r /sys/fs/cgroup/cpu.max ]; then
    read -r quota period </sys/fs/cgroup/cpu.max
    if [ "$quota" != max ] && [ $(((quota + period - 1) / period)) -lt "$cpus" ]; then
      cpus=$(((quota + period - 1) / period))
    fi
  fi
  memory_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  if [ -n "$memory_kib" ] && [ $((memory_kib / 1048576)) -lt "$cpus" ]; then
    cpus=$((memory_kib / 1048576))
  fi
  if [ "$cpus" -lt 1 ]; then cpus=1; fi
  printf '%d\n' "$cpus"
}

# For `build_preset`: what is set beside the preset when it is configured, and the command that ends the
# build after a while (`timeout SECONDS`), if any.
configure_options=()
build_limit=()

# `build_preset PRESET [TARGET...]`: configures if that was not done yet, and builds. Quiet: the
# output is in build/PRESET.log, and is shown when it fails. Returns 124 if the limit ended it.
build_preset() {
  local preset=$1 log=build/$1.log status=0
  shift
  mkdir -p build
  : >"$log"
  if [ ! -f "build/$preset/build.ninja" ]; then
    cmake --preset "$preset" "${configure_options[@]}" >>"$log" 2>&1 </dev/null ||
      build_failed "configure" "$preset" "$log"
  fi
  "${build_limit[@]}" cmake --build --preset "$preset" -j "$(build_jobs)" ${1:+--target "$@"} \
    >>"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -eq 124 ]; then return 124; fi
  if [ "$status" -ne 0 ]; then build_failed "build" "$preset" "$log"; fi
}

build_failed() {
  # The first error is what matters; the rest follows from it.
  grep -n -m 1 -A 30 -E '(^FAILED|error:|CMake Error)' "$3" >&2 || tail -n 40 "$3" >&2
  stop "$1 of preset '$2' failed (all output is in $3)"
}
