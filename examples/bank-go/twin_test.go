// The bank in Go and the bank in Rust answer the same bytes.

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	evento "evento.dev/sdk/go"

	"accounts/bank"
)

const runType = "application/vnd.evento.run.v1+avro"

// randomCommand prefers amounts and names at which the rules turn.
func randomCommand(r *rand.Rand) evento.Record {
	amount := []int64{1, 5, 100, 0, -1, math.MaxInt64, math.MinInt64, int64(r.IntN(200))}[r.IntN(8)]
	text := []string{"", "rent", "Zoë", "日本 𝄞", "a\x00\"b\\"}[r.IntN(5)]
	switch r.IntN(6) {
	case 0:
		return bank.OpenAccount{Owner: text, Currency: "EUR"}
	case 1, 2:
		return bank.ReceiveDeposit{Amount: amount, Reference: text}
	case 3:
		return bank.WithdrawCash{Amount: amount, Reference: text}
	case 4:
		return bank.TransferOut{Amount: amount, To: text, Reference: "gift"}
	}
	return bank.CloseAccount{}
}

// randomRequest is a RunRequest of chains of commands for several accounts.
func randomRequest(t *testing.T, r *rand.Rand) []byte {
	t.Helper()
	var w evento.Writer
	works := 1 + r.IntN(20)
	w.String("bank.Account")
	w.Begin(works)
	for n := range works {
		w.Int(int32(n))
		w.String(fmt.Sprintf("a-%d", n))
		w.Long(0)
		w.Index(0)
		w.Index(0)
		w.Index(r.IntN(3))
		steps := 1 + r.IntN(12)
		w.Begin(steps)
		for range steps {
			command := randomCommand(r)
			payload, err := evento.Encode(command)
			if err != nil {
				t.Fatal(err)
			}
			w.String(command.AvroName())
			w.PutBytes(payload)
			w.String("c")
			w.Long(1_795_413_600_000)
			w.PutBytes(make([]byte, 16))
			w.Begin(0)
			w.End()
		}
		w.End()
	}
	w.End()
	return w.Bytes()
}

// rustBank starts the Rust bank and gives what asks it.
func rustBank(t *testing.T, program string) func(body []byte) []byte {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "rust.sock")
	command := exec.Command(program)
	command.Env = append(os.Environ(), "EVENTO_LISTEN=unix:"+socket)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		response, err := client.Get("http://localhost/ready")
		if err == nil {
			response.Body.Close()
			break
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
	return func(body []byte) []byte {
		response, err := client.Post("http://localhost/run", runType, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%d %s %v", response.StatusCode, answer, err)
		}
		return answer
	}
}

// The Rust bank is the reference; BANK_FUNCTION is its program.
func TestTheRustBankGivesTheSameBytes(t *testing.T) {
	program := os.Getenv("BANK_FUNCTION")
	if program == "" {
		t.Skip("BANK_FUNCTION is not set: it is the program of examples/bank/function")
	}
	rust := rustBank(t, program)
	server, err := evento.NewServer(evento.Options{}, bank.NewAccountFunction(Accounts{}))
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		body := randomRequest(t, r)
		request := httptest.NewRequest(http.MethodPost, "/run", bytes.NewReader(body))
		request.Header.Set("Content-Type", runType)
		w := httptest.NewRecorder()
		server.ServeHTTP(w, request)
		if wanted := rust(body); w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), wanted) {
			t.Fatalf("seed %d: to %x\nRust answers %x\nGo answers   %x", seed, body, wanted, w.Body.Bytes())
		}
	}
}
