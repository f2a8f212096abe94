"""The advice of lab 3's tests, by its id: solutions/3-synchronization/mistakes names the ids."""

HINTS = {
    # lists and rings
    "wait-boot": "The kernel signals and waits before any test begins. Where it gave up look at blocks and rings that are not whole, and at pointers that may be "
                 "nullptr; where it waits for ever somebody was not released, or waits for what is signaled already.",
    "wait-order": "The thread that waits longest is first: a wait block goes to the tail of the object's list, and the list is walked "
                  "from its head.",
    "block-missing": "A waiting thread has one block on the list of every object that it waits for.",
    "block-left": "A thread whose wait is over still has a block on a list. Take all its blocks away: walk the ring once round.",
    "block-wrong": "A wait block does not say which thread waits for which object: Thread, Object, WaitKey (the index in the wait) and "
                   "WaitType.",
    "ring-open": "The blocks of one wait form a ring through NextWaitBlock: from WaitBlockList over every object's block, the time-out's as "
                 "the last, back to the first.",
    "ring-touched": "KiInsertWaitBlock fills the block and puts it on its object's list. NextWaitBlock belongs to the routines that make "
                    "the ring: the wait for several objects, and KiCommitWait.",
    "list-broken": "A list's links are broken: from its head, Flink must lead round to the head again, and Blink the same way back.",
    # signals
    "signal-kept": "A synchronization object's signal is for one thread: the thread whose wait it satisfies consumes it.",
    "signal-lost": "The object's state is not what the calls made it: a notification object stays signaled, and a signal stays as long as"
                   " no thread takes it.",
    "released-too-many": "More threads were released than the signal allows: each one takes its part of the signal, and SignalState is looked at again before "
                         "the next.",
    "released-too-few": "A thread whose wait is satisfied was not released: go on through the list as long as the object is signaled.",
    "released-order": "Another thread was released than the one whose turn it is: of those whose wait is satisfied, the thread that began to wait first comes "
                      "first.",
    "run-order": "Both threads may run, and the one with the higher priority goes first: look at what was given to the scheduler of the thread that is missing.",
    "run-state": "The call returns the state before its change. Either it returns something else, or an earlier call or wait has left another state: look in `asked` "
                 "which of them changed this object last.",
    "run-stuck": "Here no thread comes to its next step. Either a thread that should be released waits still, or a thread does not come out of a call. `mica waits` "
                 "in a replay shows which thread waits, and for what.",
    "reset": "A reset leaves the event not signaled, and releases no thread.",
    "pulse": "A pulse releases the threads that wait at this moment, and leaves the object not signaled.",
    # what a wait returns
    "wait-status": "The result of a wait: WaitAny the index of the object, with STATUS_ABANDONED added for an abandoned mutant; WaitAll "
                   "STATUS_SUCCESS or STATUS_ABANDONED; STATUS_TIMEOUT when time has ended it.",
    "commit-status": "KiCommitWait returns what KiSwapThread returns: the status with which the wait was ended, whatever that is.",
    "satisfied": "KiSatisfyWait returns STATUS_SUCCESS, and for a mutant what KiSatisfyMutant returns: a wait that is satisfied at once returns that.",
    "released-status": "KiWaitTest finds the result: of a WaitAny KiWaitAnyStatus, of a WaitAll what KiTestWaitAll said. KiUnwaitThread keeps in WaitStatus "
                       "what it is given.",
    "previous-state": "A call that changes an object's state returns the state before the change.",
    "no-boost": "The increment belongs to every thread that this signal releases: AdjustReason = AdjustUnwait, AdjustIncrement = Increment.",
    "waited-in-vain": "What is signaled already is taken without waiting.",
    "did-not-wait": "The wait was not satisfied, so the thread must wait: its blocks on the lists, then KiCommitWait. Before that only three things end a wait: a "
                    "signal, a status of KiTestAlert that is not STATUS_SUCCESS, and a time that has Passed.",
    "ended-unsatisfied": "STATUS_SUCCESS without a signal. Three things end a wait before it begins: a signal (KiIsSignaled), a status of KiTestAlert that is not "
                         "STATUS_SUCCESS, and a time that has Passed.",
    "wait-fields": "Before the processor is given up: SwapBusy, WaitTime and the state Waiting.",
    "wait-announced": "As soon as the database is free another processor may end the wait, and run the thread: SwapBusy and the state Waiting come "
                      "before that.",
    "wait-next": "With Wait = TRUE the database stays locked for the wait that follows: leave with KiFinishSignal(oldIrql, Wait).",
    "traced-signal": "KiTraceSignal, before the state changes: each set, both changes of a pulse, and a reset only of what was signaled.",
    "traced-unwait": "KiUnwaitThread traces each wait that it ends: Unwait with the thread, the status and the increment.",
    "lock-held": "The dispatcher database must be free when a routine returns, waits or raises: each way out needs its KiFinishSignal, "
                 "KiEndWait or KiCommitWait.",
    "irql-lost": "A routine comes back at the IRQL at which it was called.",
    # what else ends a wait
    "alert-tested": "An alert, or a user APC, that came before the wait ends it if the wait lets it through: KiTestAlert, before the thread waits, "
                    "and its status is the result.",
    "alert-held": "KiTestAlert alone says what ends a wait; it must know the wait's mode and whether it is alertable (KiBeginWait).",
    "alert-first": "The objects come first: what is signaled is taken, and an alert stays for the next wait.",
    "traced-wait": "Every wait that really waits is traced once, each time it begins: Wait with the thread, the number of objects, the type, and "
                   "whether there is a time-out.",
    "alert-before-time": "The objects first, then alerts and user APCs (KiTestAlert), then the time: an alert is the result also of a wait whose time is over.",
    "wait-handed-on": "KiBeginWait notes the wait's reason, mode and whether it is alertable: those of the call; a delay's reason is DelayExecution.",
    # several objects
    "all-or-nothing": "A WaitAll takes everything in one step or nothing at all: look at all objects first, then take them.",
    "any-order": "A WaitAny takes the first signaled object in the order of the array, and only that one.",
    # time
    "timer-missing": "A wait with a time-out runs the thread's own timer: its deadline is Given (KiComputeDeadline), and KiCommitWait starts the timer with it "
                     "(KiInsertTimer).",
    "timer-block": "The block of the time-out is WaitAny, with the key STATUS_TIMEOUT, on the list of the thread's own timer: time alone ends the "
                   "wait, even a wait for all.",
    "timer-signaled": "The thread's timer may be signaled still, from an earlier time-out: it is not signaled while it runs.",
    "timer-left": "The wait is over and its timer still runs: it would end a later wait. Take it out of the table.",
    "due-time": "A time-out is relative to now when it is negative, a system time when it is positive; KiInterruptTimeOf makes interrupt time of "
                "both.",
    "timeout-only-tests": "A time-out of zero, or one in the past, has Passed (KiUpdateDeadline) and only tests: no thread waits, nothing"
                          " changes.",
    "object-first": "The objects come before the time: what is signaled is taken, even if the time-out is zero or in the past. For a WaitAny one that is signaled "
                    "is enough.",
    "mutant-again": "A mutant that the thread owns already is as good as a signaled one: KiIsSignaled knows that, SignalState alone does not.",
    "deadline-kept": "A relative time-out counts from the first call: a wait that an APC has interrupted goes on with the deadline it had "
                     "(KiUpdateDeadline).",
    "wait-again": "STATUS_KERNEL_APC is no result: when the APC has run the wait begins again, from KiBeginWait on.",
    "delay-status": "A delay that lasts its time is a success: STATUS_SUCCESS.",
    # semaphores and mutants
    "semaphore-limit": "The count never passes the limit, not even for a moment, and an adjustment that would do it changes nothing.",
    "semaphore-units": "Each thread that is released takes one unit; what is left is the count.",
    "mutant-recursion": "SignalState of a mutant counts down with each acquisition by its owner and up with each release; it is free at 1.",
    "mutant-owner": "OwnerThread and the owner's MutantListHead name the mutant's owner exactly while its SignalState is 0 or below.",
    "mutant-order": "A thread's mutants are on its MutantListHead in the order in which it took them: one that it takes goes to the tail.",
    "mutant-not-owned": "Only the owner releases a mutant; for any other thread a status is raised and nothing changes.",
    "mutant-abandoned": "One thread hears that a mutant was abandoned, the next owner: STATUS_ABANDONED, and Abandoned is cleared by "
                        "that.",
    "mutant-freed": "A release as Abandoned gives back all levels at once, whichever thread asks, and marks the mutant; one that is free "
                    "already is only marked.",
    "traced-release": "KiTraceSignal tells each change, with the states before and after it, before anybody is released by it: a timeline takes the "
                      "last signal for the cause of a wake-up.",
    "mutant-taken": "KiTakeMutant returns STATUS_ABANDONED to a thread that gets an abandoned mutant, STATUS_MUTANT_LIMIT_EXCEEDED to an "
                    "owner that has it too often, and otherwise STATUS_SUCCESS.",
    "mutant-all": "A thread that ends abandons every mutant it owns, in the order in which it took them: each is marked as Abandoned, and free.",
    # timers
    "chain-order": "A timer goes to the tail of its chain, and those of a higher wheel's chain go to lower wheels in their order.",
    "chain-wrong": "A timer is on the chain of its hand (the due time in ticks, rounded up) on the lowest wheel that reaches from the clock's hand to it.",
    "chain-turned": "When the clock has passed a hand at which a chain of a higher wheel begins, that chain's timers go to lower wheels: look for "
                    "it at every hand that was passed, not only at the last.",
    "timer-running": "Header.Inserted and the table say the same: a timer that was cancelled or has expired is on no chain.",
    "timer-started": "A timer with a due time in the future runs: KiInsertTimer sets its DueTime and Header.Inserted, and puts it on a chain.",
    "timer-lost": "A timer that runs is on a chain, after each call and each expiry: one that is not due when its chain is looked at goes back into the table.",
    "timer-early": "A timer must not expire before its due time, whatever chain it shares.",
    "timer-late": "Every timer that is due is expired by one pass of KiTimerExpiration, on every chain that the clock has passed.",
    "timer-overtaken": "The clock looked at the chain before the timer was there and will not come back: when it has passed the hand, queue "
                       "KiTimerExpireDpc yourself.",
    "timer-period": "A periodic timer is due again one period after its due time, not after the moment of its expiry.",
    "timer-dpc": "A timer's DPC is queued each time it expires, and by nothing else.",
    "timer-state": "Setting a timer makes it not signaled; its expiry signals it; cancelling it changes nothing of that.",
    "timer-cost": "A timer goes to the tail of its chain by one InsertTailList: what KiInsertTimer costs does not depend on how many timers run.",
    "traced-timer": "KiInsertTimer traces TimerSet with the timer and its due time, KiSignalTimer traces TimerExpire with the timer and the tick count, before it "
                    "signals it.",
    # races: what every schedule must keep; the run shows which step broke it
    "race-signal": "No signal comes between a thread's test of an object and its block on the object's list: both lie in one hold of the database. "
                   "A signal between the two would find no thread to wake.",
    "race-account": "A call changes the state that it returns: the look, the change and what is returned belong to one hold of the database.",
    "race-all-waiters": "A notification event releases each thread on its list, and no thread is between its test and that list at this moment.",
    "race-one-in": "One signal lets one thread in: a released thread has consumed the signal before another thread looks at it.",
    "race-together": "All objects are looked at, and then all are taken, in one hold of the database.",
    "race-any": "A wait for any takes one object: its other blocks leave their lists before another signal can find them.",
    "race-timeout": "One of the two ends a wait, the signal or the time-out: the first one to lock the database. From then on nothing of the wait "
                    "is left for the other one to find, and what the wait returns does not change any more.",
    "race-nothing-taken": "A wait for all that ends by its time-out leaves every object as it found it.",
    "race-units": "The count is read and written in one hold of the database: no unit is lost, and none is made.",
    "race-owner": "Owner, list and state of a mutant change in one hold of the database, the old owner's before the new one is let in.",
    "race-timers": "Set, cancel and expiry change the table in one hold of the database each; an expiring timer has left it before it signals.",
}

