"""Runs groups of kernel_bench on devices, and adds what they say to a file of results.

  measure.py --bench PROGRAM [--device cuda:0,cpu] [--only GROUP,...] [--out FILE] [--page FILE]

A group is a run of kernel_bench of its own, with a limit of time: one that fails or takes too long is
told and costs only its own figures, and the file is written after each. A group that was measured
before is measured again. Needs nothing but Python's standard library.
"""
import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import typing

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import report  # noqa: E402

USAGE = 2


class Group(typing.NamedTuple):
    filter: str
    repetitions: int
    limit_s: int
    for_gpus: bool = False  # takes a CPU many minutes: left out there unless it is named


GROUPS = {
    'higgs': Group('boosting/krows:10500/airline:0/rounds:500/', 5, 240, True),
    'airline': Group('boosting/krows:10000/airline:1/rounds:100/', 5, 180, True),
    'boosting': Group('boosting/krows:(100|1000)/', 5, 90),
    'batch': Group('grow_trees_batch/', 5, 90),
    'loss': Group('loss_(gradients|value)/', 5, 60),
    'bin_columns': Group('bin_columns/', 5, 60),
    'forest': Group('forest/', 1, 150, True),
    'predict_trees': Group('predict_trees/.*/leaves:(31|255)/', 5, 90),
    'tree_shap': Group('tree_shap/', 5, 120),
    'linear': Group('linear_(scores|gradient)/', 5, 60),
    'gemm': Group('gemm(_bf16|_bf16_any_order|_int8)?/', 5, 90),
    'knn_topk': Group('knn_topk/', 5, 90),
}
NOT_THERE = 'no implementation'  # what a bench says of an op that the device does not have


class MeasureError(Exception):
    pass


def names_of(text, known, what):
    """The names of a list separated by commas; all must be known."""
    names = [name for name in text.split(',') if name]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
            raise MeasureError(f"unknown {what} '{name}' ({hint})")
    if not names:
        raise MeasureError(f"no {what} is named (there are {', '.join(known)})")
    return names


def options_of(group):
    options = [f'--benchmark_filter=^{group.filter}']
    if group.repetitions > 1:
        options.append(f'--benchmark_repetitions={group.repetitions}')
    return options


def command_text(device, group):
    """What to type for the same figures."""
    quoted = ' '.join(re.sub(r'=(.*[()|*?].*)', r"='\1'", option) for option in options_of(group))
    return f'ASSAY_BENCH_DEVICE={device} kernel_bench {quoted}'


def run_group(bench, device, group):
    """(what the program calls the device, its benchmarks). Raises MeasureError."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'bench.json')
        command = [bench, *options_of(group), f'--benchmark_out={out}', '--benchmark_out_format=json']
        try:
            done = subprocess.run(command, env={**os.environ, 'ASSAY_BENCH_DEVICE': device}, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=group.limit_s, check=False)
        except subprocess.TimeoutExpired:
            raise MeasureError(f'took more than {group.limit_s} s') from None
        if done.returncode != 0:
            raise MeasureError(f'ended with {done.returncode}: {done.stderr.strip()[-300:]}')
        with open(out, encoding='utf-8') as file:
            benchmarks = json.load(file)['benchmarks']
    named = re.search(r'^device \S+ \((.*)\), (\d+) threads;', done.stdout, re.MULTILINE)
    if not named:
        raise MeasureError('kernel_bench did not say which device it used')
    return {'name': named[1], 'threads': int(named[2])}, benchmarks


def usable(benchmarks):
    """Those that measured something. Raises MeasureError if one failed."""
    kept = []
    for run in benchmarks:
        if not run.get('error_occurred'):
            kept.append(run)
        elif not run.get('error_message', '').startswith(NOT_THERE):
            raise MeasureError(f"{run['name']}: {run.get('error_message', 'failed')}")
    return [run for run in kept if run.get('run_type', 'iteration') == 'iteration']


def load(path):
    if not os.path.exists(path):
        return {'devices': {}}
    with open(path, encoding='utf-8') as file:
        results = json.load(file)
    if not isinstance(results, dict) or not isinstance(results.get('devices'), dict):
        raise MeasureError(f'{path} is no file of results')
    return results


def save(path, results):
    with open(f'{path}.new', 'w', encoding='utf-8') as file:
        json.dump(results, file, indent=1)
        file.write('\n')
    os.replace(f'{path}.new', path)


def add_group(results, device, name, machine, benchmarks):
    there = results['devices'].setdefault(device, {**machine, 'groups': {}})
    if there['name'] != machine['name'] or there['threads'] != machine['threads']:
        raise MeasureError(
            f"the file has figures of {there['name']} with {there['threads']} threads, and {device} is "
            f"{machine['name']} with {machine['threads']} here: name another --out")
    there['groups'][name] = {'command': command_text(device, GROUPS[name]), 'benchmarks': benchmarks}


def measure_ceilings(folder):
    """Of the first GPU, by ceilings.cu; None where it cannot be built."""
    source = os.path.join(HERE, 'ceilings.cu')
    if shutil.which('nvcc') is None or not os.path.exists(source):
        return None
    program = os.path.join(folder, 'ceilings')
    subprocess.run(['nvcc', '-O3', '-std=c++17', '-arch=native', source, '-o', program], check=True,
                   timeout=120)
    done = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    return json.loads(done.stdout)


def ceilings_of(options):
    if options.ceilings:
        with open(options.ceilings, encoding='utf-8') as file:
            return json.load(file)
    with tempfile.TemporaryDirectory() as folder:
        return measure_ceilings(folder)


def wanted_groups(options, device):
    if options.only:
        return names_of(options.only, list(GROUPS), 'group')
    return [name for name, group in GROUPS.items()
            if not (group.for_gpus and (options.quick or device == 'cpu'))]


def measure(options):
    """Whether all groups were measured."""
    results = load(options.out)
    devices = [name for name in options.device.split(',') if name]
    plan = [(device, name) for device in devices for name in wanted_groups(options, device)]
    complete = True
    missing = not results.get('ceilings') and any(device != 'cpu' for device in devices)
    if options.ceilings or missing:
        try:
            results['ceilings'] = ceilings_of(options)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            complete = False
            print(f'ceilings: {error}', file=sys.stderr)
    for device, name in plan:
        try:
            machine, benchmarks = run_group(options.bench, device, GROUPS[name])
            figures = usable(benchmarks)
            add_group(results, device, name, machine, figures)
            save(options.out, results)
            print(f'{device} {name}: {len(figures)} figures', flush=True)
        except MeasureError as error:
            complete = False
            print(f'{device} {name}: {error}', file=sys.stderr, flush=True)
    save(options.out, results)
    return complete


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--bench', required=True, help='the program kernel_bench')
    parser.add_argument('--device', default='cuda:0', help='one or more, such as cuda:0,cpu')
    parser.add_argument('--only', help=f"groups: {', '.join(GROUPS)}")
    parser.add_argument('--quick', action='store_true', help='no tables of ten million rows')
    parser.add_argument('--ceilings', help='JSON of ceilings.cu, instead of running it')
    parser.add_argument('--out', default=os.path.join(HERE, 'results.json'))
    parser.add_argument('--page', help='write the page too, such as docs/gpu-performance.md')
    options = parser.parse_args(arguments)
    try:
        complete = measure(options)
        if options.page:
            report.write_page(load(options.out), options.page)
    except (MeasureError, report.ReportError, OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return USAGE
    print(options.out)
    return 0 if complete else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
