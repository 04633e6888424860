#!/usr/bin/env python3
"""tests/kill9/test_kill.py - proves that `kill -9` at any moment of load, import, tag, untag, rmi, prune
and recover leaves each operation done or not begun.

    test_kill.py HOLDFAST HOLDFAST-CHECK [ROUNDS [SEED]]

Every round takes an operation that fits the state and kills it at a moment drawn from the span that
its kind takes, which is measured first and then follows what is met. Then: the checker on the store as it was left;
`recover` (killed too, now and then); the checker again; the names must be those from before or those
from after, and from after when success was told. Now and then the operation is repeated and must
succeed, the store is checked by itself, and an image is saved and loaded elsewhere.
"""

import os
import random
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from images import make_archives  # noqa: E402
from store import ANY, Failure, KILLED, Store, full, same  # noqa: E402


class Operation:
    def __init__(self, kind, arguments, after):
        self.kind, self.arguments, self.after = kind, arguments, after


class Rounds:
    def __init__(self, store, folder, chance):
        self.store, self.folder, self.chance = store, folder, chance
        self.archives, self.rootfs = make_archives(folder)
        self.targets = self.learn_targets()
        self.state = {}
        self.span = {}  # seconds that a kind of operation takes
        self.done = {}  # kind: [killed, finished before the kill, of the killed: took effect]

    def learn_targets(self):
        """What each archive's names point to: an encoding that is frozen, so loading tells once."""
        targets = {}
        for archive in self.archives:
            other = Store(self.store.holdfast, self.store.check, os.path.join(self.folder, "other"))
            other.run(["load", "-i", archive])
            targets[archive] = other.state("--after-recovery")
            shutil.rmtree(other.root)
        return targets

    # --- operations: what to run, and the names when it is done ---

    def load(self):
        archive = self.chance.choice(list(self.archives))
        return Operation("load", ["load", "-q", "-i", archive],
                         {**self.state, **self.targets[archive]})

    def import_(self):
        name = "imported:%d" % self.chance.randrange(3)
        return Operation("import", ["import", self.rootfs, name], {**self.state, full(name): ANY})

    def tag(self):
        name = "tag:%d" % self.chance.randrange(5)
        source = self.chance.choice(list(self.state))
        return Operation("tag", ["tag", "-f", source, name],
                         {**self.state, full(name): self.state[source]})

    def without(self, names):
        return {name: target for name, target in self.state.items() if name not in names}

    def untag(self):
        name = self.chance.choice(list(self.state))
        return Operation("untag", ["untag", "-f", name], self.without([name]))

    def rmi(self):
        names = self.chance.sample(list(self.state), min(len(self.state), self.chance.choice([1, 1, 3])))
        return Operation("rmi", ["rmi", *names], self.without(names))

    def prune(self):
        return Operation("prune", ["prune", "-a", "-f"], {})

    def choose(self):
        if not self.state:
            return self.chance.choice([self.load, self.load, self.import_])()
        return self.chance.choices([self.load, self.import_, self.tag, self.untag, self.rmi,
                                    self.prune], [8, 3, 3, 2, 5, 1])[0]()

    # --- one round ---

    def measure(self):
        """Once for each kind, on what the round needs anyway."""
        for kind, make in (("load", self.load), ("import", self.import_), ("tag", self.tag),
                           ("untag", self.untag), ("rmi", self.rmi), ("prune", self.prune)):
            if not self.state:
                self.store.run(["load", "-i", list(self.archives)[-1]])
                self.state = self.store.state("--after-recovery")
            operation = make()
            self.span[kind] = self.store.duration(operation.arguments)
            self.settle(operation, True)
        self.span["recover"] = self.store.duration(["recover"])
        print("spans in ms: " + ", ".join("%s %.1f" % (kind, 1000 * span)
                                          for kind, span in self.span.items()))

    def settle(self, operation, acknowledged):
        """The store's state must be one of the two; returns whether it is the one after."""
        state = self.store.recovered()
        if same(state, operation.after):
            took_effect = True
        elif same(state, self.state) and not acknowledged:
            took_effect = False
        else:
            raise Failure("%s: %s\nbefore: %s\nafter:  %s\nfound:  %s" %
                          (" ".join(operation.arguments),
                           "was acknowledged" if acknowledged else "is half done", self.state,
                           operation.after, state))
        self.state = state
        return took_effect

    def round(self):
        operation = self.choose()
        span = self.span[operation.kind]
        # Half of the kills aim at the end, where the short time lies in which all is decided.
        low, high = self.chance.choice([(0, 1), (0.7, 1.15)])
        code, out, ran = self.store.run_and_kill(operation.arguments,
                                                 self.chance.uniform(low, high) * span)
        if self.chance.random() < 0.2:
            self.store.run_and_kill(["recover"], self.chance.uniform(0, self.span["recover"]))
        # Results go to stdout when they are durable; tag and untag are told by the exit code.
        took_effect = self.settle(operation, code == 0 or (out != "" and code == KILLED))
        counts = self.done.setdefault(operation.kind, [0, 0, 0])
        counts[code == 0] += 1
        if code == KILLED:
            counts[2] += took_effect
            # The log grows and with it the time; both outcomes shall be met all along.
            self.span[operation.kind] = span * (0.97 if took_effect else 1.03)
        else:
            self.span[operation.kind] = 0.7 * span + 0.3 * ran
        if not took_effect and self.chance.random() < 0.3:
            self.store.run(operation.arguments)
            self.settle(operation, True)
        if self.chance.random() < 0.1:
            self.look_closer()

    def look_closer(self):
        self.store.run(["fsck", "--full"] if self.state or os.path.exists(self.store.root) else [])
        if not self.state:
            return
        name = self.chance.choice(list(self.state))
        archive = os.path.join(self.folder, "saved.tar")
        other = Store(self.store.holdfast, self.store.check, os.path.join(self.folder, "other"))
        self.store.run(["save", "-o", archive, "--only", name, name])
        other.run(["load", "-i", archive])
        if name not in other.state("--after-recovery"):
            raise Failure("%s was saved without its name" % name)
        shutil.rmtree(other.root)


def main():
    holdfast, check = (os.path.abspath(path) for path in sys.argv[1:3])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(1 << 32)
    print("seed %d: test_kill.py HOLDFAST HOLDFAST-CHECK %d %d repeats the draws" %
          (seed, count, seed), flush=True)
    folder = tempfile.mkdtemp(prefix="kill9-", dir=os.getcwd())
    rounds = Rounds(Store(holdfast, check, os.path.join(folder, "store")), folder,
                    random.Random(seed))
    number = 0
    try:
        rounds.measure()
        for number in range(count):
            rounds.round()
    except Failure as failure:
        print("round %d: %s\nthe store is kept in %s" % (number, failure, folder))
        return 1
    for kind, (killed, finished, took_effect) in sorted(rounds.done.items()):
        print("%-7s %3d killed, of them %3d done and %3d undone; %3d finished before" %
              (kind, killed, took_effect, killed - took_effect, finished))
    shutil.rmtree(folder)
    killed = sum(counts[0] for counts in rounds.done.values())
    if killed < count / 3:
        print("only %d of %d kills came in time: nothing is proven" % (killed, count))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
