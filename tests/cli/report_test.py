"""assay report: the page of real small sweeps is well-formed, needs nothing else, and escapes data.

Where Chromium is there, it also lays the pages out: nothing may be wider than the window, and no
two labels of a picture may lie on each other.
"""
import json
import os
import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from cli_case import CliCase, binary_table, multiclass_table, regression_table

SVG = '{http://www.w3.org/2000/svg}'
HOSTILE = '<script>alert("&\'")</script>'
SECTIONS = ['summary', 'leaderboard', 'search', 'parameters', 'predictions', 'importance', 'data',
            'time', 'hardware', 'reproduce']
CHROMIUM = shutil.which('chromium')

# Runs in the page: what is wider than the window, and labels that overlap.
LOOK = '''<script>
const found = [];
const room = document.body.clientWidth;
if (document.body.scrollWidth > room) found.push('page ' + document.body.scrollWidth + ' > ' + room);
for (const picture of document.querySelectorAll('figure svg')) {
  const name = picture.querySelector('title') ? picture.querySelector('title').textContent : '';
  const boxes = [...picture.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
  const outer = picture.getBoundingClientRect();
  boxes.forEach(([t, a], i) => {
    if (a.left < outer.left - 1 || a.right > outer.right + 1) {
      found.push(name + ': outside: ' + t.textContent);
    }
    boxes.slice(i + 1).forEach(([u, b]) => {
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (x > 1 && y > 3) found.push(name + ': ' + t.textContent + ' on ' + u.textContent);
    });
  });
}
document.title = 'LOOKED' + JSON.stringify(found) + 'END';
</script></body>'''


