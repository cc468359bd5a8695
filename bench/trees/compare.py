#!/usr/bin/env python3
"""Assay's trees beside other systems, in turns (A B A B), each run a process of its own.

  compare.py --peer PROGRAM [--data DIR] [--folder DIR] [--results FILE] [--only adult,synthetic]
             [--learner gbt] [--systems a,b] [--leaves 31,255] [--threads 1,2] [--rounds 100]
             [--seeds 1,2,3] [--repeats 3] [--folds 1] [--minutes M]

Started by bench/trees/run. Every run is a line of the results (default FOLDER/results.jsonl); what
they have already is not measured again, so that measuring may be stopped and go on, or be done in
slices. bench/trees/report makes a page of them; here medians of the repeats are printed.

A seed is that of the system and of the split (of a made set: of the data). The repeats go through
the seeds in turn: with three of both each seed has one run, and figures of time are medians over
all. Peers that use OpenMP run with passive and, on more than one thread, with default waiting, and the
faster one counts; the slower one is not repeated if it takes more than a tenth longer.

--folds 5 measures a cross-validation: Assay bins once for all folds, the others fit five times.
Where a peer grows trees level by level (xgboost-depthwise) or symmetric ones (catboost), Assay is
measured with this growth, too, and that peer is compared with it: trees of one growth are the same
work. --learner random_forest or extra_trees grows forests of --rounds trees, beside scikit-learn's:
as deep as so many leaves need (0: to the end), with the same share of the columns to split by.

`CPU s` is the processor time of binning and training. `waiting` is for how much of the time of the
whole process some process of the machine waited for a processor, `others` how many processors other
work took meanwhile. Memory is the peak above the process before it loaded the data, in MiB, the data
included.
"""
import argparse
import datetime
import json
import os
import resource
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import medians  # noqa: E402
import peers  # noqa: E402
import rows  # noqa: E402
import tables  # noqa: E402
import watch  # noqa: E402  (of bench/automl, which rows.py adds to the path)

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SOURCES = ('automl', 'backends', 'datasets', 'kernels', 'bench/trees')
# How peers grow that do not go leaf by leaf.
GROWTHS = {'xgboost-depthwise': 'depth_wise', 'catboost': 'symmetric',
           'sklearn-forest': 'depth_wise'}
SLOWER = 1.1  # a way of waiting that takes so many times as long as the other is not repeated


def growth_of(system):
    return GROWTHS.get(system, 'leaf_wise')


def run(command, environment, limit_s):
    """What the program prints last, and the load beside it; or {'error': TEXT}."""
    begin, busy, stalled = time.monotonic(), watch.machine_seconds(), watch.stalled_s()
    used = own_seconds()
    try:
        process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, **environment}, check=False, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return {'error': f'took more than {limit_s} s'}
    wall = time.monotonic() - begin
    if process.returncode != 0:
        return {'error': (process.stderr.strip().splitlines() or ['no message'])[-1][:200]}
    result = json.loads(process.stdout.strip().splitlines()[-1])
    result['wall_s'] = wall
    others = watch.machine_seconds() - busy - (own_seconds() - used)
    result['foreign_cpus'] = max(0.0, others / wall)
    if stalled is not None:
        result['waited_s'] = watch.stalled_s() - stalled
    return result


