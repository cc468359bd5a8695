"""The results of bench/trees: JSON, one object a line and run, in a file that only ever grows.

What is measured is told by the fields of KEY: a run that the file has as often as it is wanted is not
measured again, so measuring can be done in slices and stopped at any time. `version` is that of a
peer's package, and of Assay the first digits of the hash of its program. `wait` is how OpenMP's
threads wait. A run that failed has `error` in the place of figures and counts as measured; delete its
line to try again. Rows of system `ceilings` are what the machine can do at most.
"""
import hashlib
import importlib.metadata
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), 'automl'))  # last: it has a peers.py, too
import cells  # noqa: E402

KEY = ('set', 'system', 'learner', 'growth', 'leaves', 'threads', 'rounds', 'folds', 'column_share',
       'seed', 'wait', 'version', 'machine')
PACKAGES = {'lightgbm': 'lightgbm', 'xgboost': 'xgboost', 'catboost': 'catboost',
            'sklearn': 'scikit-learn'}


class BadResults(Exception):
    """The file is not one of results."""


def key_of(row):
    return tuple(row.get(name) for name in KEY)


def read(path):
    """The rows, the oldest first. A file that is not there has none; a last line that was cut off is
    no row."""
    try:
        with open(path, encoding='utf-8') as handle:
            lines = handle.read().split('\n')[:-1]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise BadResults(f'{path}: {error}') from None
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadResults(f'{path}, line {number}: {error}') from None
        if not isinstance(row, dict) or 'system' not in row:
            raise BadResults(f'{path}, line {number}: no object with a system')
        rows.append(row)
    return rows


def append(path, row):
    """Adds one row, on disk when this returns."""
    rounded = {key: float(f'{value:.7g}') if isinstance(value, float) else value
               for key, value in row.items()}
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, 'a+b') as handle:
        cells.drop_cut_line(handle)
        handle.seek(0, os.SEEK_END)
        handle.write((json.dumps(rounded) + '\n').encode())
        handle.flush()
        os.fsync(handle.fileno())


def program_version(program):
    """The first digits of the program's hash: each build is measured anew."""
    with open(program, 'rb') as handle:
        return hashlib.sha256(handle.read()).hexdigest()[:8]


def package_version(system):
    """The version of the package that a peer comes from, '' if it is not installed."""
    try:
        return importlib.metadata.version(PACKAGES[system.split('-', maxsplit=1)[0]])
    except importlib.metadata.PackageNotFoundError:
        return ''
