"""The locker's rules as given, when, then: no server is needed, and no parcel."""

from datetime import datetime, timedelta, timezone

from locker import lockers
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

MONDAY = datetime(2026, 11, 23, 6, tzinfo=timezone.utc)
THURSDAY = MONDAY + timedelta(days=3)
INSTALLED = LockerInstalled("Station Road 1", (Size.LARGE, Size.SMALL, Size.MEDIUM))


def reserved(parcel: str, compartment: int) -> CompartmentReserved:
    return CompartmentReserved(parcel, compartment, THURSDAY)


def test_a_locker_is_installed_once_with_1_to_200_compartments():
    install = InstallLocker("Station Road 1", (Size.LARGE, Size.SMALL, Size.MEDIUM))
    lockers.given().when(install).then(INSTALLED)
    lockers.given(INSTALLED).when(install).then_rejected(LockerRefused("there is a locker already")).unchanged()
    for count in (0, 201):
        odd = lockers.given().when(InstallLocker("x", (Size.SMALL,) * count))
        odd.then_rejected(LockerRefused("a locker has 1 to 200 compartments")).then_state(None)


def test_the_smallest_free_compartment_that_fits_is_kept_for_three_days():
    first = lockers.given(INSTALLED).at(MONDAY).when(ReserveCompartment("p-1", Size.SMALL))
    compartments = (Compartment(Size.LARGE), Compartment(Size.SMALL, "p-1", THURSDAY), Compartment(Size.MEDIUM))
    first.then(reserved("p-1", 2)).then_state(Locker("Station Road 1", compartments))
    for happened, size, number in (
        ((reserved("p-1", 2),), Size.SMALL, 3),
        ((reserved("p-1", 2), reserved("p-2", 3)), Size.SMALL, 1),
        ((), Size.MEDIUM, 3),
        ((), Size.LARGE, 1),
    ):
        next_one = lockers.given(INSTALLED, *happened).at(MONDAY).when(ReserveCompartment("p-9", size))
        next_one.then(reserved("p-9", number))


def test_nothing_is_kept_twice_nor_where_nothing_is_free():
    full = lockers.given(INSTALLED, reserved("p-1", 1)).when(ReserveCompartment("p-2", Size.LARGE))
    full.then_rejected(CompartmentRefused("p-2", "no compartment for a LARGE parcel is free")).unchanged()
    twice = lockers.given(INSTALLED, reserved("p-1", 1)).when(ReserveCompartment("p-1", Size.SMALL))
    twice.then_rejected(CompartmentRefused("p-1", "the parcel has a compartment already")).unchanged()
    nowhere = lockers.given().when(ReserveCompartment("p-1", Size.SMALL))
    nowhere.then_rejected(CompartmentRefused("p-1", "no such locker")).then_state(None)


def test_a_compartment_that_is_freed_takes_the_next_parcel():
    freed = lockers.given(INSTALLED, reserved("p-1", 1)).when(FreeCompartment("p-1"))
    empty = (Compartment(Size.LARGE), Compartment(Size.SMALL), Compartment(Size.MEDIUM))
    freed.then(CompartmentFreed("p-1", 1)).then_state(Locker("Station Road 1", empty))
    again = lockers.given(INSTALLED, reserved("p-1", 1), CompartmentFreed("p-1", 1)).at(MONDAY)
    again.when(ReserveCompartment("p-2", Size.LARGE)).then(reserved("p-2", 1))
    for happened in ((INSTALLED,), ()):
        strange = lockers.given(*happened).when(FreeCompartment("p-9"))
        strange.then_rejected(CompartmentRefused("p-9", "the parcel has no compartment")).unchanged()
