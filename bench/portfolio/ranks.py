"""Portfolios of a matrix of errors, by the rule of TabRepo (Salinas and Erickson, 2023): add the
setting that most lowers the mean over data sets of the best rank so far.

A matrix is {set: {setting: error}}, a setting being a pair of learner and number. Ranks are among
all settings of a set, 1 is best, equal errors share the mean of their ranks; a setting without an
error ranks last.
"""
import statistics

COLUMNS = ('set', 'task', 'metric', 'rows', 'learner', 'setting', 'params', 'error', 'seconds')
DEFAULT = 0  # number of each learner's default


class BadMatrix(Exception):
    """The rows are not those of a matrix."""


def value_text(value):
    """As the configuration reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def varied(settings):
    """The names of the parameters that are not the same in all settings."""
    if not settings:
        return []
    return [name for name in settings[0] if any(one[name] != settings[0][name] for one in settings)]


def matrix_of(rows):
    """The matrix of a file's rows, and {setting: its parameters as text}."""
    matrix, params = {}, {}
    for row in rows:
        try:
            setting = (row['learner'], int(row['setting']))
            error = float(row['error'])
        except ValueError:
            raise BadMatrix(f"{row['set']}, {row['learner']}: setting '{row['setting']}' with the "
                            f"error '{row['error']}'") from None
        if params.setdefault(setting, row['params']) != row['params']:
            raise BadMatrix(f"{row['set']}: setting {setting[1]} of {setting[0]} is another one "
                            'there')
        if setting in matrix.setdefault(row['set'], {}):
            raise BadMatrix(f"{row['set']}: setting {setting[1]} of {setting[0]} stands twice")
        matrix[row['set']][setting] = error
    return matrix, params


def ranks_of(errors, settings):
    """{setting: rank} of one set."""
    ranks, order, begin = {}, sorted(errors, key=errors.get), 0
    while begin < len(order):
        end = begin
        while end < len(order) and errors[order[end]] == errors[order[begin]]:
            end += 1
        for setting in order[begin:end]:
            ranks[setting] = (begin + 1 + end) / 2
        begin = end
    return {setting: ranks.get(setting, len(settings)) for setting in settings}


def greedy(table, first, candidates, size):
    """The settings that are added to `first`, in order. `table` is {set: {setting: rank}}."""
    best = {name: min((ranks[one] for one in first), default=len(ranks) + 1)
            for name, ranks in table.items()}
    chosen = []
    for _ in range(size):
        def mean_with(setting):
            return statistics.fmean(min(best[name], ranks[setting])
                                    for name, ranks in table.items())
        left = [one for one in candidates if one not in chosen and one not in first]
        if not left:
            break
        # Equal ones: the one that is better by itself.
        chosen.append(min(left, key=lambda one: (
            mean_with(one), statistics.fmean(ranks[one] for ranks in table.values()), one)))
        for name, ranks in table.items():
            best[name] = min(best[name], ranks[chosen[-1]])
    return chosen


def regret(errors, tried):
    """Of the best of `tried`: 0 at the set's best setting, 1 at its median one."""
    known = [errors[one] for one in tried if one in errors]
    best, median = min(errors.values()), statistics.median(errors.values())
    if not known:
        return 1.0
    return (min(known) - best) / (median - best) if median > best else 0.0
