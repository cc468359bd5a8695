"""The goals of the tree kernels, what the measured cells reach of them, and what bounds them.

Only the sentences of BOUNDS are written by hand; they hold no figures, and stand where a goal is not
reached.
"""
import statistics
import typing

BOUNDS = {
    'floor': 'Few rows of many columns that are nearly all zero: LightGBM leaves such columns out '
             'before it starts.',
    'total': 'One load, addition and store for each row, column and level that no bundle or '
             'subtraction saves; binning where rounds are few; on two threads, loops of some '
             'microseconds that follow each other.',
    'folds': 'Folds share bins and the additions of the root alone; below it their trees see '
             'different rows.',
    'metric': 'Few rounds, whose trees hang on near ties: the others differ from each other, and '
              'from themselves on other threads, by as much. Of some cells one seed is all there is.',
    'memory': 'Bins are held by row and by column at the same time, and in bundles; of tables of '
              'doubles the table itself.',
    'prediction': 'Binning of the raw numbers, which few rounds do not repay.',
    'one row': 'Trees of many features, which have no table of leaves.',
    'forest': 'Nodes that choose among some of the columns cannot subtract histograms.',
}


class Goal(typing.NamedTuple):
    name: str
    text: str
    bounds: str  # a key of BOUNDS
    value: typing.Callable  # of a cell; None where it says nothing
    reached: typing.Callable  # of a value
    median_counts: bool = False  # the goal is on the median cell, else on all
    less_is_better: bool = False
    by_threads: bool = True


def boosted(cell, folds=1):
    """Whether a cell is of the growth that Assay and most others have by default."""
    key = cell.key
    return (key['learner'] == 'gbt' and key['growth'] == 'leaf_wise' and
            (key['folds'] > 1 if folds > 1 else key['folds'] == 1))


def times_faster(cell):
    ratio = cell.ratio('total_s')
    return 1 / ratio if ratio else None


def share_of_tolerance(cell):
    other = cell.scores.best_other()
    if other is None:
        return None
    return statistics.mean(cell.scores.deficit(other)) / cell.scores.tolerance()


def one_row_us(cell):
    wanted = cell.own and cell.key['leaves'] == 31 and cell.own.get('trees') == 100
    return cell.own.get('predict_one_us') if wanted else None


def only(condition, value):
    return lambda cell: value(cell) if condition(cell) else None


GOALS = (
    Goal('Total of binning and training', 'on no set slower than the fastest peer', 'floor',
         only(boosted, times_faster), lambda v: v >= 1),
    Goal('Total of binning and training', '2 times as fast as the fastest peer on the median set',
         'total', only(boosted, times_faster), lambda v: v >= 2, median_counts=True),
    Goal('Cross-validation of five folds', '3 times as fast as five fits of the fastest peer',
         'folds', only(lambda cell: boosted(cell, 5), times_faster), lambda v: v >= 3),
    Goal('Test metric', 'at most 1 tolerance behind the best peer (0.0005 of AUC, 0.2 % of log loss '
         'or RMSE), mean over seeds; below 0: ahead', 'metric', only(boosted, share_of_tolerance),
         lambda v: v <= 1, less_is_better=True, by_threads=False),
    Goal('Peak memory', "at most the leanest peer's", 'memory',
         only(boosted, lambda cell: cell.ratio('memory_mib')), lambda v: v <= 1,
         less_is_better=True),
    Goal('Prediction of a batch', "5 times the fastest peer's rows/s", 'prediction',
         only(boosted, lambda cell: cell.ratio('predict_rows_per_s', max)), lambda v: v >= 5),
    Goal('One row, 100 trees of 31 leaves', 'less than 2 microseconds', 'one row',
         only(boosted, one_row_us), lambda v: v < 2, less_is_better=True),
    Goal('Forests: total', "no slower than scikit-learn's", 'forest',
         only(lambda cell: cell.key['learner'] != 'gbt', times_faster), lambda v: v >= 1),
)


def name_of(cell):
    leaves = cell.key['leaves']
    learner = '' if cell.key['learner'] == 'gbt' else f'{cell.key["learner"]}, '
    return f'{cell.key["set"]}, {learner}{leaves or "all"} leaves'


def verdicts(cells):
    """Rows of a table: goal, threads, median, cells that reach it, the worst, reached, bounds."""
    found = []
    for goal in GOALS:
        groups = {}
        for cell in cells:
            value = goal.value(cell)
            if value is not None:
                threads = cell.key['threads'] if goal.by_threads else 'any'
                # Of cells that differ in their threads only the scores are the same.
                group = groups.setdefault(threads, {})
                group[tuple(v for k, v in cell.key.items() if k != 'threads')] = (value, cell)
        title = f'{goal.name}: {goal.text}'
        if not groups:
            found.append([title, '-', '-', '-', '-', 'not measured', '-'])
        for threads, group in sorted(groups.items()):
            found.append([title, threads, *verdict(goal, list(group.values()))])
    return found


def verdict(goal, values):
    middle = statistics.median(value for value, _ in values)
    good = sum(goal.reached(value) for value, _ in values)
    pick = max if goal.less_is_better else min
    worst, cell = pick(values, key=lambda pair: pair[0])
    reached = goal.reached(middle) if goal.median_counts else good == len(values)
    return [f'{middle:.2f}', f'{good} of {len(values)}', f'{worst:.2f} ({name_of(cell)})',
            'yes' if reached else 'no', '-' if reached else BOUNDS[goal.bounds]]
