#!/usr/bin/env python3
"""AutoGluon's TabularPredictor; --option is the preset. It has no seed: only splits differ."""
import os

import events
import frames

METRICS = {'roc_auc': 'roc_auc', 'log_loss': 'log_loss', 'accuracy': 'accuracy',
           'rmse': 'root_mean_squared_error'}


class AutoGluon(frames.FrameSystem):
    PACKAGES = ('autogluon.tabular', 'lightgbm', 'xgboost-cpu', 'catboost', 'torch')

    def load(self):
        from autogluon.tabular import TabularPredictor
        super().load()
        job = self.job
        self.predictor = TabularPredictor(
            label=job.target, problem_type=job.task, eval_metric=METRICS[job.metric],
            path=os.path.join(job.folder, 'autogluon'), verbosity=2)

    def fit(self):
        job = self.job
        self.predictor.fit(self.train, time_limit=job.budget, presets=job.option,
                           num_cpus=job.threads, num_gpus=0)

    def predict(self):
        self.predictor.persist()  # models in memory: loading them is apart
        super().predict()

    def probabilities(self, frame):
        if not self.classifies:
            return self.predictor.predict(frame)
        found = self.predictor.predict_proba(frame)
        self.classes = list(found.columns)
        return found

    def details(self):
        return f'chose {self.predictor.model_best}; {super().details()}'


if __name__ == '__main__':
    events.run(AutoGluon)
