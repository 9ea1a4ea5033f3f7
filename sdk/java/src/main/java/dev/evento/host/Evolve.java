package dev.evento.host;

import dev.evento.ApplyContext;

/** Applies one event; a reference to a method of the author's function. */
@FunctionalInterface
public interface Evolve<E, S> {
    /** The state after the event; null when the instance has none any more. */
    S evolve(E event, S state, ApplyContext context);
}
