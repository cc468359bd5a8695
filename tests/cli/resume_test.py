"""assay resume: a sweep that was killed, stopped or extended comes to what an unbroken one comes to."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import unittest

import cli_case
from cli_case import ASSAY, CliCase

TRIALS = 24


class ResumeTest(CliCase):
    def setUp(self):
        super().setUp()
        cli_case.regression_table(self.path('t.csv'), rows=240)
        self.asked = ['--data', 't.csv', '--target', 'price', '--trials', TRIALS, '--seed', 3]

    def start(self, *arguments):
        """The program at work; its progress is read line by line."""
        environment = {k: v for k, v in os.environ.items() if k != 'ASSAY_WORKSPACE'}
        return subprocess.Popen([ASSAY, *map(str, arguments)], cwd=self.folder, env=environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def wait_for_trials(self, process, count):
        """Until so many trials have ended; False if the process ended before."""
        for line in process.stderr:
            if line.split()[2:3] == ['trial']:
                count -= 1
            if count <= 0:
                return True
        return False

    def break_after(self, trials, how, *arguments, recorded=0):
        """Sends a signal once so many trials have ended, and so many are on disk. Returns (exit code,
        stdout, stderr)."""
        process = self.start(*arguments)
        self.wait_for_trials(process, trials)
        while recorded and process.poll() is None:
            listed = self.assay_json('runs', 'list', '--all', '--limit', 0, '--kind', 'trial')
            if sum(run['status'] in ('completed', 'pruned') for run in listed) >= recorded:
                break
        process.send_signal(how)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def runs(self, *more):
        return self.assay_json('runs', 'list', '--kind', 'sweep', '--all', *more)

    def newest(self, *more):
        return max(run['run_id'] for run in self.runs(*more))

    def answer(self, result):
        """What must be the same, whatever happened on the way."""
        rows = [[row[k] for k in ('rank', 'trial', 'learner', 'score', 'weight', 'status', 'params')]
                for row in result['leaderboard']]
        return rows, result['model']['sha256'], result['validation_score'], result['trials']

    def unbroken(self, *more):
        return self.answer(self.assay_json('run', *self.asked, '--workspace', 'whole', *more))

    def test_trials_that_were_told_of_survive_a_kill(self):
        ended = re.compile(r'trial (\d+) +\S+ +(finished|pruned|failed)')
        recorded_as = {'finished': 'completed', 'pruned': 'pruned', 'failed': 'failed'}
        for count in (2, 5, 9, 14):
            process = self.start('run', *self.asked, '--learners', 'linear', '-w', f'w{count}')
            told = {}
            for line in process.stderr:
                told.update(ended.findall(line))
                if len(told) == count:
                    process.kill()
            process.communicate(timeout=120)
            self.assertGreaterEqual(len(told), count)
            trials = self.assay_json('runs', 'list', '--kind', 'trial', '--limit', 0, '-w', f'w{count}')
            found = {run['name'].rpartition('-')[2]: run['status'] for run in trials}
            for trial, status in told.items():
                self.assertEqual(found.get(trial), recorded_as[status], (count, trial, found))

    def test_a_run_that_was_killed_anywhere_comes_to_the_same(self):
        whole = self.unbroken()
        for seed in range(3):
            with self.subTest(seed=seed):
                draw = random.Random(seed)
                place = ['--workspace', f'w{seed}']
                threads = ['--threads', 1 + seed % 2]
                self.break_after(draw.randint(1, TRIALS - 4), signal.SIGKILL, 'run', *self.asked,
                                 *place, *threads)
                run = self.newest(*place)
                # Again, while it goes on.
                code, *_ = self.break_after(draw.randint(1, 3), signal.SIGKILL, 'resume', run, *place)
                self.assertEqual(code, -signal.SIGKILL)
                result = self.assay_json('resume', run, *place, '--threads', 2 - seed % 2)
                self.assertEqual(result['run_id'], run)
                self.assertEqual(self.answer(result), whole)
                shown = self.assay_json('runs', 'show', run, *place)
                self.assertEqual(shown['status'], 'completed')
                self.assertEqual(len(shown['metrics']['trial_score']), result['trials']['finished'])
                self.assay('fsck', '--thorough', *place)
                self.assertEqual(os.listdir(self.path(f'w{seed}/scratch')), [])

    def test_what_is_known_is_not_trained_again(self):
        # With the portfolio, whose trials are among the first ten.
        self.write('p.yaml', 'data: {train: t.csv, target: price}\nsearch: {portfolio: true}\n')
        asked = ['p.yaml', *self.asked[:-3], 60, *self.asked[-2:], '--threads', 1]
        self.break_after(12, signal.SIGKILL, 'run', *asked, recorded=10)
        run = self.newest()
        process = self.assay('resume', run)
        known = int(re.search(r'going on with run \S+: ([0-9]+) of its trials are known',
                              process.stderr)[1])
        self.assertGreaterEqual(known, 10)
        lines = [line for line in process.stderr.splitlines() if line.split()[2:3] == ['trial']]
        self.assertEqual(len(lines), 60 - known)
        trials = [r for r in self.assay_json('runs', 'list', '--all', '--limit', 0, '--kind', 'trial')
                  if r['status'] != 'interrupted']
        self.assertEqual(len(trials), 60)
        whole = self.assay_json('run', *asked, '--workspace', 'whole')
        self.assertEqual(sum(row['origin'] == 'portfolio' for row in whole['leaderboard']), 8)
        models = self.assay_json('models', 'list')
        self.assertEqual(models[0]['sha256'], whole['model']['sha256'])

    def test_ctrl_c_says_how_to_go_on(self):
        whole = self.unbroken()
        code, _, err = self.break_after(6, signal.SIGINT, 'run', *self.asked)
        self.assertEqual(code, 130)
        run = self.newest()
        self.assertIn(f'`assay resume {run}`', err)
        result = self.assay_json('resume', run)
        self.assertEqual(self.answer(result), whole)
        self.assertEqual(result['model']['version'], 2)
        self.assertEqual(self.assay_json('runs', 'show', run)['models'][-1]['version'], 2)
        self.assay('report', run, '--out', 'r.html')

    def test_a_trial_that_was_half_trained_goes_on(self):
        self.write('c.yaml', 'data: {train: t.csv, target: price}\nbudget: {trials: 2}\n'
                             'checkpoint: 20ms\nthreads: 1\nlearners: {gbt: {rounds: 2000, '
                             'early_stopping: false, learning_rate: 0.01, row_fraction: 0.5}}\n')
        whole = self.answer(self.assay_json('run', 'c.yaml', '--workspace', 'whole'))
        process = self.start('run', 'c.yaml')
        folder = self.path('.assay/scratch')
        while process.poll() is None:
            if any(name.endswith('.part') for _, _, names in os.walk(folder) for name in names):
                break
        self.assertIsNone(process.poll())
        process.kill()
        process.communicate(timeout=60)
        run = self.newest()
        self.assertEqual(self.answer(self.assay_json('resume', run)), whole)
        trial = next(r for r in self.assay_json('runs', 'list', '--all', '--limit', 0, '--kind', 'trial')
                     if r['status'] == 'completed' and r['name'].startswith('gbt'))
        self.assertRegex(self.assay_json('runs', 'show', trial['run_id'])['stdout'],
                         r'went on from [0-9]+ folds? and [0-9]+ rounds')

    def test_lost_and_damaged_files_are_made_up_for(self):
        whole = self.unbroken()
        self.break_after(10, signal.SIGKILL, 'run', *self.asked)
        run = self.newest()
        folder = self.path(f'.assay/scratch/{run}')
        files = sorted(name for name in os.listdir(folder) if name.endswith('.outcome'))
        self.assertGreater(len(files), 4)
        os.unlink(os.path.join(folder, files[1]))
        with open(os.path.join(folder, files[2]), 'r+b') as handle:
            handle.truncate(100)
        shutil.copy(os.path.join(folder, files[3]), os.path.join(folder, files[4]))
        self.write(os.path.join(folder, 'elapsed'), 'x')
        shutil.copytree(self.path('.assay'), self.path('bare'))
        shutil.rmtree(self.path(f'bare/scratch/{run}'))
        self.assertEqual(self.answer(self.assay_json('resume', run)), whole)
        self.assertEqual(self.answer(self.assay_json('resume', run, '--workspace', 'bare')), whole)

    def test_a_run_that_is_complete_wants_more_to_do(self):
        asked = [*self.asked, '--search', 'random']
        first = self.assay_json('run', *asked)
        run = first['run_id']
        self.fails(2, 'resume', run, says=[run, 'completed', 'nothing is left', '--trials than 24'])
        self.fails(2, 'resume', run, '--trials', 10, says=['--trials', '24'])
        result = self.assay_json('resume', run, '--trials', 30)
        self.assertEqual(result['known_trials'], TRIALS)
        longer = self.assay_json('run', *self.asked[:4], '--seed', 3, '--search', 'random',
                                 '--trials', 30, '--workspace', 'longer')
        self.assertEqual(self.answer(result), self.answer(longer))
        self.fails(2, 'resume', run, says='--trials than 30')

    def test_what_cannot_be_resumed_is_named(self):
        self.assay('run', *self.asked[:4], '--trials', 3)
        sweep = self.runs()[0]
        trial = self.assay_json('runs', 'list', '--all', '--limit', 0, '--kind', 'trial')[0]
        self.fails(2, 'resume', sweep['name'] + 'x', says=[sweep['name'], 'did you mean'])
        self.fails(2, 'resume', trial['run_id'], says=['is a trial', sweep['run_id']])
        self.fails(2, 'resume', 'abcd', '--workspace', 'nowhere')
        path = next(os.path.join(folder, name)
                    for folder, _, names in os.walk(self.path('.assay/runs')) for name in names
                    if name.startswith(sweep['run_id']))
        with open(path, 'r+b') as handle:
            handle.seek(2000)
            handle.write(b'\xff' * 64)
        self.fails(3, 'resume', sweep['run_id'], '--trials', 9, says='damaged')

    def test_another_table_is_refused_with_both_hashes(self):
        self.break_after(4, signal.SIGKILL, 'run', *self.asked)
        run = self.newest()
        recorded = self.assay_json('runs', 'show', run)['datasets'][0]['content_hash']
        with open(self.path('t.csv'), encoding='utf-8') as handle:
            text = handle.read()
        self.write('t.csv', text + '1.5,flat,2024-01-01,20\n')
        process = self.fails(3, 'resume', run, says=['t.csv', run, recorded])
        self.assertEqual(len(set(word.strip(".'") for word in process.stderr.split()
                                 if len(word.strip(".'")) == 64)), 2)
        self.assertEqual(self.assay_json('runs', 'show', run)['status'], 'interrupted')
        os.unlink(self.path('t.csv'))
        self.fails((2, 5), 'resume', run, says='t.csv')
        self.write('elsewhere.csv', text)
        result = self.assay_json('resume', run, '--data', 'elsewhere.csv')
        self.assertEqual(result['status'], 'completed')

    def test_a_run_that_is_alive_is_left_alone(self):
        process = self.start('run', *self.asked)
        self.assertTrue(self.wait_for_trials(process, 3))
        process.send_signal(signal.SIGSTOP)
        run = self.newest()
        self.fails(2, 'resume', run, says=[run, 'still running'])
        process.kill()
        process.communicate(timeout=60)
        self.assertEqual(self.assay_json('resume', run)['status'], 'completed')

    def test_time_that_was_spent_is_spent(self):
        self.break_after(8, signal.SIGKILL, 'run', '--data', 't.csv', '--target', 'price', '--time',
                         '60s', recorded=7)
        run = self.newest()
        result = self.assay_json('resume', run, '--time', '10s')
        self.assertEqual(result['status'], 'completed')
        self.assertGreaterEqual(result['known_trials'], 7)
        # Each number is there once: the trial that was killed gave its own back.
        numbers = [row['trial'] for row in result['leaderboard'] if row['trial'] is not None]
        self.assertEqual(sorted(numbers), list(range(len(numbers))))
        self.fails(2, 'resume', run, '--trials', 100000, says='more --time than 10s')
        longer = self.assay_json('resume', run, '--time', '16s')
        self.assertGreaterEqual(longer['known_trials'], result['trials']['finished'])
        # Trials that the first deadline cut short have no outcome to be known by.
        kept = [row for row in longer['leaderboard'] if row['status'] in ('finished', 'pruned')]
        self.assertGreaterEqual(len(kept), result['trials']['finished'])

    def test_the_config_of_a_run_is_kept_with_its_flags(self):
        self.write('c.yaml', 'data: {train: t.csv, target: price, drop: [day]}\n'
                             'budget: {trials: 3}\nlearners: {gbt: {rounds: 20, max_leaves: '
                             '{min: 4, max: 16, log: true}}, linear: }\n')
        run = self.assay_json('run', 'c.yaml', '--seed', 11, '--metric', 'mae')['run_id']
        self.assay('runs', 'export', run, '--out', 'out')
        kept = [os.path.join(folder, name) for folder, _, names in os.walk(self.path('out'))
                for name in names if name == 'config.yaml']
        with open(kept[0], encoding='utf-8') as handle:
            text = handle.read()
        for line in ('seed: 11', '  metric: mae', '    rounds: 20',
                     '    max_leaves: {min: 4, max: 16, log: true}', '  linear:'):
            self.assertIn('\n' + line + '\n', text)
        self.assertIn(self.path('t.csv'), text)
        again = self.assay_json('run', kept[0], '--workspace', 'again')
        self.assertEqual(again['model']['sha256'],
                         self.assay_json('models', 'list')[0]['sha256'])
        self.assertEqual(json.loads(self.assay('runs', 'show', run, '--json').stdout)
                         ['params']['seed'], 11)


if __name__ == '__main__':
    unittest.main()
