// The server over a real unix socket: both framings, HTTP/1.1 and h2c, limits, deadlines, stopping.

package evento

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// served is a server on a unix socket, and who calls it.
type served struct {
	t      *testing.T
	server *Server
	client *http.Client
	stop   context.CancelFunc
	ended  chan error
}

// wires are the ways of speaking to a server.
func wires() map[string]func(*http.Protocols) {
	return map[string]func(*http.Protocols){
		"h1":  func(p *http.Protocols) { p.SetHTTP1(true) },
		"h2c": func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) },
	}
}

func serving(t *testing.T, options Options, wire func(*http.Protocols), f *Function) *served {
	t.Helper()
	s, err := NewServer(options, f)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f.sock")
	t.Setenv("EVENTO_LISTEN", "unix:"+path)
	listener, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	protocols := new(http.Protocols)
	wire(protocols)
	transport := &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	v := &served{t: t, server: s, client: &http.Client{Transport: transport}, stop: stop, ended: make(chan error, 1)}
	go func() { v.ended <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		transport.CloseIdleConnections()
	})
	return v
}

type reply struct {
	status  int
	headers http.Header
	body    []byte
}

// send asks; a header of "-" leaves that header out.
func (v *served) send(method, path, mediaType string, body []byte, headers map[string]string) (reply, error) {
	request, err := http.NewRequest(method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Content-Type", mediaType)
	request.Header.Set("Evento-Call", "abc")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := v.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, answer}, err
}

func (v *served) must(method, path, mediaType string, body []byte, headers map[string]string) reply {
	v.t.Helper()
	r, err := v.send(method, path, mediaType, body, headers)
	if err != nil {
		v.t.Fatal(err)
	}
	if r.headers.Get("Evento-Call") != "abc" {
		v.t.Fatalf("Evento-Call is %q", r.headers.Get("Evento-Call"))
	}
	return r
}

// plainHeaders are those of a command of the golden files.
func plainHeaders() map[string]string {
	return map[string]string{
		"Evento-Entity": "bank.Account", "Evento-Entity-Id": "a-1%2Fzo%C3%AB", "Evento-Seq": "3", "Evento-Id": "c-9",
		"Evento-Time": "2026-11-23T06:00:00.000Z", "Evento-Seed": "000102030405060708090a0b0c0d0e0f", "Evento-Attempt": "1",
	}
}

func TestDiscoveryServesTheManifest(t *testing.T) {
	t.Setenv("EVENTO_FUNCTION", "accounts")
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			v := serving(t, Options{Version: "2.3.0", OfferHTTP2: true}, wire, goldenBank(received).StateVersion(3))
			r := v.must("GET", "/.well-known/evento", "", nil, nil)
			digest := sha256.Sum256(r.body)
			if r.headers.Get("Evento-Manifest") != hex.EncodeToString(digest[:]) || r.headers.Get("Content-Type") != manifestType {
				t.Fatalf("%v", r.headers)
			}
			var m manifest
			if err := json.Unmarshal(r.body, &m); err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%d %v %+v %+v", m.ManifestVersion, m.Protocol, m.Function, m.Entities)
			wanted := "1 {1 1 [plain run] [1.1 2]} {Name:accounts Version:2.3.0 SDK:evento-go/0.1.0} [{Name:bank.Account " +
				"Handles:[{Command:bank.DepositCash Emits:[bank.DepositReceived]}] Applies:[bank.DepositReceived] " +
				"Rejections:[] StateVersion:3}]"
			if got != wanted {
				t.Fatalf("%s", got)
			}
			again := v.must("GET", "/.well-known/evento", "", nil, map[string]string{"If-None-Match": r.headers.Get("ETag")})
			if again.status != http.StatusNotModified || v.must("GET", "/ready", "", nil, nil).status != 200 {
				t.Fatalf("%d", again.status)
			}
		})
	}
}

