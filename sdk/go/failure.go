// Technical failures: what an error or a panic of the author becomes. A business no is an event, not a failure.

package evento

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"unicode/utf8"
)

// FailureKind is what a failure asks of Evento. Source: function-protocol 6.2.
type FailureKind int

const (
	// Retry asks to try again later. Every error and every panic is one, unless it says otherwise.
	Retry FailureKind = iota
	// Poisoned says that this command can never be handled: it is parked at once.
	Poisoned
	// Contract says that the request, or the answer of the function, breaks the protocol.
	Contract
)

// String gives the protocol's word.
func (k FailureKind) String() string {
	return [...]string{"RETRY", "POISON", "CONTRACT"}[k]
}

const (
	// titleBytesMax and detailBytesMax are what Evento keeps of a failure's words.
	titleBytesMax  = 200
	detailBytesMax = 8_192
)

// Failure is a technical failure: the business has not spoken. It is an error.
type Failure struct {
	// Kind is what Evento shall do about it.
	Kind FailureKind
	// Title says in one line what failed; at most 200 bytes are kept.
	Title string
	// Detail says more; at most 8,192 bytes are kept.
	Detail string
	// cause is what the author's error was; nil for a panic.
	cause error
	// place is where a panic came from, for the fingerprint.
	place string
}

// Error gives title and detail.
func (f *Failure) Error() string {
	if f.Detail == "" {
		return f.Title
	}
	return f.Title + "\n" + f.Detail
}

// Unwrap gives the error that the function returned.
func (f *Failure) Unwrap() error { return f.cause }

// Poison marks an error of handle: this command can never be handled, park it.
//
//	return none, evento.Poison(fmt.Errorf("no such tariff %q", c.Tariff))
func Poison(err error) error {
	failure := failureOf(err)
	failure.Kind = Poisoned
	return failure
}

// failureOf makes a failure of what the function returned.
func failureOf(err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		copied := *failure
		return &copied
	}
	if err == nil {
		err = errors.New("the function gave no reason")
	}
	title, detail, _ := strings.Cut(err.Error(), "\n")
	return &Failure{Kind: Retry, Title: title, Detail: detail, cause: err}
}

func contract(title, format string, values ...any) *Failure {
	return &Failure{Kind: Contract, Title: title, Detail: fmt.Sprintf(format, values...)}
}

// panicked makes a failure of a panic in the author's code; called while the stack is still there.
func panicked(value any) *Failure {
	failure := &Failure{Kind: Retry, Title: fmt.Sprintf("the function panicked: %v", value), Detail: string(debug.Stack())}
	if err, is := value.(error); is {
		failure.cause = err
	}
	failure.place = panicPlace()
	return failure
}

// panicPlace finds the innermost frame that belongs neither to the Go run-time nor to this package's own guards.
func panicPlace() string {
	var counters [32]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") && !strings.HasPrefix(frame.Function, modulePath+".") {
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// modulePath begins the names of this package's functions in a stack.
const modulePath = "evento.dev/sdk/go"

// cut shortens a text to so many bytes, never within a character.
func cut(text string, bytesMax int) string {
	if len(text) <= bytesMax {
		return strings.ToValidUTF8(text, "�")
	}
	for bytesMax > 0 && !utf8.RuneStart(text[bytesMax]) {
		bytesMax--
	}
	return strings.ToValidUTF8(text[:bytesMax], "�")
}
