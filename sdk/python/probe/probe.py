"""The reference function of the conformance kit. What each command must do is in ../../conformance/README.md."""

import time
from typing import NoReturn

from conformance import (
    Break,
    Broken,
    ContextSeen,
    Echo,
    Echoed,
    EmitMany,
    End,
    Ended,
    ExpectCount,
    Mapped,
    Maps,
    Noted,
    Probe,
    Reject,
    RejectAndCount,
    Rejected,
    RejectedAndCounted,
    Sleep,
    Throw,
)
from conformance import Context as LookAround
from conformance import Poison as RefuseForGood
from evento import ApplyContext, Context, Function, Poison, replace

DIGEST_BELOW = 1_000_000_007
BELOW = (1, 6, 1_000_000_007, *[4_611_686_018_427_387_905] * 8)

probe = Function(Probe)


@probe.handle
def echo(cmd: Echo, state: Probe | None) -> Echoed:
    return Echoed(cmd.value)


@probe.handle
def emit_many(cmd: EmitMany, state: Probe | None) -> tuple[Noted, ...]:
    return tuple(Noted(n, f"note {n}") for n in range(cmd.n))


@probe.handle
def reject(cmd: Reject, state: Probe | None) -> Rejected:
    return Rejected(cmd.reason)


@probe.handle
def reject_and_count(cmd: RejectAndCount, state: Probe | None) -> RejectedAndCounted:
    return RejectedAndCounted(cmd.reason)


@probe.handle
def expect_count(cmd: ExpectCount, state: Probe | None) -> Noted | Rejected:
    count = state.count if state else 0
    return Noted(1, "as expected") if count == cmd.count else Rejected(f"the count is {count}")


@probe.handle
def end(cmd: End, state: Probe | None) -> Ended:
    return Ended()


@probe.handle
def throw(cmd: Throw, state: Probe | None) -> NoReturn:
    raise RuntimeError(cmd.message)


@probe.handle
def poison(cmd: RefuseForGood, state: Probe | None) -> NoReturn:
    raise Poison(cmd.message)


@probe.handle
def break_(cmd: Break, state: Probe | None) -> tuple[Noted, Broken]:
    return Noted(0, "before"), Broken(cmd.message)


@probe.handle
def sleep(cmd: Sleep, state: Probe | None) -> Noted:
    time.sleep(cmd.ms / 1000)
    return Noted(cmd.ms, "slept")


@probe.handle
def look_around(cmd: LookAround, state: Probe | None, context: Context) -> ContextSeen:
    random = context.random()
    return ContextSeen(
        context.entity_id,
        context.seq,
        context.command_id,
        context.time,
        context.seed,
        tuple(context.uuid(n) for n in range(10)),
        random.bytes(70),
        context.random().long(),
        context.random().double(),
        tuple(random.below(n) for n in BELOW),
    )


@probe.handle
def maps(cmd: Maps, state: Probe | None) -> Mapped:
    return Mapped(cmd.entries)


def counted(state: Probe | None) -> Probe:
    """The state with one event more."""
    if state is None:
        return Probe(1, 0, 0, {}, None)
    return replace(state, count=state.count + 1)


@probe.apply
def echoed(ev: Echoed, state: Probe | None) -> Probe:
    return replace(counted(state), last=ev.value)


@probe.apply
def noted(ev: Noted, state: Probe | None) -> Probe:
    now = counted(state)
    digest = now.digest * 31 + ev.number + 7 * len(ev.text.encode())
    return replace(now, digest=digest % DIGEST_BELOW)


@probe.apply
def rejected_and_counted(ev: RejectedAndCounted, state: Probe | None) -> Probe:
    now = counted(state)
    return replace(now, rejections=now.rejections + 1)


@probe.apply
def context_seen(ev: ContextSeen, state: Probe | None, context: ApplyContext) -> Probe:
    return replace(counted(state), totals={context.entity_id: context.time_ms})


@probe.apply
def mapped(ev: Mapped, state: Probe | None) -> Probe:
    return replace(counted(state), totals=ev.entries)


@probe.apply
def ended(ev: Ended, state: Probe | None) -> None:
    return None


@probe.apply
def broken(ev: Broken, state: Probe | None) -> NoReturn:
    raise RuntimeError(ev.message)


if __name__ == "__main__":
    probe.serve()
