"""Losses of LightGBM on the problem of learner_fixture.h, for the thresholds of
learners_objective_test.cc.

Run with numpy and lightgbm installed: python3 objective_losses.py
"""
import lightgbm as lgb
import numpy as np

from learner_rows import ROWS, make_rows

def huber(y, p):
    d = np.abs(y - p)
    return np.where(d <= 2, d * d / 2, 2 * (d - 1)).mean()


def pinball(y, p):
    return np.where(y > p, 0.9 * (y - p), 0.1 * (p - y)).mean()


def poisson(y, p):
    return (np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / p), 0) - y + p).mean()


def tweedie(y, p):
    return (y**0.5 / (-0.5 * 0.5) - y * p**-0.5 / -0.5 + p**0.5 / 0.5).mean()


def entropy(y, p):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


x, y = make_rows(ROWS)
cut = ROWS * 3 // 4
positive = np.maximum(y - 8, 0)  # about one in eight is 0
cases = {
    "absolute": (y, dict(objective="l1"), lambda y, p: np.abs(y - p).mean()),
    "huber": (y, dict(objective="huber", alpha=2.0), huber),
    "quantile": (y, dict(objective="quantile", alpha=0.9), pinball),
    "poisson": (positive, dict(objective="poisson"), poisson),
    "tweedie": (positive, dict(objective="tweedie", tweedie_variance_power=1.5), tweedie),
    "cross_entropy": (np.clip(y / 30, 0, 1), dict(objective="cross_entropy"), entropy),
}
for name, (target, params, loss) in cases.items():
    data = lgb.Dataset(x[:cut], target[:cut], categorical_feature=[6])
    model = lgb.train(dict(params, learning_rate=0.1, num_leaves=31, lambda_l2=1.0, verbose=-1),
                      data, 1000, [lgb.Dataset(x[cut:], target[cut:], reference=data)],
                      callbacks=[lgb.early_stopping(100, verbose=False)])
    print(f"{name:14} {loss(target[cut:], model.predict(x[cut:])):.5f}"
          f"  after {model.best_iteration} rounds; zeros {np.mean(target == 0):.3f}")