func TestBothFramingsAnswer(t *testing.T) {
	bank := goldenBank(func(c depositCash, a *account, cx Context) (Events[depositReceived], error) {
		if c.reference == "twice" {
			return NewEvents(depositReceived(c), depositReceived(c)), nil
		}
		return received(c, a, cx)
	})
	command, state := unhex(t, "f001 08 72656e74"), unhex(t, "06416461 06455552 d00f 04")
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			v := serving(t, Options{}, wire, bank)
			r := v.must("POST", "/run", runType, golden(t, "run-request.hex"), nil)
			if r.status != 200 || !bytes.Equal(r.body, golden(t, "run-response.hex")) || r.headers.Get("Content-Type") != runType {
				t.Fatalf("%d %x", r.status, r.body)
			}
			with := append(append(bytes.Clone(command), 2), state...)
			r = v.must("POST", "/handle/bank.DepositCash", datumType, with, plainHeaders())
			if r.status != 200 || !bytes.Equal(r.body, command) || r.headers.Get("Evento-Event") != "bank.DepositReceived" {
				t.Fatalf("%d %x %v", r.status, r.body, r.headers)
			}
			r = v.must("POST", "/apply/bank.DepositReceived", datumType+"; q=1", with, plainHeaders())
			if r.status != 200 || !bytes.Equal(r.body, unhex(t, "06416461 06455552 c011 06")) {
				t.Fatalf("%d %x", r.status, r.body)
			}
			r = v.must("POST", "/handle/bank.DepositCash", datumType, unhex(t, "02 0a 7477696365 00"), plainHeaders())
			one := "28 62616e6b2e4465706f7369745265636569766564 0e 02 0a 7477696365"
			if wanted := unhex(t, "04"+one+one+"00"); r.status != 200 || !bytes.Equal(r.body, wanted) ||
				r.headers.Get("Content-Type") != eventsType || r.headers.Get("Evento-Event") != "" {
				t.Fatalf("%d %x", r.status, r.body)
			}
		})
	}
}

func TestBadRequestsHaveTheirStatus(t *testing.T) {
	v := serving(t, Options{BodyBytesMax: 1000}, wires()["h1"], goldenBank(received))
	run, good := golden(t, "run-request.hex"), unhex(t, "f001 08 72656e74 00")
	cases := []struct {
		name, method, path, mediaType string
		body                          []byte
		header, value                 string
		status                        int
	}{
		{"no such path", "GET", "/", "", nil, "", "", 404},
		{"GET of run", "GET", "/run", "", nil, "", "", 405},
		{"other media type", "POST", "/run", datumType, run, "", "", 415},
		{"other media type, plain", "POST", "/handle/bank.DepositCash", runType, good, "", "", 415},
		{"too large", "POST", "/run", runType, make([]byte, 1001), "", "", 413},
		{"no envelope", "POST", "/run", runType, []byte{1, 2, 3}, "", "", 400},
		{"another instance", "POST", "/run", runType, run, "Evento-Instance", "other", 200},
		{"unknown command", "POST", "/handle/bank.Nothing", datumType, good, "", "", 404},
		{"unknown event", "POST", "/apply/bank.Nothing", datumType, good, "", "", 404},
		{"cut payload", "POST", "/handle/bank.DepositCash", datumType, good[:3], "", "", 400},
		{"no state index", "POST", "/handle/bank.DepositCash", datumType, good[:7], "", "", 400},
		{"bad state index", "POST", "/handle/bank.DepositCash", datumType, append(bytes.Clone(good[:7]), 4), "", "", 400},
		{"left over", "POST", "/handle/bank.DepositCash", datumType, append(bytes.Clone(good), 0), "", "", 400},
		{"cut state", "POST", "/handle/bank.DepositCash", datumType, append(bytes.Clone(good[:7]), 2, 6), "", "", 400},
		{"no time", "POST", "/handle/bank.DepositCash", datumType, good, "Evento-Time", "noon", 400},
		{"short seed", "POST", "/handle/bank.DepositCash", datumType, good, "Evento-Seed", "00", 400},
		{"bad id", "POST", "/handle/bank.DepositCash", datumType, good, "Evento-Id", "%zz", 400},
		{"id that is no text", "POST", "/apply/bank.DepositReceived", datumType, good, "Evento-Entity-Id", "%ff", 400},
		{"negative seq", "POST", "/handle/bank.DepositCash", datumType, good, "Evento-Seq", "-1", 400},
		{"good", "POST", "/handle/bank.DepositCash", datumType, good, "", "", 200},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			headers := plainHeaders()
			if c.header != "" {
				headers[c.header] = c.value
			}
			r := v.must(c.method, c.path, c.mediaType, c.body, headers)
			if r.status != c.status {
				t.Fatalf("%d: %s", r.status, r.body)
			}
			if r.status != 200 && r.headers.Get("Content-Type") != problemType {
				t.Fatalf("%v", r.headers)
			}
		})
	}
}

