// The bank's account in Go: decided and evolved by accounts.go, served by the SDK.
package main

import (
	evento "evento.dev/sdk/go"

	"accounts/bank"
)

func main() { evento.Serve(bank.NewAccountFunction(Accounts{})) }
