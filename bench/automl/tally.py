"""What the results of bench/automl come to: scores, ranks, normalised scores, wins and losses.

Rows are dicts of text as `cells.read` gives them. A failed cell has no score and ranks last.
"""
import collections
import math
import statistics

import metrics

LOAD = 0.2  # CPUs that other work took during a fit, from which on a row counts as under load
CLEAR = 1.01  # a clear difference is one where every seed agrees and the error is this much larger


def number(row, name):
    """A field as a number, None if it is empty."""
    return float(row[name]) if row.get(name) else None


def score(row):
    return number(row, 'score') if row['status'] == 'ok' else None


def is_loaded(row):
    return (number(row, 'foreign_cpus') or 0.0) > LOAD


def error_of(metric, value):
    """What there is to lose: 1 - score where more is better, else the score."""
    return 1 - value if metrics.GREATER_IS_BETTER[metric] else value


def newest(rows):
    """The last row of each set, system, seed, budget, machine and threads, whatever the version."""
    kept = {}
    for row in rows:
        kept[tuple(row[name] for name in ('set', 'system', 'seed', 'budget_s', 'machine',
                                          'threads'))] = row
    return list(kept.values())


def one_machine(rows, own):
    """Of each budget the rows of one machine and number of threads: those of the last row of system
    `own`, else of the last row of all."""
    chosen = {}
    for row in rows:
        known = chosen.get(row['budget_s'])
        if known is None or row['system'] == own or known['system'] != own:
            chosen[row['budget_s']] = row
    return [row for row in rows
            if all(row[name] == chosen[row['budget_s']][name] for name in ('machine', 'threads'))]


def ranks(errors):
    """The rank of each error from 1, equal ones share the mean; None (failed) is worse than all."""
    filled = [math.inf if one is None else one for one in errors]
    return [sum(other < one for other in filled) + (1 + sum(other == one for other in filled)) / 2
            for one in filled]


def normalised(errors):
    """0 for the worst of the systems that did not fail, 1 for the best, 0 for failures."""
    good = [one for one in errors if one is not None]
    if not good:
        return [0.0] * len(errors)
    best, worst = min(good), max(good)
    return [0.0 if one is None else 1.0 if best == worst else (worst - one) / (worst - best)
            for one in errors]


class Budget:
    """The rows of one budget."""

    def __init__(self, seconds, rows, order):
        self.seconds, self.rows = seconds, rows
        self.cells = {(row['set'], row['seed'], row['system']): row for row in rows}
        self.sets = list(dict.fromkeys(row['set'] for row in rows))
        self.metrics = {row['set']: row['metric'] for row in rows}
        found = {row['system'] for row in rows}
        self.systems = sorted(found, key=lambda name: (order.index(name) if name in order else
                                                       len(order), name))

    def compared(self, name):
        """{system: its rows of one set}, on the seeds that all have, if there are any."""
        rows = {system: [row for row in self.rows
                         if row['set'] == name and row['system'] == system]
                for system in self.systems}
        seeds = [{row['seed'] for row in own} for own in rows.values() if own]
        common = set.intersection(*seeds) or set.union(*seeds)
        return {system: [row for row in own if row['seed'] in common]
                for system, own in rows.items()}

    def best(self, name):
        """The systems with the least mean error on what `compared` gives."""
        errors = {system: mean_error([self.error((name, row['seed'], system)) for row in rows])
                  for system, rows in self.compared(name).items() if rows}
        good = [error for error in errors.values() if error is not None]
        return [system for system, error in errors.items() if good and error == min(good)]

    def error(self, key):
        row = self.cells[key]
        value = score(row)
        return None if value is None else error_of(row['metric'], value)

    def ranked_systems(self):
        """Those measured on at least half the sets of the one that has most, with however many
        seeds."""
        pairs = {(row['system'], row['set']) for row in self.rows}
        count = collections.Counter(system for system, _ in pairs)
        return [name for name in self.systems if 2 * count[name] >= max(count.values())]

    def common(self, systems):
        """The (set, seed) pairs that all these systems were measured on."""
        pairs = dict.fromkeys((row['set'], row['seed']) for row in self.rows)
        return [pair for pair in pairs if all((*pair, name) in self.cells for name in systems)]

    def standings(self):
        """({system: (mean rank, normalised score)}, number of sets) of the ranked systems.

        Means over the seeds of a set first, then over sets.
        """
        systems = self.ranked_systems()
        by_set = collections.defaultdict(list)
        for pair in self.common(systems):
            errors = [self.error((*pair, name)) for name in systems]
            by_set[pair[0]].append((ranks(errors), normalised(errors)))
        if not by_set:
            return {}, 0
        return {name: tuple(statistics.mean(statistics.mean(both[kind][i] for both in seeds)
                                            for seeds in by_set.values()) for kind in (0, 1))
                for i, name in enumerate(systems)}, len(by_set)

    def duels(self, one, other):
        """[(set, mean error of one, of the other, whether clear)] on the common seeds.

        An error of None: failed on some seed.
        """
        found = []
        pairs = self.common([one, other])
        for name in dict.fromkeys(pair[0] for pair in pairs):
            mine, theirs = ([self.error((*pair, system)) for pair in pairs if pair[0] == name]
                            for system in (one, other))
            found.append((name, mean_error(mine), mean_error(theirs), is_clear(mine, theirs)))
        return found


def mean_error(errors):
    return None if None in errors else statistics.mean(errors)


def is_clear(mine, theirs):
    """Whether every seed says the same, and the larger mean error is larger by no trifle."""
    if None in mine or None in theirs:
        return mean_error(mine) != mean_error(theirs)
    pairs = list(zip(mine, theirs))
    agree = all(a < b for a, b in pairs) or all(a > b for a, b in pairs)
    small, large = sorted((statistics.mean(mine), statistics.mean(theirs)))
    return agree and large > CLEAR * small


def outcome(mine, theirs):
    """-1, 0 or 1: whether mine is the worse, an equal or the better error."""
    a, b = (math.inf if one is None else one for one in (mine, theirs))
    return (a < b) - (a > b)


def losses(budget, own):
    """[(set, own mean error, best other, its mean error, clear)] where another is better.

    The largest difference is first; each other is compared on the seeds it shares with `own`.
    """
    found = []
    for name in budget.sets:
        better = []
        for other in budget.systems:
            if other == own:
                continue
            duel = next((one for one in budget.duels(own, other) if one[0] == name), None)
            if duel and outcome(duel[1], duel[2]) < 0:
                better.append((duel[2], other, duel))
        if better:
            _, other, duel = min(better, key=lambda one: one[:2])
            found.append((name, duel[1], other, duel[2], duel[3]))
    return sorted(found, key=lambda one: -excess(one[1], one[3]))


def excess(mine, theirs):
    """How much larger my error is, as a share of theirs."""
    if mine is None:
        return math.inf
    return mine / theirs - 1 if theirs > 0 else math.inf
