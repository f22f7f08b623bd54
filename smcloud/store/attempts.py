"""Attempts: a run writes where no other run writes, so what it removes when it fails is never another's.

An attempt at ``products/trend/<run id>.zarr`` has a folder of its own: that path, or ``<run id>-2.zarr`` and so on
where another run is at work. Beside it lie the claim, ``<run id>.attempt-1-1.json``, created once, and the lease,
``<run id>.attempt-1-1.alive``, that a thread writes again while the run lasts. A folder whose lease has ended is taken
over under the next claim, with the tiles that are done. Both objects go when the folder is sealed or removed.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from smcloud.errors import ReleaseConflictError, UnreachableError
from smcloud.io_errors import STORE, reaching
from smcloud.store.integrity import NOTHING, Finding
from smcloud.store.inventory import is_whole
from smcloud.store.layout import Store
from smcloud.store.leases import LEASE_SECONDS, has_ended, lease
from smcloud.store.objects import create_only, read, remove, write_whole
from smcloud.store.pointers import digest_of, is_named, named_prefix, point_to, sealed_prefix, stem_of
from smcloud.store.prefix import Prefix
from smcloud.store.records import INVENTORY

BEAT_SECONDS = 20.0
TRIES = 100
log = logging.getLogger("smcloud")


@dataclass
class Attempt:
    """One run's work at the id of ``path``: its folder ``prefix``, which is sealed already where nothing is to do."""

    path: str
    prefix: Prefix
    is_sealed: bool = True
    claim: str = ""
    beaten: float = field(default_factory=time.time)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seal(
        self,
        expected: Iterable[str] = (),
        beside: Mapping[str, bytes] = NOTHING,
        copied: Mapping[str, Finding] = NOTHING,
        stored: Mapping[str, str] = NOTHING,
    ) -> str:
        """Seal the folder (:meth:`Prefix.seal`), name it as the prefix of the id, and return its inventory's sha256.

        Where another run was faster, or a folder of equal content is ``stored`` (paths by sha256), :attr:`prefix`
        becomes that one, and our own is removed.
        """
        if not self.claim:
            return digest_of(self.prefix)
        own, there = self.prefix, dict[str, Prefix]()

        def elsewhere(digest: str) -> bool:
            named = named_prefix(own.store, self.path)
            equal = Prefix(own.store, stored[digest]) if digest in stored else None
            if named is not None and named.path != own.path:
                there[digest] = named
            elif equal is not None and is_whole(equal, digest):
                there[digest] = equal
            return digest in there

        digest = own.seal(expected, beside, copied, elsewhere).inventory_sha256
        self.prefix = point_to(there.get(digest, own), self.path, digest)
        if self.prefix.path != own.path and self._is_ours():
            _remove(own)
        self.is_sealed = True
        self.forget()
        return digest

    def discard(self) -> None:
        """Remove the folder, unless it is sealed, or so long was not heard of this run that another may be in it."""
        if self.claim and self._is_ours():
            self.prefix.discard()
            self.forget()

    def remove(self) -> None:
        """Remove the folder though it is sealed, unless it is named."""
        if self.claim and self._is_ours() and not is_named(self.prefix, self.path):
            _remove(self.prefix)
            self.forget()

    def beat(self) -> None:
        """Say that the run is alive; a run of which so long was not heard that its folder was taken is silent on."""
        with self._lock:
            if self.claim and self._is_ours(time.time() - self.beaten + 1):
                write_whole(self.prefix.store, f"{self.claim}.alive", lease())
                self.beaten = time.time()

    def _is_ours(self, silent: float = LEASE_SECONDS / 2) -> bool:
        """Whether this run was heard of within ``silent`` seconds, asleep or not, and nobody has taken the folder."""
        folder, _, generation = self.claim.rpartition("-")
        newer = f"{folder}-{int(generation) + 1}.json"
        return time.time() - self.beaten < silent and read(self.prefix.store, newer) is None

    def free(self) -> None:
        """End the lease: what is there may be taken over. Where nothing was written, nothing is left."""
        if self.claim and not self.prefix.sizes():
            self.forget()
        elif self.claim:
            write_whole(self.prefix.store, f"{self.claim}.alive", b"{}")
            self.claim = ""

    def forget(self) -> None:
        """Remove the claims of the folder: it is sealed, or gone."""
        with self._lock:  # a lease that is written after its claim has gone would be another's
            claim, self.claim = self.claim, ""
            folder, _, newest = claim.rpartition("-")
            earlier = [f"{folder}-{generation}" for generation in range(int(newest or 0), 0, -1)]
            for name in [f"{each}.alive" for each in earlier] + [f"{each}.json" for each in earlier]:
                remove(self.prefix.store, name)


