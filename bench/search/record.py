#!/usr/bin/env python3
"""Records every setting of a grid of boosted trees on some data sets: bench/search/trials.tsv.

  bench/search/record.py --data DIR [--only credit_g,vehicle] [--threads 2]
                         [--assay build/release/bin/assay] [--out bench/search/trials.tsv]

DIR holds CATALOG.tsv (columns name, file, target, task) and the tables that it names. Each setting
is a trial of `assay run` (three folds, seed 1, no halving): the loss is the validation score, turned
so that lower is better. Data sets that the file holds already are kept.
"""
import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile

# Few enough to try them all, wide enough that most are bad.
GRID = {'learning_rate': [0.02, 0.05, 0.1, 0.2, 0.4],
        'max_leaves': [4, 8, 16, 32, 64, 128],
        'min_child_samples': [2, 8, 32, 128],
        'column_fraction': [0.4, 0.7, 1.0]}
SETS = 'credit_g,vehicle,concrete,abalone'
GREATER_IS_BETTER = {'roc_auc', 'accuracy', 'r2', 'average_precision'}


def config_of(row, folder):
    lines = [f'data: {{train: "{os.path.join(folder, row["file"])}", target: "{row["target"]}", '
             f'task: {row["task"]}}}',
             'budget: {trials: 100000}', 'validation: {method: kfold, folds: 3}',
             'search: {strategy: random, halving: false}', 'ensemble: {enabled: false}',
             'seed: 1', 'device: cpu', 'learners:', '  gbt:', '    rounds: 300']
    for name, values in GRID.items():
        lines.append(f'    {name}: {{choices: {json.dumps(values)}}}')
    for name in ('row_fraction: 1.0', 'l2: 1.0', 'category_smooth: 10.0', 'category_l2: 10.0'):
        lines.append(f'    {name}')
    return '\n'.join(lines) + '\n'


def record(arguments, row):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'grid.yaml')
        with open(path, 'w', encoding='utf-8') as handle:
            handle.write(config_of(row, os.path.abspath(arguments.data)))
        done = subprocess.run([arguments.assay, 'run', path, '--threads', str(arguments.threads),
                               '--workspace', os.path.join(folder, 'workspace'), '--json',
                               '--quiet'], stdout=subprocess.PIPE, check=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    sign = -1 if answer['metric'] in GREATER_IS_BETTER else 1
    rows = []
    for trial in answer['leaderboard']:
        if trial['learner'] != 'gbt' or trial['score'] is None:
            continue
        setting = [trial['params'][name] for name in GRID]
        if all(value in values for value, values in zip(setting, GRID.values())):
            rows.append([row['name'], *setting, f'{sign * trial["score"]:.6g}'])
    return sorted(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', required=True)
    parser.add_argument('--only', default=SETS)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--assay', default='build/release/bin/assay')
    parser.add_argument('--out', default='bench/search/trials.tsv')
    arguments = parser.parse_args()
    header = ['set', *GRID, 'loss']
    rows = []
    if os.path.exists(arguments.out):
        with open(arguments.out, encoding='utf-8') as handle:
            rows = list(csv.reader(handle, delimiter='\t'))[1:]
    with open(os.path.join(arguments.data, 'CATALOG.tsv'), encoding='utf-8') as handle:
        catalog = {row['name']: row for row in csv.DictReader(handle, delimiter='\t')}
    for name in arguments.only.split(','):
        if name not in catalog:
            sys.exit(f"no data set '{name}' in {arguments.data}/CATALOG.tsv")
        if any(row[0] == name for row in rows):
            continue
        rows += record(arguments, catalog[name])
        with open(arguments.out, 'w', encoding='utf-8', newline='') as handle:
            csv.writer(handle, delimiter='\t', lineterminator='\n').writerows([header] + rows)
        print(f'{name}: {sum(row[0] == name for row in rows)} settings', flush=True)


if __name__ == '__main__':
    main()
