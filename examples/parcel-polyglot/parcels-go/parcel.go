// The parcel: its rules, one method for each command and each event. It knows of a locker only what it is told.

package main

import (
	"fmt"
	"math/big"
	"time"

	evento "evento.dev/sdk/go"

	"parcel/parcels"
)

// Parcels are the parcel's rules: what can be asked of it, and what becomes of it.
type Parcels struct{}

// tariff is what a size costs before its weight, in cents, and how heavy it may be, in grams.
var tariff = map[parcels.Size]struct{ cents, gramsMax int64 }{
	parcels.SizeSmall:  {390, 2_000},
	parcels.SizeMedium: {590, 10_000},
	parcels.SizeLarge:  {990, 31_500},
}

// centsPerKilogram is the price of each kilogram that is begun.
const centsPerKilogram = 35

// postage gives the price of a parcel, or why it is not taken. A kilogram that is begun counts whole, so that nothing
// is ever rounded.
func postage(size parcels.Size, weight evento.Decimal) (price evento.Decimal, reason string) {
	rate := tariff[size]
	if weight.Sign() <= 0 {
		return price, "the weight must be above zero"
	}
	if most := evento.NewDecimal(rate.gramsMax, 3); weight.Cmp(most) > 0 {
		return price, fmt.Sprintf("a %s parcel weighs at most %v kg", size, most)
	}
	cents := rate.cents + centsPerKilogram*begun(weight)
	return evento.NewDecimal(cents, 2), ""
}

// begun counts the kilograms of a weight, one that is begun as a whole.
func begun(weight evento.Decimal) int64 {
	kilograms, rest := new(big.Int).QuoRem(weight.Unscaled(), tenTo(weight.Scale()), new(big.Int))
	if rest.Sign() > 0 {
		return kilograms.Int64() + 1
	}
	return kilograms.Int64()
}

func tenTo(exponent int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
}

// RegisterParcel takes a parcel on and says what it costs.
func (Parcels) RegisterParcel(
	c parcels.RegisterParcel, p *parcels.Parcel, _ evento.Context,
) (evento.Events[parcels.RegisterParcelResult], error) {
	price, reason := postage(c.Size, c.Weight)
	if p != nil {
		reason = "the parcel is registered already"
	}
	if reason != "" {
		return parcels.RegisterParcelEvents(parcels.ParcelRefused{Reason: reason}), nil
	}
	return parcels.RegisterParcelEvents(parcels.ParcelRegistered{
		Sender: c.Sender, Receiver: c.Receiver, Size: c.Size, Weight: c.Weight, Postage: price,
	}), nil
}

// PayPostage takes exactly the postage, once.
func (Parcels) PayPostage(
	c parcels.PayPostage, p *parcels.Parcel, _ evento.Context,
) (evento.Events[parcels.PayPostageResult], error) {
	reason := not(p, parcels.ParcelStatusRegistered)
	if reason == "" && !c.Amount.Equal(p.Postage) {
		reason = fmt.Sprintf("the postage is %v", p.Postage)
	}
	if reason != "" {
		return parcels.PayPostageEvents(parcels.PaymentRefused{Amount: c.Amount, Reason: reason}), nil
	}
	return parcels.PayPostageEvents(parcels.PostagePaid{Amount: c.Amount}), nil
}

// StoreParcel leaves a parcel that is paid for in the compartment that a locker has reserved.
func (Parcels) StoreParcel(
	c parcels.StoreParcel, p *parcels.Parcel, cx evento.Context,
) (evento.Events[parcels.StoreParcelResult], error) {
	reason := not(p, parcels.ParcelStatusPaid)
	if reason == "" && !cx.Time.Before(c.Until) {
		reason = "the reservation is over"
	}
	if reason != "" {
		return parcels.StoreParcelEvents(parcels.ParcelRefused{Reason: reason}), nil
	}
	return parcels.StoreParcelEvents(parcels.ParcelStored{
		Locker: c.Locker, Compartment: c.Compartment, Until: c.Until,
	}), nil
}