HINTS.update({
    # IRQL and DPCs
    "dpc-order": "HighImportance goes to the head of the queue, everything else to the tail.",
    "dpc-twice": "A DPC is on one queue at most: only the call that changes DpcData from nullptr inserts it.",
    "dpc-arguments": "The arguments of a DPC are those of the call that inserted it; a call that finds it queued changes nothing.",
    "dpc-depth": "DpcQueueDepth is the length of the list, at every moment at which the lock is free.",
    "dpc-count": "DpcCount is the number of insertions into the queue, ever: the clock computes the rate of DPCs from it.",
    "dpc-high": "Interrupts of every level queue DPCs: whoever takes the queue's lock below HIGH_LEVEL may be interrupted by one that spins for it, on "
                "the same processor, for ever.",
    "dpc-elsewhere": "A DPC for another processor goes on that processor's queue. Its DpcInterruptRequested and KiSendDispatchInterrupt with its SetMember "
                     "come while that queue is locked, and only if KiDpcNeedsInterrupt says so.",
    "dpc-between": "KiBeginDpc comes before the routine, KiEndDpc after it, with false for an ordinary DPC: the watchdog and timelines go by them.",
    "dpc-threaded": "A threaded DPC goes on the processor's threaded queue, and KiRequestDpcThread wakes its thread, after the queue's lock is "
                    "free. An ordinary DPC wakes no thread.",
    "dpc-traced": "Each insertion is traced: DpcQueue with the DPC, its routine and the processor's number.",
    "dpc-missing": "TRUE says that the DPC is on the list of its processor's queue now (KiDpcQueue): every way to it leads past the insertion.",
    "dpc-lost": "Every DPC that was queued runs once: go on until the ordinary queue (KPRCB::DpcData) is empty, also with what comes while routines run.",
    "dpc-busy": "A DPC is free before its routine runs (DpcData nullptr, off the list): the routine may queue it again or free it.",
    "dpc-flags": "Interrupts and other processors decide by DpcRoutineActive and DpcInterruptRequested whether an interrupt must be asked for "
                 "(KiDpcNeedsInterrupt). Whenever the queue's lock is free both must be true to the facts: does a processor run the DPCs of this "
                 "queue now, and is an interrupt for them still to come?",
    "dpc-interrupt": "Ask for the interrupt when KiDpcNeedsInterrupt says so, and only then: DpcInterruptRequested, then "
                     "HalRequestSoftwareInterrupt(DISPATCH_LEVEL).",
    "dpc-irql": "A DPC's routine runs at DISPATCH_LEVEL, with no lock held; and no call leaves its queue locked.",
    "irql-deliver": "What is pending above the new IRQL is delivered when it falls, the highest level first, and nothing that is not above it.",
    "irql-request": "A request on a processor whose IRQL is below it, with interrupts on, is delivered at once: no later moment delivers "
                    "it.",
    "irql-bit": "A level's bit in KPCR::IRR is cleared before it is delivered: what is asked for meanwhile must not be lost.",
    "irql-level": "A software interrupt is delivered at its own IRQL and with interrupts on; afterwards the IRQL is the one that was asked for.",
    "irql-flag": "With the interrupt flag off nothing is delivered, and the flag is afterwards what it was before.",
    "irql-boot": "The kernel lowers its IRQL and runs DPCs before any test begins. Look at what is delivered, and how (KiDispatchInterrupt and KiDeliverApc for the "
                 "software levels, HalpReplayInterrupt for a device's); at what is asked for and never delivered; and at DPCs that are never run.",
    "irql-cleared": "Deliver with interrupts off: HalpDeliverPending is called, and clears a level's bit in KPCR::IRR, while none can come.",
    "irql-raised": "KfLowerIrql does not raise: bugcheck IRQL_NOT_LESS_OR_EQUAL.",
    # locks
    "lock-boot": "Every part of the kernel takes these locks before any test begins. Where it waits for ever a lock looks held that nobody has: it was not given "
                 "back, or is waited for when it is free. Where it gave up look at a node's links.",
    "lock-taken": "A free lock is taken by one exchange; its Value is not 0 as long as a processor has it.",
    "lock-anywhere": "What a lock does follows from its word alone: wherever it lies, whatever its number is, on each processor, early and late.",
    "lock-not-freed": "The release makes the lock free, or the next one's.",
    "lock-stolen": "The lock is held by another processor: spin until it is free, and change nothing of it.",
    "lock-line": "Each exchange takes the lock's cache line away from its holder: while the lock is held only read it, and exchange again when it "
                 "looks free.",
    "lock-yield": "A processor that spins calls YieldProcessor in each round: it then leaves its units to another thread, and saves "
                  "energy.",
    "lock-try": "A try does not spin: FALSE, and lock and node are as if nothing had happened.",
    "lock-try-free": "A try of a free lock takes it and says TRUE, and lock and node are then as after an acquisition. Its interlocked operation returns the old "
                     "value: that one tells who was first.",
    "queue-node": "A node's Lock is the lock's address with LOCK_QUEUE_WAIT while it waits, with LOCK_QUEUE_OWNER while it owns it, and "
                  "without either otherwise; Next is nullptr while no processor is behind.",
    "queue-link": "A processor that comes second makes its node the last one of the queue, links itself behind its predecessor, and spins on its "
                  "own node.",
    "queue-handover": "After the release the processor that waits longest has the lock, and that processor reads its own node only. The queue "
                      "behind it is as it was. Compare both with what is seen.",
    "queue-alone": "A processor that is alone needs one exchange: a free lock is taken without a predecessor to link to, and freed "
                   "without a successor to wait for.",
    "queue-late": "Two words tell whether a processor is behind: the lock's Value and the own node's Next. Here they disagree. Which of the two "
                  "does an acquisition change first, and what follows for a release that sees them so?",
    # lists
    "slist-order": "The list is a stack: push puts an entry in front, pop takes the first, flush takes all.",
    "slist-depth": "Depth counts the entries, Sequence every change; both change with the first entry in one step.",
    "slist-again": "The exchange says whether it happened: then the operation is done and returns; if not, it begins again with a new look at the head.",
    "slist-empty": "An empty list gives nullptr and does not change.",
})

