//! The rules: their ids, what each demands, and what to do about a function that breaks one.
//!
//! Source: function-protocol 16. F rules are for any function, S rules for the reference function of an SDK.

pub(crate) mod answers;
pub(crate) mod bad;
pub(crate) mod batch;
pub(crate) mod discovery;
pub(crate) mod load;

/// A rule.
#[derive(PartialEq, Eq, Debug)]
pub struct Rule {
    /// `F01`; a contract with whoever reads reports.
    pub id: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What must hold.
    pub demand: &'static str,
    /// What to do when it does not.
    pub fix: &'static str,
}

/// Every rule, in order.
pub const RULES: &[Rule] = &[
    Rule {
        id: "F01",
        title: "discovery",
        demand: "GET /.well-known/evento answers within 5 s: 200, application/vnd.evento.manifest.v1+json, a valid \
                 manifest of protocol 1 whose schemas cover all it names",
        fix: "serve the manifest as docs/functions.md shows it; a function without discovery is asked with --file or \
              --manifest",
    },
    Rule {
        id: "F02",
        title: "every command is answered",
        demand: "each declared command, with and without a state, gives events that it may answer and that are of \
                 their schemas, or a failure: 500 or 422 in plain, RETRY or POISON in run",
        fix: "answer 200 with Evento-Event, or several events in their envelope; keep emits, schemas and code in \
              step",
    },
    Rule {
        id: "F03",
        title: "every event is applied, twice alike",
        demand: "each declared event applied to a state gives a state of its schema or none, and the same bytes \
                 again",
        fix: "apply may use the event, the state, the instance's id and the time, and nothing else: no clock, no \
              chance, nothing it remembers",
    },
    Rule {
        id: "F04",
        title: "unknown names are refused",
        demand: "an unknown command or event: 404 (or 400) in plain, CONTRACT in run; an unknown entity in run: \
                 CONTRACT; the next good call is answered as ever",
        fix: "look the name up before reading the body, and answer 404",
    },
    Rule {
        id: "F05",
        title: "bad bytes are refused",
        demand: "a body or payload that ends early, goes on, has a union index that is none or a text that is no \
                 UTF-8: 400 in plain, CONTRACT in run",
        fix: "answer 400 when reading fails, and check that all bytes were read: most Avro libraries do not by \
              themselves",
    },
    Rule {
        id: "F06",
        title: "wrong media types and large bodies are refused",
        demand: "POST with another content type: 415; a body above the manifest's maxBodyBytes: 413",
        fix: "compare the content type first; stop reading at the limit",
    },
    Rule {
        id: "F07",
        title: "a batch keeps its order",
        demand: "1, 2 and as many works as it takes: one result each, in their order, with their ref; one failing \
                 work leaves the others as they are",
        fix: "answer one result per work, whatever happens to another",
    },
    Rule {
        id: "F08",
        title: "both framings mean the same",
        demand: "plain and run give equal events and states for equal input",
        fix: "let both framings call the same code",
    },
    Rule {
        id: "F09",
        title: "answers are not mixed up",
        demand: "1,000 calls with 32 in flight: each gets its own answer",
        fix: "keep nothing of a call outside of it: no globals, no buffers that calls share",
    },
    Rule {
        id: "F10",
        title: "a broken connection harms nobody",
        demand: "after connections that end in the middle of a call, the next good call is answered as ever",
        fix: "treat the end of a connection as the end of that call only",
    },
    Rule {
        id: "S01",
        title: "Echo: every type at its extremes",
        demand: "the value of Echo comes back as the golden bytes, in Echoed and in the state",
        fix: "compare your codec with sdk/conformance/golden/everything-*.hex",
    },
    Rule {
        id: "S02",
        title: "EmitMany: events in order",
        demand: "n events in order for n = 1, 2, 100; n = 0 is refused by the SDK as CONTRACT (400 in plain)",
        fix: "an answer made of a list is checked for being empty before it is written",
    },
    Rule {
        id: "S03",
        title: "Reject, RejectAndCount",
        demand: "a rejection outside of applies leaves the state as it is and apply is not called; one inside is \
                 applied",
        fix: "apply exactly what the manifest's applies names",
    },
    Rule {
        id: "S04",
        title: "End, then Echo",
        demand: "End leaves no state (204 in plain, null in run); the next command begins anew, the sequence goes on",
        fix: "no state is an answer of apply like any other",
    },
    Rule {
        id: "S05",
        title: "Throw, Poison, Break",
        demand: "an exception: 500 or RETRY; for good: 422 or POISON; each with a title that has the message; an \
                 apply that throws: 500 or RETRY",
        fix: "turn exceptions of user code into failures with type and message as title",
    },
    Rule {
        id: "S06",
        title: "Sleep beyond the deadline",
        demand: "after Evento-Timeout-Ms nothing is answered on that call; the next call works",
        fix: "look at the time before an answer is written, and close the connection when it is over",
    },
    Rule {
        id: "S07",
        title: "Context: ids, time, seed, uuid, random",
        demand: "ContextSeen has the golden bytes",
        fix: "compare with sdk/conformance/golden/context.json; the definitions are in sdk/conformance/README.md",
    },
    Rule {
        id: "S08",
        title: "Maps: sorted keys",
        demand: "a map of 100 keys in any order, in blocks of any size, comes back as one block sorted by UTF-8 \
                 bytes",
        fix: "sort by the bytes of the key, not by its UTF-16 units",
    },
    Rule {
        id: "S09",
        title: "chained steps",
        demand: "each command of a work is decided on the state that the one before left; EACH, FINAL and NONE give \
                 the states they name; a failure at step k leaves the k outcomes before it",
        fix: "fold the steps in order; stop at the first failure and keep what was done",
    },
    Rule {
        id: "S10",
        title: "replay of 10,000 events",
        demand: "the states after 1, 100, 4999, 5000, 5001 and 10,000 events are the golden ones",
        fix: "compare with sdk/conformance/golden/replay.json; the first number that differs narrows it down",
    },
    Rule {
        id: "S11",
        title: "request identity",
        demand: "with EVENTO_IDENTITY_KEYS a request with a good token is answered; none, an altered field, an old \
                 time, another key, a second use: 401",
        fix: "check every claim of function-protocol 9; sdk/conformance/golden/identity.json has a vector",
    },
    Rule {
        id: "S12",
        title: "another instance",
        demand: "a request whose Evento-Instance is not EVENTO_INSTANCE: 409",
        fix: "compare the header before anything else",
    },
    Rule {
        id: "S13",
        title: "SIGTERM under load",
        demand: "every call in flight is answered, later ones get 503 or no connection, the process exits with 0 in \
                 5 s",
        fix: "on SIGTERM stop taking connections, finish what runs, exit with 0",
    },
    Rule {
        id: "S14",
        title: "unix socket, TCP, h2c",
        demand: "S01 to S05 and S07 to S09 hold on a unix socket, on TCP, and over h2c if the manifest claims it",
        fix: "serve every kind of address with the same code",
    },
    Rule {
        id: "S15",
        title: "random bytes",
        demand: "10 s of random bytes as requests: the process lives, answers as before, and takes at most 64 MiB \
                 more",
        fix: "bound what is read before it is understood, and let no bad request end the process",
    },
];

/// The rule with an id.
pub(crate) fn rule(id: &str) -> &'static Rule {
    RULES.iter().find(|rule| rule.id == id).unwrap_or(&RULES[0])
}

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn ids_are_in_order_and_unique() {
        let ids: Vec<String> =
            (1..=10).map(|n| format!("F{n:02}")).chain((1..=15).map(|n| format!("S{n:02}"))).collect();
        assert_eq!(RULES.iter().map(|rule| rule.id).collect::<Vec<_>>(), ids);
    }
}
