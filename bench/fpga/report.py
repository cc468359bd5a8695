"""Sets the planned costs of the FPGA kernels beside the CPU's measured times, as Markdown.

  report.py --costs PROGRAM [--bench PROGRAM | --cpu FILE] [--out FILE]

PROGRAM planned_costs prints the calculation as JSON; kernel_bench measures the CPU, or FILE is the
JSON that it wrote (--benchmark_out=FILE). A problem that the CPU has no operation for has no figure.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

TO_MS = {'ns': 1e-6, 'us': 1e-3, 'ms': 1.0, 's': 1e3}


class ReportError(Exception):
    pass


def cpu_times(bench_json, clock='real_time'):
    """{benchmark name: milliseconds of an iteration}; the median where there are several runs."""
    runs = {}
    for run in bench_json['benchmarks']:
        if run.get('error_occurred'):
            raise ReportError(f"{run['name']}: {run.get('error_message', 'failed')}")
        if run.get('run_type', 'iteration') == 'iteration':
            name = run.get('run_name', run['name'])
            runs.setdefault(name, []).append(run[clock] * TO_MS[run['time_unit']])
    return {name: sorted(times)[len(times) // 2] for name, times in runs.items()}


def milliseconds(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return '-'
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f'{value:,.{max(digits, 3 if value < 1 else 0)}f}'


def named_times(costs, times):
    """The CPU's time of each workload, or None where it has no such operation."""
    missing = [w['cpu_bench'] for w in costs['workloads']
               if w['cpu_bench'] and w['cpu_bench'] not in times]
    if missing:
        raise ReportError('kernel_bench has no figure for: ' + ', '.join(missing))
    return [times.get(w['cpu_bench']) for w in costs['workloads']]


def cards_table(costs):
    yield '| card | data sheet | memory | rated GB/s | one channel | channels of the documented build | PCIe, one way | DSP | BRAM | URAM |'
    yield '|---|---|---|---|---|---|---|---|---|---|'
    for c in costs['cards']:
        yield (f"| {c['name']} | {c['source']} | {c['memory']} | {c['memory_gb_s']:g} | "
               f"{c['channel_gb_s']:g} | {c['build_channels']} | {c['link_gb_s']:g} | {c['dsp']:,} | {c['bram']:,} | "
               f"{c['uram']:,} |")


def times_table(costs, cpu):
    cards = [c['name'] for c in costs['cards']]
    yield ('| problem | CPU, measured | ' + ' | '.join(f'{c}, calculated' for c in cards) +
           ' | of which kernels, link, launches, syncs | link hidden | left to hide |')
    yield '|---|---|' + '---|' * (len(cards) + 3)
    for work, time in zip(costs['workloads'], cpu):
        plans = {p['card']: p for p in work['plans']}
        name = f"{work['name']} ({work['note']})" if work['note'] else work['name']
        last = plans[cards[-1]]
        parts = ', '.join(milliseconds(last[part] * 1e3) for part in ('kernels', 'link', 'launches', 'syncs'))
        yield (f'| {name} | {milliseconds(time)} | ' +
               ' | '.join(milliseconds(plans[c]['total'] * 1e3) for c in cards) +
               f" | {parts} | {milliseconds(last['hidden'] * 1e3)} | "
               f"{100 * last['still_hideable']:.1f} % |")


def resources_table(costs):
    cards = costs['cards']
    yield '| kernel | units | DSP | BRAM | URAM |'
    yield '|---|---|---|---|---|'
    totals = dict.fromkeys(('dsp', 'bram', 'uram'), 0)
    for k in costs['kernels']:
        values = {part: k['units'] * k[part] for part in totals}
        for part in totals:
            totals[part] += values[part]
        yield (f"| {k['name']} | {k['units']} | {values['dsp']:,} | {values['bram']:,} | "
               f"{values['uram']:,} |")
    yield '| all | | ' + ' | '.join(f'{totals[p]:,}' for p in totals) + ' |'
    for c in cards:
        shares = ' | '.join(f'{100 * totals[p] / c[p]:.0f} %' for p in totals)
        yield f"| of {c['name']} | | {shares} |"


