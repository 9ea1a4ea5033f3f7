package dev.evento.host;

import dev.evento.ApplyContext;
import dev.evento.codec.Codec;
import java.nio.charset.StandardCharsets;

/**
 * A kind of event of an entity.
 *
 * @param codec its name and bytes
 * @param isRejection whether it says no
 * @param evolve how it changes the state; null when it does not
 */
public record EventType<E, S>(Codec<E> codec, byte[] nameBytes, boolean isRejection, Evolve<E, S> evolve) {
    EventType(Codec<E> codec, boolean isRejection, Evolve<E, S> evolve) {
        this(codec, codec.name().getBytes(StandardCharsets.UTF_8), isRejection, evolve);
    }

    /** Whether it goes through apply. */
    public boolean isApplied() {
        return evolve != null;
    }

    /** The state after an event of this kind; a rejection that is not applied leaves it as it is. */
    public S apply(Object event, S state, ApplyContext context) {
        return evolve == null ? state : evolve.evolve(codec.type().cast(event), state, context);
    }
}