HINTS.update({
    # queues
    "queue-order": "Entries are given out first in, first out; KeInsertHeadQueue goes before all of them.",
    "queue-last-waiter": "The thread that began to wait last gets the entry: its stack and the caches are still warm.",
    "queue-taken": "An entry is there, and with this thread not more than MaximumCount are active: it is taken at once, without waiting.",
    "queue-time": "KiUpdateDeadline says whether the time is over already: a time-out of zero only looks.",
    "queue-given": "An entry that was given to a waiting thread is on no list: its Flink leads to itself until the thread has it (HandOut), "
                   "and SignalState does not count it.",
    "queue-active": "CurrentCount is the number of threads of the queue that do not wait, for whatever.",
    "queue-maximum": "While MaximumCount threads are active no further one gets an entry, not even one that asks for it.",
    "queue-blocked": "A thread of the queue that waits for something else lets another one in: an entry and a waiter come together then.",
    "queue-result": "KeRemoveQueue returns the entry, or the status of its wait as a pointer.",
    "queue-again": "A kernel APC that has run did not bring an entry: the wait begins again (STATUS_KERNEL_APC), for the time that is left.",
    "queue-alert": "KiTestAlert says, before the wait and in the database, whether a user APC keeps the thread from waiting. The wait is not alertable.",
    "queue-wait": "KeRemoveQueue waits as others do: KiBeginWait with WrQueue, its mode, and not alertable; one block, WaitAny with key 0.",
    "traced-queue": "Each insertion is traced (TraceSignal), when SignalState is what it will be and before a thread is woken; and each wait that begins: Wait with "
                    "the thread, 1 object, WaitAny, and whether there is a time-out.",
    # resources
    "resource-active": "ActiveCount is 1 while a thread owns the resource, else 0; of the flags only ResourceOwnedExclusive is a "
                       "release's.",
    "resource-noted": "ExpNoteReleased comes first in a release: it traces that a resource is given back for which other threads wait.",
    "resource-grant": "The exclusive owner may acquire it again, shared owners share; every other thread waits, or gets FALSE.",
    "resource-count": "OwnerCount is how often its thread has the resource, ActiveEntries how many threads share it.",
    "resource-noted-owner": "CountShared notes the thread that shares. Without room for the name it says so: then nothing else changes, "
                            "and TableFull is the answer.",
    "resource-waiters": "NumberOfSharedWaiters and NumberOfExclusiveWaiters count the threads that wait. A thread to which the resource "
                        "was handed over waits no more.",
    "resource-handover": "The thread that leaves last hands over at once: after an exclusive owner to all that wait to share, else to the"
                         " next exclusive one.",
    "resource-behind": "A thread that wants to share waits behind those that wait for exclusive access, unless it shares already or was told to starve "
                       "them.",
    # push locks
    "push-word": "Without waiters the word is Locked and the number of shared owners; with waiters the newest block's address and the flags.",
    "push-flags": "A thread that begins to wait behind others puts its block before theirs: the address is new, and all the flags that "
                  "the word has stay.",
    "push-grant": "Not Locked: any thread gets it. Locked by sharers, without waiters: one more may share. Otherwise: wait.",
    "push-count": "The first to wait behind several shared owners keeps their number in its block, and the word has MultipleShared.",
    "push-convert": "The new sharer stays the owner: it wakes the waiting threads if the oldest wants to share, and no thread otherwise.",
    "push-again": "The word may change between the look and the exchange: if Replace fails, nothing of what was seen counts, and all begins with a new look.",
    "push-wake": "The release of the last owner wakes the oldest that waits for it alone, or all threads if the oldest wants to share or "
                 "is the only one.",
})

