package dev.evento.testing;

import dev.evento.Bytes;
import dev.evento.Context;
import dev.evento.EntityFunction;
import dev.evento.host.EventType;
import dev.evento.host.Host;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;

/**
 * A test that is being told: what has happened before. Every value passes through its codec both ways, and every
 * event is applied twice, so that a test fails where Evento would refuse the function's answer.
 *
 * @param <S> the entity's state
 * @param <C> all of its commands
 * @param <E> all of its events
 */
public final class Given<S, C, E> {
    private final Passing<S> passing;
    private final List<E> events;
    private final S givenState;
    private String entityId = "test";
    private Instant time = Instant.parse("2026-11-23T06:00:00Z");
    private Bytes seed = Bytes.hex("07070707070707070707070707070707");

    private Given(Host<S> host, List<E> events, S givenState) {
        passing = new Passing<>(host);
        this.events = events;
        this.givenState = givenState;
    }

    /** These events have happened; without any, the instance is new. */
    @SafeVarargs
    public static <S, C, E> Given<S, C, E> given(EntityFunction<S, C, E> function, E... events) {
        return new Given<>(function.host(), List.of(events), null);
    }

    /** The instance has this state; null when its events have ended it. */
    public static <S, C, E> Given<S, C, E> givenState(EntityFunction<S, C, E> function, S state) {
        return new Given<>(function.host(), List.of(), state);
    }

    /** The command is accepted at this time (otherwise 2026-11-23T06:00:00Z). Milliseconds are kept. */
    public Given<S, C, E> at(Instant time) {
        this.time = time.truncatedTo(ChronoUnit.MILLIS);
        return this;
    }

    /** The command has this seed of 16 bytes. */
    public Given<S, C, E> seed(Bytes seed) {
        this.seed = seed;
        return this;
    }

    /** The instance has this id (otherwise {@code test}). */
    public Given<S, C, E> id(String entityId) {
        this.entityId = entityId;
        return this;
    }

    /** The command is decided, twice: both decisions must be the same. */
    public Outcome<S, E> when(C command) {
        long seq = events.size() + (givenState == null ? 0 : 1);
        Context context = new Context(entityId, seq, "command", time, seed);
        S state = givenState == null ? null : passing.through(passing.host().state(), givenState);
        for (E event : events) {
            EventType<?, S> type = passing.host().eventOf(event);
            state = passing.apply(type, passing.event(type, event), state, context.forApply());
        }
        return new Outcome<>(passing, command, state, context);
    }
}
