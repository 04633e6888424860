"""fault-injection/cut_off.py - the simple cut: the kernel forgets, at a random moment, all that it has
not written to a file system (FS_IOC_SHUTDOWN without a flush of the log). Hundreds of times on the
same store, which grows old by it."""

import fcntl
import os
import random
import struct
import subprocess
import threading
import time

import rig
from commands import Account, Failure, Process, Store, digest_of, tree_digest

FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
KINDS = ("ext4", "xfs")


class Ageing:
    def __init__(self, run, kind):
        self.run, self.kind = run, kind
        self.chance = random.Random("%d %s" % (run.options.seed, kind))
        self.account = Account()
        self.folder = run.workplace.mount_point
        image = run.workplace.file("image")
        rig.make_image(image, kind)
        self.loop = rig.Loop(image)
        rig.mount(self.loop.path, self.folder, kind)
        for name in ("saves", "trees"):
            os.mkdir(self.folder + "/" + name)
        rig.sync_file_system(self.folder)
        self.store = Store(run.programs.holdfast, run.programs.check, self.folder + "/store")
        self.cut_short = 0

    def processes(self):
        names = self.account.settled
        made = []
        for number in range(len(self.run.archives.of)):
            process = Process(number, self.run.programs, self.run.archives, self.folder, self.account,
                              random.Random(self.chance.getrandbits(64)))
            mine = ("docker.io/p%d/" % number, "tree:p%d-" % number)
            process.names = {name: target for name, target in names.items() if name.startswith(mine)}
            made.append(process)
        return made

    def work_and_cut(self):
        processes = self.processes()
        threads = [threading.Thread(target=process.steps, args=(1000,)) for process in processes]
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        for thread in threads:
            thread.start()
        time.sleep(self.chance.uniform(0.01, 0.25))
        fcntl.ioctl(folder, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(folder)
        for thread in threads:
            thread.join()
        self.cut_short += len(self.account.pending)
        rig.unmount(self.folder)

    def found(self):
        state = self.store.state("--after-recovery")
        for folder, kind, digest in (("saves", "file:", digest_of), ("trees", "tree:", tree_digest)):
            for name in os.listdir(self.folder + "/" + folder):
                if not name.startswith("."):
                    state[kind + name] = digest("%s/%s/%s" % (self.folder, folder, name))
        return state

    def recover_and_judge(self):
        rig.mount(self.loop.path, self.folder, self.kind)
        if os.path.exists(self.store.root + "/FORMAT"):
            self.store.run(["recover"])
        else:  # cut while it was being made
            subprocess.run(["rm", "-rf", self.store.root], check=True)
        found = self.found()
        self.account.settle(found)
        if os.path.exists(self.store.root):
            self.store.run(["recover"])
            if self.found() != found:
                raise Failure("a second recovery changes the store")

    def close(self):
        rig.unmount(self.folder)
        self.loop.close()


def ageing(run):
    boot = rig.Boot(run.workplace)
    rounds = run.options.rounds
    for kind in KINDS:
        if kind not in run.options.fs:
            continue
        store = Ageing(run, kind)
        began = time.monotonic()
        for number in range(rounds):
            try:
                store.work_and_cut()
                # Every other time the disk alone loses power and the system goes on.
                if store.chance.random() < 0.5:
                    boot.again(store.chance)
                store.recover_and_judge()
            except Failure as failure:
                raise Failure("cut %d on %s: %s" % (number, kind, failure)) from failure
        print("%s: %d cuts of one store, %d commands cut short, %.0f s" %
              (kind, rounds, store.cut_short, time.monotonic() - began))
        store.close()
        if store.cut_short == 0:
            raise Failure("no command was cut short: nothing is proven")
    return 0
