#!/usr/bin/env python3
"""Trains one of the other systems on a prepared data set and prints one JSON object.

  peers.py --system NAME --data DIR --leaves N --rounds N --threads N --predictions FILE [--folds K]
           [--seed N] [--learner gbt|random_forest|extra_trees] [--column_share F]

All work alike: learning rate 0.1, 255 bins, l2 of 1, at least 20 rows a leaf where that can be said,
categories as numbers. Data is f32 row-major, what the systems read fastest. `binning_s` is the
system's own data set, built before training; scikit-learn bins inside training. lightgbm-all looks
at all columns, like the others: by default LightGBM leaves out those that no split of the table into
two sides of 20 rows can use. With --folds K > 1 the K fits of a cross-validation are made, each
from its own rows, which are picked before the clock starts; the model of the first one predicts.
Forests (sklearn-forest) have --rounds trees, at least 2 rows a leaf, and choose each split from a share
of the columns; they are as deep as so many leaves need, and with 0 leaves grown to the end.
"""
import argparse
import json
import time

SYSTEMS = ('lightgbm-row', 'lightgbm-column', 'lightgbm-quantised', 'lightgbm-all',
           'xgboost-lossguide', 'xgboost-depthwise', 'catboost', 'sklearn')
FORESTS = ('sklearn-forest',)
LEARNERS = ('gbt', 'random_forest', 'extra_trees')


def memory_mib(name):
    with open('/proc/self/status', encoding='utf-8') as status:
        for line in status:
            if line.startswith(name + ':'):
                return int(line.split()[1]) / 1024
    return 0


def read_meta(folder):
    with open(f'{folder}/meta.txt', encoding='utf-8') as handle:
        task, train, test, features, classes = handle.read().split()
    return task, int(train), int(test), int(features), int(classes)


def depth_of(leaves):
    """Levels that so many leaves need."""
    return max(1, (leaves + 1).bit_length() - 1)


class LightGbm:
    def __init__(self, a):
        import lightgbm
        self.lib, self.a = lightgbm, a
        self.params = {
            'objective': {'binary': 'binary', 'multiclass': 'multiclass',
                          'regression': 'regression'}[a.task],
            'learning_rate': 0.1, 'num_leaves': a.leaves, 'max_bin': 255, 'lambda_l2': 1,
            'min_data_in_leaf': 20, 'num_threads': a.threads, 'verbosity': -1,
            'force_row_wise': a.system != 'lightgbm-column',
            'force_col_wise': a.system == 'lightgbm-column',
            'use_quantized_grad': a.system == 'lightgbm-quantised',
            'quant_train_renew_leaf': True, 'seed': a.seed,
            'feature_pre_filter': a.system != 'lightgbm-all'}
        if a.task == 'multiclass':
            self.params['num_class'] = a.classes

    def bin(self, x, y):
        self.data = self.lib.Dataset(x, label=y, params=self.params, free_raw_data=True)
        self.data.construct()

    def train(self):
        self.model = self.lib.train(self.params, self.data, self.a.rounds)

    def predict(self, x):
        return self.model.predict(x, num_threads=self.a.threads)


class XgBoost:
    def __init__(self, a):
        import xgboost
        self.lib, self.a = xgboost, a
        depth = depth_of(a.leaves)
        self.params = {
            'objective': {'binary': 'binary:logistic', 'multiclass': 'multi:softprob',
                          'regression': 'reg:squarederror'}[a.task],
            'eta': 0.1, 'tree_method': 'hist', 'max_bin': 255, 'lambda': 1, 'min_child_weight': 1,
            'nthread': a.threads, 'verbosity': 0, 'seed': a.seed,
            'grow_policy': 'lossguide' if a.system == 'xgboost-lossguide' else 'depthwise',
            'max_leaves': a.leaves if a.system == 'xgboost-lossguide' else 0,
            'max_depth': 0 if a.system == 'xgboost-lossguide' else depth}
        if a.task == 'multiclass':
            self.params['num_class'] = a.classes

    def bin(self, x, y):
        self.data = self.lib.QuantileDMatrix(x, y, max_bin=255, nthread=self.a.threads)

    def train(self):
        self.model = self.lib.train(self.params, self.data, self.a.rounds)

    def predict(self, x):
        return self.model.inplace_predict(x)


