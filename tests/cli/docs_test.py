"""The generated pages of docs/ are what the program says now, and configs obey the schema."""
import os
import subprocess
import sys
import unittest

from cli_case import ASSAY, CliCase

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class DocsTest(CliCase):
    def test_pages_are_current(self):
        process = subprocess.run([sys.executable, os.path.join(ROOT, 'scripts/make_docs'), '--check',
                                  '--assay', ASSAY], capture_output=True, text=True, check=False)
        self.assertEqual(process.returncode, 0, process.stderr)

    def test_every_command_explains_itself(self):
        for command in ('run', 'predict', 'score', 'runs list', 'runs search', 'runs show',
                        'runs compare', 'runs export', 'runs checkout', 'runs tag', 'fsck',
                        'models register',
                        'models export', 'models import', 'models promote',
                        'models tag', 'models describe', 'models alias set',
                        'models alias remove', 'models delete', 'models restore', 'models history',
                        'models diff', 'experiments list', 'experiments show',
                        'experiments rename', 'experiments delete', 'data list', 'data show',
                        'workspace create',
                        'workspace list', 'workspace info', 'data describe', 'config init'):
            text = self.assay(*command.split(), '--help').stdout
            self.assertIn('Usage: assay ' + command, text)
            self.assertIn('Example', text)


if __name__ == '__main__':
    unittest.main()
