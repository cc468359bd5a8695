"""assay runs list, search, compare and assay fsck, on the runs of two small sweeps."""
import csv
import io
import json
import os
import unittest

from cli_case import CliCase, binary_table


class RunsTest(CliCase):
    def setUp(self):
        super().setUp()
        table = binary_table(self.path('t.csv'), rows=120)
        self.sweeps = [
            self.assay_json('run', '--data', table, '--target', 'default', '--trials', 3,
                            '--seed', seed, '--experiment', experiment)['run_id']
            for seed, experiment in ((1, 'one'), (2, 'two'))]

    def run_files(self):
        root = self.path('.assay/runs')
        return sorted(os.path.join(folder, name)
                      for folder, _, names in os.walk(root) for name in names)

    def test_search_finds_what_the_runs_say(self):
        everything = self.assay_json('runs', 'list', '--all', '--limit', '0')
        trials = [r for r in everything if r['kind'] == 'trial']
        self.assertEqual(len(trials), 6)
        found = self.assay_json('runs', 'search', "kind = 'trial' and experiment = 'ONE'")
        self.assertEqual({r['run_id'] for r in found},
                         {r['run_id'] for r in trials if r['experiment'] == 'one'})
        best = self.assay_json('runs', 'search',
                               "kind = 'trial' and score is not null order by score desc limit 2")
        scored = sorted((r['score'] for r in trials if r['score'] is not None), reverse=True)
        self.assertEqual([r['score'] for r in best], scored[:2])
        learner = self.assay_json('runs', 'search', "tags.learner is not null limit 1")[0]
        self.assertIn(learner['values']['tags.learner'],
                      self.assay('runs', 'show', learner['run_id']).stdout)

    def test_what_is_not_there_is_said(self):
        self.fails(2, 'runs', 'list', '-w', '.asay',
                   says="'.asay' is not a workspace: it is not there (did you mean '.assay'?)")
        os.mkdir(self.path('plain'))
        self.fails(2, 'runs', 'list', '-w', 'plain', says='it holds no WORKSPACE file')
        self.assay('workspace', 'create', 'empty')
        self.assertIn('no runs are recorded in', self.assay('runs', 'list', '-w', 'empty').stderr)
        self.assertIn('no runs in', self.assay('runs', 'search', "name = 'x'").stderr)
        self.fails(2, 'experiments', 'show', 'x', '-w', 'empty', says='no runs are recorded here')

    def test_list_shows_sweeps_unless_asked_for_more(self):
        listed = [r['run_id'] for r in self.assay_json('runs', 'list')]
        self.assertEqual(listed, self.sweeps[::-1])
        self.assertEqual(len(self.assay_json('runs', 'list', '--all')), 8)
        self.assertEqual(len(self.assay_json('runs', 'list', '--kind', 'trial')), 6)
        self.assertEqual(len(self.assay_json('runs', 'list', '--parent', self.sweeps[0])), 3)
        self.assertEqual(
            [r['run_id'] for r in self.assay_json('runs', 'list', '--experiment', 'one')],
            self.sweeps[:1])

    def test_errors_point_at_the_place(self):
        process = self.fails(2, 'runs', 'search', "kind = 'trial' and scor > 0.5",
                             says=["unknown attribute 'scor'", "did you mean 'score'", '^'])
        lines = process.stderr.splitlines()
        caret = next(line for line in lines if line.strip() == '^')
        place = lines[lines.index(caret) - 1]
        self.assertTrue(place[caret.index('^'):].startswith('scor > 0.5'))
        self.fails(2, 'runs', 'search', "status = 'complted'", says="did you mean 'completed'")
        self.fails(2, 'runs', 'list', '--all', '--columns', 'param.lr', says="did you mean 'params'")
        self.fails(2, 'runs', 'list', '--columns', 'name,scor',
                   says=['--columns: fields, column 6', "did you mean 'score'", '^'])
        self.assertIn('no run has params.learnr (did you mean tags.learner?)',
                      self.assay('runs', 'list', '--all', '--columns', 'params.learnr').stderr)
        self.assertIn('no run has metrics.roc_auc.avg (there are last(metrics.roc_auc), ',
                      self.assay('runs', 'search', 'metrics.roc_auc.avg > 0').stderr)
        self.fails(2, 'runs', 'list', '--experiment', 'onee', says="did you mean 'one'")
        self.fails(2, 'runs', 'list', '--experiment', 'ninth', says='must be one of two, one')
        self.assay('runs', 'list', '--experiment', 'One', '--status', 'failed')
        self.fails(2, 'runs', 'list', '--all', '--csv', '--json', says='exclude each other')
        self.assertIn('no run has params.nothing',
                      self.assay('runs', 'search', 'params.nothing = 1').stderr)

    def test_pages_csv_and_tables(self):
        first = self.assay('runs', 'list', '--all', '--limit', 3)
        self.assertIn('runs 1 to 3 of 8; --offset 3', first.stderr)
        self.assertEqual(len(first.stdout.splitlines()), 5)
        pages = [r['run_id'] for offset in (0, 3, 6) for r in
                 self.assay_json('runs', 'list', '--all', '--limit', 3, '--offset', offset)]
        self.assertEqual(pages, [r['run_id'] for r in self.assay_json('runs', 'list', '--all')])
        text = self.assay('runs', 'list', '--all', '--csv', '--columns', 'tags.learner,metrics.roc_auc').stdout
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual([r['run_id'] for r in rows], pages)
        for row, run in zip(rows, self.assay_json('runs', 'list', '--all')):
            self.assertEqual(row['kind'], run['kind'])
            self.assertEqual(float(row['score']) if row['score'] else None, run['score'])
        found = self.assay('runs', 'search', "device = 'cpu' and params.learner = 'gbt'", '--csv')
        header = found.stdout.splitlines()[0].split(',')
        self.assertEqual(sorted(header), sorted(set(header)))
        self.assertEqual(header[-1], 'params.learner')
        plain = self.assay('runs', 'list', '--all', '--ascii').stdout
        self.assertTrue(plain.isascii())
        self.assertIn('trend', plain)

    def test_limits_of_the_query_and_of_the_flag(self):
        def search(query, *flags):
            return [r['run_id'] for r in self.assay_json('runs', 'search', query, *flags)]
        everything = search('limit 8')
        self.assertEqual(len(everything), 8)
        self.assertEqual(search('limit 2', '--limit', 1), everything[:1], 'the smaller of two')
        self.assertEqual(search('limit 1', '--limit', 2), everything[:1])
        self.assertEqual(search('limit 2', '--limit', 0), everything[:2])
        page = self.assay('runs', 'search', 'limit 2 offset 2')
        self.assertIn('--offset 4', page.stderr)
        self.assertEqual(search('limit 2 offset 2', '--offset', 4), everything[4:6])

    def test_tags_are_removed_one_by_one_and_numbers_compare(self):
        run = self.sweeps[0]
        self.assay('runs', 'tag', run, 'a=1', 'b=2', 'c=1.0', 'd=1e3')
        self.assay('runs', 'tag', '--remove', 'a', '--remove', 'b', run)
        tags = self.assay_json('runs', 'show', run)['tags']
        self.assertEqual((tags.get('a'), tags.get('b')), (None, None))
        # Numbers in another form than their shortest stay texts, and compare as numbers.
        self.assertEqual((tags['c'], tags['d']), ('1.0', '1e3'))
        found = self.assay_json('runs', 'search', 'tags.c = 1 and tags.d > 999')
        self.assertEqual([r['run_id'] for r in found], [run])

    def test_show_says_what_commit_it_was(self):
        commit = '0123456789abcdef' * 2 + '01234567'
        for folder in ('objects', 'refs/heads'):
            os.makedirs(self.path('.git/' + folder))
        self.write('.git/HEAD', 'ref: refs/heads/feature\n')
        self.write('.git/config', '[core]\n\trepositoryformatversion = 0\n')
        self.write('.git/refs/heads/feature', commit + '\n')
        run = self.assay_json('run', '--data', 't.csv', '--target', 'default', '--trials', 1)['run_id']
        self.assertIn(f'commit      {commit} (feature)', self.assay('runs', 'show', run).stdout)
        self.assertNotRegex(self.assay('runs', 'show', self.sweeps[0]).stdout, r'(?m)^  commit ')

    def test_texts_are_no_commands_to_the_terminal(self):
        run = self.assay_json('runs', 'list', '--kind', 'sweep')[0]['run_id']
        evil = 'a\x1b[31mred\x07\x9b2J\nsecond'
        shown = [self.assay('runs', 'tag', run, f'evil={evil}', f'{evil}=b', 'long=' + 'x' * 9999),
                 self.assay('runs', 'show', run), self.assay('runs', 'search', 'tags.evil != 1'),
                 self.assay('runs', 'show', evil, code=2)]
        for process in shown:
            for text in (process.stdout, process.stderr):
                self.assertNotRegex(text, '[\x00-\x08\x0b-\x1f\x7f-\x9f]')
        self.assertNotIn('x' * 100, shown[0].stderr)
        self.assertEqual(self.assay_json('runs', 'show', run)['tags']['evil'], evil)
        self.assay('runs', 'tag', run, '--remove', 'evil', '--remove', evil, '--remove', 'long')

    def test_compare_shows_what_differs(self):
        trials = self.assay_json('runs', 'search', "kind = 'trial' order by tags.trial limit 3")
        ids = [r['run_id'] for r in trials]
        together = self.assay_json('runs', 'compare', *ids)
        self.assertEqual([r['run_id'] for r in together['runs']], ids)
        shown = [self.assay_json('runs', 'show', i) for i in ids]
        for key, values in together['params'].items():
            self.assertEqual(values, [s['params'].get(key) for s in shown])
        for key, stats in together['metrics'].items():
            for i, run in enumerate(shown):
                values = [p['value'] for p in run['metrics'].get(key, [])]
                self.assertEqual(stats['count'][i], len(values))
                self.assertEqual(stats['last'][i], values[-1] if values else None)
                self.assertEqual(stats['max'][i], max(values) if values else None)
        table = self.assay('runs', 'compare', *ids).stdout
        self.assertIn('score', table)
        self.assertIn('metrics.roc_auc', table)
        self.fails(2, 'runs', 'compare', ids[0], 'nonsense', says="no run 'nonsense'")
        self.fails(2, 'runs', 'compare', ids[0], says='at least 2')

    def test_fsck_names_what_is_damaged(self):
        report = self.assay_json('fsck')
        self.assertEqual((report['ok'], report['thorough']), (True, False))
        # A sweep leaves what it noted in the catalog's journal.
        there = report['catalog']['file'] or report['catalog']['journal']
        self.assertEqual('not there' in self.assay('fsck').stdout, not there)
        rebuilt = self.assay_json('fsck', '--rebuild-catalog')
        self.assertEqual((rebuilt['ok'], rebuilt['runs'], rebuilt['catalog']['runs']),
                         (True, 8, 8))
        before = self.assay('runs', 'list', '--all').stdout
        catalog = self.path('.assay/catalog.h5')
        with open(catalog, 'r+b') as handle:
            handle.truncate(os.path.getsize(catalog) // 2)
        self.assertIn('catalog.h5', self.assay('fsck', code=3).stdout)
        self.assertEqual(self.assay('runs', 'list', '--all').stdout, before)
        self.assay('fsck', '--rebuild-catalog')
        self.assay('fsck')

        victim = self.run_files()[3]
        with open(victim, 'r+b') as handle:
            handle.seek(700)
            byte = handle.read(1)
            handle.seek(700)
            handle.write(bytes([byte[0] ^ 1]))
        process = self.assay('fsck', '--json', code=3)
        report = json.loads(process.stdout.strip().splitlines()[-1])
        self.assertEqual(len(report['problems']), 1)
        self.assertIn(os.path.basename(victim), report['problems'][0])
        # One check, one code, whichever command asks.
        verified = self.assay('workspace', 'verify', '--json', code=3)
        self.assertEqual(json.loads(verified.stdout)['problems'], report['problems'])


if __name__ == '__main__':
    unittest.main()