HINTS.update({
    # APCs
    "apc-order": "On the kernel queue special APCs stand before normal ones, each kind in the order of insertion; a user APC goes to the tail of its "
                 "own queue.",
    "traced-apc": "KiInsertQueueApc traces ApcQueue when the APC is on its queue, KiDeliverApc traces ApcRun before each kernel routine, with what etw.h names.",
    "apc-arguments": "KeInsertQueueApc keeps its two arguments in the APC, before the APC is queued; a call that is refused keeps nothing.",
    "apc-refused": "An APC that is queued already, or whose thread takes none any more, changes nothing: FALSE.",
    "apc-environment": "An APC for another environment than its thread's present one goes on that environment's queue, and the thread is "
                       "told nothing.",
    "apc-told": "A kernel APC for the thread's present environment sets KernelApcPending, and then the thread is told: the current one by the APC "
                "interrupt, another one by TellThread.",
    "apc-held": "A normal kernel APC is not delivered inside another one or in a critical region, and nothing at all in a guarded region.",
    "apc-delivery": "One after the other, from the head of the queue, until none may be delivered: kernel routine at APC_LEVEL, then the normal "
                    "routine, if it left one, at PASSIVE_LEVEL.",
    "apc-locked": "Another processor may queue an APC at any moment: the queue is looked at, and the APC taken off, while ApcQueueLock is held.",
    "apc-noted": "The APC is off its queue, with Inserted FALSE, before its kernel routine runs; what follows comes from what was noted, as the "
                 "kernel routine has left it.",
    "apc-progress": "KernelApcInProgress is TRUE while a normal routine runs, and only then.",
    "apc-pending": "KernelApcPending is cleared before the queue is looked at.",
    "apc-region": "The counts of regions go downwards from 0; only the end of the outermost region asks for a delivery, and only if kernel APCs are "
                  "queued and no guarded region is left.",
})

