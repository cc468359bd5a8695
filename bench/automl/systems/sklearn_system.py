#!/usr/bin/env python3
"""One HistGradientBoosting model of scikit-learn with its default parameters. Knows no budget.

Text columns are its categories; one with more than 255 levels, which it refuses, is given as
numbers.
"""
import events
import frames

MOST_LEVELS = 255


class HistGradientBoosting(frames.ModelSystem):
    PACKAGES = ('scikit-learn',)

    def load(self):
        from sklearn import ensemble
        super().load()
        self.categories = frames.Categories(self.x)
        self.x, self.rows = self.ready(self.x), self.ready(self.rows)
        kind = (ensemble.HistGradientBoostingClassifier if self.classifies else
                ensemble.HistGradientBoostingRegressor)
        self.model = kind(random_state=self.job.seed, categorical_features='from_dtype')

    def ready(self, frame):
        frame = self.categories.apply(frame)
        for name, levels in self.categories.levels.items():
            if len(levels) > MOST_LEVELS:
                codes = frame[name].cat.codes.astype(float)
                frame[name] = codes.where(codes >= 0)
        return frame


if __name__ == '__main__':
    events.run(HistGradientBoosting)
