#!/usr/bin/env python3
"""Tells what bench/store/run measured: a table with a column a tool, and Assay's factors over the
others.

  report.py FOLDER        (FOLDER/<tool>.json, as peers.py and store_peer print them)

Prints Markdown; writes it to FOLDER/report.md and all values to FOLDER/report.json. FOLDER/catalog.txt,
if it is there, is what catalog_bench printed.
"""
import json
import os
import sys

ROWS = [('points_buffered_per_s', 'points/s, buffered, by handle'),
        ('points_each_per_s', 'points/s, buffered, one call each'),
        ('points_durable_per_s', 'points/s, durable'),
        ('create_run_p50_ms', 'create a run, p50 ms'),
        ('create_run_p99_ms', 'create a run, p99 ms'),
        ('commit_p50_ms', 'commit, p50 ms'),
        ('commit_p99_ms', 'commit, p99 ms'),
        ('typical_run_p50_ms', 'a typical run, p50 ms'),
        ('typical_run_bytes', 'a typical run, bytes'),
        ('list_runs_ms', 'list the runs, ms'),
        ('fdatasync_per_s', 'fdatasync/s of the disk')]
# What Assay's handle is compared with, where a tool has one call only.
STANDS_FOR = {'points_buffered_per_s': 'points_each_per_s'}
ORDER = ['disk', 'assay', 'sqlite3', 'h5py', 'mlflow-sqlite', 'mlflow-file', 'aim']
PEERS = ORDER[2:]


def shown(value):
    if value is None:
        return '-'
    if value >= 1e6:
        return f'{value / 1e6:.2f} M'
    if value >= 1e4:
        return f'{value / 1e3:.1f} k'
    return f'{value:.3g}' if value < 100 else f'{value:.0f}'


def factor(key, assay, other):
    """How many times better Assay is, or None. Lists of different lengths do not compare."""
    if key == 'list_runs_ms' and assay.get('runs') != other.get('runs'):
        return None
    mine = assay.get(key)
    theirs = other.get(key, other.get(STANDS_FOR.get(key)))
    if not mine or not theirs:
        return None
    return mine / theirs if key.endswith('_per_s') else theirs / mine


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return lines + ['| ' + ' | '.join(row) + ' |' for row in rows]


def read_results(folder):
    results = {}
    for tool in ORDER:
        try:
            with open(os.path.join(folder, f'{tool}.json'), encoding='utf-8') as file:
                results[tool] = json.load(file)
        except FileNotFoundError:
            pass
        except json.JSONDecodeError:
            results[tool] = {'error': 'printed no JSON'}
    return results


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    results = read_results(folder)
    tools = [tool for tool in results if 'error' not in results[tool]]
    if 'assay' not in tools:
        sys.exit(f'report.py: {folder} has no measures of Assay')
    assay = results['assay']
    factors = {tool: {key: factor(key, assay, results[tool]) for key, _ in ROWS}
               for tool in PEERS if tool in tools}
    lines = table(['measure'] + tools,
                  [[title] + [shown(results[tool].get(key)) for tool in tools]
                   for key, title in ROWS if any(key in results[tool] for tool in tools)])
    if factors:
        lines += ['', 'Assay over the others (how many times better):', '']
        lines += table(['measure'] + list(factors),
                       [[title] + [shown(factors[tool][key]) for tool in factors]
                        for key, title in ROWS if any(factors[tool][key] for tool in factors)])
    lines.append('')
    for tool in tools:
        about = results[tool]
        name = ' '.join(part for part in (tool, about.get('version')) if part)
        lines.append(f"- {name}: {about.get('note', 'the disk itself')}"
                     f"{'; lists have ' + str(about['runs']) + ' runs' if 'runs' in about else ''}")
    lines += [f"- {tool}: {results[tool]['error']}" for tool in results if 'error' in results[tool]]
    catalog = os.path.join(folder, 'catalog.txt')
    if os.path.exists(catalog):
        with open(catalog, encoding='utf-8') as file:
            lines += ['', 'The catalog (ms):', '', '```', file.read().rstrip(), '```']
    text = '\n'.join(lines) + '\n'
    with open(os.path.join(folder, 'report.md'), 'w', encoding='utf-8') as file:
        file.write(text)
    with open(os.path.join(folder, 'report.json'), 'w', encoding='utf-8') as file:
        json.dump({'measures': results, 'factors': factors}, file, indent=1)
    print(text, end='')


if __name__ == '__main__':
    main()
