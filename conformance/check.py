"""Runs checks one after the other and reports each on a line of its own."""

import os
import sys
import traceback

CHECKS = []


def check(function):
    """Registers a check; its name, with spaces, is what is reported."""
    CHECKS.append(function)
    return function


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def refused(error_type, call):
    """The error that a call ends with."""
    try:
        answer = call()
    except error_type as error:
        return error
    raise AssertionError(f"not refused; the answer is {answer!r}")


def run(*arguments):
    failed = 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function(*arguments)
        except Exception as error:  # every check is reported, whatever another does
            failed += 1
            print(f"not ok - {name}: {type(error).__name__}: {error}", flush=True)
            if "CONFORMANCE_TRACE" in os.environ:
                traceback.print_exc()
        else:
            print(f"ok - {name}", flush=True)
    sys.exit(1 if failed else 0)
