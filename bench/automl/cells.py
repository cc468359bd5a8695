"""The results of bench/automl: a tab-separated file with one row a cell, which only ever grows.

A cell is one set, system, seed, budget, number of threads, version of the system and machine. A
cell that has a row, a failed one as well, is not measured again. A last line that was cut off (the
machine stopped while it was written) is dropped by the next append.
"""
import os
import platform

KEY = ('set', 'system', 'seed', 'budget_s', 'threads', 'version', 'machine')
COLUMNS = KEY + (
    'date', 'status', 'task', 'metric', 'score', 'roc_auc', 'log_loss', 'accuracy', 'rmse',
    'constant', 'train_rows', 'test_rows', 'wall_s', 'start_s', 'overshoot_s', 'peak_mib',
    'predict_rows_per_s', 'predict_batch', 'cpus_used', 'foreign_cpus', 'pressure_pct', 'load1',
    'error', 'details')
INSTALL_COLUMNS = ('system', 'version', 'machine', 'date', 'packages', 'error')


class BadResults(Exception):
    """The file is not one of results."""


def text_of(value):
    """A field: numbers with six digits, nothing that would end it."""
    if value is None:
        return ''
    if isinstance(value, float):
        return f'{value:.7g}'
    return ' '.join(str(value).split())


def key_of(row):
    return tuple(text_of(row[name]) for name in KEY)


def read(path, columns=COLUMNS):
    """The rows as dicts of text. A file that is not there has none."""
    try:
        with open(path, encoding='utf-8', newline='\n') as handle:
            lines = handle.read().split('\n')[:-1]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise BadResults(f'{path}: {error}') from None
    if not lines:
        return []
    header = lines[0].split('\t')
    missing = [name for name in columns if name not in header]
    if missing:
        raise BadResults(f"{path} has no column '{missing[0]}': it is no file of results")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        fields = line.split('\t')
        if len(fields) != len(header):
            raise BadResults(f'{path}, line {number}: {len(fields)} fields, the header has '
                             f'{len(header)}')
        rows.append(dict(zip(header, fields)))
    return rows


def append(path, row, columns=COLUMNS):
    """Adds one row, on disk when this returns. Absent columns are empty."""
    unknown = set(row) - set(columns)
    if unknown:
        raise BadResults(f"no column '{unknown.pop()}'")
    line = '\t'.join(text_of(row.get(name)) for name in columns) + '\n'
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, 'a+b') as handle:
        drop_cut_line(handle)
        handle.seek(0, os.SEEK_END)
        if handle.tell() == 0:
            line = '\t'.join(columns) + '\n' + line
        handle.write(line.encode())
        handle.flush()
        os.fsync(handle.fileno())


def drop_cut_line(handle):
    handle.seek(0)
    data = handle.read()
    if data and not data.endswith(b'\n'):
        handle.truncate(data.rfind(b'\n') + 1)


def this_machine():
    """What the figures depend on: the processor, how many of them, and the memory."""
    model = platform.processor() or platform.machine()
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as handle:
            lines = [line.split(':', 1) for line in handle if ':' in line]
        cpu = {}
        for key, value in lines:
            cpu.setdefault(key.strip(), value.strip())
        model = cpu.get('model name', model)
        # Virtual machines hide which it is.
        if 'cpu family' in cpu and 'model' in cpu:
            model += f' (family {cpu["cpu family"]}, model {cpu["model"]})'
        with open('/proc/meminfo', encoding='utf-8') as handle:
            kib = next(int(line.split()[1]) for line in handle if line.startswith('MemTotal'))
    except (OSError, StopIteration, ValueError):
        kib = 0
    return f'{" ".join(model.split())}, {os.cpu_count()} CPUs, {round(kib / 2**20)} GiB'
