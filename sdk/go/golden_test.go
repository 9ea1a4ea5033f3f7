// The golden bytes of the protocol, failures of user code, and the run-time under random bytes.

package evento

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// The bank of function-protocol 6.3, its codec by hand, so that nothing of the generator can agree with itself.
type account struct {
	owner, currency string
	balance         int64
	deposits        int32
}

func (account) AvroName() string { return "bank.Account" }

func (a account) WriteAvro(w *Writer) {
	w.String(a.owner)
	w.String(a.currency)
	w.Long(a.balance)
	w.Int(a.deposits)
}

func (a *account) ReadAvro(r *Reader) {
	a.owner, a.currency, a.balance, a.deposits = r.String(), r.String(), r.Long(), r.Int()
}

type deposit struct {
	amount    int64
	reference string
}

func (d deposit) WriteAvro(w *Writer) {
	w.Long(d.amount)
	w.String(d.reference)
}

func (d *deposit) ReadAvro(r *Reader) { d.amount, d.reference = r.Long(), r.String() }

type depositCash struct{ deposit }

func (depositCash) AvroName() string { return "bank.DepositCash" }

type depositReceived struct{ deposit }

func (depositReceived) AvroName() string { return "bank.DepositReceived" }

const goldenManifest = `{"schemas":[],"entities":[{"name":"bank.Account",
	"handles":[{"command":"bank.DepositCash","emits":["bank.DepositReceived"]}],
	"applies":["bank.DepositReceived"],"rejections":[],"stateVersion":1}]}`

// goldenBank decides by a given function.
func goldenBank(decide func(depositCash, *account, Context) (Events[depositReceived], error)) *Function {
	return NewFunction(goldenManifest, Handle(decide),
		Apply(func(e depositReceived, a *account, _ ApplyContext) *account {
			a.balance += e.amount
			a.deposits++
			return a
		}))
}

func received(c depositCash, _ *account, _ Context) (Events[depositReceived], error) {
	return NewEvents(depositReceived(c)), nil
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../conformance/golden/" + name)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func goldenJSON(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../conformance/golden/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func answered(f *Function, body []byte) ([]byte, error) {
	return new(fold).run(limit{}, map[string]*Function{f.entity: f}, body)
}

func TestTheGoldenRequestHasTheGoldenReply(t *testing.T) {
	bank := goldenBank(func(c depositCash, a *account, cx Context) (Events[depositReceived], error) {
		wanted := Context{
			EntityID: "a-1", Seq: 3, CommandID: "c-9", Time: time.UnixMilli(1_795_413_600_000).UTC(),
			Seed: [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, call: cx.call,
		}
		if cx != wanted || *a != (account{"Ada", "EUR", 1000, 2}) || c.deposit != (deposit{120, "rent"}) {
			t.Errorf("handle was given %+v, %+v, %+v", c, *a, cx)
		}
		return received(c, a, cx)
	})
	reply, err := answered(bank, golden(t, "run-request.hex"))
	if err != nil || !bytes.Equal(reply, golden(t, "run-response.hex")) {
		t.Fatalf("%x, %v", reply, err)
	}
}

func TestAPoisonedCommandHasTheGoldenFailure(t *testing.T) {
	bank := goldenBank(func(depositCash, *account, Context) (events Events[depositReceived], err error) {
		return events, Poison(errors.New("no such tariff"))
	})
	reply, err := answered(bank, golden(t, "run-request.hex"))
	if err != nil || !bytes.Equal(reply, golden(t, "run-response-poison.hex")) {
		t.Fatalf("%x, %v", reply, err)
	}
}

func TestARequestCutOrLengthenedAnywhereIsRefused(t *testing.T) {
	bank, request := goldenBank(received), golden(t, "run-request.hex")
	for end := range request {
		if _, err := answered(bank, request[:end]); err == nil {
			t.Errorf("cut at %d it was answered", end)
		}
	}
	if _, err := answered(bank, append(request, 0)); err == nil {
		t.Error("with a byte more it was answered")
	}
}

// FuzzRun feeds requests that are nearly right: nothing may panic, and what is answered must end as an array does.
func FuzzRun(f *testing.F) {
	f.Add(golden(f, "run-request.hex"))
	bank := goldenBank(received)
	f.Fuzz(func(t *testing.T, body []byte) {
		if reply, err := answered(bank, body); err == nil && (len(reply) == 0 || reply[len(reply)-1] != 0) {
			t.Fatalf("a reply that does not end: %x", reply)
		}
	})
}

func TestFailuresOfUserCodeHaveTheirKinds(t *testing.T) {
	none := Events[depositReceived]{}
	cases := []struct {
		name   string
		decide func(depositCash, *account, Context) (Events[depositReceived], error)
		kind   FailureKind
		title  string
	}{
		{"an error", func(depositCash, *account, Context) (Events[depositReceived], error) {
			return none, errors.New("no rates\nthe table is empty")
		}, Retry, "no rates"},
		{"a panic", func(depositCash, *account, Context) (Events[depositReceived], error) {
			panic("oh")
		}, Retry, "the function panicked: oh"},
		{"a nil dereferenced", func(_ depositCash, a *account, _ Context) (Events[depositReceived], error) {
			a = nil
			return none, errors.New(a.owner)
		}, Retry, "the function panicked: runtime error: invalid memory address or nil pointer dereference"},
		{"poison", func(depositCash, *account, Context) (Events[depositReceived], error) {
			return none, Poison(errors.New("never"))
		}, Poisoned, "never"},
		{"no event", func(depositCash, *account, Context) (Events[depositReceived], error) {
			return none, nil
		}, Contract, "handle answered no event"},
		{"a state changed in place", func(c depositCash, a *account, _ Context) (Events[depositReceived], error) {
			a.balance = 7
			return received(c, a, Context{})
		}, Contract, "handle changed the state it was given"},
		{"bytes that are no text", func(depositCash, *account, Context) (Events[depositReceived], error) {
			return NewEvents(depositReceived{deposit{1, "\xff"}}), nil
		}, Contract, "the event bank.DepositReceived cannot be written"},
	}
	state, _ := Encode(account{owner: "Ada"})
	command, _ := Encode(depositCash{deposit{1, ""}})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := goldenBank(c.decide).Decide("bank.DepositCash", command, state, Context{})
			var failure *Failure
			if !errors.As(err, &failure) || failure.Kind != c.kind || failure.Title != c.title {
				t.Fatalf("%#v", err)
			}
		})
	}
}

// manyWorks is the golden request with so many works.
func manyWorks(t testing.TB, count int) []byte {
	request := golden(t, "run-request.hex")
	work := request[14 : len(request)-1]
	var w Writer
	w.String("bank.Account")
	w.Long(int64(count))
	for range count {
		w.bytes = append(w.bytes, work...)
	}
	w.bytes = append(w.bytes, 0)
	return w.bytes
}

// BenchmarkRun measures handle, apply and the state for each command, in batches of 64, without HTTP.
func BenchmarkRun(b *testing.B) {
	body, f := manyWorks(b, 64), new(fold)
	functions := map[string]*Function{"bank.Account": goldenBank(received)}
	b.ReportAllocs()
	for n := 0; n < b.N; n += 64 {
		if _, err := f.run(limit{}, functions, body); err != nil {
			b.Fatal(err)
		}
	}
}
