"""The locker: a row of compartments that are kept for parcels. It knows of a parcel only its name and its size.

`parcels` is made by `evento gen python` from the resources. The parcel is the other half of this domain, in
`../parcels-go`.
"""

from datetime import timedelta

import parcels
from parcels import (
    Compartment,
    CompartmentFreed,
    CompartmentRefused,
    CompartmentReserved,
    FreeCompartment,
    InstallLocker,
    Locker,
    LockerInstalled,
    LockerRefused,
    ReserveCompartment,
    Size,
)

from evento import Context, Function, replace

COMPARTMENTS_MAX = 200
KEPT = timedelta(days=3)
"""How long a compartment is kept for a parcel."""
ORDER = list(Size)
"""Sizes from small to large, as the schema lists them."""

lockers = Function(parcels.Locker)


def compartment_of(parcel: str, locker: Locker | None) -> int | None:
    """The number of the compartment that a parcel has, if any."""
    compartments = locker.compartments if locker else ()
    return next((n for n, kept in enumerate(compartments, start=1) if kept.parcel == parcel), None)


def smallest_free(size: Size, locker: Locker) -> int | None:
    """The number of the smallest free compartment that takes a parcel of this size, if any."""
    free = [
        (ORDER.index(kept.size), n)
        for n, kept in enumerate(locker.compartments, start=1)
        if kept.parcel is None and ORDER.index(kept.size) >= ORDER.index(size)
    ]
    return min(free)[1] if free else None


def changed(locker: Locker, number: int, compartment: Compartment) -> Locker:
    """The locker with another compartment in this place."""
    before, after = locker.compartments[: number - 1], locker.compartments[number:]
    return replace(locker, compartments=(*before, compartment, *after))


# Decisions: command and locker in, events out.


@lockers.handle
def install_locker(cmd: InstallLocker, locker: Locker | None) -> LockerInstalled | LockerRefused:
    if locker is not None:
        return LockerRefused("there is a locker already")
    if not 1 <= len(cmd.sizes) <= COMPARTMENTS_MAX:
        return LockerRefused(f"a locker has 1 to {COMPARTMENTS_MAX} compartments")
    return LockerInstalled(cmd.address, cmd.sizes)


@lockers.handle
def reserve_compartment(
    cmd: ReserveCompartment, locker: Locker | None, cx: Context
) -> CompartmentReserved | CompartmentRefused:
    if locker is None:
        return CompartmentRefused(cmd.parcel, "no such locker")
    if compartment_of(cmd.parcel, locker) is not None:
        return CompartmentRefused(cmd.parcel, "the parcel has a compartment already")
    number = smallest_free(cmd.size, locker)
    if number is None:
        return CompartmentRefused(cmd.parcel, f"no compartment for a {cmd.size.value} parcel is free")
    return CompartmentReserved(cmd.parcel, number, cx.time + KEPT)


@lockers.handle
def free_compartment(cmd: FreeCompartment, locker: Locker | None) -> CompartmentFreed | CompartmentRefused:
    number = compartment_of(cmd.parcel, locker)
    if number is None:
        return CompartmentRefused(cmd.parcel, "the parcel has no compartment")
    return CompartmentFreed(cmd.parcel, number)


# Evolution: event and locker in, locker out.


@lockers.apply
def on_locker_installed(ev: LockerInstalled, locker: Locker | None) -> Locker:
    return Locker(ev.address, tuple(Compartment(size) for size in ev.sizes))


@lockers.apply
def on_compartment_reserved(ev: CompartmentReserved, locker: Locker | None) -> Locker | None:
    if locker is None:
        return None
    kept = replace(locker.compartments[ev.compartment - 1], parcel=ev.parcel, until=ev.until)
    return changed(locker, ev.compartment, kept)


@lockers.apply
def on_compartment_freed(ev: CompartmentFreed, locker: Locker | None) -> Locker | None:
    if locker is None:
        return None
    return changed(locker, ev.compartment, Compartment(locker.compartments[ev.compartment - 1].size))


if __name__ == "__main__":
    lockers.serve()