HINTS.update({
    "work-order": "Items of one queue are begun in the order in which they were queued, each once, by a thread of that queue.",
    "work-item": "An item is off its queue, with List.Flink nullptr, before its routine runs; after that it belongs to its owner again.",
    "work-twice": "An item that is on a queue is not queued again: bugcheck WORKER_INVALID.",
    "work-thread": "A worker thread notes what it needs of an item before the call, counts the item when it has taken it, and waits for ever, or if it is "
                   "dynamic for ExpDynamicThreadTimeout; then the dynamic ones are one less.",
    "work-noted": "What is seen of each queue is noted for the next look, whatever comes of this one: QueueDepthLastPass and WorkItemsProcessedLastPass.",
    "work-balance": "One more thread for a queue whose items wait, of which none was begun since the last look, and which would let one more thread "
                    "have an item; at most EX_MAXIMUM_DYNAMIC_THREADS.",
})

HINTS.update({
    "race-dpc": "Two processors may look at the same DPC at the same time. One step decides which of them queues it, or takes it off.",
    "race-dpc-missed": "A DPC is off its queue, and free to be queued again, before its routine is called: what comes while it runs needs "
                       "another run.",
    "race-dpc-asks": "No DPC comes between the moment at which the queue is found empty and the moment at which the processor ceases to be active: "
                     "it would ask for no interrupt, and no processor would run it.",
    "race-falling": "First the IRQL falls, then the pending interrupts are looked at, until none is above it: one that comes between a "
                    "look and the fall would be noted as pending, and nothing would look again.",
    "race-lock-order": "KiAfterAcquireLock when the lock has been taken, KiBeforeReleaseLock before it is free: by these calls checked "
                       "builds and the explorer know the holder.",
    "race-lock": "No processor comes between the test of a free lock and the change that takes it.",
    "race-queued-lock": "Three moments: a node is complete before it becomes the tail; it waits before its predecessor can see it; and an"
                        " empty Next does not mean that no processor is coming.",
    "race-list-link": "From the exchange on another processor may take the entry and follow its Next: the entry is linked to the one behind it "
                      "before the exchange puts it on the list, anew in each attempt.",
    "race-list": "Between reading the head and replacing it the first entry may have gone, come back, and have another one behind it: the "
                 "sequence makes the difference.",
    "race-apc-lost": "An APC may be queued while its thread falls asleep. Either the inserter sees a thread that waits, or the thread sees the "
                     "pending APC before it sleeps.",
    "race-apc-region": "Look again when the region is left, after the count is back to zero; and at the count each time before an APC is taken.",
    "race-apc-once": "Inserted changes under the APC queue's lock, and is FALSE again before the APC's routine is called.",
    "race-queue": "An entry is on the list or given to one thread, under the database's lock; a time-out that comes too late has nothing to end.",
    "race-concurrency": "CurrentCount changes wherever a thread of the queue becomes active or stops: at its first call, when it blocks on "
                        "anything, when its wait ends.",
    "race-resource": "Owner, count and waiters change in one hold of the resource's spin lock; the lock is handed over before a thread is"
                     " woken.",
    "race-push-lock": "Between the look at the word and its exchange another thread may have come: if the exchange fails, look again; and"
                      " a waiter goes to sleep only after it is on the list.",
})

