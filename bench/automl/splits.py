"""Seeded train and test tables of a catalog's data sets.

A catalog is a tab-separated file with the columns name, file, task (binary, multiclass,
regression), target, metric and notes; `drop=a|b` at the start of the notes names columns to leave
out. Files are CSV or CSV.gz with a header, beside the catalog.

Row i (from 0, of the rows with a target) has the key splitmix64(seed * 2^32 + i). Of each class (of
all rows in regression) the fifth with the smallest keys is the test table, rounded half up and
never a whole class. Rows keep their order.
"""
import csv
import functools
import gzip
import hashlib
import json
import os

import metrics

TASKS = ('binary', 'multiclass', 'regression')
COLUMNS = ('name', 'file', 'task', 'target', 'metric')
MASK = (1 << 64) - 1
SHARE = 0.2

csv.field_size_limit(1 << 30)


class BadCatalog(Exception):
    """The catalog or one of its files is not as said above."""


class Unreadable(BadCatalog):
    """A file of the catalog is not there, or cannot be read."""


class DataSet:
    """One row of a catalog."""

    def __init__(self, row, folder):
        missing = [name for name in COLUMNS if not row.get(name)]
        if missing:
            raise BadCatalog(f"{row.get('name') or 'a row'}: the catalog has no {missing[0]}")
        self.name, self.task, self.target = row['name'], row['task'], row['target']
        if os.sep in self.name or self.name.startswith('.'):
            raise BadCatalog(f"'{self.name}' cannot be the name of a folder")
        if self.task not in TASKS:
            raise BadCatalog(f"{self.name}: unknown task '{self.task}' (there are "
                             f"{', '.join(TASKS)})")
        try:
            self.metric = metrics.canonical(row['metric'], self.task)
        except ValueError as error:
            raise BadCatalog(f'{self.name}: {error}') from None
        self.path = os.path.join(folder, row['file'])
        first = (row.get('notes') or '').split(';')[0].strip()
        self.drop = first[len('drop='):].split('|') if first.startswith('drop=') else []

    def is_table(self):
        return self.path.endswith(('.csv', '.csv.gz'))


def read_catalog(path, bad=None):
    """The data sets of a catalog that are CSV files, by name.

    `bad`: a dict that gets the names of rows that are not sound, and why; without it they raise.
    """
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with open(path, encoding='utf-8', newline='') as handle:
            rows = list(csv.DictReader(handle, delimiter='\t', quoting=csv.QUOTE_NONE))
    except OSError as error:
        raise BadCatalog(f'{path}: {error.strerror}') from None
    sets = []
    for row in rows:
        try:
            sets.append(DataSet(row, folder))
        except BadCatalog as error:
            if bad is None:
                raise
            bad[row.get('name') or f'row {len(sets) + len(bad) + 1}'] = str(error)
    names = [one.name for one in sets]
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise BadCatalog(f"{path} has '{double}' twice")
    return {one.name: one for one in sets if one.is_table()}


def key(seed, i):
    z = ((seed << 32) + i + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def rows_of(path):
    opened = gzip.open if path.endswith('.gz') else open
    try:
        with opened(path, 'rt', encoding='utf-8', newline='') as handle:
            yield from (row for row in csv.reader(handle) if row)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise BadCatalog(f'{path}: {error}') from None


def read_header(one):
    header = next(rows_of(one.path), [])
    if one.target not in header:
        raise BadCatalog(f"{one.path}: no column '{one.target}'")
    for name in one.drop:
        if name not in header or name == one.target:
            raise BadCatalog(f"{one.path}: cannot drop '{name}'")
    return header


def chosen_rows(one, header, seed):
    """Whether each row with a target is a test row."""
    at = header.index(one.target)
    groups, count = {}, 0
    for number, row in enumerate(rows_of(one.path)):
        if len(row) != len(header):
            raise BadCatalog(f'{one.path}: row {number} has {len(row)} fields, the header '
                             f'{len(header)}')
        if number and row[at] != '':
            groups.setdefault('' if one.task == 'regression' else row[at], []).append(count)
            count += 1
    if count < 2:
        raise BadCatalog(f'{one.path}: fewer than two rows with a target')
    chosen = bytearray(count)
    for members in groups.values():
        size = min(int(len(members) * SHARE + 0.5), len(members) - 1)
        for i in sorted(members, key=lambda i: (key(seed, i), i))[:size]:
            chosen[i] = 1
    return chosen


def write_tables(one, seed, folder):
    header = read_header(one)
    chosen = chosen_rows(one, header, seed)
    at = header.index(one.target)
    keep = [i for i, name in enumerate(header) if name not in one.drop]
    with open(os.path.join(folder, 'train.csv'), 'w', encoding='utf-8', newline='') as train, \
            open(os.path.join(folder, 'test.csv'), 'w', encoding='utf-8', newline='') as test:
        writers = [csv.writer(file, lineterminator='\n') for file in (train, test)]
        for writer in writers:
            writer.writerow([header[i] for i in keep])
        rows = rows_of(one.path)
        next(rows)
        count = 0
        for row in rows:
            if row[at] != '':
                writers[chosen[count]].writerow([row[i] for i in keep])
                count += 1


@functools.lru_cache(maxsize=None)
def digest(path):
    """Of a table's bytes: sets of one name in two catalogs need not be the same."""
    summed = hashlib.sha256()
    try:
        with open(path, 'rb') as handle:
            while block := handle.read(1 << 20):
                summed.update(block)
    except OSError as error:
        raise Unreadable(f'{path}: {error.strerror}') from None
    return summed.hexdigest()[:12]


def source_of(one):
    about = os.stat(one.path)
    return {'path': os.path.abspath(one.path), 'bytes': about.st_size, 'time': about.st_mtime_ns,
            'target': one.target, 'task': one.task, 'drop': one.drop}


def prepare(one, seed, top):
    """The folder with train.csv and test.csv of a set and seed, made if it is not there."""
    folder = os.path.join(top, f'{one.name}-{seed}')
    stamp = os.path.join(folder, 'source.json')
    try:
        source = source_of(one)
    except OSError as error:
        raise BadCatalog(f'{one.path}: {error.strerror}') from None
    try:
        with open(stamp, encoding='utf-8') as handle:
            if json.load(handle) == source:
                return folder
    except (OSError, json.JSONDecodeError):
        pass
    os.makedirs(folder, exist_ok=True)
    if os.path.exists(stamp):
        os.remove(stamp)
    write_tables(one, seed, folder)
    with open(stamp, 'w', encoding='utf-8') as handle:
        json.dump(source, handle)
    return folder
