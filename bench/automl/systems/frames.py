"""Systems that are Python libraries: tables as pandas frames, predictions as arrays."""
import importlib.metadata
import time

import numpy
import pandas

import events

BATCH_ROWS = 20000  # a smaller test table is repeated until it has these
BATCH_S = 20  # batches are repeated within this time, the fastest counts


class FrameSystem(events.System):
    """Reads both tables; a library gives `fit`, `probabilities` and the names of its packages.

    `classes` is the order of the columns that `probabilities` returns.
    """

    PACKAGES = ()

    def __init__(self, job):
        super().__init__(job)
        self.classes = None
        self.classifies = job.task != 'regression'

    def load(self):
        self.train, self.test = self.read(self.job.train), self.read(self.job.test)
        self.y = self.train[self.job.target]
        self.x = self.train.drop(columns=self.job.target)
        self.rows = self.test.drop(columns=self.job.target)

    def read(self, path):
        """Only an empty field is missing; classes stay as they are spelt."""
        types = {self.job.target: str} if self.classifies else None
        return pandas.read_csv(path, dtype=types, keep_default_na=False, na_values=[''],
                               low_memory=False)

    def probabilities(self, frame):
        """[rows, classes], or [rows] of numbers."""

    def batch(self, copies):
        """The test rows, so many times, as `probabilities` takes them."""
        return pandas.concat([self.rows] * copies, ignore_index=True)

    def timed(self, frame):
        """What counts as predicting a batch."""
        return self.probabilities(frame)

    def predict(self):
        values = numpy.asarray(self.probabilities(self.rows), dtype=float)
        header = [str(name) for name in self.classes] if self.classifies else ['prediction']
        pandas.DataFrame(values.reshape(len(self.rows), -1), columns=header).to_csv(
            self.job.predictions, index=False)

    def speed(self):
        copies = max(1, -(-BATCH_ROWS // len(self.rows)))
        frame = self.batch(copies)
        started, best = time.perf_counter(), None
        for _ in range(3):
            begin = time.perf_counter()
            self.timed(frame)
            took = time.perf_counter() - begin
            best = min(took, best or took)
            if time.perf_counter() - started + took > BATCH_S:
                break
        return copies * len(self.rows), best

    def details(self):
        found = [f'{name} {importlib.metadata.version(name)}' for name in self.PACKAGES]
        return ', '.join(found)


def is_text(column):
    return not (pandas.api.types.is_numeric_dtype(column) or
                pandas.api.types.is_bool_dtype(column))


class Categories:
    """Columns of text as pandas categories that the training table decides."""

    def __init__(self, frame):
        self.levels = {name: sorted(frame[name].dropna().astype(str).unique())
                       for name in frame.columns if is_text(frame[name])}

    def apply(self, frame):
        """Texts that the training table does not have become missing."""
        frame = frame.copy()
        for name, levels in self.levels.items():
            texts = frame[name].astype(object).where(frame[name].notna(), None)
            frame[name] = pandas.Categorical(
                [None if text is None else str(text) for text in texts], categories=levels)
        return frame


class ModelSystem(FrameSystem):
    """`model`, with the interface of scikit-learn, takes x and y as they are."""

    def fit(self):
        self.model.fit(self.x, self.y)
        if self.classifies:
            self.classes = list(self.model.classes_)

    def probabilities(self, frame):
        return self.model.predict_proba(frame) if self.classifies else self.model.predict(frame)