// CollectParcel hands a parcel to its receiver, as long as its place is kept.
func (Parcels) CollectParcel(
	c parcels.CollectParcel, p *parcels.Parcel, cx evento.Context,
) (evento.Events[parcels.CollectParcelResult], error) {
	reason := not(p, parcels.ParcelStatusStored)
	switch {
	case reason != "":
	case c.By != p.Receiver:
		reason = "the parcel is for somebody else"
	case !cx.Time.Before(p.Place.Until):
		reason = "it was to be collected until " + p.Place.Until.Format(time.RFC3339)
	}
	if reason != "" {
		return parcels.CollectParcelEvents(parcels.ParcelRefused{Reason: reason}), nil
	}
	return parcels.CollectParcelEvents(parcels.ParcelCollected{By: c.By}), nil
}

// ReturnParcel sends a parcel back when its time in the locker is over.
func (Parcels) ReturnParcel(
	_ parcels.ReturnParcel, p *parcels.Parcel, cx evento.Context,
) (evento.Events[parcels.ReturnParcelResult], error) {
	reason := not(p, parcels.ParcelStatusStored)
	if reason == "" && cx.Time.Before(p.Place.Until) {
		reason = "it can be collected until " + p.Place.Until.Format(time.RFC3339)
	}
	if reason != "" {
		return parcels.ReturnParcelEvents(parcels.ParcelRefused{Reason: reason}), nil
	}
	return parcels.ReturnParcelEvents(parcels.ParcelReturned{}), nil
}

// not says why a parcel is not in the status that is wanted of it; empty when it is.
func not(p *parcels.Parcel, wanted parcels.ParcelStatus) string {
	if p == nil {
		return "no such parcel"
	}
	if p.Status == wanted {
		return ""
	}
	return map[parcels.ParcelStatus]string{
		parcels.ParcelStatusRegistered: "the postage is not paid",
		parcels.ParcelStatusPaid:       "the parcel is on its way",
		parcels.ParcelStatusStored:     "the parcel is in a locker",
		parcels.ParcelStatusCollected:  "the parcel was collected",
		parcels.ParcelStatusReturned:   "the parcel was returned",
	}[p.Status]
}

// OnParcelRegistered begins the parcel.
func (Parcels) OnParcelRegistered(e parcels.ParcelRegistered, _ *parcels.Parcel, _ evento.ApplyContext) *parcels.Parcel {
	return &parcels.Parcel{
		Sender: e.Sender, Receiver: e.Receiver, Size: e.Size, Weight: e.Weight, Postage: e.Postage,
		Status: parcels.ParcelStatusRegistered,
	}
}

// OnPostagePaid lets it go on its way.
func (Parcels) OnPostagePaid(_ parcels.PostagePaid, p *parcels.Parcel, _ evento.ApplyContext) *parcels.Parcel {
	return now(p, parcels.ParcelStatusPaid, nil)
}

// OnParcelStored keeps where it is.
func (Parcels) OnParcelStored(e parcels.ParcelStored, p *parcels.Parcel, _ evento.ApplyContext) *parcels.Parcel {
	place := parcels.Place{Locker: e.Locker, Compartment: e.Compartment, Until: e.Until}
	return now(p, parcels.ParcelStatusStored, &place)
}

// OnParcelCollected ends its way.
func (Parcels) OnParcelCollected(_ parcels.ParcelCollected, p *parcels.Parcel, _ evento.ApplyContext) *parcels.Parcel {
	return now(p, parcels.ParcelStatusCollected, nil)
}

// OnParcelReturned ends its way where it began.
func (Parcels) OnParcelReturned(_ parcels.ParcelReturned, p *parcels.Parcel, _ evento.ApplyContext) *parcels.Parcel {
	return now(p, parcels.ParcelStatusReturned, nil)
}

func now(p *parcels.Parcel, status parcels.ParcelStatus, place *parcels.Place) *parcels.Parcel {
	if p != nil {
		p.Status, p.Place = status, place
	}
	return p
}
