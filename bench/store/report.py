#!/usr/bin/env python3
"""Prints what bench/store/run measured: a table, a column a tool, and Assay's factor over MLflow.

  report.py FOLDER        (FOLDER/<tool>.json, as peers.py and store_peer print them)
"""
import glob
import json
import os
import sys

ROWS = [('points_buffered_per_s', 'points/s, buffered (handle)'),
        ('points_each_per_s', 'points/s, one call each'),
        ('points_durable_per_s', 'points/s, durable'),
        ('create_run_p50_ms', 'create a run, p50 ms'),
        ('create_run_p99_ms', 'create a run, p99 ms'),
        ('commit_p50_ms', 'commit, p50 ms'),
        ('commit_p99_ms', 'commit, p99 ms'),
        ('typical_run_p50_ms', 'a typical run, p50 ms'),
        ('typical_run_bytes', 'a typical run, bytes'),
        ('list_runs_ms', 'list the runs, ms'),
        ('fdatasync_per_s', 'fdatasync/s of the disk')]
ORDER = ['disk', 'assay', 'sqlite3', 'h5py', 'mlflow-sqlite', 'mlflow-file', 'aim']


def shown(value):
    if value is None:
        return '-'
    if value >= 1e6:
        return f'{value / 1e6:.2f} M'
    if value >= 1e4:
        return f'{value / 1e3:.1f} k'
    return f'{value:.3g}' if value < 100 else f'{value:.0f}'


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    results = {}
    for path in glob.glob(os.path.join(sys.argv[1], '*.json')):
        with open(path, encoding='utf-8') as file:
            results[os.path.basename(path)[:-5]] = json.load(file)
    tools = [tool for tool in ORDER if tool in results and 'error' not in results[tool]]
    width = max(len(title) for _, title in ROWS)
    print(' ' * width, *(f'{tool:>13}' for tool in tools))
    for key, title in ROWS:
        if any(key in results[tool] for tool in tools):
            print(title.ljust(width), *(f'{shown(results[tool].get(key)):>13}' for tool in tools))
    for tool in tools:
        print(f"{tool}: version {results[tool].get('version', '-')}. {results[tool].get('note', '')}")
    for tool in ORDER:
        if 'error' in results.get(tool, {}):
            print(f"{tool}: {results[tool]['error']}")
    assay = results.get('assay', {})
    for peer in ('mlflow-sqlite', 'mlflow-file'):
        other = results.get(peer, {})
        factors = [f'{title} {assay[key] / other[key]:.0f}x' if key.endswith('_per_s')
                   else f'{title} {other[key] / assay[key]:.0f}x'
                   for key, title in ROWS if assay.get(key) and other.get(key)]
        if factors:
            print(f'assay over {peer}: ' + '; '.join(factors))


if __name__ == '__main__':
    main()
