"""The rows of learner_fixture.h, bit for bit, for the scripts beside it."""
import math

import numpy as np

ROWS = 4000


def make_rows(rows):
    state = 42
    mask = (1 << 64) - 1

    def draw():
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) & mask
        return (state >> 11) * 2.0**-53

    effects = [0, 4, -4, 2, -2]
    features, values = [], []
    for _ in range(rows):
        x = [draw() for _ in range(6)]
        level = int(draw() * 5)
        noise = draw() + draw() + draw() + draw() - 2
        missing = draw() < 1 / 16
        values.append(10 * math.sin(3.14159265358979 * x[0] * x[1]) + 20 * (x[2] - .5)**2 +
                      10 * x[3] + 5 * x[4] + effects[level] + noise)
        if missing:
            x[3] = math.nan
        features.append(x + [level])
    return np.array(features), np.array(values)
