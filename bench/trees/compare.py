#!/usr/bin/env python3
"""Assay's boosted trees beside other systems, in turns (A B A B), each run a process of its own.

  compare.py --peer PROGRAM [--data DIR] [--folder DIR] [--only adult,synthetic] [--systems a,b]
             [--leaves 31,255] [--threads 1,2] [--rounds 100] [--repeats 3] [--folds 1]

Started by bench/trees/run. Every figure is the median of the repeats. Peers that use OpenMP run with
passive and with default waiting, and the faster one counts. --folds 5 measures a cross-validation:
Assay bins once for all folds, the others fit five times. Where a peer grows trees level by level
(xgboost-depthwise) or symmetric ones (catboost), Assay is measured with this growth, too, and that
peer is compared with it: trees of one growth are the same work. `CPU s` is the processor time of binning
and training, `waited s` how long processes of the whole machine waited for a processor meanwhile. Memory is the peak above the process
before it loaded the data, in MiB, the data included. Writes FOLDER/report.json and prints Markdown.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

import peers
import tables

HERE = os.path.dirname(os.path.abspath(__file__))


# How peers grow that do not go leaf by leaf.
GROWTHS = {'xgboost-depthwise': 'depth_wise', 'catboost': 'symmetric'}


def own_system(growth):
    """Assay's name with this growth."""
    return 'assay' if growth == 'leaf_wise' else f'assay-{growth}'


def growth_of(system):
    return GROWTHS.get(system, system.partition('-')[2] if system.startswith('assay-') else
                       'leaf_wise')


def pressure():
    """Microseconds that some process waited for a CPU since the start of the machine."""
    try:
        with open('/proc/pressure/cpu', encoding='utf-8') as handle:
            return int(handle.readline().split('total=')[1])
    except (OSError, IndexError, ValueError):
        return None


def run(command, environment):
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**os.environ, **environment}, check=False)
    if process.returncode != 0:
        return {'error': (process.stderr.strip().splitlines() or ['no message'])[-1][:200]}
    return json.loads(process.stdout.strip().splitlines()[-1])


class Case:
    """One data set, number of leaves and number of threads."""

    def __init__(self, arguments, name, leaves, threads):
        self.arguments, self.name, self.leaves, self.threads = arguments, name, leaves, threads
        self.folder = f'{arguments.folder}/{name}'
        self.runs = {}

    def variants(self):
        growths = {growth_of(system) for system in self.arguments.systems}
        for growth in sorted(growths | {'leaf_wise'}):
            yield own_system(growth), {}
        for system in self.arguments.systems:
            if system == 'catboost':
                yield system, {}
                continue
            yield system, {'OMP_WAIT_POLICY': 'passive'}
            if self.threads > 1:
                yield system, {}

    def measure(self, system, environment):
        a = self.arguments
        predictions = f'{a.folder}/predictions.f32'
        growth = growth_of(system)
        command = [sys.executable, f'{HERE}/peers.py', '--system', system]
        if system == own_system(growth):
            command = [a.peer, '--growth', growth]
        command += ['--data', self.folder, '--leaves', str(self.leaves), '--threads',
                    str(self.threads), '--rounds', str(a.rounds), '--folds', str(a.folds),
                    '--predictions', predictions]
        before = pressure()
        result = run(command, {'OMP_NUM_THREADS': str(self.threads), **environment})
        if 'error' not in result:
            if before is not None:
                result['waited_s'] = (pressure() - before) / 1e6
            task, _, _, _, classes = peers.read_meta(self.folder)
            result['metric'], result['score'] = tables.score(self.folder, predictions, task, classes)
        wait = environment.get('OMP_WAIT_POLICY', 'default')
        self.runs.setdefault((system, wait), []).append(result)

    def results(self):
        """The median run of each system, in its better way of waiting."""
        best = {}
        for (system, wait), runs in self.runs.items():
            good = [r for r in runs if 'error' not in r]
            if not good:
                best.setdefault(system, runs[0])
                continue
            row = {'wait': wait}
            for key, value in good[0].items():
                row[key] = (value if isinstance(value, str)
                            else statistics.median(r[key] for r in good))
            row['memory_mib'] = row['rss_peak_mib'] - row['rss_start_mib']
            known = best.get(system)
            if known is None or row['total_s'] < known.get('total_s', 1e300):
                best[system] = row
        return best