class Attempts:
    """The attempts of one run; while the context lasts a thread keeps their leases, and its end frees them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._own: list[Attempt] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name="leases", daemon=True)

    def __enter__(self) -> Attempts:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join(BEAT_SECONDS)
        for attempt in self._own:
            with suppress(UnreachableError):  # the lease ends by itself
                attempt.free()

    def begin_anew(self, path: str, but: str) -> Attempt:
        """Take a folder that is neither sealed nor ``but``, whatever is there: to make a released prefix again."""
        return self._claimed(path, but)

    def begin(self, path: str) -> Attempt:
        """Find the sealed prefix of the id at ``path``, or take a folder to write it; raises where none is free."""
        sealed = sealed_prefix(self.store, path)
        if sealed is not None:
            return Attempt(path, point_to(sealed, path, digest_of(sealed)))
        attempt = self._claimed(path)
        sealed = sealed_prefix(self.store, path)  # it may have been sealed, and its claim removed, meanwhile
        if sealed is not None:
            attempt.forget()
            return Attempt(path, point_to(sealed, path, digest_of(sealed)))
        return attempt

    def remove_all(self) -> None:
        """Remove the folders of this run, sealed or not, that nothing names."""
        for attempt in self._own:
            attempt.remove()

    def _claimed(self, path: str, but: str = "") -> Attempt:
        for _ in range(TRIES):
            claims = _claims(self.store, path)
            free = (k for k in range(1, TRIES + 1) if _is_free(self.store, path, k, claims.get(k, 0), but))
            number = next(free, 0)
            if not number:
                break
            before = claims.get(number, 0)
            claim, body = f"{stem_of(path)}.attempt-{number}-{before + 1}", lease()
            # Refused may also be what our own claim met, where its first answer was lost.
            if not (create_only(self.store, f"{claim}.json", body) or read(self.store, f"{claim}.json") == body):
                continue
            # Since we looked, a run may have ended, with its claims, and another have begun where it was.
            now = _claims(self.store, path).get(number)
            if now == before + 1 and _is_free(self.store, path, number, before, but):
                folder = Prefix(self.store, folder_of(path, number))
                self._own.append(Attempt(path, folder, folder.is_sealed, claim))
                return self._own[-1]
            remove(self.store, f"{claim}.json")
        raise ReleaseConflictError(
            "other runs took every folder that was tried",
            where=self.store.url_of(path),
            found=f"in {TRIES} folders, or {TRIES} times, the work of others",
            expected="a free folder",
            next="run the same command again",
        )

    def _keep_alive(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            for attempt in list(self._own):
                try:
                    attempt.beat()
                except (
                    Exception
                ) as err:  # the next beat may succeed; without this thread a live run would lose its folder
                    log.debug("the lease of %s was not renewed: %s", attempt.path, err)


def _remove(folder: Prefix) -> None:
    """Remove a folder that nothing names; its seal first, where it has one: what is half removed is not sealed."""
    try:
        folder.remove(INVENTORY)
    except UnreachableError as err:  # who may not remove seals leaves it: it is whole, and takes room only
        log.debug("%s is not needed and stays: %s", folder.url, err)
    else:
        folder.remove()


def folder_of(path: str, number: int) -> str:
    """Return the folder of an attempt: ``path`` itself, ``<stem>-2.zarr`` and so on."""
    return path if number == 1 else f"{stem_of(path)}-{number}.zarr"


def _claims(store: Store, path: str) -> dict[int, int]:
    """The newest claim of each folder of the id."""
    parent, _, name = stem_of(path).rpartition("/")
    with reaching(STORE, store.url_of(parent)):
        try:
            keys = store.fs.ls(store.join(parent), detail=False)
        except FileNotFoundError:
            keys = []
    form = re.compile(rf"{re.escape(name)}\.attempt-(\d+)-(\d+)\.json")
    claims: dict[int, int] = {}
    for key in keys:
        if match := form.fullmatch(key.rpartition("/")[2]):
            number, generation = map(int, match.groups())
            claims[number] = max(generation, claims.get(number, 0))
    return claims


def _is_free(store: Store, path: str, number: int, generation: int, but: str) -> bool:
    """Whether nobody is at work in a folder, nothing names it, and what is in it, if anything, can be gone on with."""
    folder = Prefix(store, folder_of(path, number))
    if folder.path == but or is_named(folder, path):
        return False
    if not generation:
        return not folder.sizes()  # without a claim it is a sealed one, which may have lost its inventory
    claim = f"{stem_of(path)}.attempt-{number}-{generation}"
    last = read(store, f"{claim}.alive") or read(store, f"{claim}.json")
    if last is None or not has_ended(last):  # a claim that has gone since it was listed says nothing of the folder
        return False
    return not folder.is_sealed or (not but and is_whole(folder))