def report(costs, cpu, machine):
    assumed = costs['assumptions']
    lines = [
        '# What the FPGA kernels should cost',
        '',
        '**Calculated, not measured.** Nobody has run these kernels on a card. The figures of cards',
        'come from the formulas in the headers of `backends/xrt/hls` and from data sheets. Tests hold',
        'formulas of cycles to examples worked by hand, and those of traffic to the lines that the kernels ask',
        'for in emulation; emulation says nothing about speed. `bench/fpga/run` writes this page.',
        '',
        f"The CPU's figures were measured: {machine}.",
        '',
        '## Times, in milliseconds',
        '',
        *times_table(costs, cpu),
        '',
        f"The last three columns are the {costs['cards'][-1]['name']}'s. A tree's splits are taken to halve their nodes, the smaller child is summed and the",
        'other is its difference; gradients, quantising and dividing rows are the host\'s and not in it,',
        'while the CPU\'s figure is of the whole operation. Depths are assumed. Cells, forests, weights and',
        'points lie on the card; rows, gradients, inputs and results cross the link.',
        '',
        '"Link hidden" crosses the link while kernels run: predictions are cut into parts of rows, and the',
        'cells and scores of the next part are sent, and the scores of the last one brought back, while a',
        'part is computed. "Left to hide" is what a problem could gain at most if all that it sends were',
        'hidden. The others send theirs first: a histogram is of all rows of its node, and the next node is',
        'known when the last one has been split; a product\'s or a search\'s inputs are sent in a small part',
        'of the time that its kernel takes.',
        '',
        '## What is assumed',
        '',
        f"Clock {costs['clock_mhz']:g} MHz. All ports and units that are at work share the memory channels that the",
        'buffers of the documented xclbin lie in (docs/fpga.md): one. On a U250 that is `DDR[0]`. In',
        '`HBM[0:31]` XRT puts one buffer behind the other, so buffers that are smaller than a',
        'pseudo-channel (256 MB on a U280, 512 MB on a U55C) lie in the same one, whichever the ports reach. A',
        f"channel gives {100 * assumed['burst_share']:g} % of its rate for bursts, {100 * assumed['scattered_share']:g} % for single lines in ascending order; a",
        'kernel is bound by its cycles or by that, whichever is longer. The link gives',
        f"{100 * assumed['link_share']:g} % of its rate, and each transfer (sync) costs {assumed['sync_us']:g} us whatever its size; a launch costs",
        f"{assumed['launch_us']:g} us. A split of a tree has four syncs: row numbers, the nodes and the columns to scan, and",
        'what was found. But for what is hidden nothing of these overlaps. The units of the table below work at',
        'once where a problem has parts for them: blocks of 64 columns, parts of rows to predict.',
        '',
        *cards_table(costs),
        '',
        '## What bounds them',
        '',
        'Trees of few rows: launches and syncs of each split. Rows of a histogram: one a cycle and unit where they lie together, the channel\'s lines where they',
        'are scattered; a table of fewer than 64 columns leaves column memories idle. Small nodes and wide',
        'tables: clearing and draining the sums, which does not overlap with adding rows. Predictions: steps',
        'of 16 engines, and the pages of their trees, which are loaded before a walk; one row pays all pages.',
        'Matrix products: cells, panels that are loaded before they are multiplied, and rows of the result,',
        'each of which is waited for. More units are the simplest way to more: change `kernels.list` and what',
        'splits the work.',
        '',
        '## What the kernels take',
        '',
        'By formula, for the units of `backends/xrt/hls/kernels.list`; the shell takes its own share. LUTs',
        'and registers are not estimated: double-precision division and the sorted lists need many.',
        'Only synthesis tells whether the clock is met.',
        '',
        *resources_table(costs),
    ]
    return '\n'.join(lines) + '\n'


def run_json(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ReportError(f'{command[0]} ended with {done.returncode}: {done.stderr.strip()}')
    return json.loads(done.stdout)


def measure(bench, costs):
    names = '|'.join(w['cpu_bench'] for w in costs['workloads'] if w['cpu_bench'])
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'bench.json')
        done = subprocess.run([bench, f'--benchmark_filter=^({names})$', f'--benchmark_out={out}',
                               '--benchmark_out_format=json'], stdout=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise ReportError(f'{bench} ended with {done.returncode}')
        with open(out, encoding='utf-8') as file:
            return json.load(file)


def machine_of(bench_json, clock):
    """What the measuring program says of the machine, the threads that it was told to use, and how
    time was taken."""
    threads = os.environ.get('ASSAY_BENCH_THREADS', 'all usable')
    how = 'CPU time' if clock == 'cpu_time' else 'by the clock'
    context = bench_json['context']
    return f"{context['num_cpus']} cores at {context['mhz_per_cpu'] / 1000:.1f} GHz, threads: {threads}; {how}"


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--costs', required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--bench')
    source.add_argument('--cpu')
    parser.add_argument('--clock', choices=('real_time', 'cpu_time'), default='real_time',
                        help='cpu_time where the machine is not idle; with one thread only')
    parser.add_argument('--machine', help='how to call the machine that was measured')
    parser.add_argument('--out', default='docs/fpga-performance.md')
    options = parser.parse_args(arguments)
    try:
        costs = run_json([options.costs])
        if options.cpu:
            with open(options.cpu, encoding='utf-8') as file:
                measured = json.load(file)
        else:
            measured = measure(options.bench, costs)
        cpu = named_times(costs, cpu_times(measured, options.clock))
        text = report(costs, cpu, options.machine or machine_of(measured, options.clock))
    except (ReportError, OSError, ValueError) as error:
        print(f'report.py: {error}', file=sys.stderr)
        return 1
    with open(options.out, 'w', encoding='utf-8') as file:
        file.write(text)
    print(options.out)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
