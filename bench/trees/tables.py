"""The data sets of bench/trees: made or read, split, and written as raw arrays.

Every column becomes f64: numbers as they are, text as the rank of its value, empty as NaN. A fifth of
the rows, drawn with the seed, is the test part; made sets are made anew from each seed.
"""
import os

CSV = {  # file, target, task, columns that give the target away
    'adult': ('adult.csv.gz', 'class', 'binary', ()),
    'cnae9': ('cnae9.csv.gz', 'class', 'multiclass', ()),
    'covertype': ('covertype.csv.gz', 'Cover_Type', 'multiclass', ()),
    'nycflights13': ('nycflights13.csv.gz', 'arr_delay', 'regression', ('arr_time', 'air_time')),
    'weather_aus': ('weather_aus.csv.gz', 'RainTomorrow', 'binary', ('RISK_MM',)),
}
SYNTHETIC = {'synthetic': (1_000_000, 28), 'small': (100_000, 28), 'wide': (20_000, 2_000)}
NAMES = (*SYNTHETIC, *CSV)


def folder_of(top, name, seed):
    """Where the arrays of a set and seed lie."""
    return f'{top}/{name}' if seed == 1 else f'{top}/{name}-{seed}'


def synthetic(rows, features, seed):
    """Binary: a smooth function of twelve columns, with noise."""
    import numpy as np
    rng = np.random.default_rng(2023 + seed)
    total = rows + rows // 4
    x = rng.standard_normal((features, total))
    signal = np.zeros(total)
    for f in range(12):
        signal += np.sin(x[f] * (1 + f / 4)) + 0.3 * x[f] * x[(f + 5) % 12]
    y = (signal + rng.logistic(size=total) > 0).astype(float)
    return x[:, :rows], y[:rows], x[:, rows:], y[rows:], 'binary', 2


def from_csv(name, folder, seed):
    import numpy as np
    import pandas as pd
    file, target, task, leaks = CSV[name]
    table = pd.read_csv(os.path.join(folder, file)).drop(columns=list(leaks))
    y = table.pop(target)
    y = y.astype(float) if task == 'regression' else pd.Series(pd.factorize(y, sort=True)[0])
    columns = []
    for _, column in table.items():
        if not pd.api.types.is_numeric_dtype(column):
            codes = pd.factorize(column, sort=True)[0].astype(float)
            column = pd.Series(np.where(codes < 0, np.nan, codes))
        columns.append(column.to_numpy(dtype=float))
    x, y = np.array(columns), y.to_numpy(dtype=float)
    order = np.random.default_rng(seed).permutation(len(y))
    test, train = np.sort(order[:len(y) // 5]), np.sort(order[len(y) // 5:])
    classes = 0 if task == 'regression' else int(y.max()) + 1
    return x[:, train], y[train], x[:, test], y[test], task, classes


def prepare(name, data, folder, seed):
    """Writes the arrays to `folder`, unless they are there. False if the file is missing."""
    import numpy as np
    if os.path.exists(f'{folder}/meta.txt'):
        return True
    if name in CSV and not os.path.exists(os.path.join(data, CSV[name][0])):
        return False
    os.makedirs(folder, exist_ok=True)
    parts = from_csv(name, data, seed) if name in CSV else synthetic(*SYNTHETIC[name], seed)
    train_x, train_y, test_x, test_y, task, classes = parts
    for part, array in (('train_x', train_x), ('train_y', train_y), ('test_x', test_x),
                        ('test_y', test_y)):
        np.ascontiguousarray(array).tofile(f'{folder}/{part}.f64')
    with open(f'{folder}/meta.txt', 'w', encoding='utf-8') as meta:
        meta.write(f'{task} {len(train_y)} {len(test_y)} {len(train_x)} {classes}\n')
    return True


def score(folder, predictions, task, classes, boosted):
    """(metric, value) of f32 predictions: AUC, RMSE, log loss, or accuracy.

    Forests are scored by accuracy where boosted trees are by log loss: shares of few trees hold
    zeros, and their loss counts little else.
    """
    import numpy as np
    y = np.fromfile(f'{folder}/test_y.f64')
    p = np.fromfile(predictions, dtype=np.float32).astype(float)
    if task == 'regression':
        return 'rmse', float(np.sqrt(np.mean((p - y) ** 2)))
    if task == 'binary':
        p = p.reshape(len(y), -1)[:, -1]
        _, ranks, counts = np.unique(p, return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - (counts - 1) / 2
        positives = y.sum()
        rank_sum = middle[ranks][y == 1].sum()
        return 'auc', float((rank_sum - positives * (positives + 1) / 2)
                            / (positives * (len(y) - positives)))
    p = p.reshape(-1, classes)
    if not boosted:
        return 'accuracy', float(np.mean(p.argmax(axis=1) == y))
    p = np.clip(p, 1e-15, 1)
    return 'logloss', float(-np.mean(np.log(p[np.arange(len(y)), y.astype(int)])))
