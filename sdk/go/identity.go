// Whether a request comes from Evento: a signed token in a header. It makes no tokens.

package evento

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// identitySlack is by how much clocks may differ.
	identitySlack = 60 * time.Second
	// identityKeysAge is how long keys of a file are used before it is read again.
	identityKeysAge = 60 * time.Second
	// identityCallsMax bounds the call ids that are remembered; a request beyond it is refused, as if it were a repetition.
	identityCallsMax = 1_000_000
)

// identity verifies that a request comes from Evento: function-protocol 9. A nil identity accepts everything.
type identity struct {
	file string
	now  func() time.Time

	lock sync.Mutex
	keys map[string]ed25519.PublicKey
	// When the file was read.
	read time.Time
	// calls are ids that were used, and until when they are remembered. Bound: identityCallsMax.
	calls map[string]time.Time
	// When calls that are over were last removed.
	swept time.Time
}

// identityOfEnvironment is nil when no keys are set.
func identityOfEnvironment() (*identity, error) {
	i := &identity{now: time.Now, calls: map[string]time.Time{}, file: os.Getenv("EVENTO_IDENTITY_KEYS_FILE")}
	listed := os.Getenv("EVENTO_IDENTITY_KEYS")
	if listed == "" && i.file == "" {
		return nil, nil
	}
	if i.file != "" {
		bytes, err := os.ReadFile(i.file)
		if err != nil {
			return nil, fmt.Errorf("EVENTO_IDENTITY_KEYS_FILE: %w", err)
		}
		listed, i.read = string(bytes), i.now()
	}
	var err error
	i.keys, err = readKeys(listed)
	return i, err
}

// readKeys reads k1:<base64url>,k2:<base64url>.
func readKeys(listed string) (map[string]ed25519.PublicKey, error) {
	keys := map[string]ed25519.PublicKey{}
	separates := func(c rune) bool { return strings.ContainsRune(", \r\n", c) }
	for _, one := range strings.FieldsFunc(listed, separates) {
		id, text, _ := strings.Cut(one, ":")
		key, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(key) != ed25519.PublicKeySize || id == "" {
			return nil, fmt.Errorf("the identity key %q must look like k1: and 43 characters of base64url", id)
		}
		keys[id] = key
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("EVENTO_IDENTITY_KEYS names no key")
	}
	return keys, nil
}

// accept says whether a request may be executed; otherwise it has answered 401.
func (i *identity) accept(w http.ResponseWriter, r *http.Request, body []byte) bool {
	if i == nil {
		return true
	}
	if why := i.refuse(r, body); why != "" {
		answer(w, problem{status: http.StatusUnauthorized, title: "the request is not Evento's", detail: why})
		return false
	}
	return true
}

type identityClaims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Call     string `json:"call"`
	Attempt  *int   `json:"att"`
	Revision string `json:"rev"`
	BodyHash string `json:"bh"`
}

// refuse says why a request is not Evento's; empty when it is.
func (i *identity) refuse(r *http.Request, body []byte) string {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.readAgain()
	claims, why := i.verified(r.Header.Get("Evento-Identity"))
	if why != "" {
		return why
	}
	attempt, _ := strconv.Atoi(r.Header.Get("Evento-Attempt"))
	hash := sha256.Sum256(body)
	now := i.now()
	switch {
	case claims.Issuer != "evento":
		return "iss is not evento"
	case claims.Audience != r.Method+" "+r.RequestURI:
		return "aud is not this method and path"
	case claims.Call == "" || claims.Call != r.Header.Get("Evento-Call"):
		return "call is not this Evento-Call"
	case claims.Attempt == nil || *claims.Attempt != attempt:
		return "att is not this Evento-Attempt"
	case claims.Revision != r.Header.Get("Evento-Revision"):
		return "rev is not this Evento-Revision"
	case claims.BodyHash != base64.RawURLEncoding.EncodeToString(hash[:]):
		return "bh is not the hash of this body"
	case claims.Expires != claims.Issued+60:
		return "exp is not 60 s after iat"
	case now.Before(time.Unix(claims.Issued, 0).Add(-identitySlack)),
		now.After(time.Unix(claims.Expires, 0).Add(identitySlack)):
		return "the time is not between iat and exp; are the clocks right?"
	}
	return i.once(claims, now)
}

// verified gives the claims of a token with a good signature.
func (i *identity) verified(token string) (claims identityClaims, why string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims, "Evento-Identity is missing or no token"
	}
	var header struct{ Alg, Kid string }
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(head, &header) != nil || header.Alg != "EdDSA" {
		return claims, "alg is not EdDSA"
	}
	key := i.keys[header.Kid]
	if key == nil {
		return claims, "the key is not known"
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		return claims, "the signature is wrong"
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return claims, "the claims cannot be read"
	}
	return claims, ""
}

// once refuses a call id that was used before.
func (i *identity) once(claims identityClaims, now time.Time) string {
	if now.Sub(i.swept) > time.Minute {
		i.swept = now
		for call, until := range i.calls {
			if now.After(until) {
				delete(i.calls, call)
			}
		}
	}
	if _, used := i.calls[claims.Call]; used || len(i.calls) >= identityCallsMax {
		return "the call id was used before"
	}
	i.calls[claims.Call] = time.Unix(claims.Expires, 0).Add(identitySlack)
	return ""
}

// readAgain reads the file of keys again when it is time; a file that cannot be read leaves the keys as they are.
func (i *identity) readAgain() {
	if i.file == "" || i.now().Sub(i.read) < identityKeysAge {
		return
	}
	i.read = i.now()
	if bytes, err := os.ReadFile(i.file); err == nil {
		if keys, err := readKeys(string(bytes)); err == nil {
			i.keys = keys
		}
	}
}
