// The reference function of the conformance kit, written with this SDK: `evento conformance … --sdk` asks it.
package main

import (
	evento "evento.dev/sdk/go"
	"evento.dev/sdk/go/probe/conformance"
)

func main() { evento.Serve(conformance.NewProbeFunction(Probe{})) }
