import unittest

from bench_case import BenchCase

import cells


def row(**fields):
    return {'set': 'd', 'system': 's', 'seed': 1, 'budget_s': 10.0, 'threads': 2, 'version': '1',
            'machine': 'm', 'status': 'ok', **fields}


class Cells(BenchCase):
    def setUp(self):
        super().setUp()
        self.results = self.path('r.tsv')

    def test_rows_come_back_as_text(self):
        cells.append(self.results, row(score=0.123456789, error='two\nlines\tand a tab'))
        found = cells.read(self.results)
        self.assertEqual(len(found), 1)
        self.assertEqual((found[0]['score'], found[0]['budget_s'], found[0]['wall_s']),
                         ('0.1234568', '10', ''))
        self.assertEqual(found[0]['error'], 'two lines and a tab')

    def test_a_key_is_the_same_before_and_after(self):
        cells.append(self.results, row())
        self.assertEqual(cells.key_of(cells.read(self.results)[0]), cells.key_of(row()))
        self.assertNotEqual(cells.key_of(row(version='2')), cells.key_of(row()))

    def test_a_file_that_is_not_there_has_no_rows(self):
        self.assertEqual(cells.read(self.results), [])

    def test_a_line_that_was_cut_off_does_not_count(self):
        cells.append(self.results, row())
        with open(self.results, 'a', encoding='utf-8') as handle:
            handle.write('d\ts\t2\t10')
        self.assertEqual(len(cells.read(self.results)), 1)
        cells.append(self.results, row(seed=3))
        self.assertEqual([one['seed'] for one in cells.read(self.results)], ['1', '3'])

    def test_a_header_that_was_cut_off_is_written_again(self):
        self.write('r.tsv', 'set\tsys')
        cells.append(self.results, row())
        self.assertEqual(len(cells.read(self.results)), 1)

    def test_other_files_are_refused(self):
        self.write('r.tsv', 'a\tb\n1\t2\n')
        with self.assertRaisesRegex(cells.BadResults, "no column 'set'"):
            cells.read(self.results)
        self.write('r.tsv', '\t'.join(cells.COLUMNS) + '\nd\ts\n')
        with self.assertRaisesRegex(cells.BadResults, 'line 2: 2 fields'):
            cells.read(self.results)
        with self.assertRaisesRegex(cells.BadResults, "no column 'scroe'"):
            cells.append(self.path('n.tsv'), row(scroe=1))

    def test_the_machine_has_its_processors_in_its_name(self):
        self.assertRegex(cells.this_machine(), r'.+, \d+ CPUs, \d+ GiB')


if __name__ == '__main__':
    unittest.main()
