"""An executive resource and its threads: the model, and the same in guest memory.  The same for a push lock."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from grader.api import Bugcheck
from grader.views.ring import Event, Lock

from .bench import Bench
from .running import RAISE, SWAP
from .dispatcher import status_name
from .hints import HINTS
from .traced import Traced

OWNED_EXCLUSIVE = 0x80
OTHER_FLAGS = 0x3F08  # ResourceDisableBoost, and bits that mean nothing yet
FAIR, STARVE, WAIT_FOR = "ExAcquireResourceSharedLite", "ExAcquireSharedStarveExclusive", "ExAcquireSharedWaitForExclusive"
EXCLUSIVE = "ExAcquireResourceExclusiveLite"
RESOURCE_NOT_OWNED = 0xE3
LOCK, WAITING, WAKING, MULTIPLE, SHARE = 1, 2, 4, 8, 16
COMING = 3  # others that begin to wait while a routine looks at the word
NOBODY = -1  # a thread of the host's, which only waits


class Resource:
    """Threads T0 ... and one resource.  A thread to which access was handed over runs on at once."""

    def __init__(self, t, threads: int) -> None:
        self.t, self.guest = t, t.guest
        self.bench = Bench(t, [], threads)
        self.address = self.guest.alloc(self.guest.size("ERESOURCE"))
        self.guest.call("ExInitializeResourceLite", self.address)
        self.flags = t.rng.getrandbits(16) & OTHER_FLAGS | 0x1000
        self.guest.set(self.address, "ERESOURCE.Flag", self.flags)
        self.released = Traced(self.guest, Event.LOCK_RELEASE, 4)
        self.exclusive: Optional[int] = None
        self.counts: Dict[int, int] = {}
        self.waiting_shared: List[int] = []
        self.waiting_exclusive: List[int] = []
        self.granted: List[int] = []

    @property
    def waiting(self) -> List[int]:
        return self.waiting_shared + self.waiting_exclusive

    def acquire(self, thread: int, routine: str, wait: bool) -> None:
        """One of the four ways to acquire it."""
        self._say(f"T{thread}: {routine}(Wait={str(wait).upper()})")
        place, told = self.bench.call(thread, routine, self.address, int(wait))
        if self._grant(thread, routine):
            self.counts[thread] = self.counts.get(thread, 0) + 1
            self._equal("it returns TRUE", self._told(place, told), "resource-grant" if routine == EXCLUSIVE or not self.waiting_exclusive else
                        "resource-behind")
        elif not wait:
            self._equal("it returns FALSE", self._told(place, told), "resource-grant" if self.exclusive is not None or routine == EXCLUSIVE else
                        "resource-behind")
        else:
            self._equal("the thread waits", self._told(place, told), "resource-grant" if self.exclusive is not None or routine == EXCLUSIVE else
                        "resource-behind")
            (self.waiting_exclusive if routine == EXCLUSIVE else self.waiting_shared).append(thread)
        self._after()

    def release(self, thread: int) -> None:
        self._say(f"T{thread}: ExReleaseResourceLite()")
        if self.waiting:
            self.released.promise(self.address, Lock.RESOURCE_EXCLUSIVE if self.exclusive is not None else Lock.RESOURCE_SHARED,
                                  self.bench.threads[thread], len(self.waiting))
        self.bench._act(thread)
        self.guest.call("ExReleaseResourceLite", self.address, conv="fastcall")
        self.bench._rest(thread)
        number, wanted, seen = self.released.differs()
        show = lambda events: "LockRelease (%s)" % ", ".join(f"{word:#x}" for word in events[0]) if events else "nothing more"
        self._equal(f"traced so far, event {number}: {show(wanted)}", f"traced so far, event {number}: {show(seen)}", "resource-noted")
        self.counts[thread] -= 1
        if not self.counts[thread]:
            del self.counts[thread]
            was_exclusive, self.exclusive = self.exclusive is not None, None
            if not self.counts:
                self._hand_over(was_exclusive)
        self._after()

    def drain(self) -> None:
        """Whoever owns it releases it, until nobody does."""
        while self.counts:
            self.release(next(iter(self.counts)))

    def release_unowned(self, thread: int) -> None:
        """A thread that does not own it releases it: a bugcheck, so this is the last call."""
        self._say(f"T{thread}: ExReleaseResourceLite(), and it is no owner")
        self.t.asking(self.bench._asked(), self.t.hint("resource-count", HINTS["resource-count"]))
        self.bench._act(thread)
        try:
            self.guest.call("ExReleaseResourceLite", self.address, conv="fastcall")
        except Bugcheck as bugcheck:
            self._equal("bugcheck RESOURCE_NOT_OWNED", "bugcheck RESOURCE_NOT_OWNED" if bugcheck.code == RESOURCE_NOT_OWNED else str(bugcheck),
                        "resource-count")
            return
        self._equal("bugcheck RESOURCE_NOT_OWNED", "the call returns", "resource-count")

    def convert(self, thread: int) -> None:
        self._say(f"T{thread}: ExConvertExclusiveToSharedLite()")
        self.bench._act(thread)
        self.guest.call("ExConvertExclusiveToSharedLite", self.address)
        self.bench._rest(thread)
        self.exclusive = None
        self._grant_shared()
        self._after()

    # -- the model -------------------------------------------------------------------------------------------------
    def _grant(self, thread: int, routine: str) -> bool:
        if routine == EXCLUSIVE:
            if self.counts and self.exclusive != thread:
                return False
            self.exclusive = thread
            return True
        if self.exclusive is not None:
            return self.exclusive == thread
        if not self.waiting_exclusive or routine == STARVE:
            return True
        return routine == FAIR and thread in self.counts

    def would_grant(self, thread: int, routine: str) -> bool:
        """Whether a request is granted now; nothing changes."""
        exclusive = self.exclusive
        granted = self._grant(thread, routine)
        self.exclusive = exclusive
        return granted

    def _hand_over(self, was_exclusive: bool) -> None:
        if was_exclusive and self.waiting_shared:
            self._grant_shared()
        elif self.waiting_exclusive:
            self.exclusive = self.waiting_exclusive.pop(0)
            self.counts[self.exclusive] = 1
            self.granted.append(self.exclusive)

    def _grant_shared(self) -> None:
        for thread in self.waiting_shared:
            self.counts[thread] = 1
        self.granted += self.waiting_shared
        self.waiting_shared = []

    # -- judging ---------------------------------------------------------------------------------------------------
    def _after(self) -> None:
        woken = self.bench.woken()
        self._equal("handed over to: " + _threads(self.granted), "handed over to: " + _threads(woken), "resource-handover")
        self.granted = []
        for thread in woken:
            place, told = self.bench.resume(thread)
            self._equal(f"T{thread}: it returns TRUE", f"T{thread}: {self._told(place, told)}", "resource-handover")
        self.compare()

    def compare(self) -> None:
        guest, address = self.guest, self.address
        get = lambda field: guest.get(address, f"ERESOURCE.{field}")
        waiters = (get("NumberOfSharedWaiters"), get("NumberOfExclusiveWaiters"))
        self._equal(f"{len(self.waiting_shared)} wait to share, {len(self.waiting_exclusive)} for exclusive access",
                    f"{waiters[0]} wait to share, {waiters[1]} for exclusive access", "resource-waiters")
        active = "ActiveCount %d, the other flags %#x"
        self._equal(active % (bool(self.counts), self.flags), active % (get("ActiveCount"), get("Flag") & ~OWNED_EXCLUSIVE), "resource-active")
        owned = bool(get("Flag") & OWNED_EXCLUSIVE)
        wanted = "exclusively" if self.exclusive is not None else "shared" if self.counts else "by nobody"
        seen = "exclusively" if owned else "shared" if get("ActiveCount") else "by nobody"
        self._equal(f"it is owned {wanted}", f"it is owned {seen}", "resource-grant")
        owners = self._owners()
        unnoted = self.exclusive is None and set(self.counts) - set(owners)
        self._equal("owners: " + _counts(self.counts), "owners: " + _counts(owners), "resource-noted-owner" if unnoted else "resource-count")
        if self.exclusive is None:
            self._equal(f"ActiveEntries {len(self.counts)}", f"ActiveEntries {get('ActiveEntries')}", "resource-count")

    def _owners(self) -> Dict[int, int]:
        guest = self.guest
        size = guest.size("OWNER_ENTRY")
        entries = [self.address + guest.field("ERESOURCE.OwnerEntry")[0]]
        table = guest.get(self.address, "ERESOURCE.OwnerTable")
        if table and self.exclusive is None:
            entries += [table + size * index for index in range(1, guest.get(table, "OWNER_ENTRY.OwnerCount"))]
        found: Dict[int, int] = {}
        for entry in entries:
            owner = guest.get(entry, "OWNER_ENTRY.OwnerThread")
            if owner:
                found[self.bench.numbers.get(owner, -1)] = guest.get(entry, "OWNER_ENTRY.OwnerCount")
        return found

    @staticmethod
    def _told(place: str, told: int) -> str:
        if place == SWAP:
            return "the thread waits"
        return f"{status_name(told)} is raised" if place == RAISE else f"it returns {'TRUE' if told & 0xFF else 'FALSE'}"

    def _say(self, call: str) -> None:
        self.bench._say(call)

    def _equal(self, wanted: str, seen: str, hint: str) -> None:
        if wanted != seen:
            self.t.fail(asked=self.bench._asked(), expected=wanted, seen=seen, hint=self.t.hint(hint, HINTS[hint]))


class PushLock:
    """Threads T0 ... and one push lock.  `waiters`: (thread, exclusive), the oldest first."""

    def __init__(self, t, threads: int) -> None:
        self.t, self.guest = t, t.guest
        self.bench = Bench(t, [], threads)
        self.address = self.guest.alloc(4)
        self.owners: List[int] = []
        self.exclusive = False
        self.writer: Optional[int] = None  # the owner, if he asked for exclusive access
        self.waiters: List[Tuple[int, bool]] = []
        self.waking = False  # another processor's release wakes
        self.multiple = False  # several shared owners when the first one began to wait

    def acquire(self, thread: int, exclusive: bool, attempt: bool = False) -> None:
        routine = ("ExTryAcquirePushLock" if attempt else "ExAcquirePushLock") + ("Exclusive" if exclusive else "Shared")
        self._say(f"T{thread}: {routine}()")
        place, told = self.bench.call(thread, routine, self.address, conv="fastcall")
        allowed = self._allowed(exclusive)
        if attempt:
            self._equal(f"it returns {'TRUE' if allowed else 'FALSE'}", f"it returns {'TRUE' if told & 0xFF else 'FALSE'}" if not place else
                        "the thread waits", "push-grant")
        else:
            self._equal("it has the lock" if allowed else "the thread waits", "the thread waits" if place else "it has the lock", "push-grant")
        self._model(thread, exclusive, allowed, attempt)
        self.compare(behind=not allowed and not attempt and len(self.waiters) > 1)

    def release(self, thread: int) -> None:
        routine = "ExReleasePushLock" + self.t.rng.choice(("", "Exclusive" if thread == self.writer else "Shared"))
        self._say(f"T{thread}: {routine}()")
        self.bench._act(thread)
        self.guest.call(routine, self.address, conv="fastcall")
        self.bench._rest(thread)
        self.owners.remove(thread)
        self.writer = None
        self.multiple = self.multiple and bool(self.owners)
        self._woken(self._wake() if not self.owners and not self.waking else [], "push-wake")

    def somebody_wakes(self) -> None:
        """Another processor is in the middle of a release: from now on Waking is set."""
        self._say("another processor wakes: Waking is set")
        self.guest.u32(self.address, self.guest.u32(self.address) | WAKING)
        self.waking = True

    def convert(self) -> None:
        """The exclusive owner goes on as one that shares."""
        thread, self.writer = self.writer, None
        self._say(f"T{thread}: ExConvertPushLockExclusiveToShared()")
        self.bench._act(thread)
        self.guest.call("ExConvertPushLockExclusiveToShared", self.address, conv="fastcall")
        self.bench._rest(thread)
        behind = bool(self.waiters) and self.waiters[0][1]
        self.exclusive = self.exclusive and behind
        self._woken([] if behind else self._wake(), "push-convert")

    def convert_while_others_come(self) -> None:
        """The exclusive owner begins to share, and the oldest waiter wants the lock alone: nobody is woken.  Each time that the routine has
        read the word, another processor's thread begins to wait, so that the exchange that follows fails."""
        guest, thread = self.guest, self.writer
        blocks = [guest.alloc(guest.size("EX_PUSH_LOCK_WAIT_BLOCK")) for _ in range(COMING)]
        self._say(f"T{thread}: ExConvertPushLockExclusiveToShared(), and {COMING} others begin to wait while it looks at the word")

        def look(_: int) -> None:
            word = guest.u32(self.address)
            if word & WAKING and blocks:
                block = blocks.pop()
                guest.set(block, "EX_PUSH_LOCK_WAIT_BLOCK.Next", word & ~0xF)
                guest.u32(self.address, block | word & 0xF)
                self.waiters.append((NOBODY, False))

        self.bench._act(thread)
        with guest.watching([(self.address, 4)], look, reads=True):
            guest.call("ExConvertPushLockExclusiveToShared", self.address, conv="fastcall")
        self.bench._rest(thread)
        self.writer = None
        self._woken([], "push-again")

    def _woken(self, woken: List[Tuple[int, bool]], hint: str) -> None:
        """They become ready, and each tries again."""
        seen = self.bench.woken()
        self._equal("woken: " + _threads([one for one, _ in woken]), "woken: " + _threads(seen), hint)
        self.compare()
        for one, exclusive in woken:  # each tries again
            place, _ = self.bench.resume(one)
            self._say(f"T{one}, woken, tries again")
            allowed = self._allowed(exclusive)
            self._equal("it has the lock" if allowed else "the thread waits", "the thread waits" if place else "it has the lock", "push-grant")
            self._model(one, exclusive, allowed, False)
            self.compare()

    # -- the model -------------------------------------------------------------------------------------------------
    def _allowed(self, exclusive: bool) -> bool:
        if not self.owners:
            return True
        return not exclusive and not self.exclusive and not self.waiters

    def _model(self, thread: int, exclusive: bool, allowed: bool, attempt: bool) -> None:
        if allowed:
            # with waiters there is no room to count: one owner, and nobody joins him
            self.exclusive = exclusive or (not self.owners and bool(self.waiters))
            self.writer = thread if exclusive else self.writer
            self.owners.append(thread)
        elif not attempt:
            if not self.waiters:
                self.multiple = len(self.owners) > 1
            self.waiters.append((thread, exclusive))

    def _wake(self) -> List[Tuple[int, bool]]:
        if not self.waiters:
            return []
        if self.waiters[0][1] and len(self.waiters) > 1:
            return [self.waiters.pop(0)]
        woken, self.waiters = self.waiters, []
        return woken

    # -- judging ---------------------------------------------------------------------------------------------------
    def compare(self, behind: bool = False) -> None:
        """`behind`: somebody has just begun to wait behind others."""
        guest = self.guest
        word = guest.u32(self.address)
        locked = LOCK if self.owners else 0
        if not self.waiters:
            counted = 0 if self.exclusive or not self.owners else len(self.owners)
            self._equal(f"the word: {_flags(locked)}, {counted} share", f"the word: {_flags(word & 0xF)}, {word // SHARE} share", "push-word")
            return
        several = self.multiple
        flags = locked | WAITING | (MULTIPLE if several else 0) | (WAKING if self.waking else 0)
        self._equal(f"the word: {_flags(flags)} and a block", f"the word: {_flags(word & 0xF)}" + (" and a block" if word & ~0xF else ""),
                    "push-flags" if behind else "push-count" if (word ^ flags) & MULTIPLE else "push-word")
        blocks, block = [], word & ~0xF
        while block and len(blocks) <= len(self.waiters):
            blocks.append((bool(guest.get(block, "EX_PUSH_LOCK_WAIT_BLOCK.Exclusive")), guest.get(block, "EX_PUSH_LOCK_WAIT_BLOCK.ShareCount")))
            block = guest.get(block, "EX_PUSH_LOCK_WAIT_BLOCK.Next")
        kinds = lambda exclusives: " ".join("exclusive" if one else "shared" for one in exclusives)
        self._equal("the blocks, the newest first: " + kinds([one for _, one in reversed(self.waiters)]),
                    "the blocks, the newest first: " + kinds([one for one, _ in blocks]), "push-word")
        counts = [0] * (len(self.waiters) - 1) + [len(self.owners) if several else 0]
        self._equal(f"ShareCount of the blocks: {counts}", f"ShareCount of the blocks: {[count for _, count in blocks]}", "push-count")

    def _say(self, call: str) -> None:
        self.bench._say(call, "push")

    def _equal(self, wanted: str, seen: str, hint: str) -> None:
        if wanted != seen:
            self.t.fail(asked=self.bench._asked(), expected=wanted, seen=seen, hint=self.t.hint(hint, HINTS[hint]))


def _flags(word: int) -> str:
    names = [name for bit, name in ((LOCK, "Locked"), (WAITING, "Waiting"), (WAKING, "Waking"), (MULTIPLE, "MultipleShared")) if word & bit]
    return "+".join(names) or "free"


def _threads(numbers: List[int]) -> str:
    return " ".join(f"T{number}" if number >= 0 else "T?" for number in numbers) or "nobody"


def _counts(counts: Dict[int, int]) -> str:
    return " ".join(f"T{thread}x{count}" if thread >= 0 else f"T?x{count}" for thread, count in sorted(counts.items())) or "none"