def number(value, digits=3):
    return '' if value is None else f'{value:.{digits}g}'


def show(case, results, ceilings):
    folds = f', {case.arguments.folds} folds' if case.arguments.folds > 1 else ''
    print(f'\n### {case.name}, {case.leaves} leaves, {case.threads} thread(s){folds}\n')
    print('| system | binning s | training s | total s | CPU s | memory MiB | test | predicted rows/s | '
          'waited s |')
    print('|---|---|---|---|---|---|---|---|---|')
    for system, row in sorted(results.items(), key=lambda item: item[1].get('total_s', 1e300)):
        if 'error' in row:
            print(f'| {system} | {row["error"]} | | | | | | | |')
            continue
        print(f'| {system} | {row["binning_s"]:.2f} | {row["train_s"]:.2f} | {row["total_s"]:.2f} | '
              f'{row["cpu_s"]:.2f} | {row["memory_mib"]:.0f} | {row["metric"]} {row["score"]:.5f} | '
              f'{row["predict_rows_per_s"] / 1e3:.0f} k | {number(row.get("waited_s"))} |')
    for growth in sorted({growth_of(system) for system in results}):
        show_share(results, growth, ceilings[case.threads]['histogram_updates_per_s'])


def show_share(results, growth, ceiling):
    own = results.get(own_system(growth), {'error': 'not measured'})
    others = [row for system, row in results.items()
              if growth_of(system) == growth and system != own_system(growth) and 'error' not in row]
    if 'error' in own or not others:
        return
    name = 'Assay' if growth == 'leaf_wise' else f'Assay, {growth},'
    line = (f'\n{name} takes {own["total_s"] / min(r["total_s"] for r in others):.2f} of the fastest '
            f"peer's total, {own['memory_mib'] / min(r['memory_mib'] for r in others):.2f} of the "
            f"leanest's memory, and predicts "
            f'{own["predict_rows_per_s"] / max(r["predict_rows_per_s"] for r in others):.1f} times as '
            f'fast as the fastest; one row, binned: {own["predict_one_us"]:.1f} us.')
    rate = own['histogram_updates'] / own['train_s']
    print(f'{line} Histogram updates over training time: {rate / 1e9:.2f} G/s, '
          f'{100 * rate / ceiling:.0f} % of a plain loop that does nothing else.')


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peer', required=True)
    parser.add_argument('--data', default=os.path.join(HERE, '../../../shared/data'))
    parser.add_argument('--folder', default='build/tree-bench')
    parser.add_argument('--only', default=','.join(tables.NAMES))
    parser.add_argument('--systems', default=','.join(peers.SYSTEMS))
    parser.add_argument('--leaves', default='31,255')
    parser.add_argument('--threads', default='1,2')
    parser.add_argument('--rounds', type=int, default=100)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--folds', type=int, default=1)
    a = parser.parse_args()
    a.systems = [s for s in a.systems.split(',') if s]
    threads = [int(t) for t in a.threads.split(',')]
    os.makedirs(a.folder, exist_ok=True)
    ceilings = {t: run([a.peer, '--threads', str(t)], {}) for t in threads}
    for t, values in ceilings.items():
        print(f'{t} thread(s): triad {values["triad_bytes_per_s"] / 1e9:.1f} GB/s, histogram updates '
              f'{values["histogram_updates_per_s"] / 1e9:.2f} G/s')
    report = {'ceilings': ceilings, 'cases': []}
    for name in a.only.split(','):
        if name not in tables.NAMES:
            sys.exit(f"unknown data set '{name}' (there are {', '.join(tables.NAMES)})")
        if not tables.prepare(name, a.data, f'{a.folder}/{name}'):
            print(f'\n{name}: not measured, no {tables.CSV[name][0]} in {a.data}')
            continue
        for leaves in a.leaves.split(','):
            for count in threads:
                case = Case(a, name, int(leaves), count)
                for _ in range(a.repeats):
                    for system, environment in case.variants():
                        case.measure(system, environment)
                results = case.results()
                show(case, results, ceilings)
                sys.stdout.flush()
                report['cases'].append({'data': name, 'leaves': int(leaves), 'threads': count,
                                        'folds': a.folds, 'results': results})
                with open(f'{a.folder}/report.json', 'w', encoding='utf-8') as handle:
                    json.dump(report, handle, indent=1)


if __name__ == '__main__':
    main()
