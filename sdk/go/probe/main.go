// The reference function of the conformance kit, written with this SDK: `evento conformance … --sdk` asks it.
package main

import (
	"context"
	"fmt"
	"os"

	evento "evento.dev/sdk/go"
	"evento.dev/sdk/go/probe/conformance"
)

func main() {
	// The kit tries HTTP/2 only where it is offered.
	options := evento.Options{OfferHTTP2: true}
	if err := evento.Run(context.Background(), options, conformance.NewProbeFunction(Probe{})); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
