#!/usr/bin/env python3
"""Runs `assay run` on prepared train/test splits and tabulates test score, trials and wall clock.

  bench/datasets_bench.py --splits DIR --catalog CATALOG.tsv [--only adult,letter] [--time 30s]
                          [--assay build/release/bin/assay] [--out results.json]

DIR/NAME/train.csv and DIR/NAME/test.csv are one data set; CATALOG.tsv names each one's target and
task (columns name, target, task). The score is that of `assay score` on test.csv; wall clock is the
whole process, seen from outside; memory is the peak that the run reports.
"""
import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time


def run(command):
    """Returns (exit code, stdout, wall seconds) of one process."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.communicate()
    wall = time.monotonic() - started
    if process.returncode not in (0, 130):
        sys.stderr.write(err)
    return process.returncode, out, wall


def pressure():
    try:
        with open('/proc/pressure/cpu', encoding='utf-8') as handle:
            return float(handle.readline().split('avg60=')[1].split()[0])
    except (OSError, IndexError, ValueError):
        return None


def measure(arguments, row, workspace):
    folder = os.path.join(arguments.splits, row['name'])
    command = [arguments.assay, 'run', '--data', os.path.join(folder, 'train.csv'), '--target',
               row['target'], '--task', row['task'], '--time', arguments.time, '--name', row['name'],
               '--workspace', workspace, '--json', '--quiet'] + arguments.extra
    code, out, wall = run(command)
    result = {'name': row['name'], 'exit': code, 'wall_seconds': round(wall, 3),
              'cpu_pressure_avg60': pressure()}
    lines = out.strip().splitlines()
    if lines:
        result['run'] = json.loads(lines[-1])
    if code == 0:
        result['test'] = {}
        for metric in [None] + [m for m in row['metrics'].split(',') if m]:
            score = [arguments.assay, 'score', row['name'], '--data',
                     os.path.join(folder, 'test.csv'), '--workspace', workspace, '--json', '--quiet']
            if metric:
                score += ['--metric', metric]
            code, out, _ = run(score)
            if code == 0:
                answer = json.loads(out.strip().splitlines()[-1])
                result['test'][answer['metric']] = answer['score']
    return result


def line(result):
    answer = result.get('run', {})
    trials = answer.get('trials', {})
    scores = ', '.join(f'{k} {v:.5f}' for k, v in result.get('test', {}).items()) or 'none'
    return (f"{result['name']:<14} exit {result['exit']:<3} wall {result['wall_seconds']:7.2f} s  "
            f"trials {trials.get('finished', 0)}+{trials.get('failed', 0)}f+"
            f"{trials.get('pruned', 0)}p  validation {answer.get('validation_score')}  "
            f"test {scores}  peak {answer.get('peak_rss_bytes', 0) / 2**20:.0f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--splits', required=True)
    parser.add_argument('--catalog', required=True)
    parser.add_argument('--only', default='')
    parser.add_argument('--time', default='30s')
    parser.add_argument('--assay', default='build/release/bin/assay')
    parser.add_argument('--out')
    parser.add_argument('extra', nargs='*', help='further arguments of assay run, after --')
    arguments = parser.parse_args()
    only = [name for name in arguments.only.split(',') if name]
    results = []
    with open(arguments.catalog, encoding='utf-8', newline='') as handle:
        rows = list(csv.DictReader(handle, delimiter='\t', quoting=csv.QUOTE_NONE))
    for row in rows:
        if only and row['name'] not in only:
            continue
        if not os.path.exists(os.path.join(arguments.splits, row['name'], 'train.csv')):
            continue
        row['metrics'] = 'accuracy' if row['task'] != 'regression' else 'r2'
        with tempfile.TemporaryDirectory() as folder:
            result = measure(arguments, row, os.path.join(folder, 'workspace'))
        print(line(result), flush=True)
        results.append(result)
    if arguments.out:
        with open(arguments.out, 'w', encoding='utf-8') as handle:
            json.dump(results, handle, indent=1)


if __name__ == '__main__':
    main()
