"""What the rows of bench/trees come to: medians of times, test scores by seed, and how systems compare.

Rows are dicts as `rows.read` gives them.
"""
import collections
import statistics

CELL = ('set', 'learner', 'growth', 'leaves', 'threads', 'rounds', 'folds', 'column_share')
OWN = 'assay'
MORE_IS_BETTER = {'auc': True, 'accuracy': True, 'rmse': False, 'logloss': False}
# How much worse than the best of the others a score may be: as it is, or relative to the other.
ABSOLUTE, RELATIVE = 0.0005, 0.002


def cell_of(row):
    return tuple(row.get(name) for name in CELL)


def current(rows):
    """(rows that count, ceilings by threads): those of the machine that Assay was measured on last,
    and of several versions of a system the one measured last, for each cell."""
    machine = next((row['machine'] for row in reversed(rows) if row['system'] == OWN), None)
    rows = [row for row in rows if row['machine'] == machine]
    ceilings = collections.defaultdict(lambda: collections.defaultdict(list))
    measured = []
    for row in rows:
        if row['system'] != 'ceilings':
            measured.append(row)
            continue
        for name in ('triad_bytes_per_s', 'histogram_updates_per_s'):
            ceilings[row['threads']][name].append(row[name])
    last = {(cell_of(row), row['system']): row['version'] for row in measured}
    kept = [row for row in measured if last[(cell_of(row), row['system'])] == row['version']]
    return kept, {threads: {name: statistics.median(values) for name, values in both.items()}
                  for threads, both in sorted(ceilings.items())}


def middle(rows):
    """One row: the medians of what the rows have as numbers."""
    found = dict(rows[0])
    for name, value in rows[0].items():
        if isinstance(value, (int, float)) and name not in CELL:
            found[name] = statistics.median(row[name] for row in rows if name in row)
    found['runs'] = len(rows)
    found['memory_mib'] = found['rss_peak_mib'] - found['rss_start_mib']
    found['waited_share'] = statistics.median(row.get('waited_s', 0) / row['wall_s'] for row in rows)
    return found


class Cell:
    """All systems on one set, growth, number of leaves, threads and rounds."""

    def __init__(self, key, rows, scores):
        self.key, self.scores = dict(zip(CELL, key)), scores
        self.systems, self.errors = {}, {}
        by_wait = collections.defaultdict(list)
        for row in rows:
            if 'error' in row:
                self.errors[row['system']] = row['error']
            else:
                by_wait[row['system'], row.get('wait')].append(row)
        for (system, _), runs in by_wait.items():
            best, known = middle(runs), self.systems.get(system)
            if known is None or best['total_s'] < known['total_s']:
                self.systems[system] = best
        self.own = self.systems.get(OWN)
        self.others = {name: row for name, row in self.systems.items() if name != OWN}

    def best_other(self, name, pick=min):
        """(system, value) of the other that is best in a figure, None if none is measured."""
        values = [(row[name], system) for system, row in self.others.items() if name in row]
        return tuple(reversed(pick(values))) if values else None

    def ratio(self, name, pick=min):
        """Assay's figure over that of the best other, None if one of them is not measured."""
        other = self.best_other(name, pick)
        return self.own[name] / other[1] if self.own and other and other[1] else None


class Scores:
    """Test scores of the systems on one set, growth, leaves and rounds; threads do not matter."""

    def __init__(self):
        self.metric, self.by_system = None, collections.defaultdict(dict)

    def add(self, row):
        self.metric = row['metric']
        self.by_system[row['system']][row['seed']] = row['score']

    def error(self, value):
        return -value if MORE_IS_BETTER[self.metric] else value

    def best_other(self):
        """The other with the best mean score, of those that were measured on most of Assay's seeds."""
        own = set(self.by_system.get(OWN, {}))
        shared = {name: own & set(seeds) for name, seeds in self.by_system.items() if name != OWN}
        most = max(map(len, shared.values()), default=0)
        if most == 0:
            return None
        return min((name for name, seeds in shared.items() if len(seeds) == most),
                   key=lambda name: statistics.mean(self.deficit(name)) * -1)

    def deficit(self, other):
        """By how much Assay is worse than another, seed by seed; relative for losses and RMSE."""
        mine, theirs = self.by_system[OWN], self.by_system[other]
        found = []
        for seed in sorted(set(mine) & set(theirs)):
            worse = self.error(mine[seed]) - self.error(theirs[seed])
            found.append(worse if MORE_IS_BETTER[self.metric] else worse / abs(theirs[seed]))
        return found

    def tolerance(self):
        return ABSOLUTE if MORE_IS_BETTER[self.metric] else RELATIVE


def cells(rows):
    """The cells of the rows, in the order in which they were first measured."""
    groups, scores = collections.defaultdict(list), collections.defaultdict(Scores)

    def without_threads(key):
        return tuple(value for name, value in zip(CELL, key) if name != 'threads')
    for row in rows:
        groups[cell_of(row)].append(row)
        if 'score' in row:
            scores[without_threads(cell_of(row))].add(row)
    return [Cell(key, group, scores[without_threads(key)]) for key, group in groups.items()]
