"""fault-injection/commands.py - the real command on real archives, in several processes at once, and
the account of it. What mounts images is in starts.py.

Each process has names of its own and shares layers with the others. Before a command it tells what
names it will set, after it whether it was acknowledged; where that goes (into the log of a disk, or
into an Account) is the listener's affair. The language is that of account.h."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "kill9"))
from images import Image, docker_archive, oci_archive, small_layer  # noqa: E402
from store import Failure, Store  # noqa: E402

GONE, UNKNOWN = "-", "?"


def full(name):
    return "docker.io/" + name


def digest_of(path):
    with open(path, "rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def tree_digest(path):
    """As tree.c makes it."""
    hasher = hashlib.sha256()

    def take(folder, above):
        for name in sorted(os.listdir(folder)):
            at, status = os.path.join(folder, name), os.lstat(os.path.join(folder, name))
            is_folder = stat.S_ISDIR(status.st_mode)
            hasher.update(b"%s %o %d %d %d\n" % (above + name, status.st_mode, status.st_uid, status.st_gid,
                                                 0 if is_folder else status.st_size))
            if is_folder:
                take(at, above + name + b"/")
            elif stat.S_ISLNK(status.st_mode):
                hasher.update(os.readlink(at))
            else:
                with open(at, "rb") as file:
                    hasher.update(file.read())

    take(os.fsencode(path), b"")
    return "sha256:" + hasher.hexdigest()


class Archive:
    def __init__(self, path, names):
        self.path, self.names = path, names  # {full name: digest}
        self.made = {}  # {full name: digests of the file that a save, the tree that an unpack of it makes}


class Archives:
    """For each process: an image, one with two compressed layers and two names, one that takes the
    first one's name; a big one; several in one archive."""

    def __init__(self, programs, folder, processes, big):
        self.programs, self.folder = programs, folder
        base = small_layer(1000, 30_000)
        self.of = []
        for p in range(processes):
            seed = 100 * p
            app = "p%d/app" % p
            self.of.append([
                self.make(docker_archive, [Image(seed, [base, small_layer(seed, 8_000)], [app + ":1"])]),
                self.make(oci_archive, [Image(seed + 1, [base, small_layer(seed + 1, 12_000)],
                                              ["docker.io/%s:2" % app, "docker.io/%s:latest" % app])]),
                self.make(docker_archive, [Image(seed + 2, [base, small_layer(seed + 2, 4_000)],
                                                 [app + ":1"])]),
                self.make(docker_archive, [Image(seed + 3, [base, small_layer(77, big)],
                                                 ["p%d/big:1" % p])]),
                self.make(docker_archive, [Image(seed + 10 + i, [base, small_layer(seed + i, 4_000)],
                                                 ["p%d/many:%d" % (p, i)]) for i in range(3)]),
            ])
        self.rootfs = self.write("rootfs.tar", small_layer(99, 60_000))
        self.diff = self.write("diff.tar", small_layer(98, 9_000))

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def make(self, write, images):
        """Loads it once somewhere else, to know what its names will point to."""
        path = os.path.join(self.folder, "archive-%d.tar" % len(os.listdir(self.folder)))
        write(path, images)
        store = Store(self.programs.holdfast, self.programs.check, self.folder + "/scratch")
        store.run(["load", "-q", "-i", path])
        archive = Archive(path, store.state("--after-recovery"))
        for name in archive.names:
            saved, tree = self.folder + "/scratch/saved.tar", self.folder + "/scratch/tree"
            store.run(["save", "-q", "--only", "-o", saved, name])
            store.run(["unpack", "-q", name, tree])
            archive.made[name] = digest_of(saved), tree_digest(tree)
            os.unlink(saved)
            shutil.rmtree(tree)
        shutil.rmtree(store.root)
        return archive


class Account:
    """account.h once more, for who has the store at hand: settled names, and pending operations."""

    def __init__(self):
        self.settled, self.pending = {}, {}
        self.lock = threading.Lock()

    def begin(self, process, names):
        with self.lock:
            self.pending[process] = names

    def end(self, process, outcome):
        with self.lock:
            if outcome == "ack":
                self.settled.update(self.pending.pop(process))
            elif outcome == "fail":
                self.pending.pop(process)

    def settle(self, found):
        """Raises Failure unless `found` may be there; afterwards it is what is settled."""
        touched = {name for names in self.pending.values() for name in names}
        owed = {name: target for name, target in self.settled.items() if target != GONE}
        for name in (owed.keys() | found.keys()) - touched:
            if name not in found or owed.get(name, GONE) not in (UNKNOWN, found[name]):
                raise Failure("%s is %s and must be %s" % (name, found.get(name), owed.get(name)))
        for process, names in self.pending.items():
            if not any(self.is_all(found, {**dict.fromkeys(names, GONE), **state}, names)
                       for state in (owed, names)):
                raise Failure("the operation of %s is half done: %s, found %s" %
                              (process, names, {name: found.get(name) for name in names}))
        self.settled, self.pending = dict(found), {}

    @staticmethod
    def is_all(found, state, names):
        return all(state[name] == found.get(name, GONE) or (state[name] == UNKNOWN and name in found)
                   for name in names)