class CatBoost:
    def __init__(self, a):
        import catboost
        self.lib, self.a = catboost, a
        depth = depth_of(a.leaves)
        self.params = {
            'loss_function': {'binary': 'Logloss', 'multiclass': 'MultiClass',
                              'regression': 'RMSE'}[a.task],
            'learning_rate': 0.1, 'iterations': a.rounds, 'depth': depth, 'l2_leaf_reg': 1,
            'border_count': 254, 'thread_count': a.threads, 'bootstrap_type': 'No',
            'boosting_type': 'Plain', 'random_strength': 0, 'random_seed': a.seed,
            'allow_writing_files': False, 'verbose': False}

    def bin(self, x, y):
        self.data = self.lib.Pool(x, y, thread_count=self.a.threads)
        self.data.quantize(border_count=254)

    def train(self):
        self.model = self.lib.CatBoost(self.params)
        self.model.fit(self.data)

    def predict(self, x):
        kind = 'RawFormulaVal' if self.a.task == 'regression' else 'Probability'
        p = self.model.predict(x, prediction_type=kind, thread_count=self.a.threads)
        return p[:, 1] if self.a.task == 'binary' else p


class Sklearn:
    def __init__(self, a):
        from sklearn import ensemble
        self.a = a
        kind = (ensemble.HistGradientBoostingRegressor if a.task == 'regression'
                else ensemble.HistGradientBoostingClassifier)
        self.model = kind(learning_rate=0.1, max_iter=a.rounds, max_leaf_nodes=a.leaves, max_bins=255,
                          l2_regularization=1, min_samples_leaf=20, early_stopping=False,
                          random_state=a.seed)

    def bin(self, x, y):
        self.x, self.y = x, y

    def train(self):
        self.model.fit(self.x, self.y)

    def predict(self, x):
        if self.a.task == 'regression':
            return self.model.predict(x)
        p = self.model.predict_proba(x)
        return p[:, 1] if self.a.task == 'binary' else p


class SklearnForest(Sklearn):
    def __init__(self, a):
        from sklearn import ensemble
        self.a = a
        name = {'random_forest': 'RandomForest', 'extra_trees': 'ExtraTrees'}[a.learner]
        kind = getattr(ensemble, name + ('Regressor' if a.task == 'regression' else 'Classifier'))
        self.model = kind(n_estimators=a.rounds, max_features=a.column_share, min_samples_leaf=2,
                          max_depth=depth_of(a.leaves) if a.leaves > 0 else None,
                          bootstrap=a.learner == 'random_forest', n_jobs=a.threads,
                          random_state=a.seed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--system', required=True, choices=(*SYSTEMS, *FORESTS))
    parser.add_argument('--data', required=True)
    for name, value in (('leaves', 31), ('rounds', 100), ('threads', 1), ('seed', 1),
                        ('folds', 1)):
        parser.add_argument('--' + name, type=int, default=value)
    parser.add_argument('--learner', default='gbt', choices=LEARNERS)
    parser.add_argument('--column_share', type=float, default=0.35)
    parser.add_argument('--predictions', default='')
    a = parser.parse_args()
    a.task, train_rows, test_rows, features, a.classes = read_meta(a.data)
    import numpy as np
    if (a.learner == 'gbt') == (a.system in FORESTS):
        parser.error(f'{a.system} has no learner {a.learner}')
    family = a.system if a.system in FORESTS else a.system.split('-', maxsplit=1)[0]
    peer = {'lightgbm': LightGbm, 'xgboost': XgBoost, 'catboost': CatBoost, 'sklearn': Sklearn,
            'sklearn-forest': SklearnForest}[family](a)

    def load(name, rows):
        x = np.empty((rows, features), np.float32)
        with open(f'{a.data}/{name}_x.f64', 'rb') as file:
            for f in range(features):
                x[:, f] = np.fromfile(file, np.float64, rows)
        return x

    result = {'rss_start_mib': memory_mib('VmRSS')}
    x = load('train', train_rows)
    y = np.fromfile(f'{a.data}/train_y.f64', dtype=np.float64).astype(np.float32)
    result['rss_data_mib'] = memory_mib('VmRSS')
    spent = dict.fromkeys(('binning_s', 'train_s', 'total_s', 'cpu_s'), 0.0)
    for fold in reversed(range(a.folds)):
        kept = np.arange(len(y)) % a.folds != fold if a.folds > 1 else slice(None)
        part_x, part_y = x[kept], y[kept]
        if a.folds == 1:
            del x  # what is trained from is the peer's now
        cpu = time.process_time()
        begin = time.perf_counter()
        peer.bin(part_x, part_y)
        del part_x
        binned = time.perf_counter()
        peer.train()
        done = time.perf_counter()
        for key, value in (('binning_s', binned - begin), ('train_s', done - binned),
                           ('total_s', done - begin), ('cpu_s', time.process_time() - cpu)):
            spent[key] += value
    result.update(spent, rss_peak_mib=memory_mib('VmHWM'))
    x = load('test', test_rows)
    best = 1e300
    for _ in range(3):
        begin = time.perf_counter()
        p = peer.predict(x)
        best = min(best, time.perf_counter() - begin)
    result['predict_rows_per_s'] = test_rows / best
    if a.predictions:
        np.asarray(p, dtype=np.float32).tofile(a.predictions)
    print(json.dumps(result))


if __name__ == '__main__':
    main()
