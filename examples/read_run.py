#!/usr/bin/python3
"""Prints a run of an Assay workspace, read with plain h5py: no part of Assay is needed.

usage: read_run.py WORKSPACE/runs/XX/RUN_ID.h5

The layout is described in docs/store-format.md. On Debian: apt-get install python3-h5py
"""
import datetime
import sys

import h5py


def text(value):
    """Fixed-length UTF-8 strings arrive as bytes, numbers as numpy scalars."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def when(nanoseconds):
    if nanoseconds == 0:
        return "-"
    time = datetime.datetime.fromtimestamp(nanoseconds / 1e9, datetime.timezone.utc)
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")


def values_of(group):
    """Parameters are attributes; long ones are u8 data sets whose `key` is the name."""
    values = {key: text(value) for key, value in group.attrs.items()}
    for stored in group.values():
        values[text(stored.attrs["key"])] = bytes(stored[()]).decode("utf-8", "replace")
    return values


def show(path):
    with h5py.File(path, "r") as run:
        info = run.attrs
        print("%s %s (%s, %s)" % (text(info["kind"]), text(info["name"]),
                                  text(info["experiment"]), text(info["status"])))
        print("  began %s, ended %s" % (when(info["created_ns"]), when(info["ended_ns"])))
        if "score" in info:
            print("  %s = %g" % (text(info["metric"]), info["score"]))

        print("parameters")
        for key, value in sorted(values_of(run["params"]).items()):
            print("  %-28s %s" % (key, value if len(value) < 60 else value[:57] + "..."))

        print("metrics")
        for curve in run["metrics"].values():
            points = curve[()]  # a record array: points["step"], points["time"], points["value"]
            if len(points):
                print("  %-28s %d points, last %g at step %d" % (
                    text(curve.attrs["key"]), len(points), points["value"][-1],
                    points["step"][-1]))

        for group in run.get("predictions", {}).values():
            rows, columns = group["values"].shape
            print("predictions %s: %d rows x %d columns" % (text(group.attrs["key"]), rows, columns))

        for table in run.get("tables", {}).values():
            names = [text(name) for name in table.attrs["columns"]]
            print("table %s: %s" % (text(table.attrs["key"]), ", ".join(names)))

        for row in run.get("artifacts", ()):
            print("artifact %s, %d bytes, blob %s" % (
                text(row["path"]), row["size"], text(row["sha256"])))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    show(sys.argv[1])
