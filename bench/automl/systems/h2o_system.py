#!/usr/bin/env python3
"""H2O AutoML on a server of its own, which is started and given the tables before the fit."""
import importlib.metadata

import events
import frames

METRICS = {'roc_auc': 'AUC', 'log_loss': 'logloss', 'accuracy': 'mean_per_class_error',
           'rmse': 'RMSE'}


class H2O(frames.FrameSystem):
    def load(self):
        import h2o
        self.h2o = h2o
        h2o.init(nthreads=self.job.threads, bind_to_localhost=True, start_h2o=True,
                 ice_root=self.job.folder, log_dir=self.job.folder)
        h2o.no_progress()
        self.train = h2o.import_file(self.job.train, header=1)
        if self.classifies:
            self.train[self.job.target] = self.train[self.job.target].asfactor()
        self.rows = h2o.import_file(self.job.test, header=1, col_types=self.train.types)

    def fit(self):
        from h2o.automl import H2OAutoML
        job = self.job
        self.automl = H2OAutoML(max_runtime_secs=max(1, int(job.budget)), seed=job.seed,
                                sort_metric=METRICS[job.metric], verbosity=None)
        self.automl.train(y=job.target, training_frame=self.train)
        if self.automl.leader is None:
            raise RuntimeError('no model within the budget')
        if self.classifies:
            # The last domain is the target's: the order of the probabilities.
            self.classes = self.automl.leader._model_json['output']['domains'][-1]

    def timed(self, frame):
        """The server's work; fetching the frame is apart."""
        self.automl.leader.predict(frame).refresh()

    def probabilities(self, frame):
        table = self.automl.leader.predict(frame).as_data_frame(use_multi_thread=False)
        return table.iloc[:, 1:] if self.classifies else table['predict']

    def batch(self, copies):
        longer = self.rows
        while longer.nrow < copies * self.rows.nrow:
            longer = longer.rbind(longer)
        longer = longer[0:copies * self.rows.nrow, :]
        longer.refresh()
        return longer

    def details(self):
        version = importlib.metadata.version('h2o')
        return f'chose {self.automl.leader.algo}; h2o {version}'


if __name__ == '__main__':
    events.run(H2O)
