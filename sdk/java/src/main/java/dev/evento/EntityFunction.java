package dev.evento;

import dev.evento.host.Host;

/**
 * An entity's two pure functions. The interface that {@code evento gen java} writes extends this one with a method
 * per command and per event; implement that.
 *
 * @param <S> the entity's state
 * @param <C> all of its commands
 * @param <E> all of its events
 */
public interface EntityFunction<S, C, E> {
    /**
     * Raise it when the code of the {@code on…} methods changes meaning: Evento then rebuilds the stored states by
     * replay. At least 1.
     */
    default int stateVersion() {
        return 1;
    }

    /** How the server and the test kit call the methods. Generated. */
    Host<S> host();
}
