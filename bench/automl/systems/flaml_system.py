#!/usr/bin/env python3
"""FLAML's AutoML with its defaults, the task's metric and a time budget."""
import events
import frames


class Flaml(frames.FrameSystem):
    PACKAGES = ('flaml', 'lightgbm', 'xgboost', 'catboost', 'scikit-learn')

    def load(self):
        import flaml
        super().load()
        self.categories = frames.Categories(self.x)
        self.x, self.rows = self.categories.apply(self.x), self.categories.apply(self.rows)
        if self.classifies:
            self.y = self.y.astype(object)
        self.automl = flaml.AutoML()

    def fit(self):
        job = self.job
        task = 'regression' if job.task == 'regression' else 'classification'
        self.automl.fit(X_train=self.x, y_train=self.y, task=task, metric=job.metric,
                        time_budget=job.budget, n_jobs=job.threads, seed=job.seed, verbose=0)
        if self.automl.model is None:
            raise RuntimeError('no model within the budget')
        if self.classifies:
            self.classes = list(self.automl.classes_)

    def probabilities(self, frame):
        return self.automl.predict_proba(frame) if self.classifies else self.automl.predict(frame)

    def details(self):
        return f'chose {self.automl.best_estimator}; {super().details()}'


if __name__ == '__main__':
    events.run(Flaml)