func TestARequestForAnotherInstanceIsRefused(t *testing.T) {
	t.Setenv("EVENTO_INSTANCE", "mine")
	v := serving(t, Options{}, wires()["h1"], goldenBank(received))
	for value, status := range map[string]int{"mine": 200, "other": 409} {
		r := v.must("POST", "/run", runType, golden(t, "run-request.hex"), map[string]string{"Evento-Instance": value})
		if r.status != status {
			t.Errorf("%s: %d", value, r.status)
		}
	}
}

func TestPlainFailuresAreProblems(t *testing.T) {
	for _, c := range []struct {
		name   string
		decide func(depositCash, *account, Context) (Events[depositReceived], error)
		status int
		words  string
	}{
		{"panic", func(depositCash, *account, Context) (Events[depositReceived], error) {
			panic("oh")
		}, 500, `"title":"the function panicked: oh"`},
		{"poison", func(depositCash, *account, Context) (e Events[depositReceived], _ error) {
			return e, Poison(errors.New("never"))
		}, 422, `"evento-retry":false`},
		{"nothing", func(depositCash, *account, Context) (e Events[depositReceived], _ error) {
			return e, nil
		}, 400, "handle answered no event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := serving(t, Options{}, wires()["h1"], goldenBank(c.decide))
			r := v.must("POST", "/handle/bank.DepositCash", datumType, unhex(t, "0200 00"), plainHeaders())
			body := string(r.body)
			if r.status != c.status || !strings.Contains(body, c.words) || !strings.Contains(body, "evento-fingerprint") ||
				strings.Contains(body, "goroutine") {
				t.Fatalf("%d %s", r.status, body)
			}
		})
	}
}

// slow is a bank whose decisions wait until they are let go; started gets a value for each that has begun.
func slow() (bank *Function, started chan struct{}, let chan struct{}) {
	started, let = make(chan struct{}, 100), make(chan struct{})
	return goldenBank(func(c depositCash, a *account, cx Context) (Events[depositReceived], error) {
		started <- struct{}{}
		<-let
		return received(c, a, cx)
	}), started, let
}

func TestNothingIsAnsweredAfterTheDeadline(t *testing.T) {
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			bank, started, let := slow()
			v := serving(t, Options{}, wire, bank)
			late := make(chan error, 1)
			go func() {
				_, err := v.send("POST", "/run", runType, golden(t, "run-request.hex"), map[string]string{"Evento-Timeout-Ms": "10"})
				late <- err
			}()
			<-started
			time.Sleep(20 * time.Millisecond) // the deadline itself, not a wait for something to happen
			close(let)
			if err := <-late; err == nil {
				t.Fatal("a late answer was given")
			}
			if r := v.must("POST", "/run", runType, golden(t, "run-request.hex"), nil); r.status != 200 {
				t.Fatalf("the next call is answered %d", r.status)
			}
		})
	}
}