def own_seconds():
    """CPU seconds of this process and of the children that have ended."""
    return sum(usage.ru_utime + usage.ru_stime for usage in
               (resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def sources():
    """The last commit of what Assay's program is made of."""
    git = subprocess.run(['git', '-C', TOP, 'log', '-1', '--format=%h', '--', *SOURCES],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return git.stdout.strip()


class Results:
    """The file of results, and how often each key is in it."""

    def __init__(self, path):
        self.path, self.rows = path, rows.read(path)
        self.counts = {}
        for row in self.rows:
            self.count(row)

    def count(self, row):
        key = rows.key_of(row)
        self.counts[key] = self.counts.get(key, 0) + 1

    def has(self, row):
        return self.counts.get(rows.key_of(row), 0)

    def append(self, row):
        row = {**row, 'date': datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%MZ')}
        rows.append(self.path, row)
        self.rows.append(row)
        self.count(row)


class Case:
    """One data set, number of leaves and number of threads."""

    def __init__(self, arguments, results, name, leaves, threads):
        self.arguments, self.results = arguments, results
        boosted = arguments.learner == 'gbt'
        self.fields = {'set': name, 'learner': arguments.learner, 'leaves': leaves,
                       'threads': threads, 'rounds': arguments.rounds, 'folds': arguments.folds,
                       'column_share': None if boosted else arguments.column_share}

    def variants(self):
        """(system, growth, waiting) of one turn."""
        growths = {growth_of(system) for system in self.arguments.systems}
        if self.arguments.learner == 'gbt':
            growths.add('leaf_wise')
        for growth in sorted(growths):
            yield 'assay', growth, 'default'
        for system in self.arguments.systems:
            one_way = system in ('catboost', 'sklearn-forest')  # no OpenMP
            if not one_way:
                yield system, growth_of(system), 'passive'
            if one_way or self.fields['threads'] > 1:
                yield system, growth_of(system), 'default'

    def row(self, system, growth, wait, seed):
        a = self.arguments
        version = a.version if system == 'assay' else rows.package_version(system)
        return {**self.fields, 'system': system, 'growth': growth, 'wait': wait, 'seed': seed,
                'version': version, 'machine': a.machine}

    def is_slower(self, row):
        """Whether the other way of waiting is clearly faster, by the runs that are known."""
        totals = {}
        for known in self.results.rows:
            if 'total_s' in known and all(known.get(name) == row[name] for name in rows.KEY
                                          if name not in ('wait', 'seed')):
                totals.setdefault(known['wait'], []).append(known['total_s'])
        own = totals.pop(row['wait'], None)
        return bool(own and totals) and (statistics.median(own) >
                                         SLOWER * min(map(statistics.median, totals.values())))

    def planned(self):
        """The runs that the results lack, in turns; to be measured as they come."""
        a, wanted = self.arguments, {}
        for turn in range(a.repeats):
            seed = a.seeds[turn % len(a.seeds)]
            for variant in self.variants():
                row = self.row(*variant, seed)
                key = rows.key_of(row)
                wanted[key] = wanted.get(key, 0) + 1
                if wanted[key] > self.results.has(row) and not (turn > 0 and self.is_slower(row)):
                    yield row

    def measure(self, row):
        a = self.arguments
        folder = tables.folder_of(a.folder, row['set'], row['seed'])
        predictions = f'{a.folder}/predictions.f32'
        command = [sys.executable, f'{HERE}/peers.py', '--system', row['system']]
        if row['system'] == 'assay':
            command = [a.peer, '--growth', row['growth']]
        command += ['--data', folder, '--predictions', predictions, '--learner', a.learner]
        for name in ('leaves', 'threads', 'rounds', 'folds', 'seed', 'column_share'):
            if row[name] is not None:
                command += [f'--{name}', str(row[name])]
        environment = {'OMP_NUM_THREADS': str(row['threads'])}
        if row['wait'] != 'default':
            environment['OMP_WAIT_POLICY'] = row['wait']
        result = run(command, environment, a.limit)
        if 'error' not in result:
            task, train, test, features, classes = peers.read_meta(folder)
            result.update(task=task, train_rows=train, test_rows=test, features=features)
            result['metric'], result['score'] = tables.score(folder, predictions, task, classes,
                                                             a.learner == 'gbt')
        if row['system'] == 'assay':
            result['sources'] = a.sources
        self.results.append({**row, **result})

    def cells(self):
        """What is known of this case, of earlier slices as well."""
        kept, _ = medians.current(self.results.rows)
        return [cell for cell in medians.cells(kept)
                if all(cell.key[name] == value for name, value in self.fields.items())]


def show(cell, ceiling):
    key = cell.key
    folds = f', {key["folds"]} folds' if key['folds'] > 1 else ''
    print(f'\n### {key["set"]}, {key["learner"]}, {key["growth"]}, {key["leaves"]} leaves, '
          f'{key["rounds"]} rounds, {key["threads"]} thread(s){folds}\n')
    print('| system | binning s | training s | total s | CPU s | memory MiB | test | '
          'predicted rows/s | waiting | others | runs |')
    print('|---|---|---|---|---|---|---|---|---|---|---|')
    for system, row in sorted(cell.systems.items(), key=lambda item: item[1]['total_s']):
        print(f'| {system} | {row["binning_s"]:.2f} | {row["train_s"]:.2f} | {row["total_s"]:.2f} | '
              f'{row["cpu_s"]:.2f} | {row["memory_mib"]:.0f} | {row["metric"]} {row["score"]:.5f} | '
              f'{row["predict_rows_per_s"] / 1e3:.0f} k | {100 * row["waited_share"]:.0f} % | '
              f'{row["foreign_cpus"]:.2f} | {row["runs"]} |')
    for system, error in cell.errors.items():
        print(f'| {system} | {error} | | | | | | | | | |')
    if not cell.own or not cell.others:
        return
    line = (f'\nAssay takes {cell.ratio("total_s"):.2f} of the fastest peer\'s total, '
            f"{cell.ratio('memory_mib'):.2f} of the leanest's memory, and predicts "
            f'{cell.ratio("predict_rows_per_s", max):.1f} times as fast as the fastest; one row, '
            f'binned: {cell.own["predict_one_us"]:.1f} us.')
    if ceiling and key['learner'] == 'gbt':
        rate = cell.own['histogram_updates'] / cell.own['train_s']
        line += (f' Histogram updates over training time: {rate / 1e9:.2f} G/s, '
                 f'{100 * rate / ceiling["histogram_updates_per_s"]:.0f} % of a plain loop that '
                 'does nothing else.')
    print(line)


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peer', required=True)
    parser.add_argument('--data', default=os.path.join(HERE, '../../../shared/data'))
    parser.add_argument('--folder', default='build/tree-bench')
    parser.add_argument('--results')
    parser.add_argument('--only', default=','.join(tables.NAMES))
    parser.add_argument('--learner', default='gbt', choices=peers.LEARNERS)
    parser.add_argument('--systems')
    parser.add_argument('--leaves', default='31,255')
    parser.add_argument('--threads', default='1,2')
    parser.add_argument('--seeds', default='1')
    parser.add_argument('--rounds', type=int, default=100)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--folds', type=int, default=1)
    parser.add_argument('--column_share', type=float, default=0.35)
    parser.add_argument('--limit', type=int, default=600, metavar='S', help='seconds of one run')
    parser.add_argument('--minutes', type=float, default=1e9, help='no run begins after so many')
    a = parser.parse_args()
    known = peers.SYSTEMS if a.learner == 'gbt' else peers.FORESTS
    a.systems = [s for s in (','.join(known) if a.systems is None else a.systems).split(',') if s]
    a.only = a.only.split(',')
    for value, names, what in ((a.systems, known, 'system'), (a.only, tables.NAMES, 'data set')):
        for name in value:
            if name not in names:
                sys.exit(f"unknown {what} '{name}' (there are {', '.join(names)})")
    if a.learner != 'gbt' and a.folds > 1:
        sys.exit('--folds is for boosted trees')
    a.leaves, a.threads, a.seeds = ([int(one) for one in text.split(',')]
                                    for text in (a.leaves, a.threads, a.seeds))
    a.results = a.results or f'{a.folder}/results.jsonl'
    a.version, a.machine, a.sources = rows.program_version(a.peer), rows.cells.this_machine(), sources()
    return a


def measure_ceilings(a, results):
    for threads in a.threads:
        found = run([a.peer, '--threads', str(threads)], {}, a.limit)
        if 'error' in found:
            sys.exit(found['error'])
        results.append({'system': 'ceilings', 'threads': threads, 'version': a.version,
                        'machine': a.machine, **found})
        print(f'{threads} thread(s): triad {found["triad_bytes_per_s"] / 1e9:.1f} GB/s, histogram '
              f'updates {found["histogram_updates_per_s"] / 1e9:.2f} G/s')


def main():
    a = parse()
    end = time.monotonic() + 60 * a.minutes
    os.makedirs(a.folder, exist_ok=True)
    results = Results(a.results)
    measure_ceilings(a, results)
    for name in a.only:
        if not all(tables.prepare(name, a.data, tables.folder_of(a.folder, name, seed), seed)
                   for seed in a.seeds[:a.repeats]):
            print(f'\n{name}: not measured, no {tables.CSV[name][0]} in {a.data}')
            continue
        for leaves in a.leaves:
            for threads in a.threads:
                case = Case(a, results, name, leaves, threads)
                for row in case.planned():
                    if time.monotonic() > end:
                        print(f'\nstopped after {a.minutes:g} minutes')
                        return
                    case.measure(row)
                ceilings = medians.current(results.rows)[1]
                for cell in case.cells():
                    show(cell, ceilings.get(threads))
                sys.stdout.flush()


if __name__ == '__main__':
    main()
