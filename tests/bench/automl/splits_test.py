import gzip
import os
import unittest

from bench_case import CATALOG, BenchCase

import splits


class Splits(BenchCase):
    def catalog(self, *lines):
        return splits.read_catalog(self.write('c.tsv', CATALOG + ''.join(l + '\n' for l in lines)))

    def tables(self, one, seed=1):
        folder = splits.prepare(one, seed, self.path('splits'))
        parts = []
        for name in ('train.csv', 'test.csv'):
            with open(os.path.join(folder, name), encoding='utf-8') as handle:
                parts.append(handle.read().splitlines())
        return parts

    def test_key_is_splitmix64(self):
        # The first two outputs of the reference generator from state 0.
        self.assertEqual(splits.key(0, 0), 0xE220A8397B1DCDAF)
        self.assertEqual(splits.key(0, 0x9E3779B97F4A7C15), 0x6E789E6AA1B965F4)

    def test_a_fifth_of_each_class_is_for_the_test(self):
        labels = ['a'] * 10 + ['b'] * 5 + ['c'] * 2 + ['d']
        self.write('d.csv', 'x,y\n' + ''.join(f'{i},{c}\n' for i, c in enumerate(labels)))
        one = self.catalog('d\td.csv\tmulticlass\ty\tlogloss\t')['d']
        train, test = self.tables(one)
        classes = [row.split(',')[1] for row in test[1:]]
        self.assertEqual({c: classes.count(c) for c in 'abcd'}, {'a': 2, 'b': 1, 'c': 0, 'd': 0})
        numbers = [[int(row.split(',')[0]) for row in part[1:]] for part in (train, test)]
        self.assertEqual(sorted(numbers[0] + numbers[1]), list(range(18)))
        self.assertEqual(numbers, [sorted(part) for part in numbers])  # rows keep their order
        keys = sorted(range(10), key=lambda i: splits.key(1, i))[:2]
        self.assertEqual([i for i in numbers[1] if i < 10], sorted(keys))

    def test_seeds_give_other_splits(self):
        self.write('d.csv', 'x,y\n' + ''.join(f'{i},{i}\n' for i in range(50)))
        one = self.catalog('d\td.csv\tregression\ty\trmse\t')['d']
        first, second = self.tables(one, 1)[1], self.tables(one, 2)[1]
        self.assertEqual((len(first), len(second)), (11, 11))
        self.assertNotEqual(first, second)

    def test_dropped_columns_quotes_and_rows_without_a_target(self):
        with gzip.open(self.path('d.csv.gz'), 'wt') as handle:
            handle.write('id,x,y\n1,"a,b",1\n2,,\n3,c,2\n4,"say ""hi""",3\n')
        one = self.catalog('d\td.csv.gz\tregression\ty\trmse\tdrop=id; a note')['d']
        train, test = self.tables(one)
        self.assertEqual(train[0], 'x,y')
        self.assertEqual(sorted(train[1:] + test[1:]), ['"a,b",1', '"say ""hi""",3', 'c,2'])

    def test_tables_are_made_anew_when_the_file_changes(self):
        self.write('d.csv', 'x,y\n' + ''.join(f'{i},{i}\n' for i in range(10)))
        one = self.catalog('d\td.csv\tregression\ty\trmse\t')['d']
        self.assertEqual(len(self.tables(one)[0]), 9)
        self.write('d.csv', 'x,y\n' + ''.join(f'{i},{i}\n' for i in range(20)))
        self.assertEqual(len(self.tables(one)[0]), 17)

    def test_sets_that_are_no_tables_are_left_out(self):
        self.assertEqual(self.catalog('d\t/some/folder (a package)\tbinary\ty\tauc\t'), {})

    def test_bad_catalogs_are_named(self):
        self.write('d.csv', 'x,y\n1,2\n3\n')
        for line, message in (('d\td.csv\tranking\ty\tauc\t', "unknown task 'ranking'"),
                              ('d\td.csv\tbinary\ty\trmse\t', "'rmse' does not fit binary"),
                              ('d\t\tbinary\ty\tauc\t', 'the catalog has no file'),
                              ('../d\td.csv\tbinary\ty\tauc\t', 'cannot be the name')):
            with self.assertRaisesRegex(splits.BadCatalog, message):
                self.catalog(line)
        for target, notes, message in (('z', '', "no column 'z'"),
                                       ('y', 'drop=q', "cannot drop 'q'"),
                                       ('y', '', 'row 2 has 1 fields')):
            one = self.catalog(f'd\td.csv\tregression\t{target}\trmse\t{notes}')['d']
            with self.assertRaisesRegex(splits.BadCatalog, message):
                splits.prepare(one, 1, self.path('splits'))
        with self.assertRaisesRegex(splits.BadCatalog, 'No such file'):
            splits.read_catalog(self.path('absent.tsv'))
        with self.assertRaisesRegex(splits.BadCatalog, "'d' twice"):
            self.catalog('d\td.csv\tbinary\ty\tauc\t', 'd\td.csv\tbinary\ty\tauc\t')


if __name__ == '__main__':
    unittest.main()
