"""fault-injection/noise.py - a write-back of its own: at seeded moments something of the file system
goes to the disk, so that what lies between two flushes is not always the same."""

import ctypes
import os
import random
import threading
import time

SYNC_FILE_RANGE_WRITE = 2
RATES = (None, 0.002, 0.01, 0.05)  # seconds between two, by seed


class Noise:
    def __init__(self, folder, seed):
        self.folder, self.chance = folder, random.Random(seed)
        self.rate = RATES[seed % len(RATES)]
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.libc = ctypes.CDLL(None, use_errno=True)

    def __enter__(self):
        if self.rate:
            self.thread.start()

    def __exit__(self, *_):
        self.ends.set()
        if self.rate:
            self.thread.join()

    def run(self):
        while not self.ends.is_set():
            time.sleep(self.chance.uniform(0, 2 * self.rate))
            try:
                self.write_back()
            except OSError:
                pass  # files come and go

    def write_back(self):
        if self.chance.random() < 0.15:
            self.call(self.folder, self.libc.syncfs)
            return
        files = [os.path.join(path, name) for path, _, names in os.walk(self.folder) for name in names]
        if files:
            self.call(self.chance.choice(sorted(files)), lambda fd: self.libc.sync_file_range(
                fd, ctypes.c_int64(0), ctypes.c_int64(0), SYNC_FILE_RANGE_WRITE))

    @staticmethod
    def call(path, function):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            function(fd)
        finally:
            os.close(fd)
