"""What every system of bench/automl does alike: arguments, events, order of the work.

A system is a program of its own:

  PROGRAM --train F --test F --target C --task T --metric M --budget S --seed N --threads N
          --predictions F --folder DIR [--option TEXT]

It loads, prints `fit_begin`, fits on the training table within the budget, prints `fit_end`,
predicts the test table into the predictions file (see metrics.py), measures its rows/s on a batch,
and prints `done` with predict_rows, predict_s and details; or it prints `error`. Here `run(System)`
does that for a class with the methods of `System`. Standard library only.
"""
import argparse
import json
import os
import traceback


class Events:
    """The event lines. Takes standard output for itself: what libraries print goes to the log."""

    def __init__(self):
        self._out = os.dup(1)
        os.dup2(2, 1)

    def say(self, event, **fields):
        os.write(self._out, (json.dumps({'event': event, **fields}) + '\n').encode())


class System:
    """What a system has to do. `job` has the arguments as attributes."""

    WRAPPER = False  # whether this process only starts the one that fits

    def __init__(self, job):
        self.job = job

    def load(self):
        """Imports libraries and reads the tables; not part of the fit."""

    def fit(self):
        """Fits within job.budget seconds."""

    def predict(self):
        """Writes job.predictions."""

    def speed(self):
        """(rows, seconds) of predicting a batch, loading apart."""

    def details(self):
        """Versions and what was chosen, as text."""
        return ''


def read_job():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('train', 'test', 'target', 'metric', 'predictions', 'folder'):
        parser.add_argument(f'--{name}', required=True)
    parser.add_argument('--task', required=True, choices=('binary', 'multiclass', 'regression'))
    parser.add_argument('--budget', required=True, type=float)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--option', default='')
    return parser.parse_args()


def first_line(error):
    text = str(error).strip().splitlines()
    return f'{type(error).__name__}: {text[0] if text else "no message"}'


def run(make):
    """The main function of a system's program. Does not return: some libraries leave threads."""
    events, code = Events(), 0
    try:
        job = read_job()
        system = make(job)
        system.load()
        events.say('fit_begin', wrapper=system.WRAPPER)
        system.fit()
        events.say('fit_end')
        system.predict()
        rows, seconds = system.speed()
        events.say('done', predict_rows=rows, predict_s=seconds, details=system.details())
    except Exception as error:  # the driver names it, and goes on
        traceback.print_exc()
        events.say('error', error=first_line(error))
        code = 1
    os._exit(code)
