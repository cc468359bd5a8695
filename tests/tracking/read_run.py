"""Opens a run file with plain h5py, reads every object, and prints what a test compares."""
import sys

try:
    import h5py
except ImportError:
    sys.exit("h5py was not found: install it with `apt-get install python3-h5py`")


def text(value):
    """A fixed UTF-8 string comes as bytes."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def main(path):
    with h5py.File(path, "r") as run:
        objects = []
        run.visititems(lambda name, item: objects.append(item))
        elements = 0
        for item in [run] + objects:
            for key in item.attrs:
                item.attrs[key]
            if isinstance(item, h5py.Dataset):
                assert item.dtype.kind != "O", "%s has variable-length data" % item.name
                elements += item[()].size
        print("schema", text(run.attrs["schema"]), run.attrs["schema_version"])
        for key in ("run_id", "kind", "name", "experiment", "status", "metric"):
            print(key, text(run.attrs[key]))
        print("created_ns", run.attrs["created_ns"])
        print("elements", elements)
        for key in sorted(run["params"].attrs):
            value = run["params"].attrs[key]
            print("param", key, text(value), getattr(value, "dtype", "text"))
        for name in sorted(run["params"]):
            stored = run["params"][name]
            print("long param", text(stored.attrs["key"]), stored.shape[0], bytes(stored[-3:]))
        for name in sorted(run["metrics"]):
            points = run["metrics"][name]
            last = points[-1]["value"] if len(points) else "none"
            print("metric", text(points.attrs["key"]), len(points), last, points.dtype.names)
        if "predictions" in run:
            for name in sorted(run["predictions"]):
                group = run["predictions"][name]
                values = group[text(group.attrs["signal"])]
                print("predictions", text(group.attrs["key"]), values.shape, values.dtype,
                      float(values[()].sum()))
        if "tables" in run:
            for name in sorted(run["tables"]):
                print("table", name, [text(column) for column in run["tables"][name].attrs["columns"]])
        if "artifacts" in run:
            for row in run["artifacts"]:
                print("artifact", text(row["path"]), row["size"], text(row["sha256"])[:4])


main(sys.argv[1])
