"""One virtual environment a peer, outside the repository, and a note of what installed and what did not.

    python benchmarks/peers/environments.py [--folder ~/.cache/rosetta_jax/peers] [--only tvboptim,brainmass]

Each environment is made anew by pip with the versions below. What fails to install is recorded in
`installed.json` in that folder, with the last lines of what pip said, and is never fatal: `benchmarks/run.py`
then leaves that peer out and prints the reason. `rosetta` and `c` need none: they run in the interpreter that
runs the benchmark, which has rosetta_jax installed.
"""

import argparse
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

# One jax for all that use it, so that they are compared and not its versions.
JAX = ["jax==0.10.2", "jaxlib==0.10.2"]
PEERS: dict[str, list[str]] = {
    "tvboptim": ["tvboptim==0.4.0", *JAX],
    "brainmass": ["brainmass==0.1.1", *JAX],
    # vbjax imports tqdm without asking for it.
    "vbjax": ["vbjax==0.0.19", "tqdm", *JAX],
    # neurolib imports pkg_resources, which newer setuptools no longer have.
    "neurolib": ["neurolib==0.6.2", "setuptools<81"],
    "cubnm": ["cubnm==0.1.0"],
    "tvb": ["tvb-library==2.10", "setuptools<81"],
}
# The module that must import for a peer to count as installed.
MODULES = {"tvb": "tvb.simulator.lab"}
LAST_LINES = 6


def default_folder() -> Path:
    """The user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "rosetta_jax" / "peers"


def python_of(folder: Path, peer: str) -> Path:
    """The interpreter of a peer."""
    return folder / peer / "bin" / "python"


def read_notes(folder: Path) -> dict[str, dict]:
    """What `installed.json` says of each peer, empty where there is none."""
    path = folder / "installed.json"
    return json.loads(path.read_text()) if path.exists() else {}


def told(command: list[str]) -> tuple[bool, str]:
    """Whether a command succeeded, and all that it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def reason_of(said: str) -> str:
    """The last lines that say anything, without addresses of an index."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and "://" not in line]
    return " | ".join(lines[-LAST_LINES:])


def make(folder: Path, peer: str) -> dict:
    """Makes the environment of a peer; what is then said of it in `installed.json`."""
    venv.create(folder / peer, clear=True, with_pip=True)
    python = str(python_of(folder, peer))
    good, said = told([python, "-m", "pip", "install", "--quiet", *PEERS[peer]])
    if not good:
        return {"installed": False, "reason": reason_of(said)}
    good, said = told([python, "-c", f"import {MODULES.get(peer, peer)}"])
    if not good:
        return {"installed": False, "reason": "installs, does not import: " + reason_of(said)}
    _, frozen = told([python, "-m", "pip", "list", "--format", "json"])
    listed = json.loads(frozen[frozen.index("[") : frozen.rindex("]") + 1])
    return {"installed": True, "versions": {row["name"]: row["version"] for row in listed}}


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes an environment a peer.")
    parser.add_argument("--folder", type=Path, default=default_folder())
    parser.add_argument("--only", default=",".join(PEERS), help="peers, separated by commas")
    given = parser.parse_args()
    unknown = sorted(set(given.only.split(",")) - set(PEERS))
    if unknown:
        sys.exit(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    given.folder.mkdir(parents=True, exist_ok=True)
    for peer in given.only.split(","):
        notes = read_notes(given.folder) | {peer: make(given.folder, peer)}
        (given.folder / "installed.json").write_text(json.dumps(notes, indent=1) + "\n")
        note = notes[peer]
        print(f"{peer:10s} {'installed' if note['installed'] else note['reason']}", flush=True)


if __name__ == "__main__":
    main()
