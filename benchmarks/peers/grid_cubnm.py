"""cuBNM on its processor core: members of a grid of the reduced Wong-Wang model, BOLD, FC and FCD in it.

    python benchmarks/peers/grid_cubnm.py DATA.npz --members 4 --volumes 1200 --dt 1.0

Prints one line of JSON: brain-seconds per second of the second of two runs, on as many threads as there are cores.
"""

import argparse
import json
import time

import numpy as np
from cubnm import sim

REPETITION, DROPPED, WINDOW, STEP = 0.72, 100, 83, 1


def main() -> None:
    """Run and print."""
    asked = argparse.ArgumentParser()
    asked.add_argument("data")
    asked.add_argument("--members", type=int, default=4)
    asked.add_argument("--volumes", type=int, default=1200)
    asked.add_argument("--dt", default="1.0", help="ms: 1.0 or 0.1")
    given = asked.parse_args()
    with np.load(given.data) as file:
        weights = file["sc_train"].astype(float)
    weights = 0.2 * weights / weights.max()
    nodes, members = len(weights), given.members
    duration = round(REPETITION * (given.volumes + DROPPED), 3)
    made = sim.rWWExSimGroup(
        duration=duration,
        TR=REPETITION,
        sc=weights,
        dt=given.dt,
        do_fc=True,
        do_fcd=True,
        # Windows of an even number of volumes: 82 of them, as near to 83 as it takes, every fourth.
        window_size=82,
        window_step=4,
        bold_remove_s=REPETITION * DROPPED,
        force_cpu=True,
    )
    made.N = members
    made.param_lists.update(
        G=np.linspace(0.5, 2.0, members),
        w=np.full((members, nodes), 0.5),
        I0=np.full((members, nodes), 0.3),
        sigma=np.full((members, nodes), 0.00283),
        v=np.ones(members),
    )
    made.run()
    begun = time.perf_counter()
    made.run()
    seconds = time.perf_counter() - begun
    line = {"brain_seconds_per_second": members * duration / seconds, "seconds": seconds}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
