package dev.evento.host;

import dev.evento.Context;
import dev.evento.Events;

/** Decides one command; a reference to a method of the author's function. */
@FunctionalInterface
public interface Decide<C, S> {
    /** One or more events. The state is null when the instance has none. */
    Events<?> decide(C command, S state, Context context);
}
