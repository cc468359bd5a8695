"""The picture of bench/automl's report: mean rank by budget, one line a system, as SVG."""
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 330
LEFT, RIGHT, TOP, BOTTOM = 56, 170, 44, 44
GAP = 16  # between the names at the end of the lines
COLOURS = ('#0072b2', '#d55e00', '#009e73', '#b8639a', '#56b4e9', '#e69f00', '#767d85')
DARK = ('#4aa3df', '#f0803c', '#2fbf93', '#de9cc0', '#9bd6f7', '#f2b83d', '#979fa7')
FONT = 'font:12px system-ui,sans-serif'


def style(count):
    light = ''.join(f'--c{i}:{COLOURS[i % len(COLOURS)]};' for i in range(count))
    dark = ''.join(f'--c{i}:{DARK[i % len(DARK)]};' for i in range(count))
    return (f'<style>:root{{--ink:#1f2328;--faint:#5a626b;--rule:#e2e5e9;--ground:#fff;{light}}}'
            f'@media(prefers-color-scheme:dark){{:root{{--ink:#e6e8ea;--faint:#a3abb3;'
            f'--rule:#31373d;--ground:#16191c;{dark}}}}}'
            f'text{{{FONT};fill:var(--ink)}}.faint{{fill:var(--faint)}}.bold{{font-weight:600}}'
            f'</style>')


def spread(wanted, low, high):
    """Positions near the wanted ones, at least GAP apart, within low and high if they fit."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    places = [0.0] * len(wanted)
    last = low - GAP
    for i in order:
        last = places[i] = max(wanted[i], last + GAP)
    last = high + GAP
    for i in reversed(order):
        last = places[i] = min(places[i], last - GAP)
    return places


def text(x, y, words, anchor='start', kind=''):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">'
            f'{escape(words)}</text>')


class Frame:
    """Where budgets and ranks stand."""

    def __init__(self, budgets, worst):
        self.budgets, self.worst = budgets, max(worst, 2)

    def x(self, i):
        inner = WIDTH - LEFT - RIGHT
        return LEFT + inner * (i + 0.5) / len(self.budgets)

    def y(self, rank):
        return TOP + (HEIGHT - TOP - BOTTOM) * (rank - 0.5) / self.worst

    def axes(self):
        for rank in range(1, self.worst + 1):
            y = self.y(rank)
            yield (f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                   f'stroke="var(--rule)"/>')
            yield text(LEFT - 10, y + 4, str(rank), 'end', 'faint')
        for i, (seconds, sets) in enumerate(self.budgets):
            yield text(self.x(i), HEIGHT - BOTTOM + 18, f'{seconds:g} s', 'middle')
            yield text(self.x(i), HEIGHT - BOTTOM + 33, f'{sets} set{"s" * (sets != 1)}', 'middle',
                       'faint')


def line_of(points, colour, width):
    path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
    dots = ''.join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 1.5}" fill="{colour}"/>'
                   for x, y in points)
    return (f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
            f'{dots}')


def ranks(standings, own):
    """The picture as text. standings: [(budget in s, sets, {system: mean rank})]; own: bold."""
    names = list(dict.fromkeys(name for _, _, ranking in standings for name in ranking))
    frame = Frame([(seconds, sets) for seconds, sets, _ in standings], len(names))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
             f'width="{WIDTH}" height="{HEIGHT}"><title>Mean rank by budget</title><desc>',
             escape('; '.join(f'{seconds:g} s: ' + ', '.join(
                 f'{name} {rank:.2f}' for name, rank in sorted(ranking.items(),
                                                               key=lambda one: one[1]))
                 for seconds, _, ranking in standings)), '</desc>', style(len(names)),
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="var(--ground)"/>',
             text(LEFT - 40, 24, 'Mean rank by budget, 1 is best', kind='bold')]
    parts += frame.axes()
    lines = {name: [(frame.x(i), frame.y(ranking[name]))
                    for i, (_, _, ranking) in enumerate(standings) if name in ranking]
             for name in names}
    ends = spread([lines[name][-1][1] for name in names], TOP, HEIGHT - BOTTOM)
    for i, name in enumerate(names):
        colour = f'var(--c{i})'
        parts.append(line_of(lines[name], colour, 3 if name == own else 1.5))
        x, y = lines[name][-1]
        edge = WIDTH - RIGHT
        parts.append(f'<path d="M{x + 6:.1f} {y:.1f}L{edge - 6} {ends[i]:.1f}" stroke="{colour}" '
                     f'stroke-dasharray="2 3" fill="none"/>')
        last = [ranking[name] for _, _, ranking in standings if name in ranking][-1]
        parts.append(text(edge, ends[i] + 4, f'{last:.2f} {name}',
                          kind='bold' if name == own else ''))
    return ''.join(parts) + '</svg>\n'
