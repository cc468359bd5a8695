"""Scores of other programs on the problem of learner_fixture.h, for the thresholds in its tests.

Run with numpy, scikit-learn and lightgbm installed: python3 learner_scores.py
"""
import math

import lightgbm as lgb
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier,
                              RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from learner_rows import ROWS, make_rows

x, y = make_rows(ROWS)
cut = ROWS * 3 // 4
tasks = {
    "binary": (y > 14).astype(int),
    "multiclass": np.where(y < 11, 0, np.where(y < 17, 1, 2)),
    "regression": y,
}
dense = make_column_transformer(
    (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), list(range(6))),
    (OneHotEncoder(), [6]))
for task, target in tasks.items():
    classify = task != "regression"
    boosted = dict(n_estimators=1000, learning_rate=0.1, num_leaves=31, verbose=-1,
                   reg_lambda=1.0)
    forest = dict(n_estimators=100, min_samples_leaf=2, random_state=1, n_jobs=2)
    models = {
        "linear": make_pipeline(dense, LogisticRegression(max_iter=1000) if classify else Ridge()),
        "gbt": (lgb.LGBMClassifier if classify else lgb.LGBMRegressor)(**boosted),
        "random_forest": (RandomForestClassifier if classify else RandomForestRegressor)(
            max_features=0.35, **forest),
        "extra_trees": (ExtraTreesClassifier if classify else ExtraTreesRegressor)(
            max_features=0.5, **forest),
        "mlp": make_pipeline(dense, (MLPClassifier if classify else MLPRegressor)(
            hidden_layer_sizes=(128, 128), max_iter=300, early_stopping=True, random_state=1,
            n_iter_no_change=20, learning_rate_init=0.003)),
    }
    for name, model in models.items():
        train = (x[:cut], target[:cut])
        if name == "gbt":
            model.fit(*train, eval_set=[(x[cut:], target[cut:])], categorical_feature=[6],
                      callbacks=[lgb.early_stopping(100, verbose=False)])
        else:
            model.fit(*train)
        if classify:
            score = log_loss(target[cut:], model.predict_proba(x[cut:]))
        else:
            score = math.sqrt(np.mean((model.predict(x[cut:]) - target[cut:])**2))
        rounds = getattr(model, "best_iteration_", "")
        print(f"{task:10} {name:14} {score:.4f} {rounds}")
