#!/usr/bin/env python3
"""Assay itself: `assay run`, then `assay predict`. --option is the program.

The fit is the whole process of `assay run`, from its start to its end: reading the table and saving
the model are in it. Rows/s are the slope between the test table and a longer one, so that starting
and loading the model are apart, but reading CSV and writing predictions are in it.
"""
import csv
import json
import os
import subprocess
import time

import events

BATCH_ROWS = 200000
BATCH_BYTES = 256 << 20


class Assay(events.System):
    WRAPPER = True

    def call(self, *arguments):
        """The JSON that a command of the program prints."""
        process = subprocess.run(
            [self.job.option, *arguments, '--workspace', os.path.join(self.job.folder, 'workspace'),
             '--json', '--quiet'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            check=False)
        if process.returncode != 0:
            lines = process.stderr.strip().splitlines() or ['no message']
            raise RuntimeError(f'exit code {process.returncode}: {lines[0]}')
        return json.loads(process.stdout.strip().splitlines()[-1])

    def fit(self):
        job = self.job
        self.answer = self.call(
            'run', '--data', job.train, '--target', job.target, '--task', job.task, '--metric',
            job.metric, '--time', f'{job.budget:g}s', '--seed', str(job.seed), '--threads',
            str(job.threads), '--name', 'model')

    def predict_file(self, table, out):
        begin = time.perf_counter()
        rows = self.call('predict', 'model', '--data', table, '--out', out, '--threads',
                         str(self.job.threads))['rows']
        return rows, time.perf_counter() - begin

    def predict(self):
        out = os.path.join(self.job.folder, 'assay.csv')
        self.rows, self.seconds = self.predict_file(self.job.test, out)
        prefix = 'proba_'
        with open(out, encoding='utf-8', newline='') as read, \
                open(self.job.predictions, 'w', encoding='utf-8', newline='') as written:
            rows, writer = csv.reader(read), csv.writer(written, lineterminator='\n')
            header = next(rows)
            if self.job.task == 'regression':
                keep, names = [header.index('prediction')], ['prediction']
            else:
                keep = [i for i, name in enumerate(header) if name.startswith(prefix)]
                names = [header[i][len(prefix):] for i in keep]
            writer.writerow(names)
            writer.writerows([row[i] for i in keep] for row in rows)

    def longer_table(self):
        """The rows of the test table, over and over, in a new file."""
        path = os.path.join(self.job.folder, 'longer.csv')
        with open(self.job.test, 'rb') as test, open(path, 'wb') as longer:
            longer.write(test.readline())
            body = test.read()
            copies = max(2, min(1 + BATCH_ROWS // self.rows, BATCH_BYTES // max(1, len(body))))
            for _ in range(copies):
                longer.write(body)
        return path

    def speed(self):
        out = os.path.join(self.job.folder, 'longer_predictions.csv')
        table = self.longer_table()
        rows, seconds = min((self.predict_file(table, out) for _ in range(2)),
                            key=lambda one: one[1])
        os.remove(table)
        more, longer = rows - self.rows, seconds - self.seconds
        return (more, longer) if longer > 0 else (rows, seconds)

    def details(self):
        trials = self.answer.get('trials', {})
        return f"{trials.get('finished', 0)} trials, {trials.get('failed', 0)} failed"


if __name__ == '__main__':
    events.run(Assay)