HINTS.update({
    # where a call stops the kernel, or does not come back: what the student's part of it must do
    "dpc-insert": "KeInsertQueueDpc: the queue and its lock are those of the DPC's processor; the interrupt is asked for by HalRequestSoftwareInterrupt "
                  "on this processor, by KiSendDispatchInterrupt on another one.",
    "dpc-remove": "KeRemoveQueueDpc: a DPC on no queue has DpcData nullptr, and there is no lock to take. Otherwise lock that queue, look at DpcData again, "
                  "and then take the DPC off.",
    "list-walked": "KiWaitTest goes from the list's head as long as the object is signaled. KiUnwaitThread takes all blocks of the thread off, walking their "
                   "ring once round, and its timer out of the table if that runs: so after each release begin at the head again. Most threads belong to no "
                   "KQUEUE: their Queue is nullptr.",
    "wait-committed": "KiInsertWaitBlock fills each field of a block and puts it on the object's list; the time-out's block needs that, too. KiCommitWait closes "
                      "the ring of blocks, also when there is none but the time-out's, lets another thread into the KQUEUE if there is one, and frees the "
                      "database before KiSwapThread.",
    "wait-steps": "Each round of a wait: KiBeginWait, the objects, KiTestAlert, the deadline; then a block for each object, in a ring, and KiCommitWait with the first "
                  "and the last of them. Each way out before that is a KiEndWait.",
    "ring-walked": "KiTestWaitAll goes from WaitBlockList along NextWaitBlock until it is there again. It looks at the object of each block, but for the time-out's.",
    "semaphore-steps": "KeReleaseSemaphore: what is refused frees the database (KiFinishSignal) before the status is raised. Otherwise the count, the trace, "
                       "KiWaitTest, KiFinishSignal, and the count before it all is returned.",
    "mutant-steps": "A mutant is on its owner's MutantListHead from the first acquisition until it is free: it goes on the list once, and off it once.",
    "timer-steps": "A timer is on one chain exactly while Header.Inserted is set. Only a timer that is on a chain can be taken off.",
    "timer-walk": "The expiry takes a whole chain away (TakeChain), then one timer after the other off that list before it is signaled: the signal may "
                  "start and stop timers of the same chain. It ends when the clock's hand has been looked at, or no timer runs.",
    "apc-steps": "The queue is ApcListHead of the APC's mode, in the state that its environment names; its links change while ApcQueueLock is held, and "
                 "Inserted says whether the APC is on it.",
    "queue-steps": "An entry is on EntryListHead, counted by SignalState, or given to one waiting thread, and then it is on no list. A thread that waits has one block on "
                   "the queue's list.",
    "resource-steps": "A release by a thread that owns the resource counts one down; a thread that does not own it comes to "
                      "ExpResourceNotOwned. A waiting thread is handed the resource only when no thread owns it any more.",
    "push-steps": "Each turn reads the word once, decides by what it read, and ends only if the word was replaced. The list of blocks is what the word's address bits "
                  "say while Waiting is set, and nothing otherwise.",
})

STOPPED = {  # exercise and kind of call: the hint of a call that stops the kernel or does not come back
    "3.1": "dpc-insert", "3.1 remove": "dpc-remove",
    "3.3": "list-walked", "3.3 wait": "wait-committed",
    "3.4": "ring-walked", "3.4 wait": "wait-steps",
    "3.5": "mutant-steps", "3.5 semaphore": "semaphore-steps",
    "3.7": "timer-steps", "3.7 tick": "timer-walk",
    "3.8": "apc-steps",
    "3.9": "queue-steps",
    "3.10": "resource-steps", "3.10 push": "push-steps",
}
