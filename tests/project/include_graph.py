"""The rules of the source tree: who may include whom, which folder owns which library, file style.

`check(files)` takes {path: text} of the whole tree and returns one line a violation. Run as a
program it checks the tree it lies in.
"""
import os
import re
import sys

TOP_FOLDERS = ("kernels", "backends", "datasets", "tracking", "automl", "bench", "tests")
SOURCE_ENDINGS = (".h", ".cc", ".cu", ".cuh", ".cpp", ".hpp")
MAX_LINES = 600
MAX_STEM = 24
BANNED_WORDS = {"util", "utils", "common", "helper", "helpers", "misc", "impl", "manager"}

# What a folder may include besides itself. The longest folder that holds a file decides for it.
BASE = ["kernels/base"]
KERNELS = ["kernels"] + BASE
FOLDERS = {
    "kernels/base": [],
    "kernels": BASE,
    "backends": KERNELS + ["backends/cpu", "backends/cuda", "backends/xrt"],
    "backends/cpu": KERNELS + ["backends"],
    "backends/cuda": KERNELS + ["backends"],
    # What an FPGA leaves to the host is the CPU's code.
    "backends/xrt": KERNELS + ["backends", "backends/cpu"],
    "datasets": KERNELS,
    "tracking": BASE,
    "automl": KERNELS + ["datasets", "tracking", "automl/cli"],  # the rooms decide about cli
    "automl/cli": KERNELS + ["datasets", "tracking", "automl", "backends", "backends/cpu"],
}
FOLDERS["bench"] = FOLDERS["tests"] = list(FOLDERS) + ["bench", "tests"]

# Rooms of automl from the ground up. A room includes its own level and those below, never above,
# and rooms of one level do not include each other in a circle.
AUTOML_LEVELS = [
    ["config", "metrics", "models"],
    ["learners", "preprocess"],
    ["validation", "search", "ensemble"],
    ["scheduler"],
    ["report"],
    ["cli"],
]

# Third-party headers: pattern, owners (a folder or one file), and whether headers may include it.
# tests and bench may include every library.
LIBRARIES = [
    (r"tl/", ["kernels", "backends", "datasets", "tracking", "automl"], True),
    (r"fmt/", ["kernels/base/status.h"], True),
    (r"fmt/", ["kernels", "backends", "datasets", "tracking", "automl"], False),
    (r"Random123/", ["kernels/base"], False),
    (r"openssl/", ["kernels/base/hash.cc"], False),
    (r"(hdf5(_hl)?\.h|H5[A-Za-z]*\.h)$", ["tracking"], True),
    (r"git2(\.h$|/)", ["tracking"], True),
    (r"zlib\.h$", ["datasets"], False),
    (r"zstd\.h$", ["datasets", "tracking"], False),
    (r"yaml-cpp/", ["automl/config"], False),
    (r"CLI/", ["automl/cli"], False),
    (r"spdlog/", ["automl/cli"], True),
    (r"nlohmann/json_fwd\.hpp$", ["automl/cli"], True),
    (r"nlohmann/", ["datasets", "tracking", "automl"], False),
    (r"Eigen/", ["backends/cpu"], True),
    (r"Eigen/", ["automl"], False),
    (r"hwy/", ["backends/cpu"], True),
    (r"omp\.h$", [], False),
    (r"(dnnl|oneapi/dnnl)", ["backends/cpu"], True),
    (r"(cuda|cublas|cudnn|cub/|thrust/|nvtx3/)", ["backends/cuda"], True),
    (r"((xrt|experimental)/|ap_int\.h$|ap_fixed\.h$|hls_)", ["backends/xrt"], True),
    (r"(gtest|gmock|benchmark)/", [], False),
]

