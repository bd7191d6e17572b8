"""JSON lines of bench/results, kind gpu."""

import datetime
import json
import subprocess
import sys


class Figures:
    """Appends figures to a file, and prints them."""

    def __init__(self, path, processor, flags):
        self.path, self.common = path, {"kind": "gpu", "processor": processor, "flags": flags, "date": datetime.date.today().isoformat()}

    def add(self, name, value, unit, bar="", met=None, detail=""):
        line = dict(self.common, name=name, value=value, unit=unit, bar=bar, detail=detail)
        if bar:
            line["met"] = bool(met)
        with open(self.path, "a") as file:
            file.write(json.dumps(line, sort_keys=True) + "\n")
        verdict = "" if not bar else "ok" if met else "MISSED"
        print(f"  {name:58} {value:12.5g} {unit:8} {bar:16} {verdict:6} {detail}", flush=True)

    def at_least(self, name, value, bar, unit, detail=""):
        self.add(name, value, unit, f"at least {bar:g}", value >= bar, detail)

    def at_most(self, name, value, bar, unit, detail=""):
        self.add(name, value, unit, f"at most {bar:g}", value <= bar, detail)

    def not_run(self, name, reason):
        self.add(name, 0, "", "to be run", False, "not run: " + reason)


def run(command, environment, seconds, check=True):
    """Runs a program and returns what it prints. What it complains about goes to the terminal."""
    done = subprocess.run([str(part) for part in command], env=environment, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, timeout=seconds)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done
