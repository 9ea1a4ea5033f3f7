// The rules of the parcel as given-when-then; no server is needed, and no locker.

package main

import (
	"testing"
	"time"

	evento "evento.dev/sdk/go"
	"evento.dev/sdk/go/eventotest"

	"parcel/parcels"
)

var (
	registered = parcels.ParcelRegistered{
		Sender: "Ada", Receiver: "Bob", Size: parcels.SizeMedium,
		Weight: evento.NewDecimal(4_200, 3), Postage: evento.NewDecimal(765, 2),
	}
	paid   = parcels.PostagePaid{Amount: evento.NewDecimal(765, 2)}
	monday = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	stored = parcels.ParcelStored{Locker: "north", Compartment: 2, Until: monday.AddDate(0, 0, 3)}
)

func given(t *testing.T, events ...evento.Record) *eventotest.Test {
	return eventotest.Given(t, parcels.NewParcelFunction(Parcels{}), events...)
}

func refused(reason string) parcels.ParcelRefused { return parcels.ParcelRefused{Reason: reason} }

func TestThePostageFollowsSizeAndKilogramsThatAreBegun(t *testing.T) {
	for _, c := range []struct {
		size   parcels.Size
		weight string
		price  string
	}{
		{parcels.SizeSmall, "0.001", "4.25"},
		{parcels.SizeSmall, "1.000", "4.25"},
		{parcels.SizeSmall, "1.001", "4.60"},
		{parcels.SizeMedium, "4.200", "7.65"},
		{parcels.SizeMedium, "10", "9.40"},
		{parcels.SizeLarge, "31.5", "21.10"},
	} {
		weight, _ := evento.ParseDecimal(c.weight)
		price, reason := postage(c.size, weight)
		if reason != "" || price.String() != c.price {
			t.Errorf("%s of %s kg: %v %s, not %s", c.size, c.weight, price, reason, c.price)
		}
	}
}

func TestAParcelIsRegisteredOnceAndNotTooHeavy(t *testing.T) {
	register := parcels.RegisterParcel{
		Sender: "Ada", Receiver: "Bob", Size: parcels.SizeMedium, Weight: evento.NewDecimal(42, 1),
	}
	given(t).When(register).Then(registered)
	given(t, registered).When(register).ThenRejected(refused("the parcel is registered already")).Unchanged()
	register.Weight = evento.NewDecimal(10_001, 3)
	given(t).When(register).ThenRejected(refused("a MEDIUM parcel weighs at most 10.000 kg")).ThenState(nil)
	register.Weight = evento.NewDecimal(0, 3)
	given(t).When(register).ThenRejected(refused("the weight must be above zero")).ThenState(nil)
}

func TestExactlyThePostageIsPaid(t *testing.T) {
	given(t, registered).When(parcels.PayPostage{Amount: evento.NewDecimal(765, 2)}).Then(paid)
	five := evento.NewDecimal(500, 2)
	given(t, registered).When(parcels.PayPostage{Amount: five}).
		ThenRejected(parcels.PaymentRefused{Amount: five, Reason: "the postage is 7.65"}).Unchanged()
	given(t, registered, paid).When(parcels.PayPostage{Amount: five}).
		ThenRejected(parcels.PaymentRefused{Amount: five, Reason: "the parcel is on its way"}).Unchanged()
}

func TestAParcelIsStoredWhenItIsPaidAndTheReservationHolds(t *testing.T) {
	store := parcels.StoreParcel{Locker: "north", Compartment: 2, Until: monday.AddDate(0, 0, 3)}
	given(t, registered, paid).At(monday).When(store).Then(stored).ThenState(parcels.Parcel{
		Sender: "Ada", Receiver: "Bob", Size: parcels.SizeMedium, Weight: registered.Weight, Postage: registered.Postage,
		Status: parcels.ParcelStatusStored, Place: &parcels.Place{Locker: "north", Compartment: 2, Until: store.Until},
	})
	given(t, registered).At(monday).When(store).ThenRejected(refused("the postage is not paid")).Unchanged()
	given(t, registered, paid).At(store.Until).When(store).ThenRejected(refused("the reservation is over")).Unchanged()
	given(t).When(store).ThenRejected(refused("no such parcel")).ThenState(nil)
}

func TestItsReceiverCollectsAParcelInTimeAndAfterwardsItGoesBack(t *testing.T) {
	early, late := stored.Until.Add(-time.Millisecond), stored.Until
	collect := parcels.CollectParcel{By: "Bob"}
	given(t, registered, paid, stored).At(early).When(collect).Then(parcels.ParcelCollected{By: "Bob"})
	given(t, registered, paid, stored).At(late).When(collect).
		ThenRejected(refused("it was to be collected until 2026-11-26T06:00:00Z")).Unchanged()
	given(t, registered, paid, stored).At(early).When(parcels.CollectParcel{By: "Eve"}).
		ThenRejected(refused("the parcel is for somebody else")).Unchanged()
	given(t, registered, paid, stored).At(early).When(parcels.ReturnParcel{}).
		ThenRejected(refused("it can be collected until 2026-11-26T06:00:00Z")).Unchanged()
	given(t, registered, paid, stored).At(late).When(parcels.ReturnParcel{}).Then(parcels.ParcelReturned{})
	given(t, registered, paid, stored, parcels.ParcelReturned{}).When(collect).
		ThenRejected(refused("the parcel was returned")).Unchanged()
}
