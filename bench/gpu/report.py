"""Writes the page of a file of results that measure.py made.

  report.py RESULTS [--out FILE] [--notes FILE]

Every table stands below the command that measured it. Where the same group was measured on the CPU,
its figures stand beside the GPU's. The notes, Markdown that people wrote, go before the tables.
"""
import argparse
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TO_MS = {'ns': 1e-6, 'us': 1e-3, 'ms': 1.0, 's': 1e3}
TABLES = {'higgs': 'boosting', 'airline': 'boosting', 'boosting': 'boosting', 'batch': 'batch',
          'forest': 'forest'}
ROUND_PARTS = (('s_gradients', 'gradients'), ('s_grow', 'growing'), ('s_predict', 'predicting'))
# Counters that are rates: unit of the page, and what divides them.
RATES = (('GFLOP/s', 'GFLOP/s', 1), ('GB/s', 'GB/s', 1), ('rows_per_second', 'M rows/s', 1e6))


class ReportError(Exception):
    pass


def number(value, digits=3):
    """So many significant digits, without an exponent."""
    if value is None:
        return '-'
    if value == 0:
        return '0'
    text = f'{value:.{digits - 1}e}'
    places = max(digits - 1 - int(text.split('e')[1]), 0)
    return f'{float(text):,.{min(places, 6)}f}'