func TestTheTimeForReadingEndsWithTheBody(t *testing.T) {
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			bank, started, let := slow()
			v := serving(t, Options{}, wire, bank)
			v.server.readMax = 30 * time.Millisecond
			done := make(chan reply, 1)
			go func() {
				r, err := v.send("POST", "/run", runType, golden(t, "run-request.hex"), nil)
				if err != nil {
					t.Errorf("%v", err)
				}
				done <- r
			}()
			<-started
			time.Sleep(50 * time.Millisecond) // longer than the time for reading
			close(let)
			if r := <-done; r.status != 200 {
				t.Errorf("a long call is answered %d", r.status)
			}
			// A body that never ends is not waited for.
			body, writer := io.Pipe()
			defer writer.Close()
			request, err := http.NewRequest("POST", "http://localhost/run", body)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", runType)
			if response, err := v.client.Do(request); err == nil && response.StatusCode != 400 {
				t.Errorf("a body that does not end is answered %d", response.StatusCode)
			}
		})
	}
}

func TestRequestsBeyondTheBoundAreAnswered503(t *testing.T) {
	bank, started, let := slow()
	v := serving(t, Options{InFlightMax: 2}, wires()["h1"], bank)
	var all sync.WaitGroup
	for range 2 {
		all.Add(1)
		go func() {
			defer all.Done()
			if r, err := v.send("POST", "/run", runType, golden(t, "run-request.hex"), nil); err != nil || r.status != 200 {
				t.Errorf("%v, %v", r, err)
			}
		}()
		<-started
	}
	if r := v.must("POST", "/run", runType, golden(t, "run-request.hex"), nil); r.status != 503 {
		t.Errorf("the third is answered %d", r.status)
	}
	close(let)
	all.Wait()
}

func TestStoppingAnswersWhatIsInFlightAndRefusesTheRest(t *testing.T) {
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			bank, started, let := slow()
			v := serving(t, Options{}, wire, bank)
			first := make(chan reply, 1)
			go func() {
				r, err := v.send("POST", "/run", runType, golden(t, "run-request.hex"), nil)
				if err != nil {
					t.Errorf("%v", err)
				}
				first <- r
			}()
			<-started
			v.stop()
			// The signal is seen at some moment; from then on everything new is refused.
			until := time.Now().Add(3 * time.Second)
			for r := v.must("GET", "/ready", "", nil, nil); r.status != 503; r = v.must("GET", "/ready", "", nil, nil) {
				if time.Now().After(until) {
					t.Fatal("requests are still answered after the stop")
				}
			}
			close(let)
			if r := <-first; r.status != 200 || !bytes.Equal(r.body, golden(t, "run-response.hex")) {
				t.Errorf("what was in flight is answered %d", r.status)
			}
			select {
			case err := <-v.ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(5 * time.Second):
				t.Error("it does not end within 5 s")
			}
		})
	}
}

func TestManyCallsAtOnceAreNotMixedUp(t *testing.T) {
	v := serving(t, Options{}, wires()["h2c"], goldenBank(received))
	var all sync.WaitGroup
	for worker := range 32 {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range 30 {
				id := fmt.Sprintf("a-%d-%d é", worker, n)
				headers := plainHeaders()
				headers["Evento-Entity-Id"], headers["Evento-Call"] = url.PathEscape(id), fmt.Sprint(worker*1000+n)
				var w Writer
				w.Long(int64(worker*1000 + n))
				w.String(id)
				r, err := v.send("POST", "/handle/bank.DepositCash", datumType, append(bytes.Clone(w.Bytes()), 0), headers)
				if err != nil || !bytes.Equal(r.body, w.Bytes()) || r.headers.Get("Evento-Call") != headers["Evento-Call"] {
					t.Errorf("%v %v", r, err)
				}
			}
		}()
	}
	all.Wait()
}

func TestTwoFunctionsOfOneEntityAreRefused(t *testing.T) {
	if _, err := NewServer(Options{}, goldenBank(received), goldenBank(received)); err == nil {
		t.Error("two functions for one entity are served")
	}
	if _, err := NewServer(Options{}); err == nil {
		t.Error("no function is served")
	}
}
