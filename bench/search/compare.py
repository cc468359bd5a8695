#!/usr/bin/env python3
"""Regret tables of Assay's samplers beside Optuna's, as Markdown. Called by bench/search/run.

  compare.py --peer build/bench/bench/search_peer [--table bench/search/trials.tsv]
             [--seeds 20] [--count 100] [--at 25,50,100]

Both see the same spaces and begin with the same default setting. On functions the regret is the best
value so far minus the minimum; on stored trials it is 0 at the best setting and 1 at the median one.
A cell is the median over the seeds after that many settings.
"""
import argparse
import csv
import math
import statistics
import subprocess
import warnings

import optuna

OURS = ('random', 'sobol', 'tpe', 'gp', 'cmaes', 'cfo')
WIDTH = 6


def branin(trial):
    x, y = trial.suggest_float('x0', -5, 10), trial.suggest_float('x1', 0, 15)
    bend = y - 5.1 / (4 * math.pi ** 2) * x * x + 5 / math.pi * x - 6
    return bend ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.39788735772973816


HARTMANN_A = ((10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8),
              (17, 8, 0.05, 10, 0.1, 14))
HARTMANN_P = ((0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
              (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
              (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
              (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381))


def hartmann6(trial):
    x = [trial.suggest_float(f'x{i}', 0, 1) for i in range(6)]
    total = 0
    for alpha, a, p in zip((1, 1.2, 3, 3.2), HARTMANN_A, HARTMANN_P):
        total -= alpha * math.exp(-sum(s * (v - c) ** 2 for s, v, c in zip(a, x, p)))
    return total + 3.322368011391339


def rosenbrock4(trial):
    x = [trial.suggest_float(f'x{i}', -2, 2) for i in range(4)]
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def mixed(trial):
    rate = math.log10(trial.suggest_float('rate', 1e-4, 1, log=True)) + 2
    kind = trial.suggest_categorical('kind', ['a', 'b', 'c'])
    gap = (trial.suggest_int('size', 1, 30) - {'a': 20, 'b': 7, 'c': 12}[kind]) / 8
    on = trial.suggest_categorical('on', [False, True])
    return rate ** 2 + gap ** 2 + {'a': 0.3, 'b': 0, 'c': 0.5}[kind] + (0 if on else 0.2)


FUNCTIONS = {'branin': (branin, {'x0': 2.5, 'x1': 7.5}),
             'hartmann6': (hartmann6, {f'x{i}': 0.5 for i in range(6)}),
             'rosenbrock4': (rosenbrock4, {f'x{i}': -1 for i in range(4)}),
             'mixed': (mixed, {'rate': 0.5, 'size': 15, 'kind': 'a', 'on': False})}


def table_problem(names, rows):
    levels = [sorted({float(row[1 + j]) for row in rows}) for j in range(len(names))]
    losses = sorted(float(row[-1]) for row in rows)
    least, median = losses[0], losses[len(losses) // 2]
    regret = {tuple(level.index(float(v)) for level, v in zip(levels, row[1:-1])):
              (float(row[-1]) - least) / (median - least) for row in rows}
    worst = (losses[-1] - least) / (median - least)

    def value(trial):
        return regret.get(tuple(trial.suggest_int(name, 0, len(level) - 1)
                                for name, level in zip(names, levels)), worst)
    return value, {name: (len(level) - 1) // 2 for name, level in zip(names, levels)}


def problems(path):
    with open(path, encoding='utf-8') as handle:
        header, *rows = csv.reader(handle, delimiter='\t')
    found = {}
    for name in sorted({row[0] for row in rows}):
        found[name] = table_problem(header[1:-1], [row for row in rows if row[0] == name])
    found.update(FUNCTIONS)
    return found


def samplers(seed):
    return {'optuna random': optuna.samplers.RandomSampler(seed=seed),
            'optuna QMC': optuna.samplers.QMCSampler(seed=seed, scramble=True),
            'optuna TPE': optuna.samplers.TPESampler(seed=seed, multivariate=True,
                                                     constant_liar=True),
            'optuna CMA-ES': optuna.samplers.CmaEsSampler(seed=seed)}


def optuna_regrets(problem, sampler, count):
    value, start = problem
    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial(start)
    study.optimize(value, n_trials=count)
    best, curve = math.inf, []
    for trial in study.trials:
        best = min(best, trial.value)
        curve.append(best)
    return curve


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peer', required=True)
    parser.add_argument('--table', default='bench/search/trials.tsv')
    parser.add_argument('--seeds', type=int, default=20)
    parser.add_argument('--count', type=int, default=100)
    parser.add_argument('--at', default='25,50,100')
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings('ignore')
    curves = {}
    ours = subprocess.run([arguments.peer, arguments.table, str(arguments.seeds),
                           str(arguments.count), *OURS], stdout=subprocess.PIPE, text=True,
                          check=True)
    for line in ours.stdout.splitlines():
        name, sampler, _, *regrets = line.split('\t')
        curves.setdefault((name, sampler), []).append([float(r) for r in regrets])
    for name, problem in problems(arguments.table).items():
        for seed in range(1, arguments.seeds + 1):
            for sampler, made in samplers(seed).items():
                curves.setdefault((name, sampler), []).append(
                    optuna_regrets(problem, made, arguments.count))
    names = list(problems(arguments.table))
    for at in (int(text) for text in arguments.at.split(',') if int(text) <= arguments.count):
        print(f'\nMedian regret of {arguments.seeds} seeds after {at} settings, '
              f'Optuna {optuna.__version__}:\n')
        print('| sampler | ' + ' | '.join(names) + ' |')
        print('|---' * (len(names) + 1) + '|')
        for sampler in [*OURS, *samplers(0)]:
            cells = [statistics.median(curve[at - 1] for curve in curves[name, sampler])
                     for name in names]
            print(f'| {sampler} | ' + ' | '.join(f'{cell:.{WIDTH - 2}g}' for cell in cells) + ' |')


if __name__ == '__main__':
    main()
