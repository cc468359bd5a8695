"""What is left of a sweep that was killed: the best model that it had come to."""
import json
import os
import signal
import subprocess
import threading
import time
import unittest

import cli_case
from cli_case import ASSAY, CliCase


class BestModelTest(CliCase):
    def setUp(self):
        super().setUp()
        cli_case.regression_table(self.path('t.csv'), rows=400)

    def killed_run(self, is_ready):
        """The run of a sweep that is killed as soon as `is_ready(rows of its best models)`."""
        environment = {k: v for k, v in os.environ.items() if k != 'ASSAY_WORKSPACE'}
        process = subprocess.Popen(
            [ASSAY, 'run', '--data', 't.csv', '--target', 'price', '--trials', '10000', '--seed', '3'],
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        searching = threading.Event()

        def drain():
            for line in process.stderr:
                if 'searching' in line:
                    searching.set()
        reader = threading.Thread(target=drain, daemon=True)
        reader.start()
        deadline = time.monotonic() + 120
        self.assertTrue(searching.wait(120), 'no search has begun')
        run = None
        while process.poll() is None:
            self.assertLess(time.monotonic(), deadline, 'no such best models')
            run = self.assay_json('runs', 'list', '--kind', 'sweep', '--all')[0]['run_id']
            if is_ready(self.best_models(run)):
                break
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        reader.join(60)
        process.stderr.close()
        return run

    def best_models(self, run):
        """Rows {seconds, score, trials, bytes, sha256}."""
        table = self.assay_json('runs', 'show', run).get('tables', {}).get('best_models')
        if not table:
            return []
        return [dict(zip(table, row)) for row in zip(*table.values())]

    def test_of_a_killed_run_predicts_and_can_be_registered(self):
        run = self.killed_run(lambda rows: len(rows) > 2)
        shown = self.assay_json('runs', 'show', run)
        self.assertEqual(shown['status'], 'interrupted')
        self.fails(2, 'predict', 't', '--data', 't.csv', says='no model')
        process = self.assay('predict', run, '--data', 't.csv', '--out', 'p.csv')
        self.assertRegex(process.stderr, rf'best model of run {run} \(interrupted\): trials? [0-9, ]+, '
                                         r'kept [0-9.]+ s after the start')
        with open(self.path('p.csv')) as handle:
            self.assertEqual(len(handle.readlines()), 401)
        registered = self.assay_json('models', 'register', run, '--name', 'left')
        self.assertEqual(registered['run_id'], run)
        self.assertRegex(registered['tags']['trials'], r'^[0-9]+(, [0-9]+)*$')
        self.assertGreater(float(registered['tags']['kept_seconds']), 0)
        self.assay('predict', 'left', '--data', 't.csv', '--out', 'q.csv')
        with open(self.path('p.csv')) as p, open(self.path('q.csv')) as q:
            self.assertEqual(p.read(), q.read())
        self.assay('fsck', '--thorough')
        self.assay('gc')
        self.assay('predict', run, '--data', 't.csv', '--out', 'p.csv', '--force')

    def test_of_a_run_that_ended_well_is_the_registered_one(self):
        result = self.assay_json('run', '--data', 't.csv', '--target', 'price', '--trials', 8)
        run = result['run_id']
        self.assay('predict', run, '--data', 't.csv', '--out', 'p.csv')
        self.assay('predict', result['model']['name'], '--data', 't.csv', '--out', 'q.csv')
        with open(self.path('p.csv')) as p, open(self.path('q.csv')) as q:
            self.assertEqual(p.read(), q.read())
        again = self.assay_json('models', 'register', run, '--name', 'again')
        self.assertEqual(again['sha256'], result['model']['sha256'])
        # A trial has a model of its own, which is not the sweep's best.
        trial = self.assay_json('runs', 'list', '--kind', 'trial', '--all')[0]
        for command in (('predict', trial['run_id'], '--data', 't.csv'),
                        ('models', 'register', trial['run_id'], '--name', 'x')):
            self.fails(2, *command, says=f'is a trial of run {run}')


if __name__ == '__main__':
    unittest.main()
