"""The test metrics of bench/automl: one implementation for every system, of the standard library
only.

Predictions are a CSV file. For classification its header holds the classes as the training table
spells them and each row their probabilities; for regression there is one column, `prediction`. Rows
stand in the order of the test table.
"""
import csv
import math

# How the catalog may call a metric: our name, and whether more is better.
NAMES = {'auc': 'roc_auc', 'logloss': 'log_loss', 'acc': 'accuracy'}
GREATER_IS_BETTER = {'roc_auc': True, 'accuracy': True, 'log_loss': False, 'rmse': False}
FITTING = {'binary': ('roc_auc', 'log_loss', 'accuracy'), 'multiclass': ('log_loss', 'accuracy'),
           'regression': ('rmse',)}
SMALLEST = 1e-15  # probabilities are kept this far from 0 and 1 in the log loss


class BadPredictions(Exception):
    """The file does not hold one prediction for each test row."""


def canonical(metric, task):
    """Our name of the catalog's metric. Raises ValueError if the task has no such metric."""
    name = NAMES.get(metric, metric)
    if name not in FITTING[task]:
        raise ValueError(f"metric '{metric}' does not fit {task} (there are "
                         f"{', '.join(FITTING[task])})")
    return name


def roc_auc(positive, scores):
    """Area under the ROC curve: the share of (positive, negative) pairs in order, ties half.

    positive: booleans; scores: numbers, larger for positives. nan if a class has no row.
    """
    order = sorted(range(len(scores)), key=scores.__getitem__)
    rank_sum, begin = 0.0, 0
    while begin < len(order):
        end = begin
        while end < len(order) and scores[order[end]] == scores[order[begin]]:
            end += 1
        hits = sum(positive[i] for i in order[begin:end])
        rank_sum += hits * (begin + end + 1) / 2
        begin = end
    ones = sum(positive)
    zeros = len(positive) - ones
    if ones == 0 or zeros == 0:
        return math.nan
    return (rank_sum - ones * (ones + 1) / 2) / (ones * zeros)


def log_loss(truth, rows):
    """Mean of -log of the true class's probability; rows are scaled to the sum 1.

    truth: class numbers, -1 for a class that the system does not know; rows: probabilities.
    """
    total = 0.0
    for right, row in zip(truth, rows):
        whole = math.fsum(row)
        share = row[right] / whole if right >= 0 and whole > 0 else 0.0
        total -= math.log(min(max(share, SMALLEST), 1 - SMALLEST))
    return total / len(truth)


def accuracy(truth, rows):
    """Share of the rows whose most probable class (the first of equals) is the true one."""
    hits = sum(right == max(range(len(row)), key=row.__getitem__)
               for right, row in zip(truth, rows))
    return hits / len(truth)


def rmse(truth, predicted):
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(truth, predicted)) / len(truth))


def read_column(path, name):
    """The fields of one column of a CSV file with a header."""
    with open(path, encoding='utf-8', newline='') as handle:
        rows = csv.reader(handle)
        at = next(rows).index(name)
        return [row[at] for row in rows if row]


def read_predictions(path, row_count):
    """(header, rows of numbers). Raises BadPredictions."""
    rows = []
    try:
        with open(path, encoding='utf-8', newline='') as handle:
            reader = csv.reader(handle)
            header = next(reader, [])
            for row in reader:
                if len(row) != len(header):
                    raise BadPredictions(f'row {len(rows) + 1} of the predictions has {len(row)} '
                                         f'fields, the header {len(header)}')
                rows.append([float(field) for field in row])
    except OSError as error:
        raise BadPredictions(f'no predictions: {error.strerror}') from None
    except ValueError as error:
        raise BadPredictions(f'row {len(rows) + 1} of the predictions: {error}') from None
    if len(rows) != row_count:
        raise BadPredictions(f'{len(rows)} predictions for {row_count} test rows')
    if not all(math.isfinite(value) for row in rows for value in row):
        raise BadPredictions('predictions that are no finite numbers')
    return header, rows


def of_classes(task, labels, classes, rows):
    if len(set(classes)) != len(classes):
        raise BadPredictions('the header of the predictions names a class twice')
    number = {name: i for i, name in enumerate(classes)}
    truth = [number.get(label, -1) for label in labels]
    if max(truth) < 0:
        raise BadPredictions(f"classes {', '.join(classes[:5])} in the header of the predictions, "
                             f"but '{labels[0]}' in the test table")
    if min(min(row) for row in rows) < 0:
        raise BadPredictions('probabilities below 0')
    scores = {'log_loss': log_loss(truth, rows), 'accuracy': accuracy(truth, rows)}
    if task == 'binary':
        if len(classes) != 2:
            raise BadPredictions(f'{len(classes)} columns of predictions for two classes')
        scores['roc_auc'] = roc_auc([i == 1 for i in truth], [row[1] for row in rows])
    return scores


def of_predictions(task, labels, path):
    """{metric: score on the test rows} of a predictions file. labels: the target as text."""
    header, rows = read_predictions(path, len(labels))
    if task != 'regression':
        return of_classes(task, labels, header, rows)
    if header != ['prediction']:
        raise BadPredictions("the predictions have no single column 'prediction'")
    return {'rmse': rmse([float(label) for label in labels], [row[0] for row in rows])}


def of_constant(task, train_labels, test_labels):
    """The scores of the model that knows nothing but the training target: shares or mean."""
    if task == 'regression':
        mean = math.fsum(map(float, train_labels)) / len(train_labels)
        return {'rmse': rmse([float(label) for label in test_labels], [mean] * len(test_labels))}
    classes = sorted(set(train_labels))
    shares = [train_labels.count(name) / len(train_labels) for name in classes]
    return of_classes(task, test_labels, classes, [shares] * len(test_labels))
