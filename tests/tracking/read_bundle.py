"""Compares a bundle with the run files of its workspace, object by object, with plain h5py."""
import glob
import hashlib
import os
import sys

import h5py


def same(one, two):
    assert sorted(one.attrs) == sorted(two.attrs), one.name
    for key in one.attrs:
        assert one.attrs[key].tobytes() == two.attrs[key].tobytes(), (one.name, key)
    if isinstance(one, h5py.Dataset):
        assert one.dtype == two.dtype and one[()].tobytes() == two[()].tobytes(), one.name
        return
    assert sorted(one) == sorted(two), one.name
    for key in one:
        same(one[key], two[key])


def main(bundle_path, workspace):
    with h5py.File(bundle_path, "r") as bundle:
        assert bundle.attrs["schema"] == b"assay.bundle", bundle.attrs["schema"]
        for run_id in bundle["runs"]:
            [path] = glob.glob(os.path.join(workspace, "runs", "*", run_id + ".h5"))
            with h5py.File(path, "r") as run:
                same(run["/"], bundle["runs"][run_id])
        blobs = bundle.get("blobs", {})
        for sha256 in blobs:
            assert hashlib.sha256(blobs[sha256][()].tobytes()).hexdigest() == sha256
        print(f"{len(bundle['runs'])} runs equal, {len(blobs)} blobs whole")


if __name__ == "__main__":
    main(*sys.argv[1:])
