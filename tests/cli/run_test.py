"""assay run and what is done with its model: predict, score, runs, models, export."""
import json
import math
import operator
import os
import random
import shutil
import signal
import statistics
import subprocess
import time
import unittest

import cli_case
from cli_case import ASSAY, CliCase


class RunTest(CliCase):
    def setUp(self):
        super().setUp()
        self.train = cli_case.binary_table(self.path('train.csv'), seed=1)
        self.test = cli_case.binary_table(self.path('test.csv'), rows=200, seed=9)

    def run_trials(self, *extra, trials=5, **options):
        return self.assay_json('run', '--data', self.train, '--target', 'default', '--trials',
                               trials, '--quiet', *extra, **options)

    def test_summary_holds_what_it_promises(self):
        summary = self.run_trials('--name', 'credit')
        self.assertEqual(summary['status'], 'completed')
        self.assertEqual(summary['task'], 'binary')
        self.assertEqual(summary['metric'], 'roc_auc')
        self.assertGreater(summary['validation_score'], 0.85)
        self.assertEqual(summary['model']['name'], 'credit')
        self.assertEqual(summary['model']['version'], 1)
        self.assertTrue(os.path.exists(os.path.join(self.folder, summary['model']['path'])))
        self.assertEqual(sum(summary['trials'][k] for k in ('finished', 'failed', 'pruned')), 5)
        self.assertGreater(summary['wall_seconds'], 0)
        self.assertGreater(summary['peak_rss_bytes'], 1 << 20)
        self.assertEqual(len(summary['run_id']), 26)
        again = self.run_trials('--name', 'credit', trials=1)
        self.assertEqual(again['model']['version'], 2)

    def test_text_output_shows_leaderboard_and_model(self):
        process = self.assay('run', '--data', self.train, '--target', 'default', '--trials', 4,
                             '--workspace', self.path('ws'))
        self.assertIn('train:1', process.stdout)
        self.assertIn('gbt', process.stdout)
        self.assertIn('roc_auc', process.stdout)
        self.assertIn('binary', process.stderr)
        self.assertIn('assay predict', process.stderr)

    def test_each_new_best_is_marked(self):
        process = self.assay('run', '--data', self.train, '--target', 'default', '--trials', 6)
        best, lines = None, [line.split() for line in process.stderr.splitlines()
                             if ' finished ' in line and ' trial ' in line]
        self.assertGreater(len(lines), 2)
        for words in lines:
            self.assertIn('roc_auc', words)
            score = float(words[words.index('roc_auc') + 1])
            if score == best:
                continue  # equal in the digits shown
            improves = best is None or score > best
            self.assertEqual('best' in words, improves, words)
            best = score if improves else best

    def test_version_is_an_option_too(self):
        text = self.assay('--version').stdout
        self.assertTrue(text.startswith('assay '), text)
        self.assertEqual(text, self.assay('version').stdout)
        self.assertIn(self.assay_json('version')['build_type'], text)

    def test_score_is_that_of_the_predictions_file(self):
        self.run_trials('--name', 'm')
        self.assay('predict', 'm', '--data', self.test, '--out', self.path('p.csv'))
        predicted, truth = cli_case.read_csv(self.path('p.csv')), cli_case.read_csv(self.test)
        self.assertEqual(len(predicted), 200)
        self.assertEqual(list(predicted[0]), ['prediction', 'proba_no', 'proba_yes'])
        for row in predicted:
            self.assertAlmostEqual(float(row['proba_no']) + float(row['proba_yes']), 1, places=5)
            self.assertEqual(row['prediction'],
                             'yes' if float(row['proba_yes']) > float(row['proba_no']) else 'no')
        labels = [row['default'] == 'yes' for row in truth]
        scores = [float(row['proba_yes']) for row in predicted]
        answer = self.assay_json('score', 'm', '--data', self.test)
        self.assertEqual(answer['metric'], 'roc_auc')
        self.assertAlmostEqual(answer['score'], cli_case.auc(labels, scores), places=9)
        accuracy = sum(p['prediction'] == t['default'] for p, t in zip(predicted, truth)) / 200
        answer = self.assay_json('score', 'm', '--data', self.test, '--metric', 'accuracy')
        self.assertAlmostEqual(answer['score'], accuracy, places=12)

    def test_exported_model_predicts_the_same_bytes_elsewhere(self):
        self.run_trials('--name', 'm')
        self.assay('models', 'export', 'm:1', '--out', self.path('m.assay'))
        self.assay('predict', 'm@latest', '--data', self.test, '--out', self.path('p1.csv'))
        os.mkdir(self.path('elsewhere'))
        shutil.move(self.path('m.assay'), self.path('elsewhere/moved.assay'))
        shutil.rmtree(self.path('.assay'))
        self.assay('predict', 'elsewhere/moved.assay', '--data', self.test, '--out',
                   self.path('p2.csv'))
        with open(self.path('p1.csv'), 'rb') as one, open(self.path('p2.csv'), 'rb') as two:
            self.assertEqual(one.read(), two.read())
        registered = self.assay_json('models', 'register', 'elsewhere/moved.assay', '--name', 'back')
        self.assertEqual((registered['name'], registered['version'], registered['task']),
                         ('back', 1, 'binary'))

    def test_same_seed_same_model_on_any_threads_and_slots(self):
        answers = []
        for threads, slots in ((1, 1), (2, 1), (2, 2)):
            answers.append(self.run_trials('--seed', 7, '--threads', threads, '--slots', slots,
                                           '--workspace', self.path(f'w{threads}{slots}'),
                                           trials=8))
        first = answers[0]
        board = [(r['trial'], r['learner'], r['params'], r['score'])
                 for r in first['leaderboard']]
        for answer in answers[1:]:
            self.assertEqual(answer['model']['sha256'], first['model']['sha256'])
            self.assertEqual([(r['trial'], r['learner'], r['params'], r['score'])
                              for r in answer['leaderboard']], board)
        other = self.run_trials('--seed', 8, '--workspace', self.path('other'), trials=8)
        self.assertNotEqual(other['model']['sha256'], first['model']['sha256'])

    def test_the_search_strategy_is_chosen_by_flag(self):
        boards = {}
        for name in ('random', 'cfo'):
            answer = self.run_trials('--search', name, '--learners', 'linear', '--workspace',
                                     self.path(name), trials=8)
            boards[name] = sorted((r['trial'], json.dumps(r['params']))
                                  for r in answer['leaderboard'] if r['learner'] == 'linear')
        self.assertEqual(boards['random'][0], boards['cfo'][0])
        self.assertNotEqual(boards['random'][1:], boards['cfo'][1:])
        done = self.assay('run', '--data', self.train, '--target', 'default', '--search', 'tpu',
                          code=2)
        self.assertIn("did you mean 'tpe'?", done.stderr)

    def test_runs_and_models_are_listed_and_shown(self):
        summary = self.run_trials('--name', 'm', '--experiment', 'first')
        sweeps = self.assay_json('runs', 'list', '--kind', 'sweep')
        self.assertEqual([r['run_id'] for r in sweeps], [summary['run_id']])
        trials = self.assay_json('runs', 'list', '--parent', summary['run_id'])
        self.assertEqual(len(trials), 5)
        shown = self.assay_json('runs', 'show', summary['run_id'][:12])
        self.assertEqual(shown['experiment'], 'first')
        self.assertAlmostEqual(shown['score'], summary['validation_score'])
        self.assertEqual(shown['models'][0]['name'], 'm')
        self.assertEqual(shown['datasets'][0]['rows'], 400)
        self.assertTrue(shown['environment']['cpu_model'])
        trial = self.assay_json('runs', 'show', trials[0]['run_id'])
        self.assertEqual(trial['parent_run_id'], summary['run_id'])
        self.assertIn(trial['tags']['learner'], ('linear', 'gbt', 'extra_trees', 'random_forest'))
        self.assertIn('first', self.assay('runs', 'list').stdout)
        self.assertIn(summary['run_id'], self.assay('runs', 'show', summary['run_id']).stdout)
        model = self.assay_json('models', 'show', 'm')
        self.assertEqual(model['run_id'], summary['run_id'])
        self.assertEqual([c['name'] for c in model['input_contract']['columns']],
                         ['income', 'age', 'city', 'noise'])
        self.fails(2, 'runs', 'show', '01', says='at least 4 characters')
        self.assay('models', 'alias', 'set', 'm:1', 'champion')
        self.assertEqual(self.assay_json('models', 'show', 'm@champion')['version'], 1)
        self.assertEqual(len(self.assay_json('models', 'list')), 1)

    def test_far_regression_targets_keep_their_digits(self):
        for name, value, error in (('stamp', lambda i: 1700000000 + 2 * i, 0.5),
                                   ('cents', lambda i: 1e8 + i / 10, 0.05),
                                   ('quad', lambda i: 1e15 + i / 10, 0.2),
                                   ('tiny', lambda i: (300 + i) * 1e-50, 3e-51)):
            rows = [(i, value(i)) for i in range(300)]
            text = 'x,y\n' + ''.join(f'{x},{y!r}\n' for x, y in rows)
            self.write(f'{name}.csv', text)
            summary = self.assay_json('run', '--data', f'{name}.csv', '--target', 'y', '--trials',
                                      4, '--quiet', '--learners', 'constant,linear,gbt')
            self.assertLess(summary['validation_score'], error, name)
            self.assay('predict', name, '--data', f'{name}.csv', '--out', f'{name}_p.csv')
            predicted = [float(row['prediction'])
                         for row in cli_case.read_csv(self.path(f'{name}_p.csv'))]
            rmse = math.sqrt(sum((p - y) ** 2 for p, (_, y) in zip(predicted, rows)) / 300)
            self.assertLess(rmse, error, name)
            self.assertGreater(len(set(predicted)), 200, name)
            scored = self.assay_json('score', name, '--data', f'{name}.csv')
            self.assertAlmostEqual(scored['score'] / error, rmse / error, places=9)

    def test_multiclass_and_regression(self):
        cli_case.multiclass_table(self.path('kinds.csv'))
        summary = self.assay_json('run', '--data', 'kinds.csv', '--target', 'kind', '--trials', 4)
        self.assertEqual((summary['task'], summary['metric']), ('multiclass', 'log_loss'))
        self.assertLess(summary['validation_score'], 0.4)
        answer = self.assay_json('score', 'kinds', '--data', 'kinds.csv', '--metric', 'accuracy')
        self.assertGreater(answer['score'], 0.95)
        cli_case.regression_table(self.path('homes.csv'))
        summary = self.assay_json('run', '--data', 'homes.csv', '--target', 'price', '--trials', 4)
        self.assertEqual((summary['task'], summary['metric']), ('regression', 'rmse'))
        self.assertLess(summary['validation_score'], 3)
        self.assay('predict', 'homes', '--data', 'homes.csv', '--out', 'p.csv')
        rows = list(zip(cli_case.read_csv(self.path('p.csv')),
                        cli_case.read_csv(self.path('homes.csv'))))
        rmse = math.sqrt(sum((float(p['prediction']) - float(t['price'])) ** 2
                             for p, t in rows) / len(rows))
        answer = self.assay_json('score', 'homes', '--data', 'homes.csv')
        self.assertAlmostEqual(answer['score'], rmse, places=6)

    def test_learners_follow_the_metric(self):
        draw = random.Random(4)
        rows = [(x, (1 + 3 * x) * draw.expovariate(1)) for x in
                (draw.random() for _ in range(1500))]
        self.write('skew.csv', 'x,y\n' + ''.join(f'{x:.6f},{y:.6f}\n' for x, y in rows))
        self.write('new.csv', 'x,y\n' + ''.join(
            f'{x:.6f},{(1 + 3 * x) * draw.expovariate(1):.6f}\n' for x in
            (draw.random() for _ in range(1500))))
        common = ('run', '--data', 'skew.csv', '--target', 'y', '--trials', 6, '--quiet')
        self.assay_json(*common, '--name', 'mean')
        self.assay_json(*common, '--name', 'low', '--metric', 'pinball_10')
        low, mean = (self.assay_json('score', name, '--data', 'new.csv', '--metric',
                                     'pinball_10')['score'] for name in ('low', 'mean'))
        self.assertLess(low, 0.35 * mean)
        self.assay('predict', 'low', '--data', 'new.csv', '--out', 'p.csv')
        covered = [float(p['prediction']) >= float(t['y'])
                   for p, t in zip(cli_case.read_csv(self.path('p.csv')),
                                   cli_case.read_csv(self.path('new.csv')))]
        self.assertAlmostEqual(sum(covered) / len(covered), 0.1, delta=0.04)
        # A fixed objective decides the metric, and a metric of something else is warned of.
        self.write('q.yaml', 'data: {train: skew.csv, target: y}\nbudget: {trials: 4}\n'
                   'learners: {gbt: {objective: quantile, alpha: 0.1}}\n')
        summary = self.assay_json('run', 'q.yaml', '--quiet')
        self.assertEqual(summary['metric'], 'pinball_10')
        told = self.assay('run', 'q.yaml', '--metric', 'rmse').stderr
        self.assertEqual(told.count('which does not score what'), 1)

    def test_answers_to_queries_are_ranked(self):
        draw = random.Random(5)

        def answers(first, count):
            text = 'query,x,z,relevance\n'
            for query in range(first, first + count):
                luck = 3 * (draw.random() - 0.5)
                for _ in range(12):
                    x, z = draw.random(), draw.random()
                    value = 4 * x * (z > 0.4) + luck + 0.5 * draw.random()
                    text += f'q{query},{x:.5f},{z:.5f},{min(4, max(0, int(value + 1)))}\n'
            return text
        self.write('answers.csv', answers(0, 150))
        self.write('new.csv', answers(150, 100))
        common = ('run', '--data', 'answers.csv', '--target', 'relevance', '--trials', 8, '--quiet')
        ranked = self.assay_json(*common, '--name', 'ranked', '--metric', 'ndcg_10', '--group',
                                 'query')
        self.assertEqual(ranked['metric'], 'ndcg_10')
        answer = self.assay_json('score', 'ranked', '--data', 'new.csv')
        self.assertEqual(answer['metric'], 'ndcg_10')
        self.assertGreater(answer['score'], 0.9)
        self.assertAlmostEqual(answer['score'], self.ndcg_of('ranked', 'new.csv'), places=6)
        self.assay('explain', 'ranked', '--data', 'new.csv', '--method', 'permutation')
        self.assay('report', ranked['run_id'], '--out', 'report.html')
        # Queries must be told, and a model that knows none cannot be scored so.
        self.fails(2, *common, '--metric', 'ndcg', says='data.group, the column of the queries')
        self.assay_json(*common, '--name', 'valued', '--metric', 'rmse')
        self.fails(2, 'score', 'valued', '--data', 'new.csv', '--metric', 'ndcg',
                   says='was not trained to')
        # The objective alone asks for the metric.
        self.write('rank.yaml', 'data: {train: answers.csv, target: relevance, group: query}\n'
                   'budget: {trials: 3}\n'
                   'learners: {gbt: {objective: lambdarank}}\n')
        self.assertEqual(self.assay_json('run', 'rank.yaml', '--quiet')['metric'], 'ndcg_10')

    def ndcg_of(self, model, table):
        """ndcg_10 of a model's predictions; equal ones share their ranks."""
        self.assay('predict', model, '--data', table, '--out', 'ranked.csv')
        queries = {}
        for row, predicted in zip(cli_case.read_csv(self.path(table)),
                                  cli_case.read_csv(self.path('ranked.csv'))):
            queries.setdefault(row['query'], []).append(
                (float(predicted['prediction']), 2 ** int(row['relevance']) - 1))
        scores = []
        for pairs in queries.values():
            discounts = [1 / math.log2(rank + 2) if rank < 10 else 0 for rank in range(len(pairs))]
            best = sum(map(operator.mul, sorted((g for _, g in pairs), reverse=True), discounts))
            order = sorted((p for p, _ in pairs), reverse=True)
            gain = sum(g * statistics.mean(d for p, d in zip(order, discounts) if p == own)
                       for own, g in pairs)
            if best > 0:
                scores.append(gain / best)
        return statistics.mean(scores)

    def test_rare_positives_are_decided_by_a_threshold(self):
        draw = random.Random(6)
        def table(name, rows):
            text = 'a,b,hit\n'
            for _ in range(rows):
                a, b = draw.gauss(0, 1), draw.gauss(0, 1)
                chance = 0.35 if a + b > 1.8 else 0.03
                text += f'{a:.4f},{b:.4f},{"yes" if draw.random() < chance else "no"}\n'
            self.write(name, text)
        table('rare.csv', 2000)
        table('new.csv', 2000)
        summary = self.assay_json('run', '--data', 'rare.csv', '--target', 'hit', '--metric', 'f1',
                                  '--trials', 6, '--quiet')
        self.assertGreater(summary['validation_score'], 0.25)
        scored = self.assay_json('score', 'rare', '--data', 'new.csv')
        self.assertAlmostEqual(scored['score'], summary['validation_score'], delta=0.12)
        self.assay('predict', 'rare', '--data', 'new.csv', '--out', 'p.csv')
        rows = list(zip(cli_case.read_csv(self.path('p.csv')),
                        cli_case.read_csv(self.path('new.csv'))))
        hits = sum(p['prediction'] == t['hit'] == 'yes' for p, t in rows)
        found = sum(p['prediction'] == 'yes' for p, _ in rows)
        real = sum(t['hit'] == 'yes' for _, t in rows)
        self.assertAlmostEqual(2 * hits / (found + real), scored['score'], places=9)
        shown = self.assay_json('models', 'show', 'rare')['input_contract']
        threshold = shown['decision_threshold']
        self.assertLess(threshold, 0.45)
        for p, _ in rows:
            self.assertEqual(p['prediction'] == 'yes', float(p['proba_yes']) > threshold)
        self.assertIn('decides', self.assay('models', 'show', 'rare').stdout)
        # Other metrics leave the more probable class.
        self.assay_json('run', '--data', 'rare.csv', '--target', 'hit', '--trials', 3, '--quiet',
                        '--name', 'auc')
        self.assertNotIn('decision_threshold',
                         self.assay_json('models', 'show', 'auc')['input_contract'])

    def test_labels_keep_the_spelling_of_the_file(self):
        rows = ''.join(f'{k % 17},{(k % 17 > 8) + 1}.0\n' for k in range(120))
        self.write('spelled.csv', 'a,y\n' + rows)
        summary = self.assay_json('run', '--data', 'spelled.csv', '--target', 'y', '--trials', 2,
                                  '--positive-class', '1')
        self.assertEqual(summary['task'], 'binary')
        self.assay('predict', 'spelled', '--data', 'spelled.csv', '--out', 'p.csv')
        predicted = cli_case.read_csv(self.path('p.csv'))
        self.assertEqual(list(predicted[0]), ['prediction', 'proba_2.0', 'proba_1.0'])
        self.assertLessEqual({row['prediction'] for row in predicted}, {'1.0', '2.0'})
        contract = self.assay_json('models', 'show', 'spelled')['input_contract']
        self.assertEqual(contract['labels'], ['2.0', '1.0'])
        described = self.assay_json('data', 'describe', '--data', 'spelled.csv', '--target', 'y')
        self.assertEqual(described['target']['classes'].keys(), {'1.0', '2.0'})
        # Other spellings of the same numbers are the same classes.
        self.write('test.csv', 'a,y\n' + rows.replace('.0', ''))
        one = self.assay_json('score', 'spelled', '--data', 'spelled.csv')['score']
        self.assertEqual(self.assay_json('score', 'spelled', '--data', 'test.csv')['score'], one)

    def test_a_bad_cell_is_missing_and_said(self):
        rows = [f'{k % 17},{"no" if k % 17 > 8 else "yes"}' for k in range(200)]
        rows[120] = 'n.a.,yes'
        self.write('typo.csv', 'a,y\n' + '\n'.join(rows) + '\n')
        process = self.assay('run', '--data', 'typo.csv', '--target', 'y', '--trials', 2)
        self.assertIn("warning: typo.csv:122: column 'a': 'n.a.' is no numeric value and counts as "
                      'missing (1 of 200 values)', process.stderr)
        self.assertIn('data.column_types', process.stderr)
        answer = self.assay_json('score', 'typo', '--data', 'typo.csv')
        self.assertIn("typo.csv:122: column 'a'", answer['notes'][0])
        process = self.assay('predict', 'typo', '--data', 'typo.csv', '--out', 'p.csv')
        self.assertIn('typo.csv:122', process.stderr)
        self.assertEqual(len(cli_case.read_csv(self.path('p.csv'))), 200)
        described = self.assay_json('data', 'describe', '--data', 'typo.csv')
        self.assertEqual(described['columns'][0]['type'], 'numeric')
        self.assertEqual(len(described['notes']), 1)
        # One is told in the smallest batch, too.
        self.write('small.csv', 'a\n1\nn.a.\n3\n')
        process = self.assay('predict', 'typo', '--data', 'small.csv', '--out', 's.csv')
        self.assertIn("warning: small.csv:3: column 'a': 'n.a.'", process.stderr)
        self.assertEqual(len(cli_case.read_csv(self.path('s.csv'))), 3)
        self.write('one.csv', 'a\nn.a.\n')
        self.fails(3, 'predict', 'typo', '--data', 'one.csv', says='one.csv:2')
        # Too many of them are another matter.
        self.write('bad.csv', 'a\n' + 'n.a.\n3\n' * 100)
        self.fails(3, 'predict', 'typo', '--data', 'bad.csv', '--out', 'q.csv',
                   says=['bad.csv:2', "column 'a'", '99 more of 200'])
        self.assertFalse(os.path.exists(self.path('q.csv')))

    def test_text_is_a_feature_and_identifiers_are_not(self):
        words = [('ship', 'sea', 'wave', 'harbour', 'sail'), ('tree', 'leaf', 'bark', 'moss', 'root')]
        picks = [(k % 2, [words[k % 2][k * i % 5] for i in (3, 7, 11)]) for k in range(240)]
        self.write('t.csv', 'title,code,noise,y\n' + ''.join(
            f'"The {a}, a {b} and {c} of {k}",{k * 2654435761 % 2**32:08x},{k * 7 % 11},{"uv"[side]}\n'
            for k, (side, (a, b, c)) in enumerate(picks)))
        run = self.assay('run', '--data', 't.csv', '--target', 'y', '--trials', 4, '--name', 'm')
        self.assertIn("column 'code' is not used: identifiers", run.stderr)
        score = self.assay_json('score', 'm', '--data', 't.csv')
        self.assertGreater(score['score'], 0.99)
        one = self.assay('predict', 'm', '--data', 't.csv', '--threads', 1).stdout
        self.assertEqual(self.assay('predict', 'm', '--data', 't.csv', '--threads', 2).stdout, one)
        # Other texts are no unseen levels; a column of the contract must be there.
        self.write('new.csv', 'title,noise\n"a leaf, moss, bark",3\n"sail the sea",\n,1\n')
        predicted = self.assay('predict', 'm', '--data', 'new.csv')
        self.assertNotIn('values that training did not have', predicted.stderr)
        labels = [line.split(',')[0] for line in predicted.stdout.splitlines()[1:]]
        self.assertEqual(labels[:2], ['v', 'u'])
        self.write('short.csv', 'noise\n1\n')
        self.fails(3, 'predict', 'm', '--data', 'short.csv', says="lacks the column 'title'")
        # Without text there is nothing to learn from.
        self.write('c.yaml', 'data:\n  train: t.csv\n  target: y\nfeatures:\n  text: false\n'
                             'budget:\n  trials: 2\n')
        plain = self.assay_json('run', 'c.yaml')
        self.assertLess(plain['validation_score'], 0.8)

    def test_constraints_leave_models_out(self):
        free = self.run_trials(trials=12)
        limit = max(row['file_bytes'] or 0 for row in free['leaderboard'] if row['trial']) - 1
        self.assertEqual(free['model']['file_bytes'],
                         os.path.getsize(os.path.join(self.folder, free['model']['path'])))
        small = self.run_trials('--max-model-size', limit, trials=12)
        self.assertLessEqual(small['model']['file_bytes'], limit)
        self.assertGreater(small['trials']['over_limit'], 0)
        self.assertEqual({row['status'] == 'over_limit' for row in small['leaderboard']
                          if row['score'] is not None and row['rank'] is None}, {True})
        self.assertIn('constraints: ', '\n'.join(small['notes']))
        quick = self.run_trials('--max-latency', '1e9', '--time', '100', trials=3)
        self.assertGreater(quick['model']['latency_us'], 0)
        for row in quick['leaderboard']:
            self.assertGreater(row['latency_us'], 0)
        self.fails(2, 'run', '--data', self.train, '--target', 'default', '--trials', 3,
                   '--max-model-size', 10, says=['constraints.max_model_size=10B: a file of',
                                                 'constant baseline'])
        self.fails(2, 'run', '--data', self.train, '--target', 'default', '--trials', 3,
                   '--max-latency', 100, says=['max_latency', 'budget.time'])

    def test_faster_models_stand_on_the_front_of_score_against_latency(self):
        draw = random.Random(2)
        with open(self.path('noisy.csv'), 'w', encoding='utf-8') as table:
            table.write('a,b,c,d,e,y\n')
            for _ in range(600):
                v = [draw.uniform(-2, 2) for _ in range(5)]
                z = v[0] + 0.7 * v[1] + 0.6 * v[2] * v[3] + draw.gauss(0, 1)
                table.write(','.join(f'{x:.4f}' for x in v) + (',yes' if z > 0 else ',no') + '\n')
        summary = self.assay_json('run', '--data', 'noisy.csv', '--target', 'y', '--metric',
                                  'log_loss', '--trials', 20, '--quiet', '--learners',
                                  'linear,gbt,extra_trees,random_forest')
        front = summary['front']
        # Latencies are measured: it may be that there is none.
        small = [point for point in front if point['trial'] is None and point['members']]
        self.assertGreater(len(front), 1)
        for one, next_one in zip(front, front[1:]):
            self.assertLess(one['latency_us'], next_one['latency_us'])
            self.assertGreater(one['score'], next_one['score'])
        marked = {row['trial'] for row in summary['leaderboard'] if row['on_front']}
        self.assertEqual(marked, {point['trial'] for point in front
                                  if point['trial'] is not None or point['members'] is None})
        members = sum(row['weight'] > 0 and row['trial'] is not None
                      for row in summary['leaderboard'])
        self.assertGreater(members, 2, 'else nothing is tested')
        record = self.assay_json('runs', 'show', summary['run_id'])
        path = record['tables']['ensemble_path']
        self.assertEqual(path['members'], list(range(2, members)))
        for score in path['score']:  # what the end is flattered by is taken off theirs, too
            self.assertGreaterEqual(score, summary['validation_score'] - 1e-9)
        sizes = []
        for point in small:
            model = self.assay_json('models', 'register', summary['run_id'], '--members',
                                    point['members'], '--name', 'small')
            self.assertEqual((model['score'], model['tags']),
                             (point['score'], {'members': str(point['members'])}))
            sizes.append(model['size'])
            self.assay('predict', 'small', '--data', 'noisy.csv', '--out', 'small.csv')
        sizes.append(summary['model']['file_bytes'])
        self.assertEqual(sizes, sorted(set(sizes)), 'each has more members than the one before')
        self.fails(2, 'models', 'register', summary['run_id'], '--members', 99, '--name', 'x',
                   says='no model of an ensemble of 99')
        self.fails(2, 'models', 'register', summary['run_id'], '--members', 2, '--trial', 1,
                   '--name', 'x', says=['--members', '--trial'])
        text = self.assay('runs', 'show', summary['run_id']).stdout
        self.assertIn('score against latency', text)

    def test_interpretable_models_are_linear_or_of_one_split_a_tree(self):
        summary = self.run_trials('--interpretable', trials=6)
        rows = summary['leaderboard']
        self.assertEqual({row['learner'] for row in rows}, {'constant', 'linear', 'gbt'})
        for row in rows:
            if row['learner'] == 'gbt':
                self.assertEqual(row['params']['max_leaves'], 2)
        self.assertEqual(sum(row['weight'] > 0 for row in rows), 1)
        # The best of several is flattered by the rows that chose it.
        self.assertLessEqual(summary['validation_score'], summary['selection_score'] + 1e-9)
        record = self.assay_json('runs', 'show', summary['run_id'])
        self.assertEqual(record['tags']['selection_score'], summary['selection_score'])
        self.fails(2, 'run', '--data', self.train, '--target', 'default', '--interpretable',
                   '--learners', 'random_forest', says=['random_forest', 'linear, gbt'])

    def test_classes_have_weights_by_label(self):
        summary = self.run_trials('--class-weight', 'yes=4', trials=2)
        record = self.assay_json('runs', 'show', summary['run_id'])
        self.assertEqual(record['params']['class_weight'], 'yes=4')
        self.fails(2, 'run', '--data', self.train, '--target', 'default', '--class-weight', 'yse=4',
                   says=['--class-weight', "no label 'yse'", "did you mean 'yes'"])
        self.write('w.yaml', 'data: {train: train.csv, target: default}\n'
                             'class_weight:\n  no: 1\n  yess: 2\nbudget: {trials: 2}\n')
        self.fails(2, 'config', 'check', 'w.yaml', says=['w.yaml:2', "did you mean 'yes'"])

    def test_config_file_and_template(self):
        template = self.assay('config', 'init', 'train.csv', '--target', 'default').stdout
        self.write('made.yaml', template)
        self.assay('config', 'check', 'made.yaml')
        summary = self.assay_json('run', 'made.yaml', '--trials', 2, '--time', '30s')
        self.assertEqual(summary['task'], 'binary')
        json.loads(self.assay('config', 'schema').stdout)

    def test_unseen_levels_extra_columns_and_any_order_predict(self):
        self.run_trials('--name', 'm')
        self.write('new.csv', 'extra,city,age,noise,income\n1,Atlantis,30,0.5,44\n2,,40,,\n')
        self.assay('predict', 'm', '--data', 'new.csv', '--out', 'p.csv')
        self.assertEqual(len(cli_case.read_csv(self.path('p.csv'))), 2)
        self.write('short.csv', 'city,age,noise\nBern,30,0.5\n')
        self.fails(3, 'predict', 'm', '--data', 'short.csv', '--out', 'q.csv', says='income')
        self.assertFalse(os.path.exists(self.path('q.csv')))
        self.write('bad.csv', 'city,age,noise,income\nBern,thirty,0.5,3\n')
        self.fails(3, 'predict', 'm', '--data', 'bad.csv', '--out', 'q.csv', says='age')

    def test_interrupt_registers_the_best_so_far(self):
        process = subprocess.Popen(
            [ASSAY, 'run', '--data', self.train, '--target', 'default', '--time', '60s', '--json',
             '--name', 'm'], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        for line in process.stderr:
            if ' gbt ' in line and 'trial' in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, err)
        summary = json.loads(out.strip().splitlines()[-1])
        self.assertEqual(summary['status'], 'interrupted')
        self.assertIn('m:1', err)
        self.assertGreater(self.assay_json('score', 'm', '--data', self.test)['score'], 0.7)

    def test_time_budget_ends_with_a_model(self):
        started = time.monotonic()
        summary = self.assay_json('run', '--data', self.train, '--target', 'default', '--time',
                                  '3s', '--quiet')
        self.assertEqual(summary['status'], 'completed')
        # How exactly it keeps to the budget is measured in bench/; here only that it ends by it.
        self.assertLess(time.monotonic() - started, 60)
        self.assertGreater(summary['trials']['finished'], 3)


if __name__ == '__main__':
    unittest.main()
