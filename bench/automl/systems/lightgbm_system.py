#!/usr/bin/env python3
"""One LightGBM model with its default parameters, without a budget; text as categories."""
import events
import frames


class LightGbm(frames.ModelSystem):
    PACKAGES = ('lightgbm',)

    def load(self):
        import lightgbm
        super().load()
        self.categories = frames.Categories(self.x)
        self.names = [f'c{i}' for i in range(self.x.shape[1])]  # it refuses some of the real ones
        self.x, self.rows = self.ready(self.x), self.ready(self.rows)
        kind = lightgbm.LGBMClassifier if self.classifies else lightgbm.LGBMRegressor
        self.model = kind(n_jobs=self.job.threads, random_state=self.job.seed, verbose=-1)

    def ready(self, frame):
        return self.categories.apply(frame).set_axis(self.names, axis=1)


if __name__ == '__main__':
    events.run(LightGbm)
