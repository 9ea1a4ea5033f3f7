// Listening, limits and stopping. What is answered is in http.go.

package evento

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// grace is how long requests in flight may take after SIGTERM; Evento kills after 5 s.
	grace = 4 * time.Second
	// farewell is how long 503 is answered after the last request, so that nobody finds a closed connection.
	farewell = 200 * time.Millisecond
	// readMax and writeMax are the longest times that a body may take to come and an answer to go.
	readMax  = 60 * time.Second
	writeMax = 30 * time.Second
)

// Options change how a function is served; the zero value is what [Serve] uses.
type Options struct {
	// Name is the function's name in the manifest; $EVENTO_FUNCTION, else the entity's name, when empty.
	Name string
	// Version is the function's version in the manifest, for people.
	Version string
	// InFlightMax is how many requests are worked on at once; 64 when 0. Those beyond it are answered 503.
	InFlightMax int
	// BodyBytesMax is the largest request; 16 MiB when 0. A larger one is answered 413.
	BodyBytesMax int
	// OfferHTTP2 puts HTTP/2 without TLS (h2c) into the manifest, so that Evento uses it. It is answered in any case;
	// over HTTP/1.1 a call takes about a third less of the processor.
	OfferHTTP2 bool
}

func (o Options) http() []string {
	if o.OfferHTTP2 {
		return []string{"1.1", "2"}
	}
	return []string{"1.1"}
}

// Server answers the function protocol: discovery, both framings, readiness. It is an http.Handler.
type Server struct {
	functions map[string]*Function
	handlers  map[string]*Function
	appliers  map[string]*Function
	options   Options
	manifest  []byte
	// digest is the SHA-256 of the manifest, in hex.
	digest string
	// instance is set when Evento started this process; a request for another start is refused.
	instance string
	identity *identity
	// places bounds the requests in flight: Options.InFlightMax.
	places   chan struct{}
	inFlight atomic.Int64
	// readMax is the constant, but for tests.
	readMax  time.Duration
	stopping atomic.Bool
}

// NewServer makes a server of one or more entities' functions. Errors when two define the same name differently, or
// when the keys of request identity cannot be read.
func NewServer(options Options, functions ...*Function) (*Server, error) {
	if len(functions) == 0 {
		return nil, errors.New("there is no function to serve")
	}
	options.InFlightMax = cmp.Or(options.InFlightMax, 64)
	options.BodyBytesMax = cmp.Or(options.BodyBytesMax, 16<<20)
	s := &Server{
		functions: map[string]*Function{},
		handlers:  map[string]*Function{},
		appliers:  map[string]*Function{},
		options:   options,
		instance:  os.Getenv("EVENTO_INSTANCE"),
		places:    make(chan struct{}, options.InFlightMax),
		readMax:   readMax,
	}
	for _, f := range functions {
		if s.functions[f.entity] != nil {
			return nil, fmt.Errorf("two functions for %s", f.entity)
		}
		s.functions[f.entity] = f
		for name := range f.handlers {
			s.handlers[name] = f
		}
		for name := range f.appliers {
			s.appliers[name] = f
		}
	}
	var err error
	if s.identity, err = identityOfEnvironment(); err != nil {
		return nil, err
	}
	s.manifest, s.digest, err = makeManifest(options, functions)
	return s, err
}

// Serve serves functions until SIGTERM or SIGINT: what is in flight is answered first, everything else gets 503. It
// ends the process with status 1 when it cannot listen.
//
// It listens on $EVENTO_LISTEN (unix:/path or host:port), else on 0.0.0.0:$PORT, else on 0.0.0.0:8080.
func Serve(functions ...*Function) {
	if err := Run(context.Background(), Options{}, functions...); err != nil {
		slog.Error("the function does not serve", "error", err)
		os.Exit(1)
	}
}

// Run serves functions as [Serve] does, until ctx or a signal ends it. The error says why it could not.
func Run(ctx context.Context, options Options, functions ...*Function) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s, err := NewServer(options, functions...)
	if err != nil {
		return err
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	return s.Serve(ctx, listener)
}

func listen() (net.Listener, error) {
	place := os.Getenv("EVENTO_LISTEN")
	if path, is := strings.CutPrefix(place, "unix:"); is {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("EVENTO_LISTEN: %w", err)
		}
		listener, err := net.Listen("unix", path)
		if err == nil {
			err = os.Chmod(path, 0o600)
		}
		return listener, err
	}
	return net.Listen("tcp", cmp.Or(place, "0.0.0.0:"+cmp.Or(os.Getenv("PORT"), "8080")))
}

// Serve answers on a listener until ctx is done, and then in order: what is in flight is answered, new requests get
// 503, the listener is closed. It takes at most 5 s after that.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler:           s,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 2 * s.options.InFlightMax},
		ReadHeaderTimeout: 10 * time.Second,
		// Evento keeps idle connections for 60 s; whoever waits longer never finds one closed.
		IdleTimeout:    90 * time.Second,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.drain()
	last, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		_ = server.Close()
	}
	return nil
}

// drain waits until what is in flight was answered.
func (s *Server) drain() {
	s.stopping.Store(true)
	for until := time.Now().Add(grace); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if s.inFlight.Load() == 0 {
			time.Sleep(farewell)
			return
		}
	}
	slog.Warn("requests were still in flight when the function was stopped")
}