def medians(group):
    """{problem: its median run}, in the order of the file; {} for a group that is not there."""
    runs = {}
    for run in (group or {}).get('benchmarks', []):
        runs.setdefault(problem_of(run.get('run_name', run['name'])), []).append(run)
    return {name: sorted(several, key=milliseconds)[len(several) // 2]
            for name, several in runs.items()}


def problem_of(name):
    """gemm/m:8/n:1/real_time is gemm, m 8, n 1."""
    op, *arguments = [part for part in name.split('/') if not part.startswith(('real_time', 'iterations:'))]
    return ', '.join([op, *(argument.replace(':', ' ') for argument in arguments)])


def arguments_of(name):
    return {key: int(value) for key, value in re.findall(r'(\w+):(\d+)', name)}


def milliseconds(run):
    return run['real_time'] * TO_MS[run['time_unit']]


def rate(run):
    for key, unit, divisor in RATES:
        if key in run:
            return f'{number(run[key] / divisor)} {unit}'
    return '-'


def share_of_copy(run, ceilings):
    """Of the bandwidth that copying has, for what counts bytes and no operations."""
    ceiling = (ceilings or {}).get('copy_bytes_per_s')
    if not ceiling or 'GB/s' not in run or 'GFLOP/s' in run:
        return '-'
    return f"{number(100 * run['GB/s'] * 1e9 / ceiling, 2)} %"


def times_over(slow, fast):
    return '-' if slow is None or fast is None else number(milliseconds(slow) / milliseconds(fast))


def boosting_table(gpu, cpu, _):
    yield ('| table | trees | s, GPU | of a tree: ms of ' + ', '.join(word for _, word in ROUND_PARTS) +
           ' | bytes moved a tree | G cells/s of growing | s, CPU | CPU / GPU |')
    yield '|---|---|---|---|---|---|---|---|'
    for name, run in gpu.items():
        sizes = arguments_of(run['name'])
        kind, features = ('airline', 13) if sizes['airline'] else ('higgs', 28)
        parts = ', '.join(number(1e3 * run[key]) if key in run else '-' for key, _ in ROUND_PARTS)
        cells = sizes['krows'] * 1e3 * features
        beside = cpu.get(name)
        yield (f"| {kind}, {sizes['krows'] * 1000:,} x {features} | {sizes['rounds']} | "
               f"{number(milliseconds(run) * 1e-3)} | {parts} | "
               f"{number(run.get('bytes_moved'))} | {number(cells / run['s_grow'] * 1e-9)} | "
               f"{number(milliseconds(beside) * 1e-3) if beside else '-'} | {times_over(beside, run)} |")


def batch_table(gpu, cpu, _):
    yield ('| folds x configurations | leaves a tree | GPU: ms together | one by one | ratio | '
           'CPU: ms together | one by one | CPU / GPU, together |')
    yield '|---|---|---|---|---|---|---|---|'
    pairs = {}
    for name in gpu:
        sizes = arguments_of(gpu[name]['name'])
        pairs.setdefault((sizes['folds'], sizes['configs']), {})[sizes['together']] = name
    for (folds, configs), names in pairs.items():
        runs = [side.get(names.get(way)) for side in (gpu, cpu) for way in (1, 0)]
        times = [number(milliseconds(run)) if run else '-' for run in runs]
        leaves = next(run for run in runs if run)['leaves_a_tree']
        yield (f'| {folds} x {configs} | {number(leaves)} | {times[0]} | {times[1]} | '
               f'{times_over(runs[1], runs[0])} | {times[2]} | {times[3]} | '
               f'{times_over(runs[2], runs[0])} |')


def forest_table(gpu, cpu, _):
    yield '| rows | trees | in a call | leaves a tree | s, GPU | ms a tree | s, CPU | CPU / GPU |'
    yield '|---|---|---|---|---|---|---|---|'
    for name, run in gpu.items():
        sizes = arguments_of(run['name'])
        beside = cpu.get(name)
        yield (f"| {sizes['krows'] * 1000:,} | {sizes['trees']} | {sizes['together']} | "
               f"{number(run['leaves_a_tree'])} | {number(milliseconds(run) * 1e-3)} | "
               f"{number(run['ms_a_tree'])} | "
               f"{number(milliseconds(beside) * 1e-3) if beside else '-'} | {times_over(beside, run)} |")


def op_table(gpu, cpu, ceilings):
    yield '| problem | ms, GPU | rate | of the copying rate | ms, CPU | CPU / GPU |'
    yield '|---|---|---|---|---|---|'
    for name, run in gpu.items():
        beside = cpu.get(name)
        yield (f'| {name} | {number(milliseconds(run))} | {rate(run)} | {share_of_copy(run, ceilings)} '
               f"| {number(milliseconds(beside)) if beside else '-'} | {times_over(beside, run)} |")


CEILINGS = (
    ('shared_adds_32_spread_per_s', 'additions to shared memory, 32 bits, a bank a lane', 1e-9, 'G/s'),
    ('shared_adds_32_drawn_per_s', 'the same at drawn addresses', 1e-9, 'G/s'),
    ('shared_adds_64_spread_per_s', 'additions to shared memory, 64 bits, a bank a lane', 1e-9, 'G/s'),
    ('shared_adds_64_drawn_per_s', 'the same at drawn addresses', 1e-9, 'G/s'),
    ('copy_bytes_per_s', 'copying within the memory, reads and writes counted', 1e-9, 'GB/s'),
    ('gather_bytes_per_s', 'sectors of 32 bytes at drawn places, with their list', 1e-9, 'GB/s'),
    ('launch_s', 'a launch of many behind each other', 1e6, 'us'),
    ('round_trip_spinning_s', 'a launch that the host waits for, spinning', 1e6, 'us'),
    ('round_trip_sleeping_s', 'a launch that the host waits for, asleep', 1e6, 'us'))


def ceilings_section(ceilings):
    if not ceilings:
        return []
    lines = ['', '## What the GPU can do', '', f"`ceilings.cu`: medians of {ceilings['runs']} runs on "
             f"{ceilings['gpu']} with {ceilings['multiprocessors']} multiprocessors.", '',
             '    nvcc -O3 -std=c++17 -arch=native bench/gpu/ceilings.cu -o ceilings && ./ceilings', '',
             '| what | at most |', '|---|---|']
    for key, text, factor, unit in CEILINGS:
        if key in ceilings:
            lines.append(f'| {text} | {number(ceilings[key] * factor)} {unit} |')
    return lines


TITLES = {
    'higgs': 'Boosting: a table like Higgs, 255 leaves, leaf by leaf',
    'airline': 'Boosting: a table like the airline data, 6 of 13 columns categories, depth 10',
    'boosting': 'Boosting: smaller tables like Higgs, 255 leaves',
    'batch': 'Many models of a small table: 32,561 rows x 14 columns',
    'forest': 'Forests that count 7 classes, to purity: 54 columns, 7 of them a node',
    'loss': 'Gradients and values of losses',
    'bin_columns': 'Binning',
    'predict_trees': 'Prediction',
    'tree_shap': 'Explanation: contributions of features to the sums of trees',
    'linear': 'Scores of linear models, and sums of their gradients',
    'gemm': 'Matrix products',
    'knn_topk': 'Nearest neighbours'}
MAKERS = {'boosting': boosting_table, 'batch': batch_table, 'forest': forest_table, 'op': op_table}


def group_section(name, devices, gpu_id, ceilings):
    sides = [(devices.get(id) or {}).get('groups', {}).get(name) for id in (gpu_id, 'cpu')]
    if not medians(sides[0]):
        return []
    lines = ['', f'## {TITLES.get(name, name)}', '']
    lines += [f"    {side['command']}" for side in sides if side]
    table = MAKERS[TABLES.get(name, 'op')](medians(sides[0]), medians(sides[1]), ceilings)
    return lines + ['', *table]


def page(results, notes=''):
    devices = results['devices']
    gpu_id = next((id for id in devices if id != 'cpu'), None)
    if gpu_id is None:
        raise ReportError('the results have no figures of a GPU')
    lines = ['# How fast the GPU kernels are', '',
             f"Measured on {gpu_id}, {devices[gpu_id]['name']}, by `bench/gpu/run`, which writes this page.",
             'Figures are medians of the repetitions that a command names, by the clock, with the data on the',
             'device; the share of a rate is of what `ceilings.cu` measured.']
    if 'cpu' in devices:
        lines.append(f"The CPU is {devices['cpu']['name']}, {devices['cpu']['threads']} threads.")
    lines += ['', notes.strip()] if notes.strip() else []
    lines += ceilings_section(results.get('ceilings'))
    names = list(TITLES) + [name for name in devices[gpu_id]['groups'] if name not in TITLES]
    for name in names:
        lines += group_section(name, devices, gpu_id, results.get('ceilings'))
    return '\n'.join(lines) + '\n'


def write_page(results, path, notes_path=os.path.join(HERE, 'notes.md')):
    notes = ''
    if os.path.exists(notes_path):
        with open(notes_path, encoding='utf-8') as file:
            notes = file.read()
    text = page(results, notes)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('results')
    parser.add_argument('--out', default='docs/gpu-performance.md')
    parser.add_argument('--notes', default=os.path.join(HERE, 'notes.md'))
    options = parser.parse_args(arguments)
    try:
        with open(options.results, encoding='utf-8') as file:
            write_page(json.load(file), options.out, options.notes)
    except (ReportError, OSError, ValueError, KeyError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(options.out)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
