package dev.evento.testing;

import static dev.evento.testing.Given.given;
import static dev.evento.testing.Given.givenState;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.evento.ApplyContext;
import dev.evento.Bytes;
import dev.evento.Events;
import dev.evento.Failure;
import evento.conformance.Break;
import evento.conformance.Conformance;
import evento.conformance.ContextResult;
import evento.conformance.EmitMany;
import evento.conformance.EmitManyResult;
import evento.conformance.End;
import evento.conformance.Ended;
import evento.conformance.ExpectCount;
import evento.conformance.Noted;
import evento.conformance.Poison;
import evento.conformance.Probe;
import evento.conformance.Reject;
import evento.conformance.RejectAndCount;
import evento.conformance.Rejected;
import evento.conformance.RejectedAndCounted;
import evento.conformance.Throw;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The test kit finds what Evento would refuse, and says what differs. */
class GivenTest {
    private static final Conformance PROBE = new Conformance();

    private static void fails(String wanted, Runnable check) {
        AssertionError error = assertThrows(AssertionError.class, check::run);
        assertTrue(error.getMessage().contains(wanted), error.getMessage());
    }

    @Test
    void events_states_and_rejections_are_compared() {
        given(PROBE, new Noted(1, "a")).when(new ExpectCount(1)).then(new Noted(1, "as expected"));
        given(PROBE).when(new Reject("no")).thenRejected(new Rejected("no")).unchanged().thenState(null);
        given(PROBE).when(new RejectAndCount("no")).thenRejected(new RejectedAndCounted("no"))
                .thenState(new Probe(1, 0, 1, Map.of(), null));
        given(PROBE, new Noted(1, "a")).when(new End()).then(new Ended()).thenState(null);
        givenState(PROBE, new Probe(7, 0, 0, Map.of(), null)).when(new ExpectCount(7))
                .then(new Noted(1, "as expected"));
        given(PROBE).when(new EmitMany(2)).then(new Noted(0, "note 0"), new Noted(1, "note 1"));
    }

    @Test
    void a_wrong_expectation_says_what_came_instead() {
        fails("the count is 0", () -> given(PROBE).when(new ExpectCount(1)).then(new Noted(1, "as expected")));
        fails("is no rejection", () -> given(PROBE).when(new EmitMany(1)).thenRejected(new Noted(0, "note 0")));
        fails("the state changed", () -> given(PROBE).when(new EmitMany(1)).unchanged());
        fails("another state", () -> given(PROBE).when(new EmitMany(1)).thenState(null));
        fails("where a failure was expected", () -> given(PROBE).when(new EmitMany(1)).thenFails());
        fails("the function failed", () -> given(PROBE).when(new Throw("ouch")).then(new Noted(0, "")));
    }

    @Test
    void failures_are_of_their_kind() {
        assertEquals(Failure.Kind.POISON, given(PROBE).when(new Poison("never")).thenFails().kind());
        assertEquals(Failure.Kind.RETRY, given(PROBE).when(new Throw("ouch")).thenFails().kind());
        assertEquals(Failure.Kind.CONTRACT, given(PROBE).when(new EmitMany(0)).thenFails().kind());
        assertTrue(given(PROBE).when(new Break("x")).thenFails().title().contains("x"), "apply fails");
    }

    @Test
    void id_time_and_seed_can_be_said() {
        Instant time = Instant.parse("2030-01-02T03:04:05.678Z");
        Bytes seed = Bytes.hex("000102030405060708090a0b0c0d0e0f");
        given(new Conformance() {
            @Override
            public Events<ContextResult> context(evento.conformance.Context c, Probe p, dev.evento.Context cx) {
                assertEquals("a-1", cx.entityId());
                assertEquals(1, cx.seq());
                assertEquals(seed, cx.seed());
                return super.context(c, p, cx);
            }
        }, new Noted(1, "a")).id("a-1").at(time).seed(seed).when(new evento.conformance.Context())
                .thenState(new Probe(2, 8, 0, Map.of("a-1", time.toEpochMilli()), null));
    }

    @Test
    void an_apply_that_differs_from_call_to_call_is_found() {
        AtomicInteger calls = new AtomicInteger();
        Conformance impure = new Conformance() {
            @Override
            public Probe onNoted(Noted e, Probe p, ApplyContext cx) {
                return super.onNoted(e, p, cx).withDigest(calls.incrementAndGet());
            }
        };
        fails("two different states", () -> given(impure).when(new EmitMany(1)));
    }

    @Test
    void a_handle_that_differs_from_call_to_call_is_found() {
        AtomicInteger calls = new AtomicInteger();
        Conformance impure = new Conformance() {
            @Override
            public Events<EmitManyResult> emitMany(EmitMany c, Probe p, dev.evento.Context cx) {
                return Events.of(new Noted(calls.incrementAndGet(), "n"));
            }
        };
        fails("decides differently", () -> given(impure).when(new EmitMany(1)));
    }

    @Test
    void an_event_outside_of_emits_is_a_contract_failure() {
        Conformance raw = new Conformance() {
            @Override
            @SuppressWarnings({"unchecked", "rawtypes"})
            public Events<EmitManyResult> emitMany(EmitMany c, Probe p, dev.evento.Context cx) {
                return (Events) Events.of(new Ended());
            }
        };
        Failure failure = given(raw).when(new EmitMany(1)).thenFails();
        assertEquals(Failure.Kind.CONTRACT, failure.kind());
        assertTrue(failure.detail().contains("evento.conformance.Noted"), failure.detail());
    }
}
