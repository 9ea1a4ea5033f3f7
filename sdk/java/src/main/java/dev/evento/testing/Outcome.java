package dev.evento.testing;

import dev.evento.Context;
import dev.evento.Failure;
import dev.evento.host.CommandType;
import dev.evento.host.CommandType.Emitted;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * What a decision came to; every method checks one thing about it.
 *
 * @param <S> the entity's state
 * @param <E> all of its events
 */
public final class Outcome<S, E> {
    private final Passing<S> passing;
    private final S before;
    private final List<Emitted<S>> emitted = new ArrayList<>();
    private S after;
    /** What handle or apply threw; null when they answered. */
    private RuntimeException thrown;

    Outcome(Passing<S> passing, Object command, S before, Context context) {
        this.passing = passing;
        this.before = before;
        after = before;
        CommandType<?, S> type = passing.host().commandOf(command);
        Object passed = passing.through(type.codec(), command);
        try {
            for (Emitted<S> event : decideTwice(type, passed, context)) {
                Object value = passing.event(event.type(), event.event());
                emitted.add(new Emitted<>(event.type(), value));
                after = passing.apply(event.type(), value, after, context.forApply());
            }
        } catch (RuntimeException failed) {
            thrown = failed;
        }
    }

    private List<Emitted<S>> decideTwice(CommandType<?, S> type, Object command, Context context) {
        List<Emitted<S>> first = type.decide(command, before, context);
        Context again =
                new Context(context.entityId(), context.seq(), context.commandId(), context.time(), context.seed());
        List<Emitted<S>> second = type.decide(command, before, again);
        if (!first.equals(second)) {
            throw new AssertionError("handle decides differently the second time; take time, ids and chance from the "
                    + "context:\n  first  " + values(first) + "\n  second " + values(second));
        }
        return first;
    }

    /** These events, all of them, in this order. */
    @SafeVarargs
    public final Outcome<S, E> then(E first, E... rest) {
        List<E> expected = new ArrayList<>();
        expected.add(first);
        expected.addAll(Arrays.asList(rest));
        equal("other events", expected, values(answered()));
        return this;
    }

    /** This event alone, and it is a rejection. */
    public Outcome<S, E> thenRejected(E event) {
        equal("other events", List.of(event), values(answered()));
        if (!emitted.get(0).type().isRejection()) {
            throw new AssertionError(event + " is no rejection; say so in its resource (rejection: true)");
        }
        return this;
    }

    /** The state afterwards; null when the instance has none any more. */
    public Outcome<S, E> thenState(S state) {
        answered();
        equal("another state", state, after);
        return this;
    }

    /** The state afterwards is what it was. */
    public Outcome<S, E> unchanged() {
        answered();
        if (!Arrays.equals(passing.bytes(before), passing.bytes(after))) {
            equal("the state changed", before, after);
        }
        return this;
    }

    /** The function fails technically; gives the failure, to look into it. */
    public Failure thenFails() {
        if (thrown == null) {
            throw new AssertionError("the function answered " + values(emitted) + " where a failure was expected");
        }
        return thrown instanceof Failure failure ? failure : Failure.retry(String.valueOf(thrown)).withCause(thrown);
    }

    private List<Emitted<S>> answered() {
        if (thrown != null) {
            throw new AssertionError("the function failed: " + thrown, thrown);
        }
        return emitted;
    }

    private static List<Object> values(List<? extends Emitted<?>> events) {
        List<Object> values = new ArrayList<>();
        events.forEach(event -> values.add(event.event()));
        return values;
    }

    private static void equal(String what, Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError(what + ":\n  expected " + expected + "\n  but got  " + actual);
        }
    }
}