# Headers of the C library and the kernel. C++ headers have neither a dot nor a slash.
SYSTEM = re.compile(
    r"^([a-z_]+|(sys|linux|arpa|netinet|sanitizer)/[a-z_]+\.h|"
    r"(dirent|dlfcn|elf|errno|fcntl|glob|grp|limits|link|malloc|netdb|poll|pthread|pwd|sched|signal|spawn|stdint|"
    r"stdlib|string|strings|termios|time|unistd|wait|cpuid)\.h)$"
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def within(path, folder):
    return path == folder or path.startswith(folder + "/")


def folder_of(path):
    """The longest folder of FOLDERS that holds the path."""
    return max((f for f in FOLDERS if within(path, f)), key=len, default=None)


def room_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "automl" and len(parts) > 2 else None


def level_of(room):
    return next((i for i, rooms in enumerate(AUTOML_LEVELS) if room in rooms), None)


def check_project_include(path, target, files):
    if target not in files:
        return f'includes "{target}", which is no file of the tree (write the path from the top)'
    source, aim = folder_of(path), folder_of(target)
    if source != aim and aim not in FOLDERS[source]:
        return f'includes "{target}": {source} must not include {aim}'
    return check_rooms(path, target)


def check_rooms(path, target):
    source, aim = room_of(path), room_of(target)
    if source is None or aim is None:
        return None
    for room in (source, aim):
        if level_of(room) is None:
            return f"automl/{room} is no known room (see AUTOML_LEVELS)"
    if level_of(aim) > level_of(source):
        return f'includes "{target}": automl/{source} lies below automl/{aim}'
    return None


def check_library(path, header):
    if SYSTEM.match(header):
        return None
    rules = [rule for rule in LIBRARIES if re.match(rule[0], header)]
    if not rules:
        return f"includes <{header}>, a library that no folder owns (see LIBRARIES)"
    if path.split("/")[0] in ("tests", "bench"):
        return None
    is_header = path.endswith((".h", ".cuh", ".hpp"))
    for _, owners, in_headers in rules:
        if any(within(path, owner) for owner in owners) and (in_headers or not is_header):
            return None
    owners = sorted({owner for rule in rules for owner in rule[1]})
    return f"includes <{header}>, which belongs to {', '.join(owners) or 'tests and bench'}" + (
        " (.cc files only)" if is_header and not any(rule[2] for rule in rules) else ""
    )


def check_style(path, text):
    name = os.path.basename(path)
    stem, ending = os.path.splitext(name)
    concept = re.sub(r"_(test|bench|fuzz|internal)$", "", stem)
    if text.count("\n") > MAX_LINES:
        yield f"has {text.count(chr(10))} lines (must be at most {MAX_LINES})"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", stem):
        yield "is not named in snake_case"
    if len(concept) > MAX_STEM:
        yield f"has a name of {len(concept)} characters (must be at most {MAX_STEM})"
    banned = BANNED_WORDS & set(concept.split("_"))
    if banned:
        yield f"is named '{banned.pop()}', which says nothing (name the concept)"
    if ending in (".h", ".cuh", ".hpp"):
        if not text.startswith("//"):
            yield "is a header that does not open with a comment"
        directives = re.findall(r"^[ \t]*#[ \t]*(.+?)\s*$", text, re.MULTILINE)
        # A header made to be included several times says so in its opening comment.
        opening = re.match(r"(//.*\n)*", text).group()
        if not re.search(r"\bIncluded (once|by)\b", opening) and directives[:1] != ["pragma once"]:
            yield "is a header whose first directive is not #pragma once"
    if "#pragma omp" in text and not path.startswith("tests/"):
        yield "has '#pragma omp' (threads come from the Executor)"


def find_cycle(edges):
    """A circle in {room: {rooms it includes}} as a list of rooms, or None."""
    done = set()

    def visit(room, trail):
        if room in trail:
            return trail[trail.index(room):] + [room]
        if room in done:
            return None
        for aim in sorted(edges.get(room, ())):
            cycle = visit(aim, trail + [room])
            if cycle:
                return cycle
        done.add(room)
        return None

    return next((c for c in (visit(room, []) for room in sorted(edges)) if c), None)


def check(files):
    problems = []
    room_edges = {}
    for path, text in sorted(files.items()):
        found = list(check_style(path, text))
        for bracket, target in INCLUDE.findall(text):
            if bracket == "<":
                found.append(check_library(path, target))
                continue
            found.append(check_project_include(path, target, files))
            source, aim = room_of(path), room_of(target)
            if source and aim and source != aim:
                room_edges.setdefault(source, set()).add(aim)
        problems += [f"{path}: {problem}" for problem in found if problem]
    cycle = find_cycle(room_edges)
    if cycle:
        problems.append("automl: rooms include each other in a circle: " + " -> ".join(cycle))
    return problems


def read_tree(top):
    files = {}
    for folder in TOP_FOLDERS:
        for place, _, names in os.walk(os.path.join(top, folder)):
            for name in names:
                if name.endswith(SOURCE_ENDINGS):
                    path = os.path.join(place, name)
                    with open(path, encoding="utf-8") as file:
                        files[os.path.relpath(path, top)] = file.read()
    return files


def main():
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    files = read_tree(top)
    problems = check(files)
    for problem in problems:
        print(problem)
    print(f"{len(files)} files, {len(problems)} violations")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
