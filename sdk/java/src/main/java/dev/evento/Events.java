package dev.evento;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;

/**
 * What handle answers: events that are committed together, in order. {@code R} is the sealed interface of what the
 * command may answer.
 */
public final class Events<R> {
    private final List<R> events;

    private Events(List<R> events) {
        this.events = events;
    }

    /** One event, or several; none cannot be said. */
    @SafeVarargs
    public static <R> Events<R> of(R first, R... rest) {
        if (rest.length == 0) {
            return new Events<>(List.of(first));
        }
        ArrayList<R> events = new ArrayList<>(rest.length + 1);
        events.add(first);
        Collections.addAll(events, rest);
        return new Events<>(List.copyOf(events));
    }

    /**
     * As many events as the collection has, in its order. An empty one compiles, but is a failure: whoever decides
     * nothing must say so by an event.
     */
    public static <R> Events<R> ofAll(Collection<? extends R> events) {
        return new Events<>(List.copyOf(events));
    }

    /** All of them, in order. */
    public List<R> toList() {
        return events;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Events<?> others && events.equals(others.events);
    }

    @Override
    public int hashCode() {
        return events.hashCode();
    }

    @Override
    public String toString() {
        return events.toString();
    }
}
