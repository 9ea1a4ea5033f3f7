// The parcel in Go: decided and evolved by parcel.go, served by the SDK. The locker is the other half of this domain,
// in ../lockers-python.
package main

import (
	evento "evento.dev/sdk/go"

	"parcel/parcels"
)

func main() { evento.Serve(parcels.NewParcelFunction(Parcels{})) }