class ReportTest(CliCase):
    def train(self, table, target, *more, trials=6):
        self.assay('run', '--data', table, '--target', target, '--trials', trials, *more)
        return self.assay_json('runs', 'list')[0]['run_id']

    def page(self, name):
        with open(self.path(name), encoding='utf-8') as handle:
            text = handle.read()
        self.assertTrue(text.startswith('<!DOCTYPE html>\n<!-- assay report -->'))
        tree = ElementTree.fromstring(text)  # also well-formed XML
        self.check_alone(text, tree)
        for table in tree.iter('table'):
            self.assertTrue(table.findall('.//th[@scope="col"]'))
        for picture in tree.iter(SVG + 'svg'):
            if picture.get('aria-hidden') != 'true':
                self.assertEqual(picture.get('role'), 'img')
                self.assertTrue(picture.find(SVG + 'title').text)
        return text, tree

    def check_alone(self, text, tree):
        """Nothing is loaded, and no script is in it."""
        self.assertFalse(list(tree.iter('script')) + list(tree.iter('link')) +
                         list(tree.iter('img')))
        self.assertNotIn('@import', text)
        self.assertNotIn('url(', text)
        for element in tree.iter():
            for name, value in element.attrib.items():
                self.assertFalse(name.startswith('on'))
                if name in ('href', 'src'):
                    self.assertTrue(value.startswith('#'))

    def titles(self, tree):
        return [''.join(caption.itertext()) for caption in tree.iter('figcaption')]

    def look(self, name):
        """Lays the page out in Chromium at two widths."""
        text, _ = self.page(name)
        text = text.replace('</body>', LOOK)
        for width in (1120, 390):
            probe = self.write('probe.html',
                               text.replace('<body>', f'<body style="width:{width}px">'))
            dom = subprocess.run(
                [CHROMIUM, '--headless=new', '--no-sandbox', '--disable-gpu',
                 '--disable-dev-shm-usage', '--dump-dom',
                 f'--user-data-dir={self.path("profile")}', '--window-size=1300,2000',
                 'file://' + probe],
                capture_output=True, timeout=120, check=True).stdout.decode()
            found = re.search(r'<title>LOOKED(.*?)END</title>', dom, re.DOTALL)
            self.assertIsNotNone(found, dom[:2000])
            self.assertEqual(found.group(1), '[]', f'{name} at {width}')

    @unittest.skipIf(CHROMIUM is None, 'chromium is not installed (the ci group of packages.list)')
    def test_chromium_lays_pages_out_without_overlaps(self):
        tables = {'default': binary_table, 'kind': multiclass_table, 'price': regression_table}
        for target, make in tables.items():
            make(self.path(target + '.csv'), rows=200)
            run = self.train(target + '.csv', target, trials=20)
            self.assay('report', run, '--out', target + '.html', '--explain-rows', 60)
            self.look(target + '.html')

    def test_binary_sweep_has_every_part(self):
        binary_table(self.path('t.csv'), rows=300)
        run = self.train('t.csv', 'default')
        answer = self.assay_json('report', run, '--out', 'r.html', '--markdown', 'r.md')
        self.assertEqual(answer['missing'], [])
        self.assertEqual(answer['trials'], 6)
        self.assertEqual(answer['explained_rows'], 300)
        self.assertEqual(answer['bytes'], os.path.getsize(self.path('r.html')))
        text, tree = self.page('r.html')
        self.assertEqual([s.get('id') for s in tree.iter('section')], SECTIONS)
        titles = self.titles(tree)
        for title in ('Score over time', 'ROC', 'Precision and recall', 'Calibration',
                      'Learning curves', 'Trials by slot',
                      "Contributions to the probability of class 'yes'"):
            self.assertIn(title, titles)
        self.assertIn('city', text)
        # The confusion matrix counts every row once.
        cells = [int(''.join(c.itertext())) for c in tree.iter('td')
                 if (c.get('class') or '').split()[:1] == ['h']]
        self.assertEqual(len(cells), 4)
        self.assertEqual(sum(cells), 300)
        with open(self.path('r.md'), encoding='utf-8') as handle:
            markdown = handle.read()
        for part in ('## Leaderboard', '## Predictions', '| true class |', '## Feature importance',
                     '## How to reproduce it', run):
            self.assertIn(part, markdown)

    def test_area_under_the_curve_is_the_score_of_a_holdout(self):
        binary_table(self.path('t.csv'), rows=300)
        self.write('c.yaml', 'data: {train: t.csv, target: default}\nbudget: {trials: 3}\n'
                             'validation: {method: holdout}\nensemble: {enabled: false}\n')
        self.assay('run', 'c.yaml')
        run = self.assay_json('runs', 'list')[0]
        self.assay('report', run['run_id'], '--out', 'r.html')
        shown = float(re.search(r'yes: AUC ([0-9.]+)', self.page('r.html')[0]).group(1))
        self.assertAlmostEqual(shown, run['score'], delta=5.1e-5)

    def test_multiclass_sweep(self):
        multiclass_table(self.path('t.csv'))
        run = self.train('t.csv', 'kind')
        self.assertEqual(self.assay_json('report', run, '--out', 'r.html')['missing'], [])
        text, tree = self.page('r.html')
        for label in 'abc':
            self.assertIn(f'{label}: AUC ', text)
        self.assertIn('Each class against all others.', text)
        self.assertIn('ROC', self.titles(tree))

    def test_regression_sweep(self):
        regression_table(self.path('t.csv'))
        run = self.train('t.csv', 'price')
        self.assertEqual(self.assay_json('report', run, '--out', 'r.html')['missing'], [])
        _, tree = self.page('r.html')
        for title in ('Predicted against true', 'Residuals', 'How often residuals occur'):
            self.assertIn(title, self.titles(tree))

    def test_names_that_look_like_markup_are_shown_as_they_are(self):
        rows = ['"' + HOSTILE.replace('"', '""') + '",b,"y<&>"']
        rows += [f'{k % 7},{k % 5},{"<i>" if k % 7 > 3 else "&amp;"}' for k in range(60)]
        self.write('t.csv', '\n'.join(rows) + '\n')
        run = self.train('t.csv', 'y<&>', '--name', 'm', trials=3)
        self.assay('report', run, '--out', 'r.html', '--markdown', 'r.md')
        text, tree = self.page('r.html')
        self.assertIn(HOSTILE, ''.join(tree.itertext()))
        self.assertNotIn('<script', text)
        self.assertIn('<i>', ''.join(tree.itertext()))
        with open(self.path('r.md'), encoding='utf-8') as handle:
            outside = handle.read().split('```')
        self.assertNotIn('<script', (outside[0] + outside[2]).replace('\\<', ''))

    def test_trial_is_told_on_the_page_of_its_sweep(self):
        binary_table(self.path('t.csv'), rows=120)
        sweep = self.train('t.csv', 'default', trials=3)
        trial = self.assay_json('runs', 'list', '--parent', sweep)[0]
        answer = self.assay_json('report', trial['run_id'], '--out', 'r.html')
        self.assertEqual(answer['run_id'], sweep)
        self.assertEqual(answer['trial_run_id'], trial['run_id'])
        text, tree = self.page('r.html')
        self.assertEqual(sum(s.get('id') == 'trial' for s in tree.iter('section')), 1)
        self.assertIn('Trial ' + trial['name'], text)

    def test_table_that_changed_or_moved(self):
        binary_table(self.path('t.csv'), rows=120)
        run = self.train('t.csv', 'default', trials=3)
        os.rename(self.path('t.csv'), self.path('moved.csv'))
        gone = self.assay_json('report', run, '--out', 'gone.html')
        self.assertEqual(gone['explained_rows'], 0)
        self.assertTrue(any('is not there' in gap for gap in gone['missing']))
        # The truth is in the record: pictures of predictions need no table.
        self.assertIn('ROC', self.titles(self.page('gone.html')[1]))
        found = self.assay_json('report', run, '--out', 'found.html', '--data', 'moved.csv',
                                '--explain-rows', 50)
        self.assertEqual(found['missing'], [])
        self.assertEqual(found['explained_rows'], 50)
        binary_table(self.path('t.csv'), rows=120, seed=9)
        changed = self.assay_json('report', run, '--out', 'changed.html')
        self.assertTrue(any('SHA-256' in gap for gap in changed['missing']))
        self.fails(3, 'report', run, '--data', 't.csv', '--out', 'x.html', says='sha-256')
        self.fails(2, 'report', run, '--data', 'no.csv', '--out', 'x.html', says='no.csv')

    def test_same_record_gives_the_same_page(self):
        binary_table(self.path('t.csv'), rows=120)
        run = self.train('t.csv', 'default', trials=3)
        pages = []
        for threads in (1, 2):
            self.assay('report', run, '--out', 'r.html', '--threads', threads, '--explain-rows', 40)
            pages.append(self.page('r.html')[0])
        self.assertEqual(*pages)

    def test_errors_name_what_is_wrong(self):
        binary_table(self.path('t.csv'), rows=80)
        run = self.train('t.csv', 'default', trials=2)
        name = self.assay_json('runs', 'list')[0]['name']
        self.fails(2, 'report', name + 'x', says=[name + 'x', f"did you mean '{name}'"])
        self.fails(2, 'report', run, '--out', 't.csv', '--force', says='would be overwritten')
        self.fails(2, 'report', run, '--out', 'a', '--markdown', 'a', says='one file')
        self.write('other.html', 'mine')
        self.fails(2, 'report', run, '--out', 'other.html', says='--force')
        self.fails(5, 'report', run, '--out', 'no/r.html', says='no/r.html')
        self.assay('report', run)
        self.page(name + '.html')
        self.assay('report', run)  # a report is made anew

    def test_damaged_records(self):
        binary_table(self.path('t.csv'), rows=80)
        run = self.train('t.csv', 'default', trials=3)
        trials = self.assay_json('runs', 'list', '--parent', run)

        def damage(run_id):
            file = json.loads(self.assay('runs', 'show', run_id, '--json').stdout)['file']
            with open(os.path.join(self.folder, file), 'r+b') as handle:
                handle.seek(200)
                handle.write(b'damaged')
            return os.path.basename(file)

        file = damage(trials[0]['run_id'])
        answer = self.assay_json('report', run, '--out', 'r.html')
        self.assertTrue(any(file in message for message in answer['damaged']), answer)
        self.assertIn(file, self.page('r.html')[0])
        file = damage(run)
        self.fails(3, 'report', run, '--out', 'x.html', says=file)


if __name__ == '__main__':
    unittest.main()