class Marks:
    """Into the log of the disk."""

    def __init__(self, disk):
        self.disk = disk

    def begin(self, process, names):
        lines = "".join("\n%s %s" % line for line in names.items())
        self.disk.tell("mark begin %s%s" % (process, lines))

    def end(self, process, outcome):
        self.disk.tell("mark %s %s" % (outcome, process))


class Process:
    """One who works on the store."""

    def __init__(self, number, programs, archives, mount_point, listener, chance):
        self.number, self.programs, self.listener, self.chance = number, programs, listener, chance
        self.archives, self.rootfs, self.diff = archives.of[number], archives.rootfs, archives.diff
        self.root, self.saves, self.trees = (mount_point + name for name in ("/store", "/saves", "/trees"))
        self.names = {}
        self.made = {}  # of names for which it is known what a save and an unpack of it make
        self.failure = self.last = None

    def run(self, arguments, names):
        """Exit code 0 is the acknowledgement. Any other one leaves it open how far it came."""
        return self.run_parts(arguments, {"": names})

    def run_parts(self, arguments, parts):
        """For a command whose effects are several steps: {letter: names}, each durable by itself."""
        self.last = (arguments, parts)
        for letter, names in parts.items():
            self.listener.begin("p%d%s" % (self.number, letter), names)
        done = self.command(arguments)
        for letter, names in parts.items():
            self.listener.end("p%d%s" % (self.number, letter), "unknown" if done.returncode else "ack")
            if done.returncode == 0:
                self.names.update(names)
        self.names = {name: target for name, target in self.names.items() if target != GONE}
        if done.returncode != 0:
            self.failure = "holdfast %s: exit %d\n%s" % (" ".join(arguments), done.returncode, done.stderr)
        return done.returncode == 0

    def command(self, arguments):
        return subprocess.run([self.programs.holdfast, "--root", self.root, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def settle(self, names):
        """What is so by now, without a command."""
        self.listener.begin("p%d" % self.number, names)
        self.listener.end("p%d" % self.number, "ack")
        self.names.update(names)

    def run_and_learn(self, arguments, name):
        """For what makes an image whose digest nobody knows before (it has a date)."""
        self.made.pop(full(name), None)
        if not self.run(arguments, {full(name): UNKNOWN}):
            return False
        done = self.command(["inspect", name])
        if done.returncode == 0:
            self.settle({full(name): json.loads(done.stdout)[0]["Descriptor"]["digest"]})
        return True

    def images(self):
        return [name for name in self.names if "/" in name.split(":")[0]]

    def load(self):
        archive = self.chance.choice(self.archives)
        self.made.update(archive.made)
        return self.run(["load", "-q", "-i", archive.path], archive.names)

    def import_(self):
        name = "p%d/imported:%d" % (self.number, self.chance.randrange(2))
        return self.run_and_learn(["import", "-q", self.rootfs, name], name)

    def commit(self):
        name = "p%d/committed:%d" % (self.number, self.chance.randrange(2))
        parent = self.chance.choice(self.images())
        return self.run_and_learn(["commit", "-q", "--diff", self.diff, "--parent", parent, name], name)

    def tag(self):
        source = self.chance.choice(self.images())
        name = "p%d/tag:%d" % (self.number, self.chance.randrange(3))
        return self.run(["tag", "-f", source, name], {full(name): self.names[source]})

    def untag(self):
        name = self.chance.choice(self.images())
        return self.run(["untag", "-f", name], {name: GONE})

    def rmi(self):
        names = self.images()
        names = self.chance.sample(names, min(len(names), self.chance.choice([1, 2])))
        return self.run(["rmi", *names], dict.fromkeys(names, GONE))

    def known_image(self):
        known = [name for name in self.images() if name in self.made]
        return self.chance.choice(known) if known else None

    def save(self):
        name = self.known_image()
        if name is None:
            return self.load()
        path = "p%d-%d.tar" % (self.number, self.chance.randrange(2))
        return self.run(["save", "-q", "--only", "-o", self.saves + "/" + path, name],
                        {"file:" + path: self.made[name][0]})

    def unpack(self):
        name, tree = self.known_image(), "p%d-%d" % (self.number, self.chance.randrange(3))
        if name is None or "tree:" + tree in self.names:
            return self.load()
        return self.run(["unpack", "-q", name, self.trees + "/" + tree],
                        {"tree:" + tree: self.made[name][1]})

    def step(self):
        if not self.images():
            return self.load()
        return self.chance.choices([self.load, self.import_, self.commit, self.tag, self.untag, self.rmi,
                                    self.save, self.unpack], [6, 1, 2, 3, 1, 3, 2, 2])[0]()

    def step_or_again(self):
        """A command that fails is tried once more, as people do."""
        return self.step() or self.run_parts(*self.last)

    def steps(self, count):
        return all(self.step() for _ in range(count))


def at_once(processes, count):
    """Each of them does so many steps. Returns the failures."""
    threads = [threading.Thread(target=process.steps, args=(count,)) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [process.failure for process in processes if process.failure]
