"""Fingerprints of code that is one's own: what functions read of their module, and the methods of classes."""

import textwrap

import optax

from rosetta_jax._fingerprint import fingerprint


def defined(text, **names):
    """What a script that is nobody's installed package defines."""
    names = {"__name__": "__main__"} | names
    exec(textwrap.dedent(text), names)
    return names


FUNCTION = """
scale = {scale}

def helper(x):
    return x {operation} 2

def measure(x):
    inner = lambda y: y * scale
    return inner(helper(x))
"""


def of_function(scale=3.0, operation="+"):
    return fingerprint(defined(FUNCTION.format(scale=scale, operation=operation))["measure"])


def test_what_a_function_reads_of_its_module_is_part_of_it():
    assert of_function() == of_function()
    assert of_function() != of_function(scale=4.0)
    assert of_function() != of_function(operation="-")


def test_functions_that_call_each_other_have_a_fingerprint():
    text = "def one(x):\n    return other(x)\ndef other(x):\n    return one(x) + {}\n"
    first, second = (fingerprint(defined(text.format(n))["one"]) for n in (1, 2))
    assert first != second


CLASS = """
import equinox as eqx

class Bump(eqx.Module):
    height: float = 1.0

    def __call__(self, x):
        return self.height * x {operation} 1

    @property
    def twice(self):
        return {factor} * self.height
"""


def of_class(operation="+", factor=2):
    return fingerprint(defined(CLASS.format(operation=operation, factor=factor))["Bump"]())


def test_the_methods_of_a_class_are_part_of_its_values():
    assert of_class() == of_class()
    assert of_class() != of_class(operation="-")
    assert of_class() != of_class(factor=3)


def test_versions_stand_for_what_is_installed():
    # Its functions are not gone through: this would take long.
    assert fingerprint(optax.adam(0.1)) == fingerprint(optax.adam(0.1))
