"""What makes a long computation this one and no other, part by part, so that a file of another can be refused.

Of each part a fingerprint is kept, and where its value is short the value itself: what differs can then be named.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rosetta_jax._fingerprint import fingerprint


class Part(NamedTuple):
    """A part of what is computed: in `words` what it is, and its `value`, of which a fingerprint is kept."""

    words: str
    value: Any

    @property
    def shown(self) -> dict[str, str]:
        """The value in words, where it is short: what an error may show of it."""
        if isinstance(self.value, Mapping) and all(isinstance(v, str) for v in self.value.values()):
            return dict(self.value)
        return {"": str(self.value)} if isinstance(self.value, (str, int)) else {}


def described(parts: Mapping[str, Part]) -> dict[str, Any]:
    """The parts as a file can hold them."""
    return {
        name: {"fingerprint": fingerprint(part.value), "shown": part.shown}
        for name, part in parts.items()
    }


def differences(
    parts: Mapping[str, Part], here: Mapping[str, Any], there: Mapping[str, Any]
) -> list[str]:
    """The parts whose descriptions `here` and `there` (in a file) differ, in words."""
    none: dict[str, Any] = {"fingerprint": "", "shown": {}}
    return [
        _difference(name, parts[name].words, here[name]["shown"], there.get(name, none)["shown"])
        for name in parts
        if there.get(name, none)["fingerprint"] != here[name]["fingerprint"]
    ]


def _difference(name: str, words: str, here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """The part by name, and what it is there and here as far as that is short."""
    told = [
        f"{f'{key} ' if key else ''}{there.get(key, 'nothing')} there, {here.get(key, 'nothing')} here"
        for key in dict.fromkeys([*there, *here])
        if there.get(key) != here.get(key)
    ]
    return f"{name} ({', '.join(told) or words})"
