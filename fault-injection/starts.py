"""fault-injection/starts.py - a process that starts images: mounts them, writes in workspaces, commits
what was written, drops what is derived.

It has a base image of its own, which is held as long as there is a workspace on it. What is written in a
workspace is as durable as it would be without Holdfast: what the writer has synced."""

import os

import rig
from commands import GONE, UNKNOWN, Process, digest_of

WORKSPACES = 2


def sync(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Starter(Process):
    def __init__(self, number, programs, archives, mount_point, listener, chance):
        super().__init__(number, programs, archives, mount_point, listener, chance)
        self.at = os.path.dirname(mount_point) + "/at-%d" % number  # not on the disk that is cut
        os.makedirs(self.at, exist_ok=True)
        self.base = self.archives[1]  # with compressed layers, so mounting derives from them
        self.base_name = next(iter(self.base.names))

    def spaces(self):
        return [name.split(":")[1] for name in self.names if name.startswith("workspace:")]

    # --- mounting ---

    def mount(self, name, target, space=None):
        """Hold of the workspace, its folder, hold of the mount: three steps, durable one by one."""
        parts = {"m": {"mount:" + os.path.basename(self.at): target}}
        if space and space not in self.spaces():
            parts["w"], parts["u"] = {"workspace:" + space: target}, {"upper:" + space: "empty"}
        return self.run_parts(["mount", *(["--rw", space] if space else []), name, self.at], parts)

    def umount(self):
        return self.run(["umount", self.at], {"mount:" + os.path.basename(self.at): GONE})

    def write(self, space):
        """Some files that nobody syncs, and one that is replaced and synced."""
        for i in range(3):
            with open("%s/written-%d" % (self.at, i), "wb") as file:
                file.write(self.chance.randbytes(3_000))
        new = self.at + "/synced.new"
        with open(new, "wb") as file:
            file.write(self.chance.randbytes(5_000))
        sync(new)
        names = {"upper:" + space: digest_of(new)}
        self.listener.begin("p%du" % self.number, names)
        os.rename(new, self.at + "/synced")
        sync(self.at)
        self.listener.end("p%du" % self.number, "ack")
        self.names.update(names)

    def work(self):
        """In a workspace, new or not; sometimes it is committed while it is mounted."""
        space = "w%d" % self.chance.randrange(WORKSPACES)
        if not self.mount(self.base_name, self.base.names[self.base_name], space):
            return False
        self.write(space)
        return (self.chance.random() < 0.5 or self.keep(space)) and self.umount()

    def keep(self, space):
        name = "p%d/kept:%s" % (self.number, space)
        return self.run_and_learn(["commit", "-q", space, name], name)

    # --- steps ---

    def keep_some(self):
        spaces = self.spaces()
        return self.keep(self.chance.choice(spaces)) if spaces else self.work()

    def remove(self):
        spaces = self.spaces()
        if not spaces:
            return self.work()
        space = self.chance.choice(spaces)
        # Its files go one by one, then its folder, then its hold.
        self.settle({"upper:" + space: UNKNOWN})
        return self.run_parts(["workspace", "rm", space],
                              {"u": {"upper:" + space: GONE}, "w": {"workspace:" + space: GONE}})

    def look(self):
        name = self.chance.choice(self.images())
        return self.mount(name, self.names[name]) and self.umount()

    def derive_again(self):
        return self.run(["prune", "--derived", "-f"], {})

    def drop(self):
        names = [name for name in self.images() if name not in self.base.names]
        if not names:
            return self.look()
        name = self.chance.choice(names)
        return self.run(["rmi", name], {name: GONE})

    def step(self):
        if self.base_name not in self.names:
            self.made.update(self.base.made)
            return self.run(["load", "-q", "-i", self.base.path], self.base.names)
        return self.chance.choices([self.work, self.keep_some, self.remove, self.look, self.unpack,
                                    self.commit, self.derive_again, self.drop],
                                   [5, 3, 2, 2, 2, 1, 2, 1])[0]()

    def end(self):
        """Nothing stays that holds an image, or that keeps the disk in use."""
        if os.path.ismount(self.at):
            rig.unmount(self.at)
        while not self.failure and self.spaces():
            self.remove()
